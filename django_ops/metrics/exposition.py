"""The numbers of all slots, and of other libraries, as one Prometheus exposition."""

from __future__ import annotations

import gzip
import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

from django_ops.metrics import store
from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.families import Counter, Family, Gauge, Histogram
from django_ops.metrics.store import Key
from django_ops.record import slot

logger = logging.getLogger(__name__)


class OpsCollector:
    """A collector for prometheus_client: our metrics, and those that others made with prometheus_client.

    Families of the same name (an engine of django-prometheus for one database, ours for the other) become
    one, as a name may stand only once in an exposition.
    """

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that has a value."""
        metrics = {metric.name: metric for metric in ours(merged_vectors())}
        for metric in theirs():
            known = metrics.get(metric.name)
            if known is None:
                metrics[metric.name] = metric
            else:
                present = {(sample.name, tuple(sorted(sample.labels.items()))) for sample in known.samples}
                known.samples.extend(
                    sample
                    for sample in metric.samples
                    if (sample.name, tuple(sorted(sample.labels.items()))) not in present
                )
        yield from metrics.values()


def merged_vectors() -> dict[Key, list[float]]:
    """Return the numbers of this process, or of all slots where there is a slot directory."""
    where = slot.directory()
    merged: dict[Key, list[float]] = {}
    if where is None:
        _merge(merged, store.active().entries(), is_alive=True)
    else:
        store.active()
        for path in sorted(where.glob(f"metrics-*{store.SUFFIX}")):
            entries = _read(path)
            holder = next((vector[0] for key, vector in entries if key == (store.HOLDER,)), 0.0)
            _merge(merged, entries, is_alive=_is_alive(int(holder)))
    return merged


def _read(path: Path) -> list[tuple[Key, list[float]]]:
    try:
        return list(store.vectors(path.read_bytes()))
    except OSError as error:  # one file that cannot be read must not hide the others (client_python#357)
        logger.warning("the metrics in %s cannot be read: %s", path, error)
        return []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return pid > 0


def _merge(merged: dict[Key, list[float]], entries: Iterable[tuple[Key, list[float]]], *, is_alive: bool) -> None:
    now = time.time()
    for key, vector in entries:
        family = FAMILIES.get(key[0])
        # a file may come from another release of this code: what it calls otherwise is passed over
        if family is None or len(vector) != family.length or len(key) != 1 + len(family.labels):
            continue
        if isinstance(family, Gauge):
            if not is_alive or family.is_expired(vector, now):
                continue
            vector = vector[:1]
            present = merged.get(key)
            merged[key] = vector if present is None else [family.merge(present[0], vector[0])]
        elif key in merged:
            merged[key] = [a + b for a, b in zip(merged[key], vector, strict=True)]
        else:
            merged[key] = vector


def ours(merged: dict[Key, list[float]]) -> Iterator[Metric]:
    """Yield our metrics in the order of the catalog. Those without labels stand at 0 from the start."""
    children: dict[str, list[tuple[Key, list[float]]]] = {}
    for key, vector in merged.items():
        children.setdefault(key[0], []).append((key, vector))
    for family in FAMILIES.values():
        metric = Metric(family.name.removesuffix("_total") if isinstance(family, Counter) else family.name,
                        family.help_text, family.kind)  # fmt: skip
        zero = [] if family.labels else [((family.name,), [0.0] * family.length)]
        for key, vector in children.get(family.name) or zero:
            _add_samples(metric, family, dict(zip(family.labels, key[1:], strict=True)), vector)
        if metric.samples:
            yield metric


def _add_samples(metric: Metric, family: Family, labels: dict[str, str], vector: list[float]) -> None:
    if not isinstance(family, Histogram):
        metric.add_sample(family.name, labels, vector[0])
        return
    total = 0.0
    for bound, count in zip((*family.bounds, float("inf")), vector[:-1], strict=True):
        total += count
        metric.add_sample(f"{family.name}_bucket", {**labels, "le": floatToGoString(bound)}, total)
    metric.add_sample(f"{family.name}_count", labels, total)
    metric.add_sample(f"{family.name}_sum", labels, vector[-1])


def theirs() -> Iterable[Metric]:
    """Return what others made with prometheus_client: of all slots where there is a slot directory."""
    where = slot.directory()
    if where is None or not where.is_dir():
        return REGISTRY.collect()
    try:
        return list(MultiProcessCollector(None, str(where)).collect())
    except Exception:
        # prometheus_client raises a dozen kinds of errors for a torn file (client_python#599, #329)
        logger.exception("the metrics of prometheus_client in %s cannot be read", where)
        return []


def expose(accept: str, accept_encoding: str, names: list[str]) -> tuple[bytes, dict[str, str]]:
    """Return the exposition as body and headers, in the format and encoding that the scraper accepts.

    `names` leaves only the samples with these names, as `name[]` asks of every Prometheus client.
    """
    collector = OpsCollector()
    registry = CollectorRegistry(auto_describe=bool(names))
    registry.register(collector)
    encode, content_type = choose_encoder(accept)
    body = encode(registry.restricted_registry(names) if names else registry)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding"}
    if gzip_accepted(accept_encoding):
        # level 1: a scrape is read once, and most of what there is to gain is in the repeated names
        return gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
    return body, headers

"""By how much a series of the exposition grew."""

from __future__ import annotations

from django_ops.metrics.exposition import OpsCollector

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read() -> Series:
    """Return the value of each sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in OpsCollector().collect()
        for sample in metric.samples
    }


class Growth:
    """What has been counted since this object was made: `growth("name", label="value")`."""

    def __init__(self) -> None:
        self.before = read()

    def __call__(self, name: str, **labels: str) -> float:
        """Return by how much the sample grew; 0 where there is none."""
        key = (name, tuple(sorted(labels.items())))
        return read().get(key, 0.0) - self.before.get(key, 0.0)

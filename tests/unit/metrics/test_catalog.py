import re
from operator import attrgetter

from django_ops.metrics.catalog import FAMILIES, LATENCY_ALL, REQUEST_BYTES
from django_ops.metrics.families import Counter, Gauge, Histogram
from docs.generators.metrics import metrics_markdown
from tests.each import each

EVERY = list(FAMILIES.values())


@each("family", EVERY, name=attrgetter("name"))
def test_name__is_one_that_prometheus_takes(family):
    assert re.fullmatch(r"(django|ops)_[a-z_]+", family.name)


@each("family", EVERY, name=attrgetter("name"))
def test_labels__are_ones_that_prometheus_takes(family):
    assert all(re.fullmatch(r"[a-z]+", label) and label != "le" for label in family.labels)
    assert len(set(family.labels)) == len(family.labels)


@each("family", EVERY, name=attrgetter("name"))
def test_help__is_one_plain_sentence(family):
    """Without what the text format would have to escape, or a table of Markdown."""
    assert family.help_text.endswith(".")
    assert family.help_text.isascii()
    assert not set('\\\n"|<>') & set(family.help_text)


@each("family", [family for family in EVERY if isinstance(family, Counter)], name=attrgetter("name"))
def test_counter__is_a_total(family):
    assert family.name.endswith("_total")


@each(
    "family",
    [family for family in EVERY if isinstance(family, (Gauge, Histogram)) and family.name.startswith("django_ops_")],
    name=attrgetter("name"),
)
def test_other_kind_of_ours__is_no_total(family):
    """django-prometheus calls two gauges so; its dashboards read them."""
    assert not family.name.endswith("_total")


@each(
    "family",
    [family for family in EVERY if isinstance(family, Histogram) and family.name.startswith("django_ops_")],
    name=attrgetter("name"),
)
def test_histogram_of_ours__names_its_unit(family):
    assert family.name.endswith("_seconds")


@each("family", [LATENCY_ALL, REQUEST_BYTES], name=attrgetter("name"))
def test_bounds__rise(family):
    assert list(family.bounds) == sorted(set(family.bounds))


@each("family", EVERY, name=attrgetter("name"))
def test_reference__has_each_once(family):
    assert metrics_markdown().count(f"`{family.name}` |") == 1


@each("family", EVERY, name=attrgetter("name"))
def test_reference__tells_type_and_labels(family):
    row = next(line for line in metrics_markdown().splitlines() if f"`{family.name}` |" in line)
    assert family.kind in row
    assert [label for label in family.labels if f"`{label}`" not in row] == []


def test_reference__leads_to_settings_that_exist():
    from docs.generators.settings import settings_markdown

    anchors = set(re.findall(r"settings\.md#(\w+)", metrics_markdown()))
    assert {anchor for anchor in anchors if f'id="{anchor}"' not in settings_markdown()} == set()

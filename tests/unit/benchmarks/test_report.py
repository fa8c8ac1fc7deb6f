"""The one table."""

import pytest

from benchmarks import report, variants
from benchmarks.passwords import Validated
from benchmarks.request_cost import CASES, Measured
from benchmarks.scrape import Scraped


def request_rows():
    samples = {
        variants.NOTHING: [100.0, 100.0],
        variants.BOTH: [500.0, 500.0],
        variants.FLOOR: [120.0, 120.0],
        variants.OURS: [140.0, 140.0],
    }
    case = CASES[0]._replace(variants=tuple(samples))
    return {row.variant: row for row in report.request_rows(Measured(case, samples, samples))}


def test_request_rows__state_what_a_variant_adds():
    assert request_rows()[variants.BOTH].added == "+400.0 µs"


def test_request_rows__nothing_adds_nothing():
    assert request_rows()[variants.NOTHING].added == ""


def test_request_rows__ours_is_compared_with_both_peers_and_the_floor():
    assert request_rows()[variants.OURS].beside.endswith("1/10.0 of both peers; 2.00 x the floor")


def test_scrape_rows__compare_with_the_fewest_recycles():
    few, many = Scraped("x", 4, [5.0], 10, 4000), Scraped("x", 4000, [50.0], 8002, 4000)
    assert report.scrape_rows([few, many])[1].beside == "10.00 x that after 4; 8,002 files; 4 kB; n = 1"


def test_password_rows__count_the_slow_hashes():
    rows = report.password_rows([Validated("x", 2, [500.0], [1_000_000, 1_000_000])])
    assert rows[0].beside == "2 slow hashes of 1,000,000 iterations"


def test_table__columns_are_aligned():
    rows = [report.Row("a", "b", "1", "2", "3", "4"), report.Row("longer", "b", "1", "2", "3", "4")]
    assert len({len(line) for line in report.table(rows).splitlines()}) == 1


def test_table__what_is_measured_is_named_once():
    rows = [report.Row("request", name, "", "", "", "") for name in ("one", "two")]
    assert report.table(rows).count("request") == 1


def test_insert__replaces_what_was_between_the_marks():
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.insert(document, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_insert__a_document_without_marks_is_refused():
    with pytest.raises(ValueError, match="no place for the table"):
        report.insert("a page", "new")

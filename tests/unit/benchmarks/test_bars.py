"""The bars: what is compared with what, and which side of the limit is which."""

import pytest

from benchmarks import variants
from benchmarks.bars import OF_BOTH_PEERS, OF_FEW_RECYCLES, OF_FLOOR, request_bars, scrape_bars
from benchmarks.request_cost import CASES, Measured
from benchmarks.scrape import Scraped


def measurement(ours, both=200.0, floor=120.0, case=CASES[0]):
    samples = {
        variants.NOTHING: [100.0, 100.0, 100.0],
        variants.BOTH: [both, both, both],
        variants.FLOOR: [floor, floor, floor],
        variants.OURS: [ours, ours, ours],
    }
    return Measured(case, samples, samples)


def scraped(recycles, milliseconds, variant=variants.OURS):
    return Scraped(variant, recycles, [milliseconds] * 3, 10, 1000)


def test_bars__are_those_that_were_promised():
    assert (OF_BOTH_PEERS, OF_FLOOR, OF_FEW_RECYCLES) == (0.1, 2.5, 1.1)


def test_request_bars__compare_what_is_added():
    assert [bar.ratio for bar in request_bars([measurement(130.0)])] == [pytest.approx(0.3), pytest.approx(1.5)]


def test_request_bars__met_below_a_tenth_of_both_peers():
    assert request_bars([measurement(109.0)])[0].is_met


def test_request_bars__missed_above_a_tenth_of_both_peers():
    assert not request_bars([measurement(111.0)])[0].is_met


def test_request_bars__met_below_two_and_a_half_floors():
    assert request_bars([measurement(149.0)])[1].is_met


def test_request_bars__missed_above_two_and_a_half_floors():
    assert not request_bars([measurement(151.0)])[1].is_met


def test_request_bars__wsgi_and_asgi_have_both():
    measured = [measurement(105.0, case=case) for case in CASES]
    assert [bar.title.partition(":")[0] for bar in request_bars(measured)] == ["WSGI", "WSGI", "ASGI", "ASGI"]


def test_scrape_bars__compare_the_most_recycles_with_the_fewest():
    bars = scrape_bars([scraped(4, 10.0), scraped(400, 50.0), scraped(4000, 10.5)])
    assert [bar.ratio for bar in bars] == [pytest.approx(1.05)]


def test_scrape_bars__missed_when_the_time_grows():
    assert not scrape_bars([scraped(4, 10.0), scraped(4000, 11.5)])[0].is_met


def test_scrape_bars__are_about_ours_only():
    assert scrape_bars([scraped(4, 1.0, variants.PROMETHEUS), scraped(4000, 900.0, variants.PROMETHEUS)]) == []


def test_bar__says_aloud_that_it_was_missed():
    assert str(request_bars([measurement(190.0)])[0]).startswith("MISSED: WSGI: what django-ops adds")


def test_request_bars__a_busy_machine_does_not_count():
    measured = measurement(109.0)
    busy = {variant: [1000.0, 5000.0, 9000.0] for variant in measured.wall_us}
    assert request_bars([measured._replace(wall_us=busy)])[0].is_met

"""Somebody with Alertmanager's password silences everything: whoever waits outside notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import ROOT, CommandFailed, wait_for
from tests.e2e.watchers import Watchers, watchers

AMTOOL = ("amtool", "--alertmanager.url=http://127.0.0.1:9093")
TO_THE_SWITCH = re.search(
    r"receiver: screens # SWITCH: .*", (ROOT / "alertmanager/alertmanager.yml").read_text("utf-8")
)


@pytest.fixture(scope="module")
def found(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchers]:
    """Prometheus, Alertmanager with the line for the switch changed, and a switch."""
    assert TO_THE_SWITCH
    with watchers(tmp_path_factory.mktemp("silences")) as found:
        found.python(Path(__file__).with_name("switch.py"), ["outside"])
        url = {"dead-mans-switch-url": "http://outside:8000/ping"}
        found.start("alertmanager", url, (TO_THE_SWITCH[0], "receiver: switch"))
        found.start("prometheus", dict.fromkeys(("metrics-token", "password", "alertmanager-password"), "token"))
        yield found


def silence(found: Watchers, *matchers: str) -> str:
    """Add a silence, and return its id. Raises CommandFailed."""
    words = ("silence", "add", "--duration=1h", "--author=somebody", "--comment=none", *matchers)
    return found.exec("alertmanager", *AMTOOL, *words).strip()


def hears(found: Watchers) -> bool:
    """Tell whether the switch has heard something in three evaluations."""
    before = len(found.logs("switch"))
    (now,) = found.query("vector(time())")
    wait_for("three evaluations", lambda: found.query(f"vector(time()) > {float(now['value'][1]) + 3}"), 30)
    return len(found.logs("switch")) > before


def test_total_silence__is_noticed_outside(found: Watchers) -> None:
    """Where the Watchdog is heard until then, and nothing else."""
    wait_for("another alert", lambda: found.query('ALERTS{alertname="TargetDown",alertstate="firing"}'), 60)
    wait_for("the switch to hear", lambda: hears(found), 60)
    assert set(found.logs("switch")) == {"Watchdog"}
    made = silence(found, 'alertname=~".+"')
    wait_for("the switch to hear nothing", lambda: not hears(found), 60)
    found.exec("alertmanager", *AMTOOL, "silence", "expire", made)


def test_many_silences__end_the_watchdog_that_is_not_among_them(found: Watchers) -> None:
    """One for each alert, but for the Watchdog: Prometheus itself lets it end."""
    wait_for("the switch to hear", lambda: hears(found), 120)
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "prometheus/rules").iterdir())
    names = [name for name in re.findall(r"- alert: (\w+)", rules) if name != "Watchdog"]
    made = [silence(found, f"alertname={name}") for name in names]
    wait_for("the switch to hear nothing", lambda: not hears(found), 60)
    assert found.query('ALERTS{alertname="AlertsSilenced",alertstate="firing"}')
    found.exec("alertmanager", *AMTOOL, "silence", "expire", *made)


def test_silences__have_a_bound(found: Watchers) -> None:
    with pytest.raises(CommandFailed, match=r"postSilencesBadRequest .*size"):
        silence(found, f"alertname={'x' * 5000}")
    add = f"{' '.join(AMTOOL)} silence add --duration=1h --author=somebody --comment=none"
    with pytest.raises(CommandFailed, match="exceeded maximum number of silences"):
        found.exec("alertmanager", "sh", "-ec", f"for number in $(seq 101); do {add} alertname=A$number; done")

"""The audit: what it calls a hole, what it accepts and until when, and that no silence passes for a clean answer."""

import datetime

import pytest

from supply import audit
from supply.audit import Answer, AuditError, Excepted, Hole

TODAY = datetime.date(2026, 12, 1)
RELEASES = {("django", "5.2.19"): ["stack"], ("django", "6.1.3"): ["stack"], ("redis", "6.4.0"): ["services", "stack"]}
HOLE = Hole(("redis", "6.4.0"), ("PYSEC-2026-1", "CVE-2026-1"), ("6.4.1",))
EXCEPTED = Excepted("CVE-2026-1", "redis", "not used here", datetime.date(2026, 12, 24))


def index(*holes, unknown=(), sees_the_known_bad=True):
    """Stands for an index that knows these holes."""

    def ask(releases):
        known_bad = (Hole(audit.KNOWN_BAD, ("CVE-2023-31047",), ()),) if sees_the_known_bad else ()
        return Answer(known_bad, ()) if list(releases) == [audit.KNOWN_BAD] else Answer(holes, unknown)

    return ask


def test_no_hole__is_clean():
    assert audit.audit(index(), RELEASES, []) == (audit.CLEAN, ["3 of 3 pinned releases were checked"])


def test_hole__fails_and_names_release_names_cure_and_files():
    status, lines = audit.audit(index(HOLE), RELEASES, [])
    assert status == audit.HOLES
    assert lines[0] == "HOLE: redis 6.4.0 PYSEC-2026-1 = CVE-2026-1, fixed in 6.4.1; in services stack"


def test_excepted_hole__passes_by_any_of_its_names_and_is_told():
    status, lines = audit.audit(index(HOLE), RELEASES, [EXCEPTED])
    assert status == audit.CLEAN
    assert lines[0] == "accepted until 2026-12-24: redis 6.4.0 CVE-2026-1: not used here"


def test_exception__of_another_package_accepts_nothing():
    elsewhere = Excepted("CVE-2026-1", "django", "not used here", datetime.date(2026, 12, 24))
    assert audit.audit(index(HOLE), RELEASES, [elsewhere])[0] == audit.HOLES


def test_exception__that_is_not_needed_fails():
    status, lines = audit.audit(index(), RELEASES, [EXCEPTED])
    assert (status, lines[0]) == (audit.HOLES, "NOT NEEDED: the exception for redis CVE-2026-1: remove it")


def test_index__that_knows_no_hole_in_an_old_django_has_checked_nothing():
    status, lines = audit.audit(index(HOLE, sees_the_known_bad=False), RELEASES, [])
    assert status == audit.UNASKED
    assert lines[0].startswith("NOT CHECKED: ")


def test_release__that_the_index_does_not_tell_of_is_named():
    status, lines = audit.audit(index(unknown=(("redis", "6.4.0"),)), RELEASES, [EXCEPTED])
    assert status == audit.UNASKED
    assert lines == ["NOT CHECKED: the index does not tell of redis==6.4.0", "2 of 3 pinned releases were checked"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('until = 2026-11-30\nreason = "x"', "expired on 2026-11-30"),
        ('until = 2027-06-01\nreason = "x"', "more than 92 days ahead"),
        ('until = "soon"\nreason = "x"', "a date such as"),
        ('until = 2026-12-24\nreason = " "', "needs a reason"),
        ("until = 2026-12-24", "needs id, package, reason and until"),
    ],
)
def test_exception__without_end_or_reason_is_refused(tmp_path, entry, said):
    path = tmp_path / "exceptions.toml"
    path.write_text(f'[[exception]]\nid = "CVE-2026-1"\npackage = "redis"\n{entry}\n')
    with pytest.raises(AuditError, match=said):
        audit.read_exceptions(path, TODAY)


def test_exceptions__of_this_repository_can_be_read():
    """Whether one is over is the audit's to say: this test must not turn red by the calendar."""
    audit.read_exceptions(audit.EXCEPTIONS, datetime.date.min)


def told(releases):
    """Stands for pip-audit: it leaves out what the index does not have."""
    vulns = [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["6.4.1"]}]
    return [
        {"name": name, "skip_reason": "Dependency not found on PyPI"}
        if name == "celery"
        else {"name": name, "version": version, "vulns": vulns if name == "redis" else []}
        for name, version in releases.items()
    ]


def test_pip_audit__is_asked_for_both_versions_of_a_name(monkeypatch):
    asked = []
    monkeypatch.setattr(audit, "_run_pip_audit", lambda releases: asked.append(dict(releases)) or told(releases))
    answer = audit.ask_pip_audit([*RELEASES, ("celery", "5.7.0")])
    assert asked == [{"django": "5.2.19", "redis": "6.4.0", "celery": "5.7.0"}, {"django": "6.1.3"}]
    assert answer == Answer((HOLE,), (("celery", "5.7.0"),))


def test_pinned__is_every_file_and_every_python():
    releases = audit.pinned()
    named = {name for names in releases.values() for name in names}
    assert named == {
        *(f"requirements/{path.name}" for path in audit.REQUIREMENTS.glob("*.txt")),
        "benchmarks/requirements.txt",
    }
    assert len([release for release in releases if release[0] == "django"]) > 1

"""The notes of a release."""

import hashlib

import pytest

from supply.notes import NotesError, notes, sums

CHANGELOG = "# Changelog\n\n## 0.2.0 (2026-12-01)\n\n- **New.** Yes.\n\n## 0.1.0 (unreleased)\n\n- Old.\n"
SUMS = "0" * 64 + "  django_ops-0.2.0-py3-none-any.whl\n"


def test_sums__are_those_of_the_wheel_and_the_lists(tmp_path):
    (tmp_path / "a.cdx.json").write_text("{}")
    (tmp_path / "x.whl").write_bytes(b"wheel")
    assert sums(tmp_path).splitlines() == [
        f"{hashlib.sha256(b'wheel').hexdigest()}  x.whl",
        f"{hashlib.sha256(b'{}').hexdigest()}  a.cdx.json",
    ]


def test_sums__need_one_wheel_and_a_list(tmp_path):
    with pytest.raises(NotesError, match="0 wheels and 0 lists"):
        sums(tmp_path)


def test_notes__are_the_changes_of_this_version_and_the_hashes():
    text = notes("v0.2.0", CHANGELOG, SUMS)
    assert text.startswith("- **New.** Yes.\n\n## SHA-256\n")
    assert SUMS in text
    assert "Old" not in text


@pytest.mark.parametrize(("tag", "said"), [("v0.1.0", "date the release"), ("v0.3.0", "date the release")])
def test_notes__of_what_is_not_in_the_changelog_are_refused(tag, said):
    with pytest.raises(NotesError, match=said):
        notes(tag, CHANGELOG, SUMS)


def test_notes__of_another_wheel_are_refused():
    with pytest.raises(NotesError, match="not of 0"):
        notes("v0.2.0", CHANGELOG, SUMS.replace("0.2.0", "0.1.0"))

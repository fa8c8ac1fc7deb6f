"""What the environment is made from, and when it is made again."""

import re

from benchmarks.environment import PACKAGE_SOURCES, REQUIREMENTS, ROOT, digest, is_current


def test_digest__a_changed_file_changes_it(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("one")
    before = digest(file)
    file.write_text("two")
    assert digest(file) != before


def test_digest__a_new_file_in_a_folder_changes_it(tmp_path):
    before = digest(tmp_path)
    (tmp_path / "new.py").write_text("")
    assert digest(tmp_path) != before


def test_digest__another_interpreter_changes_it(tmp_path):
    assert digest(tmp_path, also="3.11") != digest(tmp_path, also="3.12")


def test_digest__bytecode_does_not_count(tmp_path):
    before = digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.pyc").write_bytes(b"x")
    assert digest(tmp_path) == before


def test_is_current__without_a_stamp(tmp_path):
    assert not is_current(tmp_path / "stamp", "digest")


def test_is_current__with_the_stamp_of_something_else(tmp_path):
    (tmp_path / "stamp").write_text("other")
    assert not is_current(tmp_path / "stamp", "digest")


def test_is_current__with_its_stamp(tmp_path):
    (tmp_path / "stamp").write_text("digest")
    assert is_current(tmp_path / "stamp", "digest")


def test_package_sources__are_all_there():
    assert [name for name in PACKAGE_SOURCES if not (ROOT / name).exists()] == []


def test_requirements__every_package_is_pinned_by_hash():
    packages = re.findall(r"^[a-z].*(?:\n    .*)*", REQUIREMENTS.read_text(), re.MULTILINE)
    assert [package for package in packages if not re.match(r"[a-z-]+==\S+ \\\n    --hash=sha256:", package)] == []


def test_requirements__name_no_host():
    assert re.findall(r"https?:|--index|--trusted|--find-links", REQUIREMENTS.read_text()) == []


def test_requirements__have_the_peers():
    pinned = set(re.findall(r"^([a-z-]+)==", REQUIREMENTS.read_text(), re.MULTILINE))
    assert {
        "django-prometheus", "django-structlog", "django-password-validators", "django-password-history"
    } <= pinned  # fmt: skip

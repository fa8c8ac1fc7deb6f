"""The command line."""

import shutil

import pytest

from benchmarks import __main__ as program
from benchmarks import versions


def test_parse__the_parts():
    assert program.parse(["--only", "scrape"]).only == "scrape"


@pytest.mark.parametrize("limited", [["--quick"], ["--only", "request"]])
def test_parse__a_part_of_the_table_is_not_written(limited, capsys):
    with pytest.raises(SystemExit) as ended:
        program.parse(["--write", *limited])
    assert ended.value.code == 2
    assert "--write wants the whole run" in capsys.readouterr().err


def test_command__is_what_was_called():
    options = program.parse(["--quick", "--only", "passwords"])
    assert program.command(options) == "python3 -m benchmarks --only passwords --quick"


def test_scratch_folder__leaves_nothing_behind():
    with program.scratch_folder() as folder:
        (folder / "file").write_text("")
    assert not folder.exists()


def test_scratch_folder__small_memory_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "SCRATCH_BYTES", shutil.disk_usage("/").total * 1_000_000)
    monkeypatch.setattr(program.tempfile, "tempdir", str(tmp_path))
    with program.scratch_folder() as folder:
        assert folder.parent == tmp_path


def test_main__a_missed_bar_is_an_exit_status_only_on_demand(monkeypatch, capsys):
    monkeypatch.setattr(program.environment, "prepare", lambda say: None)
    monkeypatch.setattr(program.versions, "installed", lambda python: {"Python": "3"})
    missed = type("Missed", (), {"is_met": False, "__str__": lambda self: "MISSED"})()
    monkeypatch.setattr(program, "measure", lambda *_: ([], [missed]))
    assert [program.main([]), program.main(["--check-bars"])] == [0, 1]


def test_document__has_a_place_for_the_table():
    assert program.report.insert(program.DOCUMENT.read_text(encoding="utf-8"), "the table")


def test_processor__from_cpuinfo():
    assert versions.processor("processor\t: 0\nmodel name\t: A Processor 9000\nflags\t: x\n") == "A Processor 9000"

"""`manage.py ops_drain`."""

import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_ops.health import drain
from django_ops.health.watch import watch
from django_ops.management.commands.ops_drain import Command


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(Command(stdout=out, stderr=err), *arguments)
    return out.getvalue(), err.getvalue()


def test_drain__drains(drain_file):
    run("--wait=0")
    assert drain.is_draining()


def test_drain__twice_is_the_same(drain_file):
    run("--wait=0")
    run("--wait=0")
    assert drain.is_draining()


def test_drain__names_the_file(drain_file):
    assert str(drain_file) in run("--wait=0")[0]


def test_drain__waits_for_the_setting(drain_file, settings):
    settings.OPS_DRAIN_SECONDS = 0.05
    assert "waited for 0.05 s" in run()[0]


def test_drain__waits_as_told(drain_file, settings):
    settings.OPS_DRAIN_SECONDS = 3600
    assert "waited for 0.01 s" in run("--wait=0.01")[0]


def test_drain__unusable_setting_waits_for_the_default(settings):
    from django_ops.management.commands.ops_drain import _default_seconds

    settings.OPS_DRAIN_SECONDS = "soon"
    assert _default_seconds() == 5.0


def test_drain__says_when_nobody_looks(drain_file):
    assert "No running server that was probed looks at" in run("--wait=0")[1]


def test_drain__says_nothing_when_somebody_looks(drain_file):
    watch(drain_file)
    assert run("--wait=0")[1] == ""


def test_drain__of_one_server(drain_file):
    run("--wait=0", f"--master-pid={os.getppid()}")
    assert not drain.is_draining()


def test_drain__shows_progress_on_a_terminal(drain_file):
    class Terminal(StringIO):
        def isatty(self):
            return True

    out = Terminal()
    call_command(Command(stdout=out, stderr=StringIO()), "--wait=0.01")
    assert "\r0 s left" in out.getvalue()


@pytest.mark.parametrize("pid", ["0", "-1", str(2**22 + 1), str(2**70)])  # Linux has no more than 2**22
def test_drain__of_no_server(drain_file, pid):
    with pytest.raises(CommandError, match=f"There is no process {pid} here"):
        run("--wait=0", f"--master-pid={pid}")
    assert not drain_file.exists()


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_drain__unusable_wait(drain_file, value):
    with pytest.raises(CommandError, match=r"must be a number of seconds, 0 or more"):
        run(f"--wait={value}")


def test_drain__unwritable_place(settings):
    settings.OPS_DRAIN_FILE = "/proc/nowhere/draining"
    with pytest.raises(CommandError, match="cannot be written"):
        run("--wait=0")


def test_undo__serves_again(drain_file):
    run("--wait=0")
    run("--undo")
    assert not drain.is_draining()


def test_undo__twice_is_the_same(drain_file):
    run("--undo")
    assert "was not there" in run("--undo")[0]


def test_status__draining(drain_file):
    run("--wait=0")
    assert run("--status")[0].startswith("draining: ")


def test_status__not_draining_has_its_exit_code(drain_file):
    with pytest.raises(CommandError, match="not draining") as caught:
        run("--status")
    assert caught.value.returncode == 1


def test_status__says_who_looks(drain_file):
    watch(drain_file)
    run("--wait=0")
    assert "a server looks at it" in run("--status")[0]


def test_options__exclude_each_other(drain_file):
    with pytest.raises(CommandError, match="not allowed with"):
        run("--undo", "--status")


def test_settings_with_mistakes_do_not_keep_a_site_from_draining():
    assert Command.requires_system_checks == []


@pytest.mark.parametrize("age_seconds", [0, 10**9], ids=["that drains", "of a server that is gone"])
def test_drain__ctrl_c_leaves_an_earlier_drain_as_it_was(drain_file, monkeypatch, age_seconds):
    run("--wait=0", f"--master-pid={os.getppid()}")
    os.utime(drain_file, (drain_file.stat().st_mtime - age_seconds,) * 2)
    before = drain_file.read_text(), drain_file.stat().st_mtime_ns

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("django_ops.management.commands.ops_drain.time.sleep", interrupt)
    with pytest.raises(CommandError, match=f"interrupted: {drain_file} was there before, and stays as it was"):
        run("--wait=60")
    assert (drain_file.read_text(), drain_file.stat().st_mtime_ns) == before

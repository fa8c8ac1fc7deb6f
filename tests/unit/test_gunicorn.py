"""What gunicorn calls, without a gunicorn; with a real one: tests/integration/test_gunicorn*.py."""

import importlib
import logging
import os
import signal
import sys
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import ThreadWorker

from django_ops.health import gunicorn_drain
from django_ops.record import slot, slot_directory

# to import it makes this process one of a server with a slot directory, which no other test expects
with patch.dict(os.environ, {slot.DIRECTORY_VARIABLE: "given"}), patch("django_ops.metrics.slots.install"):
    ours = importlib.import_module("django_ops.gunicorn")

#: A server as its first hook gets it.
STARTING = SimpleNamespace(cfg=Config())


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    """Undo what a master does to its process: to its slot, its logging, its signals and its environment."""
    signals_before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)}
    changed = [logging.getLogger(name) for name in (None, "gunicorn.error", "gunicorn.access")]
    logging_before = [(log, log.handlers[:], log.level, log.propagate, log.disabled) for log in changed]
    for name, value in (("_label", None), ("_next", None), ("_held", {}), ("_listeners", [])):
        monkeypatch.setattr(slot, name, value)
    for name, value in (("_master_pid", 0), ("_handed_out", set())):
        monkeypatch.setattr(ours, name, value)
    monkeypatch.setattr(slot_directory, "_owner_pid", 0)
    with patch.dict(os.environ):
        for variable in (slot.DIRECTORY_VARIABLE, slot_directory.OWN_VARIABLE):
            os.environ.pop(variable, None)
        yield
    for number, handler in signals_before.items():
        signal.signal(number, handler)
    for descriptor in slot._held.values():
        os.close(descriptor)
    for log, handlers, level, propagate, disabled in logging_before:
        log.handlers, log.propagate, log.disabled = handlers, propagate, disabled
        log.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def directory(monkeypatch, tmp_path):
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def server():
    return SimpleNamespace(WORKERS={}, handle_term=lambda: None)


def configured(**settings):
    config = Config()
    for name, value in settings.items():
        config.set(name, value)
    return config


def test_names__are_what_gunicorn_knows():
    assert set(ours.__all__) <= set(Config().settings)


def test_names__are_all_there():
    assert all(hasattr(ours, name) for name in ours.__all__)


def test_directory__is_removed_by_the_daemon_that_the_master_became(monkeypatch):
    slot_directory.provide()
    made = os.environ[slot.DIRECTORY_VARIABLE]
    monkeypatch.setattr(slot_directory, "_owner_pid", -1)  # as after a fork
    ours.on_starting(STARTING)
    slot_directory.remove()
    assert not os.path.exists(made)


def test_start__makes_a_master(directory):
    ours.on_starting(STARTING)
    assert slot.label() == slot.MAIN


def test_start__removes_what_an_earlier_server_left(directory):
    (directory / "counter_0.db").write_bytes(b"old")
    (directory / "metrics-0.cells").write_bytes(b"old")
    ours.on_starting(STARTING)
    assert not list(directory.glob("*.db")) + list(directory.glob("*.cells"))


def test_start__twice_is_once(directory):
    ours.on_starting(STARTING)
    (directory / "counter_0.db").write_bytes(b"new")
    ours.on_starting(STARTING)
    assert (directory / "counter_0.db").exists()


def test_start__in_a_directory_that_is_none_raises_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(tmp_path / "file"))
    ours.on_starting(STARTING)


def test_slots__are_handed_out_and_taken_back(directory, server):
    worker = SimpleNamespace()
    ours.pre_fork(server, worker)
    assert worker.ops_slot == "0"
    ours.child_exit(server, worker)
    assert slot.is_free(directory, "0")


def test_slots__without_a_directory_are_none(server):
    worker = SimpleNamespace()
    ours.pre_fork(server, worker)
    assert worker.ops_slot is None
    ours.child_exit(server, worker)


def test_slots__of_a_worker_that_had_none(server):
    ours.child_exit(server, SimpleNamespace())


def test_slots__of_workers_that_nobody_told_of_are_taken_back(directory, server):
    first = SimpleNamespace()
    ours.pre_fork(server, first)
    slot._after_fork_in_parent()  # it was forked, and has ended without child_exit
    second = SimpleNamespace()
    ours.pre_fork(server, second)
    assert second.ops_slot == "0"


def test_slots__of_living_workers_are_not_taken_back(directory, server):
    first, second = SimpleNamespace(), SimpleNamespace()
    ours.pre_fork(server, first)
    slot._after_fork_in_parent()
    server.WORKERS[1] = first
    ours.pre_fork(server, second)
    assert (first.ops_slot, second.ops_slot) == ("0", "1")


def test_slots__after_a_fork_that_failed(directory, server):
    ours.pre_fork(server, SimpleNamespace())
    worker = SimpleNamespace()
    ours.pre_fork(server, worker)
    assert worker.ops_slot == "0"
    assert not slot.is_free(directory, "0")


def test_drain__is_installed_when_the_server_is_ready(server):
    ours.when_ready(server)
    assert isinstance(server.handle_term, gunicorn_drain.DrainThenStop)


def worker_of(**settings):
    return SimpleNamespace(cfg=configured(**settings), log=None)


@pytest.mark.parametrize(("name", "hook"), [("worker_ready", "post_worker_init"), ("close_connection", "pre_request")])
def test_drain__is_told_by_the_workers(monkeypatch, name, hook):
    told = []
    monkeypatch.setattr(gunicorn_drain, name, lambda *arguments: told.append(arguments))
    arguments = (worker_of(), 2) if hook == "pre_request" else (worker_of(),)
    getattr(ours, hook)(*arguments)
    assert told == [arguments]


@pytest.fixture
def worker_with_threads():
    worker = ThreadWorker(1, os.getppid(), [], None, 30, configured(worker_class="gthread"), None)
    worker.tpool = worker.get_thread_pool()
    worker.method_queue.init()
    ours.post_worker_init(worker)
    yield worker
    worker.method_queue.close()
    worker.tmp.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quit__of_a_worker_that_hands_a_request_over(worker_with_threads, number):
    """As `ThreadPoolExecutor.submit` does, whose lock gunicorn's own handler would wait for, in the same thread."""
    with worker_with_threads.tpool._shutdown_lock:
        signal.raise_signal(number)
    assert worker_with_threads.alive
    with pytest.raises(SystemExit):
        worker_with_threads.method_queue.run_callbacks(None)
    assert not worker_with_threads.alive


def test_quit__of_a_worker_without_threads_is_as_it_was():
    before = signal.getsignal(signal.SIGQUIT)
    ours.post_worker_init(worker_of(worker_class="sync"))
    assert signal.getsignal(signal.SIGQUIT) is before


def test_interrupt__of_another_worker_is_as_it_was():
    before = signal.getsignal(signal.SIGINT)
    ours.post_worker_init(worker_of(worker_class="sync"))
    assert signal.getsignal(signal.SIGINT) is before


def ended_by(number):
    """Fork a child of a master whose handlers only take note, send it a signal, and return what ended it, or 0."""
    for each in (signal.SIGTERM, signal.SIGQUIT):
        signal.signal(each, lambda *arguments: None)
    child = os.fork()
    if not child:
        signal.raise_signal(number)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_signal__ends_a_worker_just_forked(directory, number):
    ours.on_starting(STARTING)
    assert ended_by(number) == -number


def test_signal__of_what_a_worker_forks_is_its_own_affair(monkeypatch, directory):
    ours.on_starting(STARTING)
    monkeypatch.setattr(ours, "_master_pid", -1)
    assert ended_by(signal.SIGTERM) == 0


def test_logger__speaks_through_the_root():
    log = ours.Logger(configured())
    assert (log.error_log.propagate, log.error_log.handlers) == (True, [])


def test_logger__writes_no_access_log(capsys):
    log = ours.Logger(configured(accesslog="-"))
    assert not log.access_log_enabled
    log.access(None, None, {}, None)
    assert capsys.readouterr().out == ""


def test_logger__that_is_configured_by_gunicorn_is_left_alone(monkeypatch):
    monkeypatch.setattr(ours, "_configure_as_the_site", lambda: pytest.fail("not asked for"))
    ours.Logger(configured(logconfig_dict={"version": 1, "disable_existing_loggers": False}))


@pytest.fixture
def site(monkeypatch, tmp_path):
    """Write a settings module that the environment names; `site("LOGGING = ...")`."""

    def write(text):
        (tmp_path / "sitesettings.py").write_text(text)
        importlib.invalidate_caches()
        sys.modules.pop("sitesettings", None)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "sitesettings")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return write


WITH_A_HANDLER = """
LOGGING = {
    "version": 1, "disable_existing_loggers": False, "root": {"level": "INFO", "handlers": ["null"]},
    "handlers": {"null": {"class": "logging.NullHandler"}},
}
"""


def test_logger__joins_the_site_that_a_worker_has_loaded(site):
    """The master could use none of its handlers."""
    site(WITH_A_HANDLER.replace("logging.NullHandler", "their.own"))
    worker = worker_of()
    worker.log = log = ours.Logger(configured())
    assert [type(handler) for handler in log.error_log.handlers] == [logging.StreamHandler]
    logging.getLogger().addHandler(logging.NullHandler())
    ours.post_worker_init(worker)
    assert (log.error_log.handlers, log.error_log.propagate, log.error_log.disabled) == ([], True, False)


def test_logger__may_be_set_up_again():
    config = configured()
    log = ours.Logger(config)
    log.setup(config)
    assert (log.error_log.propagate, log.error_log.handlers) == (True, [])


def test_site__logging_is_used(site):
    site(WITH_A_HANDLER)
    ours._configure_as_the_site()
    assert [type(handler) for handler in logging.getLogger().handlers] == [logging.NullHandler]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "LOGGING = {}",
        "LOGGING_CONFIG = None\n" + WITH_A_HANDLER,
        "LOGGING = {'version': 7}",
        "1 / 0",
        "raise SystemExit",
    ],
)
def test_site__whose_logging_cannot_be_used_logs_to_stdout(site, text):
    site(text)
    ours._configure_as_the_site()
    assert [type(handler).__name__ for handler in logging.getLogger().handlers] == ["StandardOutputHandler"]


def test_site__that_the_environment_does_not_name(monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    ours._configure_as_the_site()
    assert [type(handler).__name__ for handler in logging.getLogger().handlers] == ["StandardOutputHandler"]

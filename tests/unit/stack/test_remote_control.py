"""What a worker answers to whoever may ask: nothing of its settings."""

from celery.worker.control import Panel

from stack.provision import remote_control


def test_worker__answers_with_no_setting():
    commands = ("conf", "dump_conf", "report")
    assert [Panel.data[name].__module__ for name in commands] == [remote_control.__name__] * 3
    assert [Panel.data[name](None) for name in commands] == [{}, {}, {"ok": ""}]

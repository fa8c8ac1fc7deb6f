"""What all tests share."""

import signal

import hypothesis

from tests.leaving_out import (  # noqa: F401 - hooks
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_terminal_summary,
)

# a busy machine is no failure: what must be fast is measured by the benchmarks
hypothesis.settings.register_profile("ops", deadline=None)
hypothesis.settings.load_profile("ops")

# What a shell script runs beside something else ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

"""An exception is told once, with all that led to it, bounded, masked, and grouped by a hash."""

import sys

import pytest

from django_ops.logs.errors import LONGEST_STACK_BYTES, error_fields
from django_ops.record.redaction import MASK
from tests.unit.logs.examples import raised


class ShopError(Exception):
    pass


def fail(depth=0):
    password_of_jane = "Zx9Tr0ub4dorQ7"  # noqa: F841 - a variable, which no traceback may show
    if depth:
        fail(depth - 1)
    raise ShopError("no more of 17")


def failed(depth=0):
    try:
        fail(depth)
    except ShopError as error:
        return error


def stack(error):
    return error_fields(error)["stack_trace"]


def test_error_fields__type_and_message():
    fields = error_fields(failed())
    assert (fields["type"], fields["message"]) == ("tests.unit.logs.test_errors.ShopError", "no more of 17")


def test_error_fields__built_in_type():
    assert error_fields(ValueError("x"))["type"] == "ValueError"


def test_error_fields__never_raised():
    assert stack(ValueError("x")) == "ValueError: x"


def test_error_fields__no_message():
    assert stack(ValueError()) == "ValueError"


def test_error_fields__traceback_as_python_writes_it():
    lines = stack(failed()).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in failed")
    assert lines[2] == "    fail(depth)"
    assert lines[-1] == "tests.unit.logs.test_errors.ShopError: no more of 17"


def test_error_fields__no_variables():
    assert "Zx9Tr0ub4dorQ7-local" not in stack(failed()).replace('password_of_jane = "Zx9Tr0ub4dorQ7"', "")


def test_error_fields__secret_in_the_message():
    assert error_fields(ValueError("password=abc"))["message"] == f"password={MASK}"


def test_error_fields__secret_in_a_source_line():
    with pytest.raises(TypeError) as caught:
        int(x="password='Zx9Tr0ub4dorQ7'")
    assert "Zx9Tr0ub4dorQ7" not in stack(caught.value)


def test_error_fields__cause():
    try:
        try:
            fail()
        except ShopError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        text = stack(error)
    assert text.index("ShopError: no more of 17") < text.index("direct cause") < text.index("ValueError: outer")


def test_error_fields__context():
    try:
        try:
            fail()
        except ShopError:
            raise ValueError("outer")  # noqa: B904 - without "from", as it happens
    except ValueError as error:
        text = stack(error)
    assert text.index("ShopError: no more of 17") < text.index("During handling") < text.index("ValueError: outer")


def test_error_fields__suppressed_context():
    error = ValueError("outer")
    error.__context__ = failed()
    error.__suppress_context__ = True
    assert "ShopError" not in stack(error)


def test_error_fields__group():
    text = stack(raised(ExceptionGroup("several", [failed(), raised(ValueError("second"))])))
    assert "several (2 sub-exceptions)" in text
    assert "  | --- 1 of 2 ---" in text
    assert "  | ValueError: second" in text


def test_error_fields__cause_of_a_member():
    member = raised(ValueError("member"))
    member.__cause__ = KeyError("because")
    assert "  | KeyError: 'because'" in stack(ExceptionGroup("several", [member]))


def test_error_fields__large_group():
    assert "  | --- 95 more ---" in stack(ExceptionGroup("several", [ValueError(str(n)) for n in range(100)]))


def test_error_fields__deep_group():
    group = ValueError("innermost")
    for _ in range(10):
        group = ExceptionGroup("one", [group])
    assert "(1 exceptions, not shown)" in stack(group)


def test_error_fields__notes():
    error = ValueError("x")
    error.add_note("while packing, token=abc")
    assert stack(error) == f"ValueError: x\nwhile packing, token={MASK}"


@pytest.mark.parametrize("notes", [5, "text", [1, None], {}, object()])
def test_error_fields__notes_of_the_wrong_type(notes):
    error = ValueError("x")
    error.__notes__ = notes
    assert stack(error) == "ValueError: x"


def test_error_fields__notes_that_raise():
    class OddError(Exception):
        @property
        def __notes__(self):
            raise RuntimeError

    assert stack(OddError("x")).endswith("OddError: x")


def test_error_fields__source_that_raises(monkeypatch):
    monkeypatch.setattr("linecache.getline", lambda *args: 1 / 0)
    assert "fail(depth)" not in stack(failed())


def test_error_fields__long_chain():
    error = ValueError("0")
    for number in range(1, 50):
        outer = ValueError(str(number))
        outer.__cause__, error = error, outer
    assert stack(error).count("direct cause") == 7
    assert stack(error).endswith("ValueError: 49")


def test_error_fields__cycle_of_causes():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert stack(first).count("ValueError: first") == 1


def test_error_fields__deep_recursion():
    lines = stack(failed(300)).splitlines()
    assert "  ... 262 frames ..." in lines
    assert len(lines) < 100


def test_error_fields__long_message_keeps_both_ends():
    fields = error_fields(raised(ValueError("x" * 100_000)))
    assert len(fields["message"]) < 2200
    assert fields["stack_trace"].startswith("Traceback")


def test_error_fields__long_stack_is_cut_in_the_middle():
    error = ValueError("first")
    for number in range(8):
        outer = raised(ValueError(f"{number} " + "ü" * 2000))
        outer.__cause__, error = error, outer
    text = stack(error)
    assert len(text.encode()) <= LONGEST_STACK_BYTES
    assert "characters cut" in text


def test_error_fields__text_that_raises():
    class OddError(Exception):
        def __str__(self):
            raise RecursionError

    assert error_fields(OddError())["message"] == "(its text raised RecursionError)"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_error_fields__interrupt_goes_through(interrupt):
    class OddError(Exception):
        def __str__(self):
            raise interrupt

    with pytest.raises(interrupt):
        error_fields(OddError())


def test_error_fields__type_without_a_name():
    class Meta(type):
        @property
        def __module__(cls):
            raise ValueError

    class OddError(Exception, metaclass=Meta):
        pass

    assert error_fields(OddError("x"))["type"] == "(unnamed exception)"


def test_error_fields__source_that_cannot_be_read():
    code = compile("1/0", "/no/such/file.py", "exec")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(code, {"__loader__": object(), "__name__": "nowhere"})
    assert 'File "/no/such/file.py", line 1, in <module>\nZeroDivisionError' in stack(caught.value)


def hash_of(error):
    return error_fields(error)["stack_hash"]


def test_stack_hash__form():
    assert len(hash_of(failed())) == 16
    assert int(hash_of(failed()), 16)


def test_stack_hash__same_way():
    assert hash_of(failed()) == hash_of(failed())


def defined(source):
    namespace = {"__name__": "shop.orders"}
    exec(compile(source, f"/release-{len(source)}/orders.py", "exec"), namespace)
    try:
        namespace["view"]()
    except Exception as error:
        return error


def test_stack_hash__other_line_and_folder_is_the_same():
    assert hash_of(defined("def view():\n  1/0")) == hash_of(defined("import sys\n\n\ndef view():\n  x = 1\n  1/0"))


def test_stack_hash__other_text_is_the_same():
    one = defined("def view():\n  raise ValueError(1)")
    assert hash_of(one) == hash_of(defined("def view():\n  raise ValueError(2)"))


def test_stack_hash__other_type():
    one = defined("def view():\n  raise ValueError(1)")
    assert hash_of(one) != hash_of(defined("def view():\n  raise KeyError(1)"))


def test_stack_hash__other_way():
    one = defined("def view():\n  1/0")
    assert hash_of(one) != hash_of(defined("def helper():\n  1/0\ndef view():\n  helper()"))


def test_stack_hash__other_cause():
    one, two = raised(ValueError("x")), raised(ValueError("x"))
    one.__cause__, two.__cause__ = KeyError(), TypeError()
    assert hash_of(one) != hash_of(two)


def test_stack_hash__depth_of_a_recursion_is_the_same():
    assert hash_of(failed(3)) == hash_of(failed(30))


def test_error_fields__keeps_no_frame_alive():
    error = failed()
    before = sys.getrefcount(error)
    error_fields(error)
    assert sys.getrefcount(error) == before

import fcntl
import os
import threading

import pytest

from django_ops.exceptions import SlotError
from django_ops.record import slot

pytestmark = pytest.mark.usefixtures("just_started")


def hold(directory, label: str) -> int:
    """Hold a slot as another process would; by another descriptor it is another holder."""
    directory.mkdir(exist_ok=True)
    descriptor = os.open(directory / f"slot-{label}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def test_directory__without_the_variable_is_none():
    assert slot.directory() is None


@pytest.mark.parametrize("value", ["", None])
def test_directory__of_an_empty_variable_is_none(monkeypatch, value):
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, value or "")
    assert slot.directory() is None


def test_label__without_a_directory_is_0():
    assert slot.label() == "0"


def test_label__is_the_lowest_that_is_free(where):
    descriptors = [hold(where, "0"), hold(where, "2")]
    assert slot.label() == "1"
    for descriptor in descriptors:
        os.close(descriptor)


def test_label__stays(where):
    assert (slot.label(), slot.label()) == ("0", "0")


def test_label__of_threads_that_race_is_one(where):
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(slot.label())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(found) == {"0"}
    assert list(slot._held) == ["0"]


def test_label__makes_the_directory(where):
    slot.label()
    assert (where / "slot-0.lock").exists()


def test_lock_file__is_for_its_owner_only(where):
    slot.label()
    assert (where / "slot-0.lock").stat().st_mode & 0o777 == 0o600


def test_lock__is_not_inherited_by_programs(where):
    """A program that a view starts, and that goes on, must not keep the slot."""
    slot.label()
    assert not os.get_inheritable(slot._held["0"])


def test_label__where_the_directory_is_a_file_is_an_error_that_says_what_to_do(where):
    where.write_text("")
    with pytest.raises(SlotError) as raised:
        slot.label()
    assert f"{slot.DIRECTORY_VARIABLE} names {where}" in str(raised.value)
    assert "Make it a directory that this user may write." in str(raised.value)


def test_label__after_an_error_can_be_claimed(where):
    where.write_text("")
    with pytest.raises(SlotError):
        slot.label()
    where.unlink()
    assert slot.label() == "0"


def test_label__when_all_are_held_is_an_error(where, monkeypatch):
    monkeypatch.setattr(slot, "_HIGHEST", 1)
    descriptors = [hold(where, "0"), hold(where, "1")]
    with pytest.raises(SlotError, match="are several servers sharing one directory"):
        slot.label()
    for descriptor in descriptors:
        os.close(descriptor)


def test_label__of_the_hundredth_command(where, monkeypatch):
    monkeypatch.setattr(slot, "_serves", False)
    held = [hold(where, "command"), *(hold(where, f"command{number}") for number in range(2, 100))]
    assert slot.label() == "command100"
    for descriptor in held:
        os.close(descriptor)


def test_lock_that_fails__leaves_no_descriptor_open(where, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(37, "No locks available")

    where.mkdir()
    monkeypatch.setattr(slot.fcntl, "flock", fail)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SlotError, match="No locks available"):
        slot.label()
    assert len(os.listdir("/proc/self/fd")) == before


def test_is_free__of_a_slot_that_nobody_ever_held(tmp_path):
    assert slot.is_free(tmp_path, "3")


def test_is_free__makes_no_lock_file(tmp_path):
    slot.is_free(tmp_path, "3")
    assert list(tmp_path.iterdir()) == []


def test_is_free__of_a_slot_that_is_held(tmp_path):
    descriptor = hold(tmp_path, "3")
    assert not slot.is_free(tmp_path, "3")
    os.close(descriptor)


def test_is_free__of_a_slot_that_was_given_up(tmp_path):
    os.close(hold(tmp_path, "3"))
    assert slot.is_free(tmp_path, "3")


def test_is_free__of_its_own_slot(where):
    slot.label()
    assert not slot.is_free(where, "0")


def test_unless_held__keeps_others_from_taking_it(tmp_path):
    os.close(hold(tmp_path, "3"))
    with slot.unless_held(tmp_path, "3") as free:
        assert free
        assert not slot.is_free(tmp_path, "3")
    assert slot.is_free(tmp_path, "3")


def test_reserve__is_the_lowest_that_is_free(where):
    descriptor = hold(where, "0")
    assert slot.reserve_for_next_fork() == "1"
    os.close(descriptor)


def test_reserve__holds_it(where):
    slot.reserve_for_next_fork()
    assert not slot.is_free(where, "0")


def test_reserve__without_a_directory_is_none():
    assert slot.reserve_for_next_fork() is None


def test_reserve__where_the_directory_cannot_be_used_is_none(where):
    """The child is forked all the same: metrics are worth less than the site."""
    where.write_text("")
    assert slot.reserve_for_next_fork() is None


def test_reserve__before_a_fork_that_failed_is_the_same(where):
    assert (slot.reserve_for_next_fork(), slot.reserve_for_next_fork()) == ("0", "0")


def test_release__gives_it_to_the_next(where):
    slot.reserve_for_next_fork()
    slot._after_fork_in_parent()
    slot.release("0")
    assert slot.reserve_for_next_fork() == "0"


def test_release__of_a_slot_that_a_newborn_holds_still_gives_it_to_the_next(where, monkeypatch):
    """Until a child runs its first lines it has copies of its siblings' locks."""
    monkeypatch.setattr(slot, "_BIRTH_SECONDS", 10)
    slot.reserve_for_next_fork()
    slot._after_fork_in_parent()
    newborn = os.dup(slot._held["0"])
    slot.release("0")
    threading.Timer(0.02, os.close, [newborn]).start()
    assert slot.reserve_for_next_fork() == "0"


def test_release__of_a_slot_that_another_master_took_waits_once(where, monkeypatch):
    monkeypatch.setattr(slot, "_BIRTH_SECONDS", 0.01)
    slot.reserve_for_next_fork()
    slot._after_fork_in_parent()
    slot.release("0")
    descriptor = hold(where, "0")
    assert slot.reserve_for_next_fork() == "1"
    assert slot._given_back == set()
    os.close(descriptor)


def test_release__of_a_slot_that_is_not_held_is_nothing(where):
    slot.release("7")


def test_be_main__takes_no_number(where):
    slot.be_main()
    assert (slot.label(), slot.reserve_for_next_fork()) == ("main", "0")


def test_be_main__gives_up_the_number_that_was_taken_before(where):
    slot.label()
    slot.be_main()
    assert slot.is_free(where, "0")


def test_be_main__tells_those_who_have_files_of_the_number(where):
    told = []
    slot.on_change(lambda: told.append(slot.label()))
    slot.label()
    slot.be_main()
    assert told == ["main"]


def test_be_main__of_a_process_without_a_number_tells_nobody(where):
    slot.on_change(pytest.fail)
    slot.be_main()


def test_be_main__beside_another_master_is_another(where):
    descriptor = hold(where, "main")
    slot.be_main()
    assert slot.label() == "main2"
    os.close(descriptor)


def test_be_main__without_a_directory_is_main():
    slot.be_main()
    assert slot.label() == "main"


def test_be_main__where_the_directory_cannot_be_used_is_main(where):
    where.write_text("")
    slot.be_main()
    assert slot.label() == "main"

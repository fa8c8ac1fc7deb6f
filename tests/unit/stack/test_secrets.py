"""The secrets: generated once, whole or not at all, each readable by one user only, and never printed."""

from __future__ import annotations

import re
import stat

import bcrypt
import pytest

from stack.provision.secrets import __main__ as command
from stack.provision.secrets import template
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.store import Store
from stack.provision.secrets.table import FILES, GROUPS, VALUES
from tests.programs import require_root
from tests.unit.stack.secret_files import OURS, contents, replace


def test_ensure__writes_every_file(written):
    assert contents(written).keys() == {file.path for file in FILES}


def test_ensure__a_second_time_changes_nothing(written):
    before = {path: path.stat().st_ino for path in written.rglob("*")}
    assert Store(written, OURS).write() == []
    assert {path: path.stat().st_ino for path in written.rglob("*")} == before


def test_ensure__two_first_starts_have_nothing_in_common(written, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name in GROUPS:
        (other / name).mkdir()
    Store(other, OURS).write()
    same = {path for path, content in contents(written).items() if contents(other)[path] == content}
    given = {"secret-key-fallbacks", "smtp-password", "dead-mans-switch-url"}  # nobody has given any
    assert {path.partition("/")[2] for path in same} == given


@pytest.mark.parametrize("name", GROUPS)
def test_directory__only_its_owner_enters(written, name):
    assert stat.S_IMODE((written / name).stat().st_mode) == 0o700


def test_file__only_its_owner_reads(written):
    assert {stat.S_IMODE(path.stat().st_mode) for path in written.rglob("*") if path.is_file()} == {0o400}


def test_file__belongs_to_its_reader(root):
    require_root()
    Store(root).write()
    owners = {file.path: (root / file.path).stat() for file in FILES}
    assert {path: (found.st_uid, found.st_gid) for path, found in owners.items()} == {
        file.path: tuple(GROUPS[file.group]) for file in FILES
    }


def test_file__of_another_owner_is_given_back(written):
    (written / "django/pgpass").chmod(0o644)
    Store(written, OURS).write()
    assert stat.S_IMODE((written / "django/pgpass").stat().st_mode) == 0o400


def test_copies__are_the_same_everywhere(written):
    shown: dict[str, set[str]] = {}
    for file in FILES:
        for name, value in template.read_back(file.template, (written / file.path).read_text()).items():
            shown.setdefault(name, set()).add(value)
    assert {name for name, values in shown.items() if len(values) != 1} == set()


@pytest.mark.parametrize("name", sorted(VALUES.keys() - {"smtp", "dead_mans_switch", "old_secret_keys"}))
def test_value__is_at_least_128_random_bits(written, name):
    value = Store(written, OURS).values[name]
    assert len(value) * (4 if VALUES[name].kind == "key" else 4.95) >= 128


def test_redis_users__have_hashes_only(written):
    users = (written / "redis/users.acl").read_text()
    assert "user default off" in users
    assert not any(value and value in users for value in Store(written, OURS).values.values())


@pytest.mark.parametrize("group", ["prometheus", "alertmanager"])
def test_web_file__has_the_hash_of_the_password(written, group):
    hashed = re.search(r"\$2b\$[^']+", (written / group / "web.yml").read_text())[0]
    assert bcrypt.checkpw((written / group / "password").read_bytes().strip(), hashed.encode())


def test_site_s_key__is_not_beat_s_or_flower_s(written):
    keys = {group: (written / group / "secret-key").read_text() for group in ("django", "worker", "beat", "flower")}
    assert keys["django"] == keys["worker"]
    assert len(set(keys.values())) == 3


NEW_GROUPS = ("worker", "beat", "flower", "migrate")


def test_upgrade__from_one_volume_for_the_site_keeps_every_value(written):
    """These volumes are new and empty then."""
    before = contents(written)
    for path in [path for group in NEW_GROUPS for path in (written / group).iterdir()]:
        path.unlink()
    Store(written, OURS).write()
    own = {"beat/secret-key", "flower/secret-key", "beat/redis-url", "flower/redis-url", "redis/users.acl"}
    after = contents(written)
    assert {path for path in before if after[path] != before[path]} == own


def test_missing__a_copy_is_made_again(written):
    before = contents(written)
    (written / "postgres/app-password").unlink()
    Store(written, OURS).write()
    assert contents(written) == before


def test_missing__the_original_comes_back_from_its_copy(written):
    before = contents(written)
    (written / "django/pgpass").unlink()
    Store(written, OURS).write()
    assert contents(written) == before


def test_missing__a_new_release_s_secret_is_added(written):
    before = contents(written)
    (written / "grafana/secret-key").unlink()
    assert [file.path for file in Store(written, OURS).write()] == ["grafana/secret-key"]
    assert {**contents(written), "grafana/secret-key": ""} == {**before, "grafana/secret-key": ""}


@pytest.mark.parametrize(
    ("content", "defect"), [("", "empty"), ("abc", "half-written"), ("one\ntwo\n", "not as it was written")]
)
def test_broken__is_refused_with_its_name(written, content, defect):
    replace(written / "django/secret-key", content)
    with pytest.raises(SecretsError, match=rf"django/secret-key \({defect}.*Nothing was changed"):
        Store(written, OURS)


def test_broken__half_of_the_file_is_refused(written):
    path = written / "django/pgpass"
    replace(path, path.read_text()[:40])
    with pytest.raises(SecretsError, match=r"django/pgpass \(half-written"):
        Store(written, OURS)


def test_broken__no_text_is_refused(written):
    path = written / "grafana/admin-password"
    path.unlink()
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(SecretsError, match="grafana/admin-password"):
        Store(written, OURS)


def test_broken__all_are_named_at_once(written):
    replace(written / "django/secret-key", "")
    replace(written / "postgres/password", "")
    with pytest.raises(SecretsError, match=r"django/secret-key .*; .*postgres/password"):
        Store(written, OURS)


def test_broken__nothing_is_changed(written):
    replace(written / "django/secret-key", "")
    (written / "redis/users.acl").unlink()
    before = contents(written)
    with pytest.raises(SecretsError):
        Store(written, OURS)
    assert contents(written) == before


def test_broken__a_copy_is_repaired(written):
    before = contents(written)
    replace(written / "redis/users.acl", "user def")
    Store(written, OURS).write()
    assert contents(written) == before


def test_broken__a_link_is_no_secret(written):
    path = written / "django/secret-key"
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(SecretsError, match="no regular file"):
        Store(written, OURS)


def test_group__without_its_directory_is_named(root):
    (root / "kibana").rmdir()
    with pytest.raises(SecretsError, match="no directory kibana"):
        Store(root, OURS)


def test_write__an_interruption_is_tidied_up(written):
    (written / "django/pgpass.unfinished").write_text("half")
    Store(written, OURS).write()
    assert not (written / "django/pgpass.unfinished").exists()


@pytest.fixture
def run(monkeypatch):
    """Run the command as we are."""
    monkeypatch.setattr(command, "Store", lambda root: Store(root, OURS))
    monkeypatch.setattr(command.volumes, "give", lambda root: ["redis-data"])
    return lambda root, *arguments: command.main(["--root", str(root), *arguments])


@pytest.mark.parametrize("arguments", [("ensure",), ("rotate", "django-secret-key"), ("rotate", "metrics-token")])
def test_command__prints_no_secret(run, root, capsys, arguments):
    run(root, "ensure")
    run(root, *arguments)
    printed = "".join(capsys.readouterr())
    assert not [value for value in Store(root, OURS).values.values() if value and value in printed]


def test_command__names_what_it_wrote(run, root, capsys):
    run(root, "ensure")
    said = capsys.readouterr().out.splitlines()
    assert {"django/secret-key written", "redis-data given to its user"} <= set(said)


def test_command__a_broken_file_is_one_line_and_a_failure(run, written, capsys):
    replace(written / "django/secret-key", "abc")
    with pytest.raises(SystemExit) as ended:
        run(written, "ensure")
    assert re.fullmatch(r"secrets: Broken: .*django/secret-key.*", ended.value.code)
    assert "abc" not in ended.value.code


def test_command__no_volumes_is_one_line_and_a_failure(run, tmp_path):
    with pytest.raises(SystemExit) as ended:
        run(tmp_path, "ensure")
    assert ended.value.code == f"secrets: {tmp_path}/django: No such file or directory"

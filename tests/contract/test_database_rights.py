"""The rights of PostgreSQL's roles in a real one: as an older stack made them, then as each start sets them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.contract.accounts import POSTGRES_REFUSED, POSTGRES_STATEMENTS
from tests.integration import services
from tests.integration.services import PostgreSQL, wait_until

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
MARKER = "MARKER-session-key"
#: As the first version of initdb/10-roles.sh had it.
FORMER = """
CREATE ROLE app LOGIN; CREATE ROLE exporter LOGIN CONNECTION LIMIT 5; GRANT pg_monitor TO exporter;
ALTER DATABASE ops OWNER TO app; REVOKE ALL ON DATABASE ops FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO app; GRANT CONNECT ON DATABASE ops TO exporter;
"""


def connect(server: PostgreSQL, role: str) -> psycopg.Connection:
    return psycopg.connect(host=server.host, port=server.port, user=role, dbname=server.database, autocommit=True)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL as an older stack left it, in which the site has just asked for a session by its key, as a text."""
    with services.start_postgresql() as server:
        with connect(server, server.user) as superuser:
            superuser.execute(FORMER)
        with connect(server, "app") as site:
            site.execute("CREATE TABLE django_session (session_key text)")
            site.execute(f"INSERT INTO django_session VALUES ('{MARKER}')")
            yield server


def seen(server: PostgreSQL, *statements: str) -> list[str]:
    """Return which statements show the marker to the exporter."""
    found = []
    with connect(server, "exporter") as connection:
        for statement in statements:
            try:
                rows = connection.execute(statement).fetchall()
            except psycopg.Error:
                continue
            found += [statement] * (MARKER in str(rows))
    return found


def upgrade(server: PostgreSQL) -> None:
    """Run rights.sql as psql does at the first start. Raises CalledProcessError."""
    where = ("-h", server.host, "-p", str(server.port), "-U", server.user, "-d", server.database)
    command = ("psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-q", *where, "-f", str(ROOT / "postgres/rights.sql"))
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def upgraded(server: PostgreSQL) -> PostgreSQL:
    """The same after two starts of this version."""
    assert seen(server, *POSTGRES_STATEMENTS), "an older stack that shows nothing proves nothing"
    upgrade(server)
    upgrade(server)
    return server


def test_exporter__sees_nobody_s_statement(upgraded: PostgreSQL) -> None:
    assert seen(upgraded, *POSTGRES_STATEMENTS) == []


def test_exporter__is_refused(upgraded: PostgreSQL) -> None:
    done = []
    with connect(upgraded, "exporter") as connection:
        for statement in (*POSTGRES_REFUSED, "SELECT * FROM public.django_session"):
            try:
                connection.execute(statement)
            except psycopg.errors.InsufficientPrivilege:
                continue
            done.append(statement)
    assert done == []


def test_exporter__is_a_member_of_nothing(upgraded: PostgreSQL) -> None:
    with connect(upgraded, upgraded.user) as superuser:
        rows = superuser.execute("SELECT roleid FROM pg_auth_members WHERE member = 'exporter'::regrole").fetchall()
    assert rows == []


def test_exporter__has_the_states_of_sessions(upgraded: PostgreSQL) -> None:
    with connect(upgraded, "exporter") as connection:
        rows = connection.execute("SELECT state, count(*) FROM pg_stat_activity WHERE usename = 'app' GROUP BY 1")
        assert rows.fetchall() == [("idle", 1)]
        assert connection.execute("SELECT count(*) > 0 FROM pg_ls_waldir()").fetchone() == (True,)
        assert connection.execute("SELECT pg_database_size('ops') > 0").fetchone() == (True,)
        assert connection.execute("SELECT count(*) FROM pg_stat_replication").fetchone() == (0,)


def test_exporter__knows_the_tables_that_are_vacuumed(upgraded: PostgreSQL) -> None:
    """Else two at once are one series twice, and the exporter answers its scrape with an error."""
    with connect(upgraded, "app") as site, closing(connect(upgraded, "app")) as vacuum:
        site.execute("CREATE TABLE big AS SELECT repeat('x', 500) FROM generate_series(1, 20000)")
        vacuum.execute("SET vacuum_cost_delay = 100")
        vacuum.execute("SET vacuum_cost_limit = 1")
        vacuum.pgconn.send_query(b"VACUUM big")
        with connect(upgraded, "exporter") as connection:
            question = "SELECT relid::regclass::text FROM pg_stat_get_progress_info('VACUUM'::text) WHERE datid > 0"

            def found() -> list[Any]:
                return connection.execute(question).fetchall()

            wait_until(lambda: bool(found()), "a vacuum that is under way")
            assert found() == [("public.big",)]
        vacuum.cancel()  # nobody waits for its end


def test_site__works_on(upgraded: PostgreSQL) -> None:
    with connect(upgraded, "app") as site:
        assert site.execute("SELECT count(*) FROM django_session").fetchone() == (1,)
        site.execute("CREATE TABLE public.another (a int)")


def test_rights__can_be_read_by_a_server_alone() -> None:
    """`postgres --single -j` takes a statement up to `;` and an empty line, and knows nothing that psql adds."""
    text = (ROOT / "postgres/rights.sql").read_text(encoding="utf-8")
    statements = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE).strip().split("\n\n")
    assert [statement for statement in statements if not statement.rstrip().endswith(";")] == []
    assert re.findall(r"^\\.*", text, re.MULTILINE) == []


def test_log__has_no_statement_and_no_detail() -> None:
    text = (ROOT / "postgres/postgresql.conf").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(\w+) = '?([\w-]+)'?", text, re.MULTILINE))
    quiet = {
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    assert {name: settings.get(name) for name in quiet} == quiet

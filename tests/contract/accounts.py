"""What the accounts of Redis and PostgreSQL must be refused: asked of programs here, of the stack in e2e."""

from __future__ import annotations

#: The accounts of Redis that are not the site's, and the file with the password of each.
REDIS_ACCOUNTS = {
    "broker": "secrets-flower/redis-url",
    "celery-exporter": "secrets-celery-exporter/broker-url",
    "exporter": "secrets-redis-exporter/password",
    "healthcheck": "secrets-redis/password",
}
#: No message, no entry of the cache, no secret and no power for them; `broker` has messages, and what takes scripts.
REDIS_REFUSED = {
    "the cache's database": ("SELECT 1", "SWAPDB 0 1", "MOVE celery 1", "COPY celery copy DB 1", "FLUSHDB", "FLUSHALL"),
    "the cache's entries": ("GET :1:page", "SET :1:page x", "DEL :1:page", "EXISTS :1:page", "TTL :1:page"),
    "the broker's messages": (
        "LRANGE celery 0 -1", "BRPOP celery 1", "RPOP celery", "LPUSH celery x", "DEL celery", "HGETALL unacked",
        "ZRANGE unacked_index 0 -1", "SET unacked_mutex x", "SADD _kombu.binding.celery x",
        "SMEMBERS _kombu.binding.celery", "KEYS *", "SCAN 0", "RANDOMKEY", "DUMP celery",
    ),
    "what others say": ("SUBSCRIBE any", "PSUBSCRIBE *", "PUBLISH /0.celeryev/worker.heartbeat x", "MONITOR"),
    "arguments of others": ("SLOWLOG GET", "CLIENT LIST", "CONFIG GET *", "ACL LIST", "ACL LOG"),
    "powers": ("EVAL return 0", "FUNCTION LIST", "CONFIG SET save x", "SAVE", "SHUTDOWN", "MODULE LIST"),
}  # fmt: skip


def redis_refused(account: str) -> list[str]:
    """Return the commands that an account must be refused."""
    of_messages = {"the cache's entries", "the broker's messages", "what others say", "powers"}
    areas = REDIS_REFUSED.keys() - (of_messages if account == "broker" else set())
    return [command for area in sorted(areas) for command in REDIS_REFUSED[area]]


#: What PostgreSQL's role `exporter` could ask for another session's statement, or for what is in a table.
POSTGRES_STATEMENTS = (
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_catalog.pg_stat_activity",
    "SELECT * FROM pg_stat_get_activity(NULL)",
    "SELECT pg_stat_get_backend_activity(id) FROM pg_stat_get_backend_idset() id",
    "SELECT * FROM ops_exporter.pg_stat_activity",
    "SELECT * FROM ops_exporter.activity()",
    "SELECT * FROM ops_exporter.replication()",
    "SELECT * FROM pg_prepared_statements",
    "SELECT * FROM pg_cursors",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_settings",
    "SELECT * FROM pg_db_role_setting",
    "SELECT * FROM pg_stats",
)
#: These it must be refused.
POSTGRES_REFUSED = (
    "SET ROLE exporter_statistics",
    "SET ROLE app",
    "SET SESSION AUTHORIZATION app",
    "GRANT pg_read_all_stats TO exporter",
    "CREATE VIEW ops_exporter.mine AS SELECT 1",
    "CREATE TABLE public.mine (a int)",
    "CREATE SCHEMA mine",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT * FROM pg_ls_logdir()",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_reload_conf()",
    "SET track_activities = off",
)

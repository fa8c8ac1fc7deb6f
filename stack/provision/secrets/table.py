"""The one table of secrets: who reads which file, and what is in it."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """The user and the group of the one service that reads a volume; its directory belongs to them alone."""

    uid: int
    gid: int


class Value(NamedTuple):
    """A secret. It lives in the first file of the table that shows it; all others are copies.

    kind: how it is made: a `key` for machines, a `phrase` that people can type, `none` (somebody gives it) or `old`
        (former keys, one a line).
    restart: the services that read it anew after a rotation; None where another store remembers the secret.
    """

    kind: str = "key"
    restart: tuple[str, ...] | None = None


class File(NamedTuple):
    """A file of a group.

    In its template, `<value>` stands for a value, `<value:sha256>` and `<value:bcrypt>` for a hash of one.
    """

    group: str
    name: str
    template: str

    @property
    def path(self) -> str:
        return f"{self.group}/{self.name}"


SITE = ("web", "worker")

#: By volume. No two services have a user in common: the kernel shows a process, and lets it be changed, by user.
GROUPS = {
    "django": Group(10001, 10001),  # web
    "worker": Group(10002, 10001),
    "beat": Group(10003, 10001),
    "flower": Group(10004, 10001),
    "migrate": Group(10005, 10001),
    "postgres": Group(999, 999),
    "redis": Group(10010, 10010),
    "memcached": Group(11211, 11211),
    "tls": Group(101, 101),  # nginx
    "elasticsearch": Group(1000, 0),
    "elasticsearch-setup": Group(10006, 10006),
    "elasticsearch-keeper": Group(10018, 10018),
    "filebeat": Group(10017, 10001),
    "kibana": Group(10016, 0),
    "prometheus": Group(65534, 65534),
    "alertmanager": Group(10011, 10011),
    "grafana": Group(472, 0),
    "exporters": Group(10012, 10012),  # postgres-exporter
    "redis-exporter": Group(59000, 59000),
    "celery-exporter": Group(10014, 10014),
}


class Volume(NamedTuple):
    """A volume that its one writer cannot own by itself: it is empty at first, or was another user's before."""

    owner: Group
    mode: int = 0o700


VOLUMES = {
    # Filebeat is in the group, and reads them
    "worker-logs": Volume(GROUPS["worker"], 0o750),
    "beat-logs": Volume(GROUPS["beat"], 0o750),
    "flower-logs": Volume(GROUPS["flower"], 0o750),
    "migrate-logs": Volume(GROUPS["migrate"], 0o750),
    "flower-data": Volume(GROUPS["flower"]),
    "redis-data": Volume(GROUPS["redis"]),
    "alertmanager-data": Volume(GROUPS["alertmanager"]),
    "kibana-data": Volume(GROUPS["kibana"]),
    "filebeat-data": Volume(GROUPS["filebeat"]),
}

VALUES = {
    "secret_key": Value(restart=SITE),
    "old_secret_keys": Value("old"),
    "beat_secret_key": Value(),  # neither signs anything that others read
    "flower_secret_key": Value(),
    "database": Value(),
    "database_superuser": Value(),
    "database_exporter": Value(),
    "redis_site": Value(),
    "redis_broker": Value(),
    "redis_exporter": Value(),
    "redis_celery_exporter": Value(),
    "redis_healthcheck": Value(),
    "memcached": Value(),
    "metrics_token": Value(restart=("web", "worker", "prometheus")),
    "flower": Value("phrase", restart=("flower",)),
    "administrator": Value("phrase"),
    "elastic": Value(),
    "elastic_filebeat": Value(),
    "elastic_kibana": Value(),
    "elastic_keeper": Value(),
    "elastic_grafana": Value(),
    "elastic_person": Value("phrase"),
    "kibana_saved_objects": Value(),
    "kibana_reporting": Value(),
    "kibana_security": Value(),
    "prometheus": Value(),
    "alertmanager": Value(),
    "smtp": Value("none"),
    "dead_mans_switch": Value("none"),
    "grafana_administrator": Value("phrase"),
    "grafana_secret": Value(),
}

# Who asks what is measured: redis/README.md. Nobody but `app` has `select`, so the cache's database is out of reach. A
# user's parts in parentheses add to the rest, each with keys and channels of its own.
_REDIS_USERS = """\
user default off
user app on #<redis_site:sha256> ~* &* +@all -@admin -@dangerous +info +flushdb
user broker on #<redis_broker:sha256> ~* &* +@all -@admin -@dangerous -select -move -copy +info
user celery-exporter on #<redis_celery_exporter:sha256> -@all +ping +client|setinfo +multi +exec \
+psubscribe +punsubscribe &/0.celeryev/* +sadd +srem ~_kombu.binding.celeryev ~_kombu.binding.reply.celery.pidbox \
(-@all +publish &/0.celery.pidbox) \
(-@all +brpop +del ~????????-????-????-????-????????????.reply.celery.pidbox*) (-@all +llen %R~*)
user exporter on #<redis_exporter:sha256> -@all +ping +info +slowlog|len +latency|latest +latency|histogram \
+client|setname
user healthcheck on #<redis_healthcheck:sha256> -@all +ping
"""
_KIBANA = """\
elasticsearch.password: "<elastic_kibana>"
xpack.encryptedSavedObjects.encryptionKey: "<kibana_saved_objects>"
xpack.reporting.encryptionKey: "<kibana_reporting>"
xpack.security.encryptionKey: "<kibana_security>"
"""

#: The node's own users, with roles by elasticsearch/users_roles: unlike those that its API makes, they cannot change
#: their own passwords.
_ELASTICSEARCH_USERS = """\
filebeat_writer:<elastic_filebeat:bcrypt>
grafana_reader:<elastic_grafana:bcrypt>
operator:<elastic_person:bcrypt>
keeper:<elastic_keeper:bcrypt>
"""

_FILES = (
    File("django", "secret-key", "<secret_key>\n"),
    File("django", "secret-key-fallbacks", "<old_secret_keys>"),
    File("django", "pgpass", "postgres:5432:*:app:<database>\n"),
    File("django", "redis-url", "redis://app:<redis_site>@redis:6379/0\n"),
    File("django", "cache-url", "redis://app:<redis_site>@redis:6379/1\n"),
    File("django", "memcached-auth", "app:<memcached>\n"),
    File("django", "metrics-token", "<metrics_token>\n"),
    File("django", "flower-auth", "admin:<flower>\n"),
    File("django", "admin-password", "<administrator>\n"),
    File("postgres", "password", "<database_superuser>\n"),
    File("postgres", "app-password", "<database>\n"),
    File("postgres", "exporter-password", "<database_exporter>\n"),
    File("redis", "password", "<redis_healthcheck>\n"),
    File("redis", "users.acl", _REDIS_USERS),
    File("memcached", "auth", "app:<memcached>\n"),
    File("elasticsearch", "elastic-password", "<elastic>\n"),
    File("elasticsearch", "users", _ELASTICSEARCH_USERS),
    File("elasticsearch-setup", "elastic-password", "<elastic>\n"),
    File("elasticsearch-setup", "kibana-password", "<elastic_kibana>\n"),
    File("elasticsearch-keeper", "password", "<elastic_keeper>\n"),
    File("filebeat", "password", "<elastic_filebeat>\n"),
    File("filebeat", "output.yml", 'output.elasticsearch.password: "<elastic_filebeat>"\n'),
    File("kibana", "saved-objects-key", "<kibana_saved_objects>\n"),
    File("kibana", "reporting-key", "<kibana_reporting>\n"),
    File("kibana", "security-key", "<kibana_security>\n"),
    File("kibana", "kibana.yml", _KIBANA),
    File("prometheus", "metrics-token", "<metrics_token>\n"),
    File("prometheus", "password", "<prometheus>\n"),
    File("prometheus", "web.yml", "basic_auth_users:\n  prometheus: '<prometheus:bcrypt>'\n"),
    File("prometheus", "alertmanager-password", "<alertmanager>\n"),
    File("alertmanager", "password", "<alertmanager>\n"),
    File("alertmanager", "web.yml", "basic_auth_users:\n  prometheus: '<alertmanager:bcrypt>'\n"),
    File("alertmanager", "smtp-password", "<smtp>\n"),
    File("alertmanager", "dead-mans-switch-url", "<dead_mans_switch>\n"),
    File("grafana", "admin-password", "<grafana_administrator>\n"),
    File("grafana", "secret-key", "<grafana_secret>\n"),
    File("grafana", "prometheus-password", "<prometheus>\n"),
    File("grafana", "elasticsearch-password", "<elastic_grafana>\n"),
    # for the gate, which opens these doors to those whom Django lets in
    File("django", "prometheus-auth", "prometheus:<prometheus>\n"),
    File("django", "alertmanager-auth", "prometheus:<alertmanager>\n"),
    File("django", "kibana-auth", "operator:<elastic_person>\n"),
    File("exporters", "postgres-password", "<database_exporter>\n"),
    File("redis-exporter", "password", "<redis_exporter>\n"),
    File(
        "redis-exporter",
        "password.json",
        # it looks up the address without or with the user's name, depending on its version
        '{"redis://redis:6379": "<redis_exporter>", "redis://exporter@redis:6379": "<redis_exporter>"}\n',
    ),
    File("celery-exporter", "broker-url", "redis://celery-exporter:<redis_celery_exporter>@redis:6379/0\n"),
    File("beat", "secret-key", "<beat_secret_key>\n"),
    File("flower", "secret-key", "<flower_secret_key>\n"),
    # the messages' database, and not the cache's
    File("beat", "redis-url", "redis://broker:<redis_broker>@redis:6379/0\n"),
    File("flower", "redis-url", "redis://broker:<redis_broker>@redis:6379/0\n"),
)


def _copied(group: str, names: str = "") -> tuple[File, ...]:
    """Return web's files as another group's: those that are named, or all."""
    ours = (file for file in _FILES if file.group == "django")
    return tuple(File(group, file.name, file.template) for file in ours if not names or file.name in names.split())


FILES = (
    *_FILES,
    *_copied("worker", "secret-key secret-key-fallbacks pgpass redis-url cache-url memcached-auth metrics-token"),
    *_copied("flower", "flower-auth"),
    *_copied("migrate"),
)

#: What people give: the name for the command line, the file, and what it must look like.
GIVEN = {
    "smtp-password": (File("alertmanager", "smtp-password", ""), r"[^\n]+\n"),
    "dead-mans-switch-url": (File("alertmanager", "dead-mans-switch-url", ""), r"https?://[^\s]+\n"),
    "tls-certificate": (
        File("tls", "certificate.pem", ""),
        r"(?s).*-----BEGIN CERTIFICATE-----.+-----END CERTIFICATE-----\n",
    ),
    "tls-key": (
        File("tls", "key.pem", ""),
        r"(?s).*-----BEGIN [A-Z ]*PRIVATE KEY-----.+-----END [A-Z ]*PRIVATE KEY-----\n",
    ),
}

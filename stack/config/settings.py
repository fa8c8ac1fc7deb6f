"""The settings of the reference project: from the environment, and safe where the environment says nothing."""

from pathlib import Path

from django_ops import __version__
from django_ops.logs import logging_config
from stack.config import environment, gate

BASE_DIR = Path(__file__).resolve().parent.parent.parent
#: Whatever is written at run time: database, logs, slots and, on a development machine, secrets.
VAR_DIR = Path(environment.text("DJANGO_VAR_DIR", str(BASE_DIR / "var")))

SECRET_KEY = environment.secret("DJANGO_SECRET_KEY", VAR_DIR / "secret-key")
#: Former keys: what was signed with them stays valid.
SECRET_KEY_FALLBACKS = environment.listing("DJANGO_SECRET_KEY_FALLBACKS")
DEBUG = environment.flag("DJANGO_DEBUG", default=False)
#: The pages that misbehave on purpose, and the data they need. `make run` sets it.
DEMO = environment.flag("DEMO", default=False)
ALLOWED_HOSTS = environment.listing("DJANGO_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = environment.listing("DJANGO_CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django_ops",
    "django_ops.passwords",
    "django_ops.access.gate",
    "stack.inventory",
    *(["stack.demo"] if DEMO else []),
]

MIDDLEWARE = [
    # first, as it measures all others and answers /livez before they run
    "django_ops.middleware.OpsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "stack.config.csp.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_ops.access.attempts.middleware.attempts",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "stack.config.urls"
WSGI_APPLICATION = "stack.config.wsgi.application"
ASGI_APPLICATION = "stack.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "stack.inventory.context.site",
            ],
        },
    },
]

DATABASES = {"default": environment.database(VAR_DIR / "db.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": environment.cache(), **environment.memcached()}
#: Whoever reads the table or a query cannot go on with somebody's session.
SESSION_ENGINE = "django_ops.guard.sessions"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "django_ops.passwords.validators.PasswordHistoryValidator"},
]
AUTHENTICATION_BACKENDS = [
    # first: refuses guesses before their password is hashed
    "django_ops.access.attempts.backend.AttemptsBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "inventory:home"
LOGOUT_REDIRECT_URL = "inventory:home"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = environment.time_zone("TZ")
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
#: Where `collectstatic` put the files; without it, they are served from where the apps keep them.
STATIC_ROOT = environment.text("DJANGO_STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
#: Collected files carry a hash of their content in their names, so that browsers may keep them for ever.
_STATIC_STORAGE = "StaticFilesStorage" if STATIC_ROOT is None else "ManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": f"django.contrib.staticfiles.storage.{_STATIC_STORAGE}"},
}

# Behind TLS unless the environment says that this is a machine to try things on.
HTTPS = environment.flag("DJANGO_HTTPS", default=True)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0  # two years, as nginx and Mozilla say
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"

# Without a broker, a task runs at once where it is asked for.
CELERY_BROKER_URL = environment.broker() or "memory://"
CELERY_TASK_ALWAYS_EAGER = CELERY_BROKER_URL == "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]  # never pickle: to read one is to run what its writer wants
CELERY_TIMEZONE = TIME_ZONE  # of schedules by the clock
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task is taken from the queue when it is done, so it may run twice and is never lost: one whose worker was killed
# comes again after the visibility time-out, which must be longer than a task may take, and up to 100 s more: so often
# workers look for such tasks in Redis.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 45  # seconds
CELERY_TASK_TIME_LIMIT = 50  # below the grace period of the container, so that a running task ends before a kill
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 120, "socket_connect_timeout": 5, "socket_keepalive": True}
# for Flower and the exporter
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_BEAT_SCHEDULE = {
    "report": {"task": "stack.inventory.tasks.recompute_report", "schedule": 3600},
}

OPS_SERVICE_NAME = environment.text("OPS_SERVICE_NAME", "inventory")
OPS_SERVICE_VERSION = environment.text("OPS_SERVICE_VERSION", __version__)
OPS_ENVIRONMENT = environment.text("OPS_ENVIRONMENT", "production")
OPS_TRUSTED_PROXIES = environment.listing("OPS_TRUSTED_PROXIES")
if OPS_TRUSTED_PROXIES:
    # only nginx reaches the application then, and it overwrites the header whatever a client sent
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
OPS_LOG_QUERY_KEYS = ["page", "sort", "status", "environment", "data_centre", "tag"]
OPS_METRICS_TOKEN_FILE = environment.text("OPS_METRICS_TOKEN_FILE")
OPS_METRICS_NETWORKS = environment.listing("OPS_METRICS_NETWORKS")
OPS_METRICS_PERMISSION = "auth.view_user"
OPS_METRICS_MODELS = ["inventory.Server", "inventory.InventoryReport"]
OPS_READYZ_CHECKS = ["database", "migrations"]
if not CELERY_TASK_ALWAYS_EAGER:
    # worth knowing, and no reason to send nobody here: pages are served without them
    OPS_READYZ_CHECKS += ["optional:broker", "optional:cache"]
#: `nginx` in compose.yml, whose nginx has the other half of the gate; without it there are no UIs to open.
OPS_GATE_MODE = environment.text("OPS_GATE_MODE")
OPS_GATE_SERVICES = gate.services(Path("/run/secrets/django")) if OPS_GATE_MODE else {}
OPS_CELERY_METRICS_ADDRESS = environment.text("OPS_CELERY_METRICS_ADDRESS")

#: Each container has a directory of its own beside those of others.
LOG_DIR = environment.log_directory(VAR_DIR / "log")
LOGGING = logging_config(directory=LOG_DIR)

"""The settings for development, beside the production ones: compose.dev.yml uses them, and nothing else may."""

from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured

from django_ops.logs import logging_config
from stack.config.settings import *  # noqa: F403
from stack.config.settings import HTTPS, INSTALLED_APPS, MIDDLEWARE, STORAGES

if find_spec("debug_toolbar") is None:
    raise ImproperlyConfigured(
        "stack.config.development shows secrets in its error pages: it starts only in the image of compose.dev.yml,"
        " which has the debug toolbar"
    )
if HTTPS:
    raise ImproperlyConfigured("stack.config.development is for this machine only: DJANGO_HTTPS must be 0")

DEBUG = True
INSTALLED_APPS = [*INSTALLED_APPS, "debug_toolbar"]
# after what measures requests, so that its own time is part of them
MIDDLEWARE = [MIDDLEWARE[0], "debug_toolbar.middleware.DebugToolbarMiddleware", *MIDDLEWARE[1:]]
ROOT_URLCONF = "stack.config.development_urls"
# the container's clients all have the address of the engine's bridge
DEBUG_TOOLBAR_CONFIG = {"SHOW_TOOLBAR_CALLBACK": "stack.config.development_urls.show_toolbar"}
# from where the apps keep them, not as they were when the image was built
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
LOGGING = logging_config()

"""The WSGI application, for gunicorn: `stack.config.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stack.config.settings")

application = get_wsgi_application()

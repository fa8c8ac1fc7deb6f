"""The site as a WSGI application that names its settings itself, as `startproject` makes them."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.integration.site.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

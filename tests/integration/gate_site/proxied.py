"""The site in proxy mode, for an ASGI server."""

from django.core.asgi import get_asgi_application

from django_ops.access.gate.asgi import gate

application = gate(get_asgi_application())

"""The site in proxy mode, for an ASGI server; without one safeguard where the environment says so."""

import os

from django.core.asgi import get_asgi_application

from django_ops.access.gate.asgi import gate

application = gate(get_asgi_application())

if "TEST_WEAKER" in os.environ:
    from tests.integration.gate_site.weaker import WEAKER

    WEAKER[os.environ["TEST_WEAKER"]][0]()

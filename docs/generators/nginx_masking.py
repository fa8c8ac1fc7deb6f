"""From the patterns of the masking: what nginx's access log shows."""

from __future__ import annotations

from django_ops.record.nginx_masking import masking_conf

ARTEFACTS = {"dockerfiles/nginx/masking.conf": masking_conf}

"""The reference project: a small server inventory that runs on django-ops and shows how its parts are used."""

"""One small site, watched by django-prometheus or by us, and the same traffic for both."""

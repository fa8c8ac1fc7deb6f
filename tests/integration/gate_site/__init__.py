"""A small site with users, an admin and three UIs behind its gate, for nginx to ask."""

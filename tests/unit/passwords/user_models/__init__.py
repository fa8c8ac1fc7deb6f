"""A project of its own with user models of many kinds: each is AUTH_USER_MODEL in a process of its own."""

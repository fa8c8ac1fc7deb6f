"""What runs in the stack's containers around the application, whichever it is: secrets, migration, health.

It knows nothing of the reference project, and the secrets need nothing but Python's standard library and bcrypt.
"""

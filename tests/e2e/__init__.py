"""The whole stack from outside: HTTP, files, the command line; imports neither django_ops nor stack."""

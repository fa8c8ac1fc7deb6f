"""A site in proxy mode, the UI behind it, and clients of both: each in a process of its own."""

"""What happened, as frozen data: no Django, no I/O but the slot's lock file."""

"""The stack's secrets: generated once, one directory for each group of readers, rotated on request."""

"""What the project is made of: lists of parts, known holes in them, and digests of images. `python -m supply`."""

"""Stand-ins for the images that compose.yml names, for machines that reach no image registry."""

"""The server inventory: data centres, environments, servers and tags."""

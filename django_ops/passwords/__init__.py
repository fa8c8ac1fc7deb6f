"""Password history: the last passwords of a user cannot be used again."""

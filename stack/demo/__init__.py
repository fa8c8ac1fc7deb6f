"""Pages that misbehave on purpose, and traffic for them. Switched on by DEMO=1, never in production."""

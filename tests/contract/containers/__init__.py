"""What every container must be like: the rules H1 to H26 as functions, and proof that each can fail."""

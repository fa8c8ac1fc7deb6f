"""Decisions that several rooms share: whom to believe, whom to let in, what stores may hold."""

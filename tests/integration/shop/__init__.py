"""A project with tasks, whose workers the tests start as their users do."""

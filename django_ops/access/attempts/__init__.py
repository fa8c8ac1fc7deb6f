"""Failed sign-ins: how many an account and an address may have, wherever a password is checked."""

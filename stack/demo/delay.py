"""How long a page may be made to wait."""

LONGEST_DELAY_SECONDS = 10.0


def delay_seconds(text: str) -> float:
    """Return the seconds that `text` asks for, from 0 to LONGEST_DELAY_SECONDS; 1 when it is no number."""
    try:
        wanted = float(text)
    except ValueError:
        return 1.0
    return min(wanted, LONGEST_DELAY_SECONDS) if wanted > 0 else 0.0

"""Money is counted in whole nano-dollars, so that sums are exact; the wire shows dollars."""

NANOS_PER_DOLLAR = 1_000_000_000
NANOS_PER_TEN_THOUSANDTH = 100_000
UNBOUNDED_NANOS = 1_000_000 * NANOS_PER_DOLLAR
"""A budget of so much bounds nothing: a chat's, which has no end."""


def to_usd(nanos: int) -> float:
    """Nano-dollars as dollars, rounded to what JSON readers show without noise."""
    return round(nanos / NANOS_PER_DOLLAR, 9)


def usd_that_holds(nanos: int) -> str:
    """Dollars as a person passes them for a budget: four digits, never less than the nano-dollars."""
    return f"{-(-nanos // NANOS_PER_TEN_THOUSANDTH) / 10_000:.4f}"


def to_nanos(usd: float) -> int:
    """Dollars as nano-dollars, to the nearest."""
    return round(usd * NANOS_PER_DOLLAR)

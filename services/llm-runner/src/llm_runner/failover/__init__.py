"""Where a generation goes when its target fails: circuit breakers, and the next route of its chain."""

"""Everything that knows how providers are spoken to."""

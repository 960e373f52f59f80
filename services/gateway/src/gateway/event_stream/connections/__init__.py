"""Open responses: how many, their writes and wake-ups, their ends."""

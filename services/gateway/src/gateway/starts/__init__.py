"""How a start becomes a run: planned, estimated, accepted once."""

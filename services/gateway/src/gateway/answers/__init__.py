"""One answer, followed from its run's events to its last byte, for whoever reads it and in whatever format."""

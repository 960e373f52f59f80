"""The streams, durables and indexes this system needs, owned here and nowhere else."""

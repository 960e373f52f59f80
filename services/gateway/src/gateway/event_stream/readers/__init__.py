"""What one reader is sent: where it begins, the events of a run, or its status."""

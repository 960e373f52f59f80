"""NATS as this product uses it: subjects, publishing, settling, history."""

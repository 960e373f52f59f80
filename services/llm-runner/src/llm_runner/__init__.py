"""The only service that calls models."""

"""The REST and event-stream door of Agent Wars."""

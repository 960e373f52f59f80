"""The Python client of Agent Wars and its command line."""

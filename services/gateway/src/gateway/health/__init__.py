"""Whether the parts of the system answer."""

"""A request from its bytes to the app, and the answer back: what holds for every path alike."""

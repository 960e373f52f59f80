"""What services and clients say to each other: frozen, typed, additive. No I/O, no driver."""

"""What the command line shows: pure views of what the gateway said."""

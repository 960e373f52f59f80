"""Work that was given up: shown, and put back."""

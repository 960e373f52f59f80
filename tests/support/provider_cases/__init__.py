"""What providers really answer, as data: each case with its bytes and what has to be understood of them."""

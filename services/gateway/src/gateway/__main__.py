"""`python -m gateway`."""

from gateway.http.server import main

main()

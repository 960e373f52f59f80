"""`python -m gateway`."""

from gateway.server.process import main

main()

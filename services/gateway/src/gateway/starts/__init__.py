"""How a start becomes a run.

`service.py` is the way in: it asks `idempotency.py` whether the same request was made before, has `planning.py` plan
the run (by `scenarios.py`, `participants.py` and `estimates.py`), and has it accepted, once.
"""

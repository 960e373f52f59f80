"""The `gap` event: events of a run that its readers never got, and where to read what they said."""

from gateway.event_stream.log.frames import EventEncoder, named_json
from shared.contracts.timestamps import iso, now


def gap_event(encoder: EventEncoder, run_id: str, position: int, first: int, last: int) -> bytes:
    """Says that the events from `first` to `last` are missing; `position` is what readers have."""
    body: dict[str, object] = {
        "type": "gap",
        "schemaVersion": 1,
        "runId": run_id,
        "at": iso(now()),
        "from": encoder.identity(first),
        "to": encoder.identity(last),
        "reread": f"/api/runs/{run_id}/conversations",
    }
    return named_json("gap", body, encoder.identity(position))

"""The `snapshot` event: how a run stands, for a reader whose history is gone or who asked for no history."""

import json

from gateway.event_stream.log.frames import named_json
from shared.contracts.conversations import Conversation
from shared.contracts.enums import EntryKind
from shared.contracts.runs import Run, status_view
from shared.contracts.timestamps import iso, now
from shared.contracts.transcript import Entry, message_view
from shared.storage.owned import OwnedStore

MESSAGES_SHOWN_UP_TO = 20
"""Conversations; of a larger run the messages are read by REST."""


def snapshot_position(run: Run, up_to: int) -> int:
    """After which sequence a snapshot's reader goes on; `up_to` is the run's last one before the store was read.

    What is stored is stored before its event is published, so the snapshot holds what all events up to there said.
    A run that has ended without its last event being noted yet gets its reader one event back: `run.ended`.
    """
    if run.end_sequence is not None:
        return max(up_to, run.end_sequence)
    return max(0, up_to - 1) if run.terminal else up_to


async def snapshot(store: OwnedStore, run: Run, identity: str) -> bytes:
    """The snapshot event of a run that was read just now. Raises StoreUnavailable."""
    conversations = await store.conversations(run).all()
    transcripts: dict[str, list[Entry]] = {}
    if run.total <= MESSAGES_SHOWN_UP_TO:
        transcripts = await store.entries(run).of_conversations([conversation.id for conversation in conversations])
    body: dict[str, object] = {
        "type": "snapshot",
        "schemaVersion": 1,
        "runId": run.id,
        "at": iso(now()),
        **json.loads(status_view(run).to_json()),
        "conversations": [_shown(conversation, transcripts.get(conversation.id)) for conversation in conversations],
    }
    return named_json("snapshot", body, identity)


def _shown(conversation: Conversation, transcript: list[Entry] | None) -> dict[str, object]:
    reason = conversation.ended_reason
    shown: dict[str, object] = {"id": conversation.id, "lastSeq": conversation.messages}
    if transcript is not None:
        # A conversation's totals are set after its end is told: its transcript knows first.
        reason = next((entry.ended_reason for entry in transcript if entry.kind is EntryKind.ENDED), reason)
        messages = [message_view(entry) for entry in transcript if entry.kind is EntryKind.MESSAGE]
        shown["lastSeq"] = messages[-1].seq if messages else 0
        shown["messages"] = [json.loads(message.to_json()) for message in messages]
    return shown | {
        "status": "ended" if reason else "running",
        "endedReason": reason,
        "goalReached": conversation.goal_reached,
    }

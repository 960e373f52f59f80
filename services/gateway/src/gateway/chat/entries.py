"""The entries that a decision adds to a chat. Made at the moment they are asked for."""

from gateway.chat.decide import AddMessage
from shared.contracts.enums import EntryKind, Side
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry


def rewind_entry(run: Run, seq: int, rewind_to: int) -> Entry:
    """Takes back what stands above `rewind_to`."""
    return Entry(
        conversation_id=run.id,
        run_id=run.id,
        tenant=run.tenant,
        seq=seq,
        kind=EntryKind.REWIND,
        created_at=now(),
        rewind_to=rewind_to,
    )


def message_entry(run: Run, seq: int, said: AddMessage) -> Entry:
    """What a person says."""
    return Entry(
        conversation_id=run.id,
        run_id=run.id,
        tenant=run.tenant,
        seq=seq,
        kind=EntryKind.MESSAGE,
        created_at=now(),
        side=Side.OPPONENT,
        content=said.utterance.text,
        client_message_id=said.client_message_id,
        parts=said.utterance.parts,
        tool_results=said.utterance.results,
    )

"""What this process knows of the chats it has served, so that they are read no more than they have to be.

A run is as it was seen last, and only says which chat is meant. A transcript is as it was when an answer was read here
last: it may have gone on since, which the insert of what follows shows.
"""

from typing import Any, Final

from gateway.chat.decide import ChatState, chat_state
from shared.bounded_cache import BoundedCache, held_bytes
from shared.contracts.enums import EntryKind
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.storage.transcript_cache import TranscriptCache

RUNS_BYTES: Final = 32 * 1024 * 1024


class ChatCache:
    """Runs by the names they are asked for by, transcripts by run."""

    def __init__(self) -> None:
        self._runs: BoundedCache[tuple[Owner, str], Run] = BoundedCache(RUNS_BYTES)
        self._transcripts = TranscriptCache()

    def run(self, owner: Owner, reference: str) -> Run | None:
        """The owner's run that was last found under a name."""
        return self._runs.get((owner, reference))

    def chat(self, owner: Owner, reference: str) -> tuple[Run, ChatState] | None:
        """The owner's chat as it was when an answer of it was read here last."""
        run = self.run(owner, reference)
        entries = self._transcripts.beginning(run.id) if run else []
        return (run, chat_state(run, entries)) if run and entries else None

    def keep(self, reference: str, run: Run) -> None:
        """The run was found under a name."""
        name = (run.owner, reference)
        before = self._runs.get(name)
        # What a run takes is what its settings take; they are the same each time, and are not measured again.
        same = before is not None and before.settings is run.settings
        self._runs.keep(name, run, self._runs.size(name) if same else held_bytes(run))

    def answered(self, run: Run, chat: ChatState, seq: int, message: dict[str, Any]) -> None:
        """The answer at `seq` was read to its end: `message` is what its event said, `chat` what stood before it."""
        if seq == chat.next_seq:
            stored = {**message, "tenant": run.tenant, "kind": EntryKind.MESSAGE}
            self._transcripts.keep(run.id, [*chat.entries, Entry.model_validate(stored)])

    def forget(self, owner: Owner, reference: str) -> None:
        """The owner has no run under this name."""
        self._runs.forget((owner, reference))

    def forget_run(self, run_id: str) -> None:
        """The chat was deleted: nothing of it is remembered under any name."""
        self._runs.forget_all(lambda run: run.id == run_id)
        self.forget_transcript(run_id)

    def forget_transcript(self, run_id: str) -> None:
        """The chat went on elsewhere."""
        self._transcripts.forget(run_id)

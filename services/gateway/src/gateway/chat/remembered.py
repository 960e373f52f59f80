"""What this process knows of the chats it has served, so that they are read no more than they have to be.

A run is as it was seen last, and only says which chat is meant. A transcript is as it was when an answer was read here
last: it may have gone on since, which the insert of what follows shows.
"""

from collections import OrderedDict
from typing import Any, Final

from gateway.chat.deciding import Known, known
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry
from shared.contracts.words import EntryKind
from shared.storage.transcripts import KnownTranscripts

RUNS_KEPT: Final = 5_000


class RememberedChats:
    """Runs by the names they are asked for by, transcripts by run."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[Owner, str], Run] = OrderedDict()
        self._transcripts = KnownTranscripts()

    def run(self, owner: Owner, reference: str) -> Run | None:
        """The owner's run that was last found under a name."""
        return self._runs.get((owner, reference))

    def chat(self, owner: Owner, reference: str) -> tuple[Run, Known] | None:
        """The owner's chat as it was when an answer of it was read here last."""
        run = self.run(owner, reference)
        entries = self._transcripts.beginning(run.id) if run else []
        return (run, known(run, entries)) if run and entries else None

    def keep(self, reference: str, run: Run) -> None:
        """The run was found under a name."""
        self._runs[run.owner, reference] = run
        self._runs.move_to_end((run.owner, reference))
        if len(self._runs) > RUNS_KEPT:
            self._runs.popitem(last=False)

    def answered(self, run: Run, chat: Known, seq: int, message: dict[str, Any]) -> None:
        """The answer at `seq` was read to its end: `message` is what its event said, `chat` what stood before it."""
        if seq == chat.next_seq:
            stored = {**message, "tenant": run.tenant, "kind": EntryKind.MESSAGE}
            self._transcripts.keep(run.id, [*chat.entries, Entry.model_validate(stored)])

    def forget(self, owner: Owner, reference: str) -> None:
        """The owner has no run under this name."""
        self._runs.pop((owner, reference), None)

    def forget_transcript(self, run_id: str) -> None:
        """The chat went on elsewhere."""
        self._transcripts.forget(run_id)

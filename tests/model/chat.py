"""The system of one chat: beside the engine's processes a person, whose gateway dies wherever a history wants it to."""

from datetime import timedelta
from typing import Any

from model.system import System
from shared.contracts.enums import EntryKind, RunKind, Side, Wanted
from shared.contracts.events import MessageAdded
from shared.contracts.money import UNBOUNDED_NANOS
from shared.contracts.runs import Run
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, fold
from shared.contracts.work import RunCommanded
from shared.errors import Taken
from support.builders import ANYBODY
from support.builders import run as sample_run

A_CENTURY = timedelta(days=36525)
KEPT = timedelta(days=30)
TOLD, ASKED, INSERTED = 2, 1, 0
"""How far a gateway came with a message before it died: all the way, without telling anyone, without asking even."""


class ChatSystem(System):
    """One history of a chat."""

    def start_chat(self, played: ConversationSettings, *, told: bool = True) -> None:
        """A person begins: the run is stored, and its command published unless the gateway dies in between."""
        moment = now()
        made = sample_run(id="chat", kind=RunKind.CHAT, played=played, concurrency=1, budget_nanos=UNBOUNDED_NANOS)
        fields: dict[str, object] = {
            "settings": made.settings.model_copy(update={"time_limit_seconds": A_CENTURY.total_seconds()}),
            "deadline_at": moment + A_CENTURY,
            "asked_seq": len(played.given),
            "asked_at": moment,
            "expires_at": moment + KEPT,
        }
        self.run_id = made.id
        self.hand.do(self.store.runs.insert(made.model_copy(update=fields)))
        if told:
            self.command(0)
        else:
            self.may_sweep = True

    def entries(self) -> list[Entry]:
        found: list[Entry] = self.hand.do(self.store.entries.transcript(self.run_id))
        return found

    def owed(self) -> bool:
        """Whether a person who writes now is told to wait for the answer."""
        entries = self.entries()
        counting = fold(entries)
        return not entries or (bool(counting) and counting[-1].side is Side.OPPONENT)

    def say(self, far: int = TOLD) -> None:
        """The person writes, unless an answer is owed (busy)."""
        if not self.owed():
            self._write(far, kind=EntryKind.MESSAGE, side=Side.OPPONENT, content=f"question {len(self.entries())}")

    def regenerate(self, far: int = TOLD) -> None:
        """The person wants the last answer anew."""
        counting = fold(self.entries())
        if not self.owed() and len(counting) > 1:
            self._write(far, kind=EntryKind.REWIND, rewind_to=counting[-2].seq)

    def edit(self, far: int = TOLD) -> None:
        """The person takes the last question back, and asks another; the gateway may die between the two."""
        counting = fold(self.entries())
        if not self.owed() and len(counting) > 1:
            self._insert(kind=EntryKind.REWIND, rewind_to=counting[-2].seq - 1)
            if far != INSERTED:
                self._write(far, kind=EntryKind.MESSAGE, side=Side.OPPONENT, content="another question")

    def reserves(self) -> bool:
        """Whether a slot is open: an answer's, or a memory's, which takes that of the judges that a chat has not."""
        slots = self.around.tables["runs"].documents[0]["slots"]
        return any(slot.get("open") for pair in slots.values() for slot in pair.values())

    def stop(self, *, signalled: bool) -> None:
        """The person has had enough of the answer that is owed."""
        if self.entries() and self.owed():
            seq = len(self.entries()) + 1
            self.hand.do(self.store.runs.stop_answer(ANYBODY, self.run_id, seq))
            if signalled:
                self.signal(wanted="stop", conversationId=self.run_id, seq=seq)

    def ask_again(self) -> None:
        """The client repeats its request, which was never answered: the gateway finds the message and tells again.

        What a chat begins with is the engine's to tell: of that only the command is published once more.
        """
        run, entries = self.run(), self.entries()
        if not self.owed() or run.control.wanted is Wanted.CANCEL:
            return
        if len(entries) <= len(run.settings.scenarios[0].given):
            self.command(run.control.version)
        else:
            self._ask(entries[-1])
            self._tell(run, entries, proven=False)

    def _write(self, far: int, **fields: Any) -> None:
        run, before = self.run(), self.entries()
        entry = self._insert(**fields)
        if entry is None:
            return
        if far == TOLD:
            self._ask(entry)
            self._tell(run, [*before, entry], proven=True)
        elif far == ASKED:
            self.may_sweep = True
            self._ask(entry)

    def _insert(self, **fields: Any) -> Entry | None:
        """The entry, or None where something stands in its place already: an end."""
        common = {"conversation_id": self.run_id, "run_id": self.run_id, "tenant": "default", "created_at": now()}
        entries = self.entries()
        if any(entry.kind is EntryKind.ENDED for entry in entries):
            return None
        entry = Entry.model_validate(common | fields | {"seq": len(entries) + 1})
        try:
            self.hand.do(self.store.entries.insert(entry))
        except Taken:
            return None
        return entry

    def _ask(self, entry: Entry) -> None:
        self.hand.do(self.store.runs.ask(ANYBODY, self.run_id, entry.seq, entry.created_at, entry.created_at + KEPT))

    def _tell(self, run: Run, entries: list[Entry], *, proven: bool) -> None:
        """The facts that have to be out, also an answer's that no look has heard of, and the command behind them."""
        given, entry = len(run.settings.scenarios[0].given), entries[-1]
        answers = [one for one in entries if one.side is Side.AGENT and one.seq > given]
        if answers and answers[-1].seq > run.current_turn:
            self.hand.do(self.publisher.event(MessageAdded.of(answers[-1])))
        travels = proven and entry.kind is EntryKind.MESSAGE
        if entry.kind is EntryKind.MESSAGE and not travels:
            self.hand.do(self.publisher.event(MessageAdded.of(entry)))
        command = RunCommanded(
            run_id=self.run_id,
            at=now(),
            conversation_id=self.run_id,
            message_seq=entry.seq,
            stored_at=entry.created_at if proven else None,
            question=entry if travels else None,
        )
        self.hand.do(self.publisher.work(command))

    def at_rest(self) -> bool:
        run = self.run()
        holds = any(process.service.jobs.count for process in self.crew.values() if process.service.jobs)
        if self.broker.work.messages or holds or self.waiting():
            return False
        if run.control.wanted is Wanted.CANCEL:
            return run.end_sequence is not None
        return not self.owed() and run.current_turn >= run.asked_seq

    def _state(self) -> str:
        told = [(entry.seq, entry.kind, entry.side, entry.rewind_to) for entry in self.entries()]
        return f"entries {told}; {super()._state()}"

    def until_quiet(self) -> None:
        """As every run, but that the client of a gateway that died asks again."""
        for process in self.crew.values():
            if process.frozen:
                self.wake(process)
        self.ask_again()
        super().until_quiet()

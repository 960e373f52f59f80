"""Chats of a caller: found, begun, gone on with, resumed and stopped."""

import asyncio
from datetime import timedelta
from typing import Final

from gateway.access.callers import Caller
from gateway.chat.answers import Answer
from gateway.chat.cache import ChatCache
from gateway.chat.commands import ChatCommands
from gateway.chat.decide import AddMessage, AnswerAgain, Attach, Busy, ChatState, Decision, chat_state
from gateway.chat.entries import message_entry, rewind_entry
from gateway.errors import Conflict, NotFound
from gateway.runs.commands import RunCommands
from shared.contracts import subjects
from shared.contracts.enums import RunKind, Side, Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry
from shared.errors import BrokerUnavailable, NotYet, Taken
from shared.logs import Logger
from shared.messaging import history
from shared.messaging.connection import Connection
from shared.storage.owned import StoreOf

READS_AFTER_A_LOSS: Final = 10
READ_PAUSE_SECONDS: Final = 0.05
CLOCKS_DIFFER: Final = timedelta(minutes=5)


class Chats:
    """The chats of this installation. Every insert may lose: then what stands there is read and decides."""

    def __init__(
        self,
        store_of: StoreOf,
        connection: Connection,
        commands: RunCommands,
        chat_commands: ChatCommands,
        days_kept: float,
        log: Logger,
    ) -> None:
        self._store_of = store_of
        self._connection = connection
        self._commands = commands
        self._chat_commands = chat_commands
        self._kept = timedelta(days=days_kept)
        self._log = log
        self.cache = ChatCache()

    def check_broker(self) -> None:
        """Raises BrokerUnavailable where an answer could not be followed now."""
        if not self._connection.connected:
            raise BrokerUnavailable("an answer", ConnectionError("not connected"))

    async def find(self, caller: Caller, reference: str) -> Run | None:
        """The caller's own chat by its id or the client's, or None. Raises NotFound for what is no chat."""
        return self._cached(caller, reference, await self._store_of(caller.owner).runs.find(reference))

    async def open(self, caller: Caller, reference: str) -> tuple[Run, ChatState] | None:
        """The caller's own chat and how it stands, in one round trip where its id is known; None where there is none.

        One that was deleted is there as long as its name is. Raises NotFound for what is no chat.
        """
        last = self.cache.run(caller.owner, reference)
        if last is None:
            found = await self._store_of(caller.owner).runs.find(reference, forgotten=True)
            run = self._cached(caller, reference, found)
            return (run, await self.read(run)) if run else None
        store = self._store_of(caller.owner)
        found, entries = await asyncio.gather(store.runs.get(last.id), store.entries(last).transcript(last.id))
        run = self._cached(caller, reference, found)
        return (run, chat_state(run, entries)) if run else None

    async def get(self, caller: Caller, reference: str) -> Run:
        """The caller's own chat. Raises NotFound, also for one that was deleted."""
        run = await self.find(caller, reference)
        if run is None or run.control.wanted is Wanted.CANCEL:
            raise NotFound("chat", reference)
        return run

    async def read(self, run: Run) -> ChatState:
        """The chat as it stands."""
        return chat_state(run, await self._store_of(run.owner).entries(run).transcript(run.id))

    async def begin(self, run: Run) -> Answer | None:
        """Stores a new chat and has the engine answer it; None where its client's id was taken meanwhile."""
        try:
            await self._store_of(run.owner).runs.insert(run)
        except Taken:
            return None
        self._log.info("chat begun", run_id=run.id)
        if run.client_id is not None:
            self.cache.keep(run.client_id, run)
        await self._commands.announce(run)
        chat = chat_state(run, ())
        return Answer(run, chat, chat.next_seq, after=0)

    async def go_on(self, run: Run, chat: ChatState, decision: Decision, above: int) -> Answer | None:
        """Does what was decided; None where the chat went on meanwhile, and it has to be decided anew.

        `above` is a sequence that stands on the stream already. Raises Conflict where an answer is owed already.
        """
        match decision:
            case Busy():
                await self._attached(Answer(run, chat, chat.next_seq))
                sentence = "The chat's last message is being answered: wait for the answer, or stop it."
                raise Conflict("busy", sentence, conversationId=run.id, seq=chat.next_seq)
            case Attach(seq):
                return await self._attached(Answer(run, chat, seq))
            case AnswerAgain(rewind_to):
                entry = rewind_entry(run, chat.next_seq, rewind_to)
            case AddMessage():
                seq = chat.next_seq
                if decision.rewind_to is not None:
                    if not await self._inserted(run, rewind_entry(run, seq, decision.rewind_to)):
                        return None
                    seq += 1
                entry = message_entry(run, seq, decision)
        return await self._added(run, chat, entry, _unheard(run, chat), above)

    async def add_at_once(self, run: Run, chat: ChatState, said: AddMessage, above: int) -> Answer | None:
        """Adds a message to a chat that is only remembered; None where it was gone on with, or deleted, meanwhile.

        That the insert finds its seq free shows that nothing was added, and the last answer's fact was seen here.
        """
        return await self._added(run, chat, message_entry(run, chat.next_seq, said), None, above)

    async def _added(self, run: Run, chat: ChatState, entry: Entry, before: Entry | None, above: int) -> Answer | None:
        """Stores the entry that makes an answer owed; the run says so, and is read, while the engine is told.

        `before` is an answer of which perhaps no look has heard.
        """
        if not await self._inserted(run, entry):
            await self._not_said(run, entry)
            return None
        asked, _ = await asyncio.gather(self._ask(run, entry), self._chat_commands.announce(entry, before))
        if asked is None:
            await self._not_said(run, entry)
            return None
        return Answer(asked, chat_state(asked, [*chat.entries, entry]), entry.seq + 1, after=above)

    async def _ask(self, run: Run, entry: Entry) -> Run | None:
        """The run that is asked, as it is now; None where it was deleted, or is to be."""
        until = entry.created_at + self._kept
        return await self._store_of(run.owner).runs.ask(run.id, entry.seq, entry.created_at, until)

    async def _not_said(self, run: Run, entry: Entry) -> None:
        """The chat went on, or was deleted, meanwhile."""
        self.cache.forget_transcript(run.id)
        store = self._store_of(run.owner)
        if await store.runs.get(run.id) is None:
            # With its run all of the chat is gone, so nothing would ever delete this.
            await store.entries(run).delete(run.id)

    async def wait_for_change(self, run: Run, chat: ChatState) -> ChatState:
        """The chat after an insert into it has lost; for a moment what won may not be readable. Raises NotYet."""
        for _ in range(READS_AFTER_A_LOSS):
            found = await self.read(run)
            if len(found.entries) > len(chat.entries):
                return found
            await asyncio.sleep(READ_PAUSE_SECONDS)
        raise NotYet(f"what stands in chat {run.id} at {chat.next_seq}")

    async def last_answer(self, run: Run) -> Answer | None:
        """The answer that is owed, or the last one that counts; None where there is neither."""
        chat = await self.read(run)
        if not chat.owed:
            return Answer(run, chat, chat.last.seq) if chat.last else None
        answer = Answer(run, chat, chat.next_seq)
        asked = answer.question is None or answer.question.seq <= run.asked_seq
        # Else its gateway died, or the store did not say in time that it has it: whoever looks for the answer tells.
        return answer if asked else await self._attached(answer)

    async def stop(self, run: Run, seq: int) -> None:
        """Has the answer at `seq` end with what it has."""
        await self._store_of(run.owner).runs.stop_answer(run.id, seq)
        await self._chat_commands.stop(run.id, seq)

    async def beginning_of(self, answer: Answer) -> int:
        """A sequence below the answer's first event. Raises BrokerUnavailable."""
        if answer.after is not None:
            return answer.after
        if answer.question is None or answer.seq <= len(answer.run.settings.scenarios[0].given) + 1:
            return 0
        subject = subjects.everything(answer.run.id)
        since = answer.question.created_at - CLOCKS_DIFFER
        client = self._connection.client
        first = await history.first_since(client, subjects.RUN_EVENTS, subject, since)
        if first is not None:
            return first.sequence - 1
        return await history.last_sequence(client, subjects.RUN_EVENTS, subject)

    def _cached(self, caller: Caller, reference: str, run: Run | None) -> Run | None:
        """What was found, remembered under its name."""
        if run is None:
            self.cache.forget(caller.owner, reference)
            return None
        if run.kind is not RunKind.CHAT:
            raise NotFound("chat", reference)
        self.cache.keep(reference, run)
        return run

    async def _attached(self, answer: Answer) -> Answer:
        """Whoever asks again may know better than we do that nobody was told: the engine is told once more.

        Its gateway may have died before the run said what was asked, so that no sweeper would find it.
        """
        question = answer.question
        if answer.standing is None and question is not None:
            runs = self._store_of(answer.run.owner).runs
            await runs.ask(answer.run.id, question.seq, question.created_at, now() + self._kept)
            if answer.run.control.handled < answer.run.control.version:
                await self._commands.announce(answer.run)
            if question.seq > len(answer.run.settings.scenarios[0].given):
                await self._chat_commands.announce(question, _unheard(answer.run, answer.chat), just_now=False)
        return answer

    async def _inserted(self, run: Run, entry: Entry) -> bool:
        try:
            await self._store_of(run.owner).entries(run).insert(entry)
        except Taken:
            return False
        return True


def _unheard(run: Run, chat: ChatState) -> Entry | None:
    """The last answer, where no look has heard of it yet."""
    last = next((one for one in reversed(chat.entries) if one.side is Side.AGENT), None)
    generated = last is not None and last.seq > len(run.settings.scenarios[0].given)
    return last if last is not None and generated and last.seq > run.current_turn else None

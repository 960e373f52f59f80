"""What a posted message means for a chat that is known. Pure.

the last line that counts      what is posted                       decision
─────────────────────────      ──────────────                       ────────
a person's (answer owed)       the same message again               Attach to the answer
                               anything else                        Busy
an answer                      a new message                        Say
                               an old one with other words          Say, taking back what follows
                               an old one, to be answered again     AnswerAgain
                               the newest one again                 Attach
an answer that asked for tools what they gave                       Say
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.chat.utterances import Utterance
from gateway.chat.wire_messages import SentMessage
from gateway.errors import FieldProblem, InvalidRequest
from shared.contracts.enums import EntryKind, Side
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, fold


@dataclass(frozen=True, slots=True)
class ChatState:
    """A chat as it stands: every entry, and the messages that count."""

    entries: list[Entry]
    messages: list[Entry]

    @property
    def next_seq(self) -> int:
        return len(self.entries) + 1

    @property
    def last(self) -> Entry | None:
        return self.messages[-1] if self.messages else None

    @property
    def owed(self) -> bool:
        """Whether the next entry is an answer."""
        return self.last is not None and self.last.side is Side.OPPONENT

    @property
    def closed(self) -> bool:
        return any(entry.kind is EntryKind.ENDED for entry in self.entries)

    def answer_of(self, place: int) -> int:
        """The seq of the answer to the message at a place among those that count: it stands, or is owed."""
        return self.messages[place + 1].seq if place + 1 < len(self.messages) else self.next_seq

    def place_of(self, client_message_id: str) -> int | None:
        """Where a client's message stands among those that count, by its id or by ours."""
        for place, message in enumerate(self.messages):
            own = base_id(message)
            if client_message_id in (own, shown_id(message)):
                return place
        return None


def chat_state(run: Run, stored: Sequence[Entry]) -> ChatState:
    """The chat of a run. While the engine has not stored what its first request brought, that stands for it."""
    given = run.settings.scenarios[0].given
    entries = list(stored)
    for seq in range(len(entries) + 1, len(given) + 1):
        one = given[seq - 1]
        entries.append(
            Entry(
                conversation_id=run.id,
                run_id=run.id,
                tenant=run.tenant,
                seq=seq,
                kind=EntryKind.MESSAGE,
                created_at=run.created_at,
                side=one.side,
                content=one.content,
                client_message_id=one.client_message_id,
                author=one.author,
                parts=one.parts,
                tool_calls=one.tool_calls,
                tool_results=one.tool_results,
            )
        )
    return ChatState(entries, fold(entries))


def base_id(entry: Entry) -> str | None:
    """The client's own id of a message: what replaces an edited one adds `#` and where."""
    return entry.client_message_id.partition("#")[0] if entry.client_message_id else None


def shown_id(entry: Entry) -> str:
    """The id under which clients are shown a message."""
    own = base_id(entry) if entry.side is Side.OPPONENT else None
    return own or f"{entry.conversation_id}:{entry.seq}"


@dataclass(frozen=True, slots=True)
class Attach:
    """Follow the answer at `seq`: it stands, or is owed."""

    seq: int


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Add the utterance as a person's, after taking back what stands above `rewind_to`."""

    utterance: Utterance
    client_message_id: str | None
    rewind_to: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerAgain:
    """Take back what stands above `rewind_to`, a person's message, and answer that."""

    rewind_to: int


@dataclass(frozen=True, slots=True)
class Busy:
    """An answer is owed: nothing else can be said."""


Decision = Attach | AddMessage | AnswerAgain | Busy


def decide(chat: ChatState, sent: Sequence[SentMessage], *, trigger: str | None, named: str | None) -> Decision:
    """What the request asks for; `named` is its `messageId`. Raises InvalidRequest where it asks for nothing."""
    spoken = [message for message in sent if message.role != "system"]
    if trigger == "regenerate-message":
        return _again(chat, spoken[-1] if spoken else None, named)
    if not spoken:
        raise InvalidRequest(FieldProblem("messages", "must hold a message to be answered"))
    last = spoken[-1]
    if last.role == "assistant":
        return _tool_outputs(chat, last)
    if last.id is not None and (place := chat.place_of(last.id)) is not None:
        return _same(chat, place, last, edited=named == last.id)
    if last.id is None and trigger is None and len(spoken) > 1:
        return _by_place(chat, spoken)
    return _new(chat, last)


def _again(chat: ChatState, last: SentMessage | None, named: str | None) -> Decision:
    """Regenerate: the answer that is named, or the answer to the message that is named; else the last one."""
    place = chat.place_of(named) if named else None
    if place is None and last is not None and last.role == "user" and last.id:
        place = chat.place_of(last.id)
    if place is None:
        place = len(chat.messages) - 1
    while place >= 0 and chat.messages[place].side is not Side.OPPONENT:
        place -= 1
    if place < 0:
        raise InvalidRequest(FieldProblem("messageId", "names no answer that could be given again"))
    if place == len(chat.messages) - 1:
        return Attach(chat.next_seq)
    return Busy() if chat.owed else AnswerAgain(chat.messages[place].seq)


def _same(chat: ChatState, place: int, last: SentMessage, *, edited: bool) -> Decision:
    """A message that is known: asked again, or with other words."""
    message = chat.messages[place]
    utterance = _utterance(last)
    if not edited or (message.content or "", message.parts) == (utterance.text, utterance.parts):
        return Attach(chat.answer_of(place))
    return _replace(chat, place, last)


def _replace(chat: ChatState, place: int, last: SentMessage) -> Decision:
    if chat.owed:
        return Busy()
    before = chat.messages[place - 1].seq if place else 0
    return AddMessage(_utterance(last), _free_id(chat, last.id), rewind_to=before)


def _by_place(chat: ChatState, spoken: Sequence[SentMessage]) -> Decision:
    """AI SDK 4 names no messages: where the last one stands says which it is, if what is before it is known too."""
    place, last = len(spoken) - 1, spoken[-1]
    known_before = [message.side for message in chat.messages[:place]] == [
        Side.AGENT if message.role == "assistant" else Side.OPPONENT for message in spoken[:-1]
    ]
    if not known_before or place >= len(chat.messages) or chat.messages[place].side is not Side.OPPONENT:
        return _new(chat, last)
    if (chat.messages[place].content or "") != last.text:
        return _replace(chat, place, last)
    return Attach(chat.next_seq) if chat.owed else AnswerAgain(chat.messages[place].seq)


def _tool_outputs(chat: ChatState, last: SentMessage) -> Decision:
    """What the tools of the last answer gave."""
    asking = next((one for one in reversed(chat.messages) if one.side is Side.AGENT and one.tool_calls), None)
    asked = {call.id for call in asking.tool_calls} if asking else set()
    outputs = tuple(result for result in last.results if result.tool_call_id in asked)
    if asking is None or not outputs:
        message = "ends with an answer, and holds no output of a tool that it asked for: there is nothing to answer"
        raise InvalidRequest(FieldProblem(last.where, message))
    identity = f"{answer_id(chat.messages, asking.seq, shown_id(asking))}:tools:{asking.seq}"
    place = next((at for at, one in enumerate(chat.messages) if one.client_message_id == identity), None)
    if place is not None:
        return Attach(chat.answer_of(place))
    if chat.last is not asking:
        return Busy() if chat.owed else Attach(chat.messages[-1].seq)
    return AddMessage(Utterance(Side.OPPONENT, results=outputs), identity)


def answer_id(messages: Sequence[Entry], seq: int, own: str) -> str:
    """The id of the message an answer is part of: what follows tools goes on in the message that asked for them.

    `messages` are those that count, `own` is the id of an answer that begins a message.
    """
    found = own
    for message in reversed([one for one in messages if one.seq < seq]):
        if message.side is Side.AGENT:
            found = shown_id(message)
        elif not message.tool_results or message.content:
            break
    return found


def _new(chat: ChatState, last: SentMessage) -> Decision:
    return Busy() if chat.owed else AddMessage(_utterance(last), _free_id(chat, last.id))


def _utterance(last: SentMessage) -> Utterance:
    return last.utterances[0] if last.utterances else Utterance(Side.OPPONENT)


def _free_id(chat: ChatState, wanted: str | None) -> str | None:
    """The client's id, with the place of the entry where a message that was taken back has it already."""
    if wanted is None or all(base_id(entry) != wanted for entry in chat.entries):
        return wanted
    return f"{wanted}#{chat.next_seq}"

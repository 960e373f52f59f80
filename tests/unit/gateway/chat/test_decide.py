"""What a posted message means for a chat that is known: a table."""

from typing import Any

import pytest

from gateway.chat.decide import (
    AddMessage,
    AnswerAgain,
    Attach,
    Busy,
    ChatState,
    Decision,
    answer_id,
    chat_state,
    decide,
    shown_id,
)
from gateway.chat.utterances import Utterance
from gateway.chat.wire_messages import read_messages
from gateway.errors import InvalidRequest
from shared.contracts.enums import EntryKind, RunKind, Side
from shared.contracts.settings import GivenMessage
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, ToolCall, ToolResult, fold
from unit.gateway.event_stream.memory_source import a_run

CALLS = (ToolCall(id="c1", name="weather", input="{}"), ToolCall(id="c2", name="time", input="{}"))
RESULTS = (ToolResult(tool_call_id="c1", output="7"), ToolResult(tool_call_id="c2", output="8"))


def line(seq: int, side: Side, text: str = "", **more: Any) -> Entry:
    base = {"conversation_id": "chat", "run_id": "chat", "tenant": "default", "seq": seq, "created_at": now()}
    return Entry.model_validate(base | {"kind": EntryKind.MESSAGE, "side": side, "content": text} | more)


def rewind(seq: int, to: int) -> Entry:
    base = {"conversation_id": "chat", "run_id": "chat", "tenant": "default", "seq": seq, "created_at": now()}
    return Entry.model_validate(base | {"kind": EntryKind.REWIND, "rewind_to": to})


def person(seq: int, text: str = "", identity: str | None = None, **more: Any) -> Entry:
    return line(seq, Side.OPPONENT, text, client_message_id=identity, **more)


def agent(seq: int, text: str = "", **more: Any) -> Entry:
    return line(seq, Side.AGENT, text, **more)


def chat(*entries: Entry) -> ChatState:
    return ChatState(list(entries), fold(entries))


TWO = chat(person(1, "Hi", "m1"), agent(2, "Hello."), person(3, "And?", "m2"), agent(4, "So."))
OWED = chat(person(1, "Hi", "m1"), agent(2, "Hello."), person(3, "And?", "m2"))


def user(text: str, identity: str | None = None) -> dict[str, Any]:
    return {"role": "user", "content": text} | ({"id": identity} if identity else {})


def answered(text: str = "Hello.", identity: str | None = None) -> dict[str, Any]:
    return {"role": "assistant", "content": text} | ({"id": identity} if identity else {})


def asked(*parts: str) -> dict[str, Any]:
    done = [{"type": "tool-weather", "toolCallId": one, "state": "output-available", "output": 7} for one in parts]
    return {"role": "assistant", "id": "chat:2", "parts": [{"type": "text", "text": "Look."}, *done]}


def say(text: str, identity: str | None = None, rewind_to: int | None = None) -> AddMessage:
    return AddMessage(Utterance(Side.OPPONENT, text), identity, rewind_to)


SUBMIT, AGAIN = "submit-message", "regenerate-message"


@pytest.mark.parametrize(
    ("known_chat", "posted", "trigger", "named", "wanted"),
    [
        # new
        (TWO, [user("More", "m3")], SUBMIT, None, say("More", "m3")),
        (TWO, [user("Hi", "m1"), answered(), user("More", "m3")], SUBMIT, None, say("More", "m3")),
        (TWO, [user("Hi")], None, None, say("Hi")),
        (OWED, [user("More", "m3")], SUBMIT, None, Busy()),
        # the same again
        (OWED, [user("And?", "m2")], SUBMIT, None, Attach(4)),
        (TWO, [user("And?", "m2")], SUBMIT, None, Attach(4)),
        (TWO, [user("And?", "m2")], SUBMIT, "m2", Attach(4)),
        (TWO, [user("Hi", "m1")], SUBMIT, None, Attach(2)),
        # edited
        (TWO, [user("But?", "m2")], SUBMIT, "m2", say("But?", "m2#5", rewind_to=2)),
        (TWO, [user("Hey", "m1")], SUBMIT, "m1", say("Hey", "m1#5", rewind_to=0)),
        (OWED, [user("But?", "m2")], SUBMIT, "m2", Busy()),
        # once more
        (TWO, [user("And?", "m2")], AGAIN, "chat:4", AnswerAgain(3)),
        (TWO, [user("And?", "m2")], AGAIN, None, AnswerAgain(3)),
        (TWO, [user("Hi", "m1")], AGAIN, "chat:2", AnswerAgain(1)),
        (TWO, [user("Hi", "m1")], AGAIN, "m1", AnswerAgain(1)),
        (TWO, [user("Hi", "m1")], AGAIN, "unknown", AnswerAgain(1)),
        (TWO, [user("Hi"), answered()], AGAIN, None, AnswerAgain(3)),
        (OWED, [user("And?", "m2")], AGAIN, None, Attach(4)),
        (TWO, [], AGAIN, None, AnswerAgain(3)),
        (OWED, [user("Hi", "m1")], AGAIN, "chat:2", Busy()),
        # AI SDK 4 names neither messages nor triggers
        (TWO, [user("Hi"), answered(), user("And?"), answered("So."), user("More")], None, None, say("More")),
        (TWO, [user("Hi"), answered(), user("And?")], None, None, AnswerAgain(3)),
        (TWO, [user("Hi"), answered(), user("But?")], None, None, say("But?", None, rewind_to=2)),
        (OWED, [user("Hi"), answered(), user("And?")], None, None, Attach(4)),
        (OWED, [user("Hi"), answered(), user("And?"), answered("So."), user("More")], None, None, Busy()),
    ],
)
def test_decision(
    known_chat: ChatState, posted: list[dict[str, Any]], trigger: str | None, named: str | None, wanted: Decision
) -> None:
    assert decide(known_chat, read_messages(posted), trigger=trigger, named=named) == wanted


ASKING = (person(1, "How is it?", "m1"), agent(2, "Look.", tool_calls=CALLS))
GIVEN = person(3, "", "chat:2:tools:2", tool_results=RESULTS)


@pytest.mark.parametrize(
    ("known_chat", "wanted"),
    [
        (chat(*ASKING), AddMessage(Utterance(Side.OPPONENT, results=RESULTS[:1]), "chat:2:tools:2")),
        (chat(*ASKING, GIVEN), Attach(4)),
        (chat(*ASKING, GIVEN, agent(4, "Cold.")), Attach(4)),
        (chat(*ASKING, person(3, "Never mind", "m2")), Busy()),
    ],
)
def test_outputs_of_tools(known_chat: ChatState, wanted: Decision) -> None:
    posted = read_messages([user("How is it?", "m1"), asked("c1")])
    found = decide(known_chat, posted, trigger=SUBMIT, named=None)
    if isinstance(found, AddMessage):
        assert [one.tool_call_id for one in found.utterance.results] == ["c1"]
        assert found.client_message_id == "chat:2:tools:2"
    else:
        assert found == wanted


def test_second_round_of_tools_belongs_to_the_same_message() -> None:
    once_more = agent(4, "Look again.", tool_calls=(ToolCall(id="c3", name="weather", input="{}"),))
    found = decide(chat(*ASKING, GIVEN, once_more), read_messages([asked("c1", "c3")]), trigger=SUBMIT, named=None)
    assert isinstance(found, AddMessage)
    assert (found.client_message_id, [one.tool_call_id for one in found.utterance.results]) == (
        "chat:2:tools:4",
        ["c3"],
    )


def test_id_of_a_message_that_was_taken_back_is_used_with_its_place() -> None:
    taken_back = chat(person(1, "Hi", "m1"), agent(2, "Hello."), person(3, "And?", "m2"), agent(4, "So."), rewind(5, 2))
    assert decide(taken_back, read_messages([user("And?", "m2")]), trigger=SUBMIT, named=None) == say("And?", "m2#6")


def test_edited_message_is_known_by_its_first_id() -> None:
    edited = chat(person(1, "Hi", "m1"), agent(2, "Hello."), rewind(3, 0), person(4, "Hey", "m1#3"))
    assert shown_id(edited.messages[0]) == "m1"
    assert decide(edited, read_messages([user("Hey", "m1")]), trigger=SUBMIT, named=None) == Attach(5)


def test_answer_after_tools_has_the_id_of_the_message_that_asked() -> None:
    entries = [*ASKING, GIVEN, agent(4, "Cold."), person(5, "Thanks", "m2")]
    assert [answer_id(entries, seq, f"chat:{seq}") for seq in (2, 4, 6)] == ["chat:2", "chat:2", "chat:6"]


@pytest.mark.parametrize(
    ("known_chat", "posted", "trigger"),
    [
        (TWO, [{"role": "system", "content": "Be kind."}], SUBMIT),
        (TWO, [user("Hi"), answered()], SUBMIT),
        (chat(agent(1, "Welcome.")), [answered("Welcome.")], AGAIN),
    ],
)
def test_what_asks_for_nothing_is_refused(known_chat: ChatState, posted: list[dict[str, Any]], trigger: str) -> None:
    with pytest.raises(InvalidRequest):
        decide(known_chat, read_messages(posted), trigger=trigger, named=None)


def test_what_the_first_request_brought_stands_before_the_engine_stored_it() -> None:
    run = a_run(kind=RunKind.CHAT)
    scenario = run.settings.scenarios[0]
    given = (GivenMessage(side=Side.OPPONENT, content="Hi", client_message_id="m1"),)
    scenarios = (scenario.model_copy(update={"given": given}),)
    run = run.model_copy(update={"settings": run.settings.model_copy(update={"scenarios": scenarios})})
    found = chat_state(run, [])
    assert (found.next_seq, found.owed, shown_id(found.messages[0])) == (2, True, "m1")
    assert decide(found, read_messages([user("Hi", "m1")]), trigger=SUBMIT, named=None) == Attach(2)

"""Chats through the gateway; the engine's part is told by hand."""

import asyncio
import json

import pytest

from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure, ToolCall, Usage
from support.builders import message
from support.eventually import eventually
from support.gateway.chat_answers import CHAT, Reader, asked, kinds, reading, said, text_of
from support.gateway.environment import Environment

WHOLE = ["start", "start-step", "text-start", "text-delta", "text-delta", "text-end", "finish-step"]
ENDING = ["message-metadata", "finish", "[DONE]"]


async def test_first_message_begins_a_chat_and_streams_its_answer(here: Environment) -> None:
    response, chunks = await here.chats.answered(asked(said("Hello")), "Good ", "day.")
    run = await here.chats.run()
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert response.headers["x-conversation-id"] == response.headers["x-stream-id"] == run.id
    assert (response.headers["x-model-name"], response.headers["x-fallback-chain"]) == (
        "demo-standard",
        "demo/demo-standard",
    )
    assert kinds(chunks) == WHOLE + ENDING
    assert chunks[0].body["messageId"] == f"{run.id}:2"
    assert text_of(chunks) == "Good day."
    known = chunks[-3].body["messageMetadata"]
    assert known["usage"] == {"promptTokens": 7, "completionTokens": 3, "totalTokens": 10}
    assert chunks[-2].body["finishReason"] == "stop"
    assert (run.asked_seq, run.settings.scenarios[0].orphan_seconds) == (1, 20.0)


@pytest.mark.parametrize(
    ("format_", "wanted"),
    [
        ("text", "Good day."),
        ("sse", 'data: {"content":"Good "}'),
        ("data", '0:"Good "\n0:"day."\n'),
    ],
)
async def test_other_formats(here: Environment, format_: str, wanted: str) -> None:
    response, _ = await here.chats.answered(asked(said("Hello"), format=format_), "Good ", "day.")
    assert wanted in response.text
    assert ("\n: \n" in response.text or "retry:" in response.text) is (format_ == "sse")


async def test_json_is_the_whole_answer(here: Environment) -> None:
    response, _ = await here.chats.answered(asked(said("Hello"), format="json"), "Good ", "day.")
    body = response.json()
    assert (response.status_code, body["content"], body["finishReason"]) == (200, "Good day.", "stop")
    assert response.headers["x-fallback-used"] == "false"
    assert (await here.chats.run()).settings.scenarios[0].orphan_seconds == 0


async def test_next_message_is_an_entry_with_its_fact_before_its_command(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    _, chunks = await here.chats.answered(asked(said("And you?", "m2")), "Fine.", seq=4)
    run = await here.chats.run()
    assert text_of(chunks) == "Fine."
    assert chunks[0].body["messageId"] == f"{run.id}:4"
    entries = await here.store.entries.transcript(run.id)
    assert [(one.seq, one.content, one.client_message_id) for one in entries] == [
        (1, "Hello", "m1"),
        (2, "Good day.", None),
        (3, "And you?", "m2"),
        (4, "Fine.", None),
    ]
    assert [fact["seq"] for fact in await here.chats.facts(run.id)] == [1, 2, 3, 4]
    first, second = await here.chats.commands(run.id)
    assert (first.conversation_id, second.conversation_id, second.message_seq) == (None, run.id, 3)
    assert second.stored_at == entries[2].created_at
    assert second.question == entries[2]
    assert run.asked_seq == 3


async def test_chat_is_shown_and_listed(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello, I have a question about my kettle")), "Good day.")
    shown = (await here.http.get(f"{CHAT}/chat-1")).json()
    assert [(one["role"], one["parts"][-1]) for one in shown["messages"]] == [
        ("user", {"type": "text", "text": "Hello, I have a question about my kettle"}),
        ("assistant", {"type": "text", "text": "Good day.", "state": "done"}),
    ]
    assert [one["id"] for one in shown["messages"]] == ["m1", f"{shown['id']}:2"]
    listed = (await here.http.get("/api/chats")).json()
    assert [(one["clientId"], one["title"]) for one in listed["items"]] == [
        ("chat-1", "Hello, I have a question about")
    ]
    assert (await here.http.get("/api/chats", headers={"X-User-Id": "another"})).json()["items"] == []


async def test_same_message_again_attaches_to_its_stream(here: Environment) -> None:
    async with reading(here.gateways[0], asked(said("Hello"))) as first:
        engine = await here.chats.engine()
        await engine.open()
        await engine.write("Good ")
        await first.until_text("Good ")
        async with reading(here.gateways[0], asked(said("Hello"))) as second:
            assert text_of(await second.until_text("Good ")) == "Good "
            await engine.write("day.")
            await engine.answer("Good day.")
            both = [text_of(await one.rest()) for one in (first, second)]
    assert both == ["Good day.", "Good day."]
    _, again = await here.chats.ask(asked(said("Hello")))
    assert text_of(again) == "Good day."
    assert len(await here.store.entries.transcript(engine.run_id)) == 2


async def test_two_requests_at_once_make_one_chat(here: Environment) -> None:
    asking = [asyncio.create_task(here.chats.ask(asked(said("Hello")))) for _ in range(5)]
    await (await here.chats.engine()).whole("Good day.")
    answers = await asyncio.gather(*asking)
    assert [text_of(chunks) for _, chunks in answers] == ["Good day."] * 5
    assert len({response.headers["x-conversation-id"] for response, _ in answers}) == 1


async def test_two_messages_at_once_are_one_and_a_conflict(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    asking = [asyncio.create_task(here.chats.ask(asked(said("And?", f"n{n}")))) for n in range(4)]
    engine = await here.chats.engine(seq=4)
    await eventually(lambda: sum(one.done() for one in asking) == 3)
    await engine.whole("So.")
    answers = await asyncio.gather(*asking)
    assert sorted(response.status_code for response, _ in answers) == [200, 409, 409, 409]
    refused = next(response.json() for response, _ in answers if response.status_code == 409)
    assert (refused["error"], refused["details"]["reason"], refused["details"]["seq"]) == ("conflict", "busy", 4)
    assert [one.seq for one in await here.store.entries.transcript((await here.chats.run()).id)] == [1, 2, 3, 4]


async def test_regenerated_answer_takes_the_place_of_the_one_before(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Bad day.")
    run = await here.chats.run()
    again = asked(said("Hello"), trigger="regenerate-message", messageId=f"{run.id}:2")
    _, chunks = await here.chats.answered(again, "Good day.", seq=4)
    assert (chunks[0].body["messageId"], text_of(chunks)) == (f"{run.id}:4", "Good day.")
    shown = (await here.http.get(f"{CHAT}/chat-1")).json()["messages"]
    assert [one["content"] for one in shown] == ["Hello", "Good day."]
    entries = await here.store.entries.transcript(run.id)
    assert [(one.kind.value, one.rewind_to) for one in entries[2:]] == [("rewind", 1), ("message", None)]
    assert [one.message_seq for one in await here.chats.commands(run.id)] == [None, 3]


async def test_edited_message_takes_back_what_followed_it(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    await here.chats.answered(asked(said("And?", "m2")), "So.", seq=4)
    edited = asked(said("Hey"), messageId="m1")
    _, chunks = await here.chats.answered(edited, "Hey yourself.", seq=7)
    assert text_of(chunks) == "Hey yourself."
    shown = (await here.http.get(f"{CHAT}/chat-1")).json()["messages"]
    assert [(one["id"], one["content"]) for one in shown[:1]] == [("m1", "Hey")]
    assert [one["content"] for one in shown] == ["Hey", "Hey yourself."]


async def test_tools_go_to_the_client_and_come_back(here: Environment) -> None:
    asking = asyncio.create_task(here.chats.ask(asked(said("How is it?"))))
    engine = await here.chats.engine()
    await engine.open()
    call = ToolCall(id="c1", name="weather", input='{"city":"Bonn"}')
    await engine.answer("", finish="tool_calls", calls=(call,))
    _, chunks = await asking
    assert kinds(chunks)[2:4] == ["tool-input-start", "tool-input-available"]
    part = {"type": "dynamic-tool", "toolName": "weather", "toolCallId": "c1", "input": {"city": "Bonn"}}
    done = part | {"state": "output-available", "output": {"degrees": 7}}
    message = {"id": f"{engine.run_id}:2", "role": "assistant", "parts": [{"type": "step-start"}, done]}
    _, chunks = await here.chats.answered(asked(said("How is it?"), message), "It is cold.", seq=4)
    assert (chunks[0].body["messageId"], text_of(chunks)) == (f"{engine.run_id}:2", "It is cold.")
    given = await here.store.entries.at(engine.run_id, 3)
    assert given is not None
    assert [(one.tool_call_id, one.output) for one in given.tool_results] == [("c1", '{"degrees":7}')]
    shown = (await here.http.get(f"{CHAT}/chat-1")).json()["messages"]
    assert [one["role"] for one in shown] == ["user", "assistant"]
    assert [one["type"] for one in shown[1]["parts"]] == ["step-start", "dynamic-tool", "step-start", "text"]
    assert shown[1]["parts"][1]["output"] == {"degrees": 7}


async def test_stop_is_durable_and_told(here: Environment) -> None:
    heard = await here.client.subscribe("ctl.*")
    async with reading(here.gateways[0], asked(said("Hello"))) as reader:
        engine = await here.chats.engine()
        await engine.open()
        await engine.write("Good ")
        await reader.until_text("Good ")
        stopped = await here.http.post(f"{CHAT}/chat-1/stop")
        assert (stopped.status_code, stopped.json()["seq"], stopped.json()["stopping"]) == (202, 2, True)
        signal = await heard.next_msg(timeout=5)
        assert json.loads(signal.data) == {"wanted": "stop", "conversationId": engine.run_id, "seq": 2}
        await engine.answer("Good ", finish="stopped")
        chunks = await reader.rest()
    assert (kinds(chunks)[-2:], reader.broken) == (["abort", "[DONE]"], False)
    run = await here.chats.run()
    assert run.control.stop_seq == 2
    idle = (await here.http.post(f"{CHAT}/chat-1/stop")).json()
    assert (idle["seq"], idle["stopping"]) == (None, False)


@pytest.mark.parametrize(("format_", "stops"), [("sse", True), ("json", True), ("ui", False), ("data", False)])
async def test_reader_that_leaves_stops_only_what_nobody_can_come_back_to(
    here: Environment, format_: str, stops: bool
) -> None:
    heard = await here.client.subscribe("ctl.*")
    await here.client.flush()
    try:
        async with asyncio.timeout(1.0), reading(here.gateways[0], asked(said("Hello"), format=format_)) as reader:
            await reader.rest()
    except TimeoutError:
        pass
    run = await here.chats.run()
    await here.chats.nobody_reads()
    if stops:
        assert json.loads((await heard.next_msg(timeout=5)).data)["conversationId"] == run.id
        run = await here.chats.run()
    assert run.control.stop_seq == (2 if stops else 0)


@pytest.mark.parametrize("format_", ["ui", "data", "sse", "text", "json"])
async def test_answer_that_failed_is_an_error_in_every_format(here: Environment, format_: str) -> None:
    async def read() -> Reader:
        async with reading(here.gateways[0], asked(said("Hello"), format=format_)) as reader:
            await reader.rest()
        return reader

    asking = asyncio.create_task(read())
    failure = Failure(code="models_unavailable", message="Nobody answers.")
    await (await here.chats.engine()).answer("", finish="error", error=failure)
    reader = await asking
    assert (b"Nobody answers." in reader.read, reader.broken) == (format_ != "text", format_ == "text")
    assert reader.response.status_code == (503 if format_ == "json" else 200)


async def test_deleted_chat_is_gone_and_forgotten_later(here: Environment) -> None:
    await here.chats.answered(asked(said("Hello")), "Good day.")
    run = await here.chats.run()
    assert (await here.http.delete(f"{CHAT}/chat-1")).status_code == 204
    for path in (f"{CHAT}/chat-1", f"{CHAT}/{run.id}"):
        assert (await here.http.get(path)).status_code == 404
    assert (await here.http.get(f"{CHAT}/chat-1/stream")).status_code == 204
    assert (await here.http.get("/api/chats")).json()["items"] == []
    refused, _ = await here.chats.ask(asked(said("More", "m2")))
    assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "already_ended")
    stored = await here.chats.run()
    assert (stored.control.wanted, stored.expires_at is not None and stored.expires_at <= now()) == (
        Wanted.CANCEL,
        True,
    )


async def test_agent_is_the_voice_and_the_request_may_say_otherwise(here: Environment) -> None:
    agent = {"name": "Kettle", "systemPrompt": "Be kind.", "provider": "demo", "model": "demo-standard", "stop": ["X"]}
    made = (await here.http.post("/api/agents", json=agent)).json()
    await here.chats.answered(asked(said("Hello"), agentId=made["id"], temperature=0.1, maxTokens=99), "Good day.")
    voice = (await here.chats.run()).settings.scenarios[0].agent
    assert (voice.agent_id, voice.system_prompt, voice.stop) == (made["id"], "Be kind.", ("X",))
    assert (voice.temperature, voice.max_tokens) == (0.1, 99)


async def untold(here: Environment) -> Run:
    """A chat whose gateway died right after an insert: the entry stands at 3, and nobody was told."""
    await here.chats.answered(asked(said("Hello")), "Good day.")
    run = await here.chats.run()
    await here.store.entries.insert(message(run.id, 3, "And?", client_message_id="m2", usage=Usage()))
    return run


async def test_message_nobody_was_told_of_is_told_by_whoever_asks_again(here: Environment) -> None:
    run = await untold(here)
    asking = asyncio.create_task(here.chats.ask(asked(said("And?", "m2"))))

    async def is_told() -> bool:
        return [one.message_seq for one in await here.chats.commands(run.id)] == [None, 3]

    await eventually(is_told)
    await (await here.chats.engine(seq=4)).whole("So.")
    _, chunks = await asking
    assert text_of(chunks) == "So."
    assert [fact["seq"] for fact in await here.chats.facts(run.id)] == [1, 2, 3, 4]


async def test_message_nobody_was_told_of_is_told_by_whoever_looks_for_its_answer(here: Environment) -> None:
    run = await untold(here)
    async with reading(here.gateways[0], path=f"{CHAT}/chat-1/stream") as reader:
        await (await here.chats.engine(seq=4)).whole("So.")
        assert text_of(await reader.rest()) == "So."
    assert (await here.chats.run()).asked_seq == 3
    assert [one.message_seq for one in await here.chats.commands(run.id)] == [None, 3]
    assert [fact["seq"] for fact in await here.chats.facts(run.id)] == [1, 2, 3, 4]


async def test_message_nobody_was_told_of_is_told_by_whoever_stops_its_answer(here: Environment) -> None:
    run = await untold(here)
    assert (await here.http.post(f"{CHAT}/chat-1/stop")).json()["seq"] == 4
    stopped = await here.chats.run()
    assert (stopped.asked_seq, stopped.control.stop_seq) == (3, 4)
    assert [one.message_seq for one in await here.chats.commands(run.id)] == [None, 3]


async def test_answer_whose_writer_died_is_told_before_what_follows_it(here: Environment) -> None:
    asking = asyncio.create_task(here.chats.ask(asked(said("Hello"))))
    engine = await here.chats.engine()
    await engine.answer("Good day.", heard=False)
    asking.cancel()
    await here.chats.answered(asked(said("And?", "m2")), "So.", seq=4)
    assert [fact["seq"] for fact in await here.chats.facts(engine.run_id)] == [1, 2, 3, 4]


async def test_message_nobody_was_told_of_is_told_by_the_next_request(here: Environment) -> None:
    run = await untold(here)
    refused, _ = await here.chats.ask(asked(said("Are you there?", "m3")))
    assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "busy")
    assert (await here.chats.run()).asked_seq == 3
    assert [command.message_seq for command in await here.chats.commands(run.id)][-1] == 3
    assert [fact["content"] for fact in await here.chats.facts(run.id)] == ["Hello", "Good day.", "And?"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/advanced", "/api/chat/production"])
async def test_a_chat_is_resumed_below_the_path_it_was_posted_to(here: Environment, path: str) -> None:
    assert (await here.http.get(f"{path}/nobody/stream")).status_code == 204
    assert (await here.http.post(f"{path}/nobody/stop")).status_code == 404

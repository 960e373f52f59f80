"""The ledger is a witness: it sees every call, how it ended, and outlives the server."""

import asyncio
import json
import time
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from local_stack.demo_model import Control, Settings
from local_stack.demo_model.dialects.openai.request import parse_request
from local_stack.demo_model.ledger import Ledger
from unit.local_stack.demo_model_server import AT_ONCE, COMPLAINT, SHOP_AGENT, demo_model

SLOW = Control(time_to_first_token_seconds=0.01, tokens_per_second=10)


async def test_finished_call_is_recorded_with_all_that_identifies_it() -> None:
    async with demo_model() as model:
        _, answer = await model.chat(headers={"X-Client-Request-Id": "attempt-1"})
        (call,) = await model.settled_ledger()
    assert call["id"] == answer["id"]
    assert (call["clientRequestId"], call["model"], call["role"]) == ("attempt-1", "demo-fast", "agent")
    assert (call["index"], call["stream"], call["outcome"]) == (0, False, "finished")
    assert call["completionTokens"] == answer["usage"]["completion_tokens"]
    assert call["promptTokens"] == answer["usage"]["prompt_tokens"]
    assert call["promptSha256"] == sha256(orjson.dumps([SHOP_AGENT, COMPLAINT])).hexdigest()
    assert 0 <= call["endedAt"] - call["startedAt"] < 5


@pytest.mark.parametrize("stream", [True, False])
async def test_client_that_leaves_is_noticed_at_once(stream: bool) -> None:
    body = {"model": "demo-plain", "messages": [COMPLAINT], "stream": stream}
    async with demo_model(Settings(control=SLOW)) as model:
        request = asyncio.create_task(model.http.post(f"{model.url}/v1/chat/completions", json=body))
        if stream:
            response = await request
            await response.content.readuntil(b"\n\n")
            left = time.time()
            response.close()
        else:
            async with asyncio.timeout(5):
                while not (await model.ledger())["inFlight"]:
                    pass
            left = time.time()
            request.cancel()
        (call,) = await model.settled_ledger()
    assert call["outcome"] == "client_closed"
    assert call["endedAt"] - left < 0.25
    assert (1 <= call["completionTokens"] < 10) if stream else call["completionTokens"] == 0


async def test_calls_in_flight_are_counted() -> None:
    async with demo_model(Settings(control=Control(total_seconds=0.3))) as model:
        calls = [asyncio.create_task(model.text(model="demo-plain")) for _ in range(5)]
        await asyncio.gather(*calls)
        ledger = await model.ledger()
    assert (ledger["inFlight"], ledger["maxInFlight"], ledger["next"]) == (0, 5, 5)


async def test_since_shows_the_calls_from_an_index_on() -> None:
    async with demo_model() as model:
        for _ in range(3):
            await model.text()
        assert [call["index"] for call in (await model.ledger(since=2))["calls"]] == [2]
        assert (await model.ledger(since=3))["calls"] == []
        async with model.http.get(f"{model.url}/ledger?since=x") as response:
            assert response.status == 400


async def test_file_has_a_line_at_the_start_and_one_at_the_end_and_outlives_the_server(tmp_path: Path) -> None:
    settings = Settings(ledger=tmp_path / "ledger.jsonl", control=AT_ONCE)
    async with demo_model(settings) as model:
        await model.text()
        before = await model.settled_ledger()
    lines = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [(line["event"], line["index"], line["outcome"]) for line in lines] == [
        ("start", 0, None),
        ("end", 0, "finished"),
    ]
    async with demo_model(settings) as model:
        await model.text()
        assert [call["index"] for call in await model.settled_ledger()] == [0, 1]
        assert (await model.settled_ledger())[0] == before[0]


def test_calls_a_killed_server_left_open_are_closed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    request = parse_request(orjson.dumps({"model": "demo-fast", "messages": [COMPLAINT]}), None)
    first = Ledger(path)
    first.start(request)
    first.close()
    start = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(start + b'{"event": "end", "ind')  # what a kill in the middle of a write leaves
    successor = Ledger(path)
    call = successor.start(request)
    successor.end(call, "finished")
    assert [one["outcome"] for one in successor.since(0)] == ["fault:restart", "finished"]
    successor.close()
    again = Ledger(path)
    assert again.since(0) == successor.since(0)
    again.close()
    assert call.index == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("local_stack.demo_model.ledger.REMEMBERED_CALLS", 3)
    request = parse_request(orjson.dumps({"model": "demo-fast", "messages": [COMPLAINT]}), None)
    ledger = Ledger()
    for _ in range(5):
        ledger.end(ledger.start(request), "finished")
    assert [call["index"] for call in ledger.since(0)] == [2, 3, 4]
    assert [call["index"] for call in ledger.since(4)] == [4]

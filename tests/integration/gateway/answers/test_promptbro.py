"""PromptBro's answers, streamed; the engine's part is told by hand."""

import json
from typing import Any

import pytest

from shared.contracts import subjects
from shared.contracts.enums import EndedReason, RunKind, Side, Wanted
from shared.contracts.transcript import Failure
from shared.messaging import history
from support.eventually import eventually
from support.gateway.environment import Environment
from support.gateway.event_reader import Client, Event
from support.gateway.story import Story
from support.gateway.writer import stored_run

ASSIST = "/api/promptbro/assist"
ASKED = {"step": "rewrite", "input": "You are a helpful assistant."}


async def story_of(here: Environment, client: Client) -> Story:
    """The run behind an answer."""
    run = await stored_run(here.store, client.response.headers["x-stream-id"])
    return Story(run, here.store, here.connection)


def said(events: list[Event]) -> list[tuple[str, Any]]:
    return [(event.event, json.loads(event.data)) for event in events]


async def test_answer_is_streamed_as_tokens_and_done_with_the_whole_text(here: Environment) -> None:
    async with here.gateways[0].post(ASSIST, ASKED) as client:
        await client.until_comment("connected")
        story = await story_of(here, client)
        await story.start()
        await story.message(1, side=Side.OPPONENT)
        await story.delta("You ", seq=2)
        await story.delta("confirm.", seq=2, i=1)
        await story.message(2, content="You confirm.", side=Side.AGENT)
        events = said(await client.rest())
    assert events[:2] == [("token", {"token": "You "}), ("token", {"token": "confirm."})]
    assert events[2][0] == "done"
    assert events[2][1]["text"] == "You confirm."
    assert set(events[2][1]["usage"]) == {"promptTokens", "completionTokens", "costUsd"}


async def test_run_behind_it_is_a_conversation_of_one_answer_that_is_commanded(here: Environment) -> None:
    body = {**ASKED, "step": "section", "section": "tone", "context": {"goal": "refunds", "tone": "calm"}}
    async with here.gateways[0].post(ASSIST, body) as client:
        run = (await story_of(here, client)).run
        client_of_broker = here.connection.client
        commands = [
            json.loads(stored.data)["runId"]
            async for stored in history.read(client_of_broker, subjects.WORK, subjects.COMMANDS)
        ]
    scenario = run.settings.scenarios[0]
    assert (run.kind, run.total, scenario.message_limit, scenario.judge) == (RunKind.ASSIST, 1, 2, None)
    assert scenario.agent.system_prompt.startswith("You are PromptBro, a guide for writing prompts.")
    assert "Goal: refunds" in scenario.agent.system_prompt
    assert scenario.given[0].content == "Step: section\nSection: tone\nInput:\nYou are a helpful assistant."
    assert commands == [run.id]


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [
        (EndedReason.ERROR, Failure(code="models_unavailable", message="Nobody answers."), "models_unavailable"),
        (EndedReason.TIMEOUT, None, "provider_timeout"),
        (EndedReason.BUDGET, None, "budget_exceeded"),
    ],
)
async def test_answer_that_fails_says_why(
    here: Environment, reason: EndedReason, error: Failure | None, code: str
) -> None:
    async with here.gateways[0].post(ASSIST, ASKED) as client:
        story = await story_of(here, client)
        await story.start()
        await story.end_conversation(reason, error)
        events = said(await client.rest())
    assert [name for name, _ in events] == ["failed"]
    assert events[0][1]["error"] == code
    assert events[0][1]["message"]


async def test_reader_that_leaves_cancels_the_run(here: Environment) -> None:
    async with here.gateways[0].post(ASSIST, ASKED) as client:
        await client.until_comment("connected")
        story = await story_of(here, client)
    reads = here.store.runs
    await eventually(lambda: not len(here.gateways[0].streams.open_streams), seconds=1)
    run = await reads.get(story.run.id)
    assert run is not None
    assert run.control.wanted is Wanted.CANCEL


async def test_answer_that_was_read_to_its_end_is_not_cancelled(here: Environment) -> None:
    async with here.gateways[0].post(ASSIST, ASKED) as client:
        story = await story_of(here, client)
        await story.start()
        await story.message(2, side=Side.AGENT)
        await client.rest()
    run = await stored_run(here.store, story.run.id)
    assert run.control.wanted is Wanted.RUN


async def test_stop_by_stream_id_cancels_the_run(here: Environment) -> None:
    async with here.gateways[0].post(ASSIST, ASKED) as client:
        story = await story_of(here, client)
        stopped = await here.gateways[0].http.post(f"/api/streams/{story.run.id}/stop")
        assert stopped.status_code == 202
        assert stopped.json()["status"] == "canceling"


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "sing"},
        {"step": None},
        {"step": "from-report"},
        {"input": ""},
        {"input": "x" * 32_001},
        {"input": 5},
        {"context": "calm"},
    ],
)
async def test_bad_question_is_400_and_starts_nothing(here: Environment, changes: dict[str, Any]) -> None:
    answer = await here.gateways[0].http.post(ASSIST, json={**ASKED, **changes})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert await here.store.collection("runs").estimated_document_count() == 0


async def test_unknown_model_is_400(here: Environment) -> None:
    answer = await here.gateways[0].http.post(ASSIST, json={**ASKED, "model": "nobody"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_model")

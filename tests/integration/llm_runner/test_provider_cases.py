"""What providers really answer, through the whole llm-runner: what is stored, shown, booked, and asked for again."""

import json
from collections.abc import Sequence

from integration.llm_runner.world import World, names, turn, world
from llm_runner.providers.dialects import DIALECTS
from llm_runner.settings import RetrySettings
from shared.contracts.identity import conversation_id
from shared.contracts.runs import Run
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from support.byte_provider import by_model, byte_provider
from support.provider_cases import anthropic, ollama, openai_answers, openai_frames, openai_tools
from support.provider_cases.case import Case, Expected

CASES = [*openai_frames.CASES, *openai_answers.CASES, *openai_tools.CASES, *anthropic.CASES, *ollama.CASES]
QUICK = RetrySettings(backoff_first_seconds=0.01)


def _answer(case: Case) -> Sequence[bytes]:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {case.content_type}\r\nConnection: close\r\n\r\n".encode()
    return [head, case.body[:7], case.body[7:]]


async def test_every_case_is_stored_as_it_was_understood(fresh_nats_url: str, mongo_url: str) -> None:
    scripts = {str(place): _answer(case) for place, case in enumerate(CASES)}
    async with world(fresh_nats_url, mongo_url) as engine, byte_provider(by_model(scripts)) as provider:
        models = dict.fromkeys(scripts, ModelEntry())
        engine.retries = QUICK
        engine.registry = Registry(
            providers={
                name: ProviderEntry(base_url=provider.base_url, dialect=name, models=models, concurrency=64)
                for name in DIALECTS
            }
        )
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=fresh_nats_url), engine.registry)
        runs = [await engine.begin() for _ in CASES]
        for place, (case, begun) in enumerate(zip(CASES, runs, strict=True)):
            await engine.ask(turn(begun, model=str(place), provider=case.dialect))
        async with engine.runner():
            await engine.settled(patience=120)
        wrong = {}
        for place, (case, begun) in enumerate(zip(CASES, runs, strict=True)):
            stored = await _stored(engine, case, begun)
            calls = len(provider.calls_of(str(place)))
            if case.base_url == Case.base_url and (stored, calls) != (_storable(case.expected), case.expected.calls):
                wrong[case.number] = (stored, calls)
        assert wrong == {}


def _storable(expected: Expected) -> tuple[object, ...]:
    if expected.family:
        return (expected.family, expected.text)
    tools = tuple((name, json.dumps(arguments)) for name, arguments in expected.tools)
    return (expected.text, expected.finish, expected.reasoning or None, tools, expected.text)


async def _stored(engine: World, case: Case, begun: Run) -> tuple[object, ...]:
    """What stands of a run: its answer with the text that was shown, or its failure with what was written in vain."""
    store = engine.store
    entries = await store.entries.transcript(conversation_id(begun.id, 1))
    if not entries:
        (failed,) = await store.generations.of_run(begun.id)
        rows = await store.usage.of_run(begun.id)
        partial = rows[-1].partial if rows and case.expected.text else ""
        return (failed.failure.family if failed.failure else None, partial or "")
    (entry,) = entries
    tools = tuple((call.name, json.dumps(json.loads(call.input))) for call in entry.tool_calls)
    shown = "".join(names(await engine.deltas(begun.id), "text"))
    return (entry.content, entry.finish_reason, entry.reasoning, tools, shown)

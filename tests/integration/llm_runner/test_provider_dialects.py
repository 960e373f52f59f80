"""A dialect that one row names, through the whole llm-runner: nothing else of it knows the format."""

import pytest

from integration.llm_runner.world import names, turn, world
from llm_runner.providers.dialects import DIALECTS
from shared.contracts.identity import conversation_id
from shared.contracts.transcript import Usage
from shared.routing import ModelEntry, ProviderEntry, Registry
from shared.settings import NatsSettings
from shared.topology.bootstrap import bootstrap
from support.builders import OPPONENT
from support.byte_provider import byte_provider
from support.line_dialect import LineDialect

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
ANSWER = [HEAD, b"in 1", b'2\nsay "Good "\n', b'say "day."\ndone ["stop", 3]\n']
BUSY = [b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\ntoo busy"]


async def test_a_turn_is_played_in_a_dialect_of_its_own(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DIALECTS, "lines", LineDialect())
    answers = iter([BUSY, ANSWER])
    async with world(fresh_nats_url, mongo_url) as engine, byte_provider(lambda _: next(answers)) as provider:
        priced = ModelEntry(input_usd_per_million=1.0, output_usd_per_million=1.0)
        known = ProviderEntry(base_url=provider.base_url, dialect="lines", models={"m": priced})
        engine.registry = Registry(providers={"ours": known})
        await bootstrap(engine.client, engine.store, NatsSettings(nats_url=fresh_nats_url), engine.registry)
        begun = await engine.begin()
        await engine.ask(turn(begun, model="m", provider="ours"))
        async with engine.runner():
            await engine.settled()
        (entry,) = await engine.store.entries.transcript(conversation_id(begun.id, 1))
        texts = names(await engine.deltas(begun.id), "text")
    assert (entry.content, "".join(texts), entry.finish_reason) == ("Good day.", "Good day.", "stop")
    assert entry.usage == Usage(prompt_tokens=12, completion_tokens=3, cost_nanos=15_000)
    assert [call.line for call in provider.calls] == ["POST /v1/lines/m HTTP/1.1"] * 2
    assert OPPONENT.system_prompt.encode() in provider.calls[0].raw_body

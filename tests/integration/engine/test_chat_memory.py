"""A chat that grows, on the real engine and the summarizer: what is old reaches its model as a summary."""

from collections.abc import AsyncIterator

import pytest

from integration.engine.chat_world import Chat, begin, chat_settings
from integration.engine.world import Engine, engine_on
from integration.summarizer.world import summarizer
from shared.settings import MongoSettings
from support.eventually import eventually

RECALL = "What do you remember?"
# More than the 6,000 tokens (words, for the demo model) at which a summary is due, in two messages.
LONG = "so " * 3_200


@pytest.fixture
async def engine(fresh_nats_url: str, mongo_url: str) -> AsyncIterator[Engine]:
    async with engine_on(fresh_nats_url, mongo_url) as made:
        mongo = MongoSettings(mongo_url=mongo_url, mongo_database=made.world.store.database.name)
        async with summarizer(fresh_nats_url, mongo, made.world.registry):
            yield made


async def remembered(chat: Chat, seq: int) -> str:
    """The summary of messages 1 to `seq`, once it stands."""
    generations = chat.engine.world.store.generations

    async def stands() -> bool:
        return await generations.get(f"{chat.id}:{seq}:memory") is not None

    await eventually(stands, f"the summary of {chat.id} up to {seq}")
    found = await generations.get(f"{chat.id}:{seq}:memory")
    assert found is not None
    return found.content or ""


async def test_what_is_old_is_summed_up_and_the_model_is_shown_the_summary(engine: Engine) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with engine.world.runner():
        chat = await begin(engine, chat_settings(*beginning))
        first = await chat.answer(4)
        summary = await remembered(chat, 1)
        second = await chat.answer(await chat.say(RECALL) + 1)
        await chat.at_rest()
    assert first.folded_to is None
    assert summary.startswith("The person began with: Hello, my name is Ada. Named so far: Ada.")
    assert second.folded_to == 1
    assert second.content == f"I see 4 messages. Before them: {summary}"


async def test_a_summary_carries_on_the_one_before_and_the_account_is_at_rest(engine: Engine) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with engine.world.runner():
        chat = await begin(engine, chat_settings(*beginning))
        await chat.answer(4)
        await remembered(chat, 1)
        await chat.answer(await chat.say(f"My brother is in Oslo. {LONG}") + 1)
        summary = await remembered(chat, 3)
        await chat.at_rest()
    assert "Named so far: Ada, Rome." in summary
    run = await engine.stage.run(chat.id)
    entries, generations = await chat.entries(), await engine.world.store.generations.of_conversation(chat.id)
    assert run.budget.open == 0
    spent = [entry.usage for entry in entries] + [generation.usage for generation in generations]
    assert run.budget.spent == sum(usage.cost_nanos for usage in spent)


async def test_messages_that_were_taken_back_are_forgotten_with_their_summary(engine: Engine) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with engine.world.runner():
        chat = await begin(engine, chat_settings(*beginning))
        await chat.answer(4)
        await remembered(chat, 1)
        await chat.rewind(to=0, told=False)
        answer = await chat.answer(await chat.say(RECALL) + 1)
        await chat.at_rest()
    assert (answer.content, answer.folded_to) == ("I see 1 messages. Before them: nothing.", None)

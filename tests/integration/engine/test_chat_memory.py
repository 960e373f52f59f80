"""A chat that grows, on the real engine and the summarizer: what is old reaches its model as a summary."""

from collections.abc import AsyncIterator

import pytest

from support.eventually import eventually
from support.workers.chats import Chat, begin, chat_settings
from support.workers.environment import WorkerEnvironment
from support.workers.orchestrator import Orchestrator

RECALL = "What do you remember?"
# More than the 6,000 tokens (words, for the demo model) at which a summary is due, in two messages.
LONG = "so " * 3_200


@pytest.fixture(autouse=True)
async def summarizer(workers: WorkerEnvironment) -> AsyncIterator[None]:
    async with workers.summarizer():
        yield


async def remembered(chat: Chat, seq: int) -> str:
    """The summary of messages 1 to `seq`, once it stands."""
    generations = chat.workers.store.generations

    async def stands() -> bool:
        return await generations.get(f"{chat.id}:{seq}:memory") is not None

    await eventually(stands, f"the summary of {chat.id} up to {seq}")
    found = await generations.get(f"{chat.id}:{seq}:memory")
    assert found is not None
    return found.content or ""


async def test_what_is_old_is_summed_up_and_the_model_is_shown_the_summary(orchestrator: Orchestrator) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings(*beginning))
        first = await chat.answer(4)
        summary = await remembered(chat, 1)
        second = await chat.answer(await chat.say(RECALL) + 1)
        await chat.at_rest()
    assert first.folded_to is None
    assert summary.startswith("The person began with: Hello, my name is Ada. Named so far: Ada.")
    assert second.folded_to == 1
    # Four are left; what an agent says first stands behind a turn of the user's.
    assert second.content == f"I see 5 messages. Before them: {summary}"


async def test_a_summary_carries_on_the_one_before_and_the_account_is_at_rest(orchestrator: Orchestrator) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings(*beginning))
        await chat.answer(4)
        await remembered(chat, 1)
        await chat.answer(await chat.say(f"My brother is in Oslo. {LONG}") + 1)
        summary = await remembered(chat, 3)
        await chat.at_rest()
    assert "Named so far: Ada, Rome." in summary
    run = await orchestrator.run(chat.id)
    entries, generations = await chat.entries(), await orchestrator.store.generations.of_conversation(chat.id)
    assert run.budget.open == 0
    spent = [entry.usage for entry in entries] + [generation.usage for generation in generations]
    assert run.budget.spent == sum(usage.cost_nanos for usage in spent)


async def test_messages_that_were_taken_back_are_forgotten_with_their_summary(orchestrator: Orchestrator) -> None:
    beginning = (f"Hello, my name is Ada. {LONG}", "Good day.", f"I live in Rome. {LONG}")
    async with orchestrator.workers.runner():
        chat = await begin(orchestrator, chat_settings(*beginning))
        await chat.answer(4)
        await remembered(chat, 1)
        await chat.rewind(to=0, told=False)
        answer = await chat.answer(await chat.say(RECALL) + 1)
        await chat.at_rest()
    assert (answer.content, answer.folded_to) == ("I see 1 messages. Before them: nothing.", None)

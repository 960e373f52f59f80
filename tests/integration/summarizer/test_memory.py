"""The summarizer on the real servers: memory.do in, the job of a chat's summary out, or a final failure."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from nats.aio.msg import Msg

from shared.contracts import subjects
from shared.contracts.enums import EntryKind, Lane, Purpose, RunKind
from shared.contracts.generations import Generation
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested, GenerationStored, MemoryRequested
from shared.errors import NotYet
from shared.messaging import history
from shared.routing import Registry, Router
from summarizer.handlers import GivenUpTriggers
from summarizer.memory_looks import MemoryLooks
from support.builders import AGENT, generation, message, run, scenario
from support.eventually import eventually
from support.workers.environment import LOG, WorkerEnvironment

JOBS = subjects.jobs("demo", Lane.BATCH)
MODELS = {"large": {"tier": "premium"}, "small": {"tier": "fast", "contextWindow": 16_000}}
PROVIDERS = Registry.model_validate({"providers": {"demo": {"baseUrl": "http://nowhere", "models": MODELS}}})


def chat_with(provider: str = "demo") -> Run:
    agent = AGENT.model_copy(update={"provider": provider, "model": "large"})
    return run(kind=RunKind.CHAT, played=scenario().model_copy(update={"agent": agent}))


@dataclass
class Chat:
    """A chat, and a summarizer that works."""

    workers: WorkerEnvironment
    run: Run

    async def said(self, *seqs: int) -> None:
        for seq in seqs:
            await self.workers.store.entries.insert(message(self.run.id, seq, f"text {seq}"))

    async def rewind(self, seq: int, to: int) -> None:
        taken_back = {"kind": EntryKind.REWIND, "side": None, "content": None, "rewind_to": to}
        await self.workers.store.entries.insert(message(self.run.id, seq).model_copy(update=taken_back))

    async def remember(self, seq: int, content: str) -> None:
        await self.workers.store.generations.insert(generation(self.run.id, seq, Purpose.MEMORY, content=content))

    async def ask(self, seq: int) -> MemoryRequested:
        """Publishes `memory.do`, without the id that would make a repetition a duplicate."""
        request = MemoryRequested(
            run_id=self.run.id, at=now(), conversation_id=self.run.id, seq=seq, first_job_at=now()
        )
        await self.workers.client.jetstream().publish(subjects.MEMORY, request.to_json())
        return request

    async def handled(self) -> None:
        """Returns once no request is left."""
        await eventually(self._no_requests, "no request is left")

    async def _no_requests(self) -> bool:
        return not await self._waiting(subjects.MEMORY)

    async def jobs(self) -> list[GenerationRequested]:
        return [GenerationRequested.model_validate_json(data) for data in await self._waiting(JOBS)]

    async def dones(self) -> list[GenerationStored]:
        waiting = await self._waiting(subjects.DONE_ORCHESTRATOR)
        return [GenerationStored.model_validate_json(data) for data in waiting]

    async def stored(self, seq: int) -> Generation | None:
        return await self.workers.store.generations.get(f"{self.run.id}:{seq}:memory")

    async def _waiting(self, subject: str) -> Sequence[bytes]:
        """What stands on a work subject and was not acknowledged: nobody but the summarizer is there."""
        return [one.data async for one in history.read(self.workers.client, subjects.WORK, subject)]


@pytest.fixture(autouse=True)
async def summarizer(workers: WorkerEnvironment) -> AsyncIterator[None]:
    workers.registry = PROVIDERS
    async with workers.summarizer():
        yield


@pytest.fixture
async def chat(workers: WorkerEnvironment) -> Chat:
    made = Chat(workers, chat_with())
    await workers.store.runs.insert(made.run)
    return made


async def test_a_summary_is_asked_of_the_providers_fast_model(chat: Chat) -> None:
    await chat.said(1, 2, 3, 4, 5)
    request = await chat.ask(2)
    await chat.handled()
    [job] = await chat.jobs()
    assert (job.key, job.provider, job.model) == (f"{chat.run.id}:2:memory", "demo", "small")
    assert (job.max_tokens, job.done_subject) == (200, subjects.DONE_ORCHESTRATOR)
    assert (job.repeat, job.first_job_at) == (True, request.first_job_at)
    assert job.prompt[1].content.endswith("## Transcript\n[1] opponent: text 1\n[2] agent: text 2")
    assert await chat.dones() == []


async def test_a_summary_carries_on_the_last_one(chat: Chat) -> None:
    await chat.said(1, 2, 3, 4, 5)
    await chat.remember(2, "Ada wants a kettle.")
    await chat.ask(4)
    await chat.handled()
    [job] = await chat.jobs()
    assert job.prompt[1].content == (
        "## Summary so far\n| Ada wants a kettle.\n\n## Transcript\n[3] opponent: text 3\n[4] agent: text 4"
    )


async def test_a_request_that_comes_again_asks_once(chat: Chat) -> None:
    await chat.said(1, 2, 3)
    await chat.ask(2)
    await chat.ask(2)
    await chat.handled()
    assert len(await chat.jobs()) == 1


async def test_of_a_summary_that_stands_it_is_said_again_that_it_does(chat: Chat) -> None:
    await chat.said(1, 2, 3)
    await chat.remember(2, "Ada wants a kettle.")
    await chat.ask(2)
    await chat.handled()
    assert await chat.jobs() == []
    [done] = await chat.dones()
    assert (done.key, done.failure) == (f"{chat.run.id}:2:memory", None)


async def test_messages_that_were_taken_back_get_a_final_failure(chat: Chat) -> None:
    await chat.said(1, 2, 3, 4)
    await chat.rewind(5, to=1)
    await chat.ask(3)
    await chat.ask(3)
    await chat.handled()
    assert await chat.jobs() == []
    [done] = await chat.dones()
    assert done.failure is not None
    assert done.failure.code == "canceled"
    stored = await chat.stored(3)
    assert stored is not None
    assert stored.failure == done.failure


async def test_a_chat_whose_provider_is_gone_gets_a_final_failure(workers: WorkerEnvironment) -> None:
    chat = Chat(workers, chat_with("elsewhere"))
    await workers.store.runs.insert(chat.run)
    await chat.said(1, 2)
    await chat.ask(2)
    await chat.handled()
    [done] = await chat.dones()
    assert done.failure is not None
    assert done.failure.code == "invalid_model"


async def test_a_request_that_is_ahead_of_its_messages_waits_for_them(chat: Chat) -> None:
    await chat.said(1)
    await chat.ask(2)
    await chat.said(2)
    await chat.handled()
    assert [job.seq for job in await chat.jobs()] == [2]


async def test_a_chat_that_is_forgotten_is_owed_nothing(workers: WorkerEnvironment) -> None:
    chat = Chat(workers, chat_with())
    await chat.ask(2)
    await chat.handled()
    assert (await chat.jobs(), await chat.dones(), await chat.stored(2)) == ([], [], None)
    assert await workers.broker.dead_letters() == []


async def test_a_request_nobody_can_read_becomes_a_dead_letter(chat: Chat) -> None:
    await chat.workers.client.jetstream().publish(subjects.MEMORY, b"{nonsense")
    await chat.handled()
    [letter] = await chat.workers.broker.dead_letters()
    assert (letter["trigger"], letter["failure"]["code"]) == (subjects.MEMORY, "UnreadableMessage")


async def test_a_request_that_is_given_up_leaves_a_final_failure_and_a_dead_letter(chat: Chat) -> None:
    publisher = chat.workers.publisher
    memories = MemoryLooks(chat.workers.store, publisher, Router(PROVIDERS), 200, LOG)
    request = MemoryRequested(run_id=chat.run.id, at=now(), conversation_id=chat.run.id, seq=2, first_job_at=now())
    reply = "$JS.ACK.WORK.summarizer-memory.100.7.100.0.0"
    given_up = Msg(chat.workers.client, subjects.MEMORY, reply, request.to_json(), {"Aw-Run-Id": chat.run.id})
    await GivenUpTriggers(publisher, memories)(given_up, NotYet("message 2"))
    [done] = await chat.dones()
    assert done.failure is not None
    assert done.failure.code == "NotYet"
    [letter] = await chat.workers.broker.dead_letters()
    assert (letter["trigger"], letter["runId"]) == (subjects.MEMORY, chat.run.id)

"""A look that dies after any of its effects, and triggers that come twice: nothing is lost, nothing doubled."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from nats.aio.client import Client
from nats.js.api import PubAck

from shared.contracts.enums import JudgementStatus, Side, Wanted
from shared.contracts.identity import new_id
from shared.contracts.model import Message
from shared.contracts.runs import Run
from shared.contracts.settings import GivenMessage
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested, GenerationStored, RunCommanded
from shared.messaging.publisher import Publisher
from support.builders import JUDGE, message, run, scenario
from support.eventually import eventually
from support.workers.effect_limit import EffectLimit, limited_publisher, limited_store
from support.workers.orchestrator import Orchestrator
from support.workers.scripted_runner import Script, small_talk
from support.workers.scripts import judged

GIVEN = (GivenMessage(side=Side.OPPONENT, content="hello"), GivenMessage(side=Side.AGENT, content="how can I help?"))
GOAL_AT_SECOND = judged({(4, "fast"): JudgementStatus.COMPLETE})


def to_the_limit() -> Run:
    return run(total=2, concurrency=1, played=scenario(message_limit=2))


def to_the_goal() -> Run:
    return run(total=2, concurrency=1, played=scenario(message_limit=8, judge=JUDGE))


def with_given_messages() -> Run:
    return run(total=2, concurrency=1, played=scenario(message_limit=4, given=GIVEN))


def out_of_budget() -> Run:
    return run(total=2, concurrency=1, played=scenario(message_limit=8, judge=JUDGE), budget_nanos=1_200_000)


async def said(orchestrator: Orchestrator, wanted: Run, cancel: bool = False) -> list[list[str]]:
    """Plays the run to its end; what was said, without the run's id, so that runs can be compared."""
    started = await orchestrator.start(wanted)
    if cancel:
        await orchestrator.want(started.id, Wanted.CANCEL)
    async with orchestrator.playing():
        ended = await orchestrator.ended(started.id)
    return [[str(text).replace(ended.id, "run") for text in some] for some in await orchestrator.texts(ended)]


@pytest.mark.parametrize(
    ("made", "script", "cancel"),
    [
        (to_the_limit, small_talk, False),
        (to_the_goal, GOAL_AT_SECOND, False),
        (with_given_messages, small_talk, False),
        (out_of_budget, small_talk, False),
        (to_the_limit, small_talk, True),
    ],
    ids=["limit", "goal", "given messages", "budget", "cancel"],
)
async def test_look_that_dies_after_any_effect_is_completed_by_its_successor(
    orchestrator: Orchestrator, made: Callable[[], Run], script: Script, cancel: bool
) -> None:
    limit = EffectLimit()
    orchestrator.script = script
    orchestrator.failing_store = limited_store(orchestrator.store, limit)
    orchestrator.own_publisher = limited_publisher(orchestrator.publisher, limit)
    undisturbed = await said(orchestrator, made(), cancel)
    for number in range(1, len(limit.effects) + 1):
        limit.begin(number)
        texts = await said(orchestrator, made(), cancel)
        assert texts == undisturbed, f"after effect {number}, {limit.effects[number - 1 : number]}"


class EchoingPublisher(Publisher):
    """Every command, job and done stands twice on the stream, the second time under another message id."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self._echo = client.jetstream()

    async def confirmed(self, subject: str, message: Message) -> PubAck:
        acknowledgement = await super().confirmed(subject, message)
        if isinstance(message, RunCommanded | GenerationRequested | GenerationStored):
            headers = {"Nats-Msg-Id": new_id(), "Aw-Type": message.type, "Aw-Run-Id": message.run_id}
            await self._echo.publish(subject, message.to_json(), headers=headers)
        return acknowledgement


@pytest.mark.parametrize(
    ("made", "script"),
    [(to_the_limit, small_talk), (to_the_goal, GOAL_AT_SECOND), (with_given_messages, small_talk)],
    ids=["limit", "goal", "given messages"],
)
async def test_every_trigger_delivered_twice_says_the_same_and_says_it_once(
    orchestrator: Orchestrator, made: Callable[[], Run], script: Script
) -> None:
    orchestrator.script = script
    undisturbed = await said(orchestrator, made())
    echoing = Orchestrator(orchestrator.workers, script)
    echoing.publisher = EchoingPublisher(orchestrator.client)
    assert await said(echoing, made()) == undisturbed


async def test_message_whose_runner_died_before_saying_it_is_said_by_the_next_look(orchestrator: Orchestrator) -> None:
    started = await orchestrator.start(run(played=scenario(message_limit=3)))
    async with orchestrator.playing(runner=False):
        await orchestrator.first_job()
        entry = message(f"{started.id}-1", 1, created_at=now() - timedelta(minutes=20))
        await orchestrator.store.entries.insert(entry)
        look = RunCommanded(run_id=started.id, at=now(), conversation_id=entry.conversation_id)
        await orchestrator.publisher.work(look)

        async def looked() -> bool:
            return any(event.type == "message" for event in await orchestrator.events(started))

        await eventually(looked, "the message's fact")
        await orchestrator.first_job()
    async with orchestrator.playing():
        await orchestrator.ended(started.id)

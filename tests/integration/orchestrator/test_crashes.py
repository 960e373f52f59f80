"""A look that dies after any of its effects, and triggers that come twice: nothing is lost, nothing doubled."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from nats.aio.client import Client
from nats.js.api import PubAck

from integration.orchestrator.mortal import Life, mortal_publisher, mortal_store
from integration.orchestrator.scripts import judged
from integration.orchestrator.stage import Stage, stage
from integration.orchestrator.stand_ins import Script, small_talk
from invariants import events_of
from shared.contracts.enums import JudgementStatus, Side, Wanted
from shared.contracts.identity import new_id
from shared.contracts.model import Message
from shared.contracts.runs import Run
from shared.contracts.settings import GivenMessage
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationRequested, GenerationStored, RunCommanded
from shared.messaging.publisher import Publisher
from shared.storage import Store
from support.builders import JUDGE, message, run, scenario
from support.eventually import eventually

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


@asynccontextmanager
async def mortal_stage(store: Store, client: Client, script: Script, life: Life) -> AsyncIterator[Stage]:
    """A stage that plays, with an orchestrator that dies when `life` says so."""
    publisher = mortal_publisher(Publisher(client), life)
    async with stage(
        store, client, script, orchestrator_store=mortal_store(store, life), orchestrator_publisher=publisher
    ) as played:
        yield played


async def said(played: Stage, wanted: Run, cancel: bool = False) -> list[list[str]]:
    """Plays the run to its end; what was said."""
    started = await played.start(wanted)
    if cancel:
        await played.want(started.id, Wanted.CANCEL)
    async with played.playing():
        ended = await played.ended(started.id)
    return in_short(await played.texts(ended), ended)


def in_short(texts: list[list[str | None]], of: Run) -> list[list[str]]:
    """What was said, without the run's id, so that runs can be compared."""
    return [[str(text).replace(of.id, "run") for text in some] for some in texts]


async def told(client: Client, of: Run, seq: int) -> bool:
    """Whether the fact of message `seq` stands on the stream."""
    events = await events_of(client, of.id)
    return any(event.type == "message" and event.fields["seq"] == seq for event in events)


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
    store: Store, client: Client, made: Callable[[], Run], script: Script, cancel: bool
) -> None:
    life = Life()
    async with mortal_stage(store, client, script, life) as played:
        undisturbed = await said(played, made(), cancel)
        for number in range(1, len(life.effects) + 1):
            life.begin(number)
            texts = await said(played, made(), cancel)
            assert texts == undisturbed, f"after effect {number}, {life.effects[number - 1 : number]}"


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
    store: Store, client: Client, made: Callable[[], Run], script: Script
) -> None:
    async with stage(store, client, script) as played:
        undisturbed = await said(played, made())
    async with stage(store, client, script, publisher=EchoingPublisher(client)) as played:
        assert await said(played, made()) == undisturbed


async def test_message_whose_runner_died_before_saying_it_is_said_by_the_next_look(
    store: Store, client: Client
) -> None:
    async with stage(store, client) as played:
        started = await played.start(run(played=scenario(message_limit=3)))
        async with played.playing(runner=False):
            await eventually(played.is_waiting_for_runner, "the first job")
            entry = message(f"{started.id}-1", 1, created_at=now() - timedelta(minutes=20))
            await store.entries.insert(entry)
            look = RunCommanded(run_id=started.id, at=now(), conversation_id=entry.conversation_id)
            await played.publisher.work(look)

            async def looked() -> bool:
                return await told(client, started, 1) and await played.is_waiting_for_runner()

            await eventually(looked, "the message's fact")
        async with played.playing():
            await played.ended(started.id)

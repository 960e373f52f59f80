"""What the routes work with: every object of this process, built once in `app.py`. Rooms take what they need of it."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.answers.reader_leases import ReaderLeases
from gateway.casting.participants import Casting
from gateway.chat.deletes import DeletedChats
from gateway.chat.service import ChatService
from gateway.dead_letters.replays import Replays
from gateway.event_stream import Streams
from gateway.health.heartbeats import Heartbeats
from gateway.health.store_watch import StoreWatch
from gateway.health.system_health import SystemHealth
from gateway.promptbro.quota import AssistQuota
from gateway.runs.control import RunControl
from gateway.settings import GatewaySettings
from gateway.single_answers.questions import Questions
from gateway.single_answers.service import SingleAnswers
from gateway.starts.service import Starts
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.routing import Registry, Router
from shared.storage.owned import StoreOf


@dataclass(frozen=True, slots=True)
class Services:
    """The objects of this process; `shutting_down` is set when it is asked to stop."""

    settings: GatewaySettings
    registry: Registry
    router: Router
    casting: Casting
    connection: Connection
    store_of: StoreOf
    store_watch: StoreWatch
    heartbeats: Heartbeats
    readiness: Readiness
    health: SystemHealth
    control: RunControl
    starts: Starts
    streams: Streams
    reader_leases: ReaderLeases
    questions: Questions
    single_answers: SingleAnswers
    assist_quota: AssistQuota
    chat: ChatService
    deleted_chats: DeletedChats
    replays: Replays
    shutting_down: asyncio.Event


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def _of_request(request: Request) -> Services:
    return _services(request)


async def _store_answers(request: Request) -> None:
    _services(request).store_watch.check()


ServicesOfApp = Annotated[Services, Depends(_of_request)]
NeedsStore = Depends(_store_answers)
"""Refuses a request at once while the store is away."""

"""The composition root: every object of the process is made here and handed down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.datastructures import State
from starlette.types import ASGIApp

from gateway.access.token_gate import TokenGate
from gateway.answers.reader_leases import Readings
from gateway.chat.chats import Chats
from gateway.chat.commands import ChatCommands
from gateway.chat.deletes import DeletedChats
from gateway.chat.service import ChatDoor
from gateway.document import document, operation_id
from gateway.event_stream import OutermostLayer, Streams, StreamSettings, streams_per_user
from gateway.health.heartbeats import Heartbeats
from gateway.health.store_watch import StoreWatch
from gateway.health.system_health import Vitality
from gateway.http.body_limit import BodyLimit
from gateway.http.cors import CrossOriginAnswers, cors_of
from gateway.http.envelope import Envelope
from gateway.http.error_responses import ErrorBody, add_error_answers
from gateway.http.foreign_pages import foreign_pages
from gateway.http.head_requests import HeadRequests
from gateway.routes import (
    agents,
    battles,
    chat,
    conversations,
    dead_letters,
    docs,
    estimates,
    health,
    llm,
    models,
    openai,
    personas,
    promptbro,
    reports,
    runs,
    scale,
    stream_sessions,
    stream_tokens,
    streams,
    templates,
)
from gateway.runs.commands import Commands
from gateway.runs.control import ControlOfRuns
from gateway.services import Parts
from gateway.settings import GatewaySettings
from gateway.starts.idempotency import Acceptance
from gateway.starts.planning import Planner
from shared.cancellation import cancel_all
from shared.logs import Logger
from shared.messaging import subjects
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.routing import Registry
from shared.storage import Store
from shared.tracebacks import described

_log = structlog.stdlib.get_logger("gateway")
LARGEST_BODY = 1024 * 1024
LARGER_BODIES = {"/api/chat": chat.LARGEST_BODY}
ROUTES = (
    # Looked through in this order, and here it counts.
    chat,
    agents,
    battles,
    scale,
    estimates,
    runs,
    conversations,
    reports,
    streams,
    promptbro,
    llm,
    openai,
    stream_sessions,
    stream_tokens,
    templates,
    personas,
    models,
    health,
    dead_letters,
    docs,
)
ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


class Gateway(FastAPI):
    """The app with its envelope outside of it: answers nobody foresaw carry request ids and CORS headers too."""

    settings: GatewaySettings

    def openapi(self) -> dict[str, Any]:
        """The document, made when it is first asked for."""
        if self.openapi_schema is None:
            parts: Parts = self.state.parts
            self.openapi_schema = document(self, parts.settings, parts.registry)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        limited = BodyLimit(super().build_middleware_stack(), LARGEST_BODY, LARGER_BODIES)
        cors = cors_of(self.settings)
        guarded = foreign_pages(HeadRequests(limited), self.settings, cors)
        return OutermostLayer(Envelope(CrossOriginAnswers(guarded, cors)))


def create_app(settings: GatewaySettings, registry: Registry, log: Logger, shutting_down: asyncio.Event) -> Gateway:
    """The gateway's app. It opens nothing before its lifespan begins, and serves with broker or store away.

    `shutting_down` is set when the process is asked to stop: streams and long polls end at once.
    """
    connection = Connection("gateway", settings, log)
    store = Store(settings)
    heartbeats = Heartbeats(log)
    app = Gateway(
        title="Agent Wars",
        version="0.1.0",
        summary="Battles, scale tests and reports for LLM agents.",
        lifespan=_lifespan,
        # No page of anybody else, and no address that a request's Host header made.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=ERRORS,
        generate_unique_id_function=operation_id,
    )
    app.settings = settings
    app.state.heartbeats = heartbeats
    app.state.store_watch = StoreWatch(store, log)
    app.state.shutting_down = shutting_down
    app.state.parts = _parts(settings, registry, connection, store, heartbeats, log)
    stream_settings = StreamSettings()
    limit = streams_per_user(stream_settings, settings.host)
    app.state.streams = Streams(connection, store, stream_settings, limit, shutting_down, log)
    app.state.readings = Readings(store, log)
    app.state.chat_door = _chat_door(app.state.parts, app.state.streams, app.state.readings, log)
    app.state.deleted_chats = _deleted_chats(app.state.parts, app.state.streams, app.state.chat_door, log)
    add_error_answers(app)
    app.add_middleware(TokenGate, settings=settings)
    for resource in ROUTES:
        app.include_router(resource.router)
    app.state.routes = [route for resource in ROUTES for route in resource.router.routes]
    return app


def _parts(
    settings: GatewaySettings,
    registry: Registry,
    connection: Connection,
    store: Store,
    heartbeats: Heartbeats,
    log: Logger,
) -> Parts:
    readiness = Readiness(connection, store, [subjects.WORK, subjects.RUN_EVENTS])
    commands = Commands(connection, settings.publish_timeout_seconds, log)
    return Parts(
        settings=settings,
        registry=registry,
        connection=connection,
        store=store,
        commands=commands,
        acceptance=Acceptance(store, commands, log),
        control=ControlOfRuns(store, commands, log),
        planner=Planner(registry, settings),
        vitality=Vitality(connection, store, readiness, heartbeats, registry),
        readiness=readiness,
    )


def _chat_door(parts: Parts, streams: Streams, readings: Readings, log: Logger) -> ChatDoor:
    said = ChatCommands(parts.connection, parts.settings.publish_timeout_seconds, log)
    chats = Chats(parts.store, parts.connection, parts.commands, said, parts.settings.chat_days_kept, log)
    return ChatDoor(chats, readings, parts, streams, log)


def _deleted_chats(parts: Parts, streams: Streams, door: ChatDoor, log: Logger) -> DeletedChats:
    return DeletedChats(parts.store, parts.connection, parts.control, door.chats, streams.hub, log)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects in the background: the broker may come later than the first request."""
    parts: Parts = app.state.parts
    background = [
        asyncio.create_task(_stay_connected(parts.connection, app.state), name="heartbeats"),
        asyncio.create_task(app.state.store_watch.run(), name="store watch"),
    ]
    for task in background:
        task.add_done_callback(_say_if_failed)
    yield
    app.state.shutting_down.set()
    await app.state.streams.close()
    await app.state.readings.close()
    await cancel_all(background)
    await parts.connection.close()
    parts.store.close()


def _say_if_failed(task: asyncio.Task[None]) -> None:
    """Nobody waits for what runs in the background: an error that ended it is said here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background task ended", task=task.get_name(), error=described(error))


async def _stay_connected(connection: Connection, state: State) -> None:
    client = await connection.open()
    await state.deleted_chats.listen()
    await state.heartbeats.run(client)

"""The composition root: every object of the process is made here and handed down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.access.authentication import Authentication, CallerOf, NamedCallers
from gateway.access.token_callers import TokenCallers
from gateway.answers.delivery import AnswerDelivery
from gateway.answers.reader_leases import ReaderLeases
from gateway.casting.participants import Casting
from gateway.chat.chats import Chats
from gateway.chat.commands import ChatCommands
from gateway.chat.deletes import DeletedChats
from gateway.chat.new_chats import NewChats
from gateway.chat.service import ChatService
from gateway.dead_letters.replays import Replays
from gateway.document import document, operation_id
from gateway.event_stream import OutermostLayer, Streams, StreamSettings, streams_per_user
from gateway.health.heartbeats import Heartbeats
from gateway.health.store_watch import StoreWatch
from gateway.health.system_health import SystemHealth
from gateway.http.body_limit import BodyLimit
from gateway.http.cors import CrossOriginHeaders, cors_of
from gateway.http.cross_site_guard import cross_site_guard
from gateway.http.error_responses import ErrorBody, add_error_handlers
from gateway.http.head_requests import HeadRequests
from gateway.http.response_headers import ResponseHeaders
from gateway.promptbro.quota import AssistQuota
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
    usage,
)
from gateway.runs.commands import RunCommands
from gateway.runs.control import RunControl
from gateway.services import Services
from gateway.settings import GatewaySettings
from gateway.single_answers.questions import Questions
from gateway.single_answers.service import SingleAnswers
from gateway.starts.idempotency import IdempotentRuns
from gateway.starts.planning import Planner
from gateway.starts.service import Starts
from shared.cancellation import cancel_all
from shared.contracts import subjects
from shared.logs import Logger
from shared.messaging.connection import Connection
from shared.messaging.heartbeats import HEARTBEAT_SECONDS, publish_heartbeats
from shared.readiness import Readiness
from shared.routing import Registry, Router
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
    usage,
    personas,
    models,
    health,
    dead_letters,
    docs,
)
ERRORS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


class Gateway(FastAPI):
    """The app with its headers outside of it: answers nobody foresaw carry request ids and CORS headers too."""

    settings: GatewaySettings
    named: CallerOf

    def openapi(self) -> dict[str, Any]:
        """The document, made when it is first asked for."""
        if self.openapi_schema is None:
            services: Services = self.state.services
            self.openapi_schema = document(self, services.settings, services.registry)
        return self.openapi_schema

    def build_middleware_stack(self) -> ASGIApp:
        limited = BodyLimit(super().build_middleware_stack(), LARGEST_BODY, LARGER_BODIES)
        cors = cors_of(self.settings)
        known = Authentication(limited, TokenCallers(self.settings.stream_token_secret), self.named)
        guarded = cross_site_guard(HeadRequests(known), self.settings, cors)
        return OutermostLayer(ResponseHeaders(CrossOriginHeaders(guarded, cors)))


def create_app(settings: GatewaySettings, registry: Registry, log: Logger, shutting_down: asyncio.Event) -> Gateway:
    """The gateway's app. It opens nothing before its lifespan begins, and serves with broker or store away.

    `shutting_down` is set when the process is asked to stop: streams and long polls end at once.
    """
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
    app.named = NamedCallers(settings.host)
    app.state.store = store = Store(settings)
    app.state.services = services = services_of(settings, registry, store, shutting_down, log)
    routes = [route for resource in ROUTES for route in resource.router.routes]
    add_error_handlers(app, routes, services.store_watch.doubt)
    for resource in ROUTES:
        app.include_router(resource.router)
    return app


def services_of(
    settings: GatewaySettings, registry: Registry, store: Store, shutting_down: asyncio.Event, log: Logger
) -> Services:
    """Every object of the process, each made of those before it. The store itself goes to what knows no caller."""
    connection = Connection("gateway", settings, log)
    store_watch = StoreWatch(store, log)
    heartbeats = Heartbeats(log)
    readiness = Readiness(connection, store, [subjects.WORK, subjects.RUN_EVENTS])
    commands, router = RunCommands(connection, settings.publish_timeout_seconds, log), Router(registry)
    casting = Casting(router, settings.temperature)
    control = RunControl(store.of, commands, log)
    reader_leases = ReaderLeases(store.readers, log)
    stream_settings = StreamSettings()
    limit = streams_per_user(stream_settings, settings.host)
    streams = Streams(connection, store.of, store.stream_leases, stream_settings, limit, shutting_down, log)
    chat_commands = ChatCommands(connection, settings.publish_timeout_seconds, log)
    chats = Chats(store.of, connection, commands, chat_commands, settings.chat_days_kept, log)
    questions = Questions(connection, store.of, commands, settings.stream_token_secret)
    delivery = AnswerDelivery(streams, reader_leases, store.of, router, log)
    return Services(
        settings=settings,
        registry=registry,
        router=router,
        casting=casting,
        connection=connection,
        store_of=store.of,
        store_watch=store_watch,
        heartbeats=heartbeats,
        readiness=readiness,
        health=SystemHealth(connection, store, readiness, heartbeats, registry),
        control=control,
        starts=Starts(store.of, IdempotentRuns(store.of, commands, log), Planner(registry, casting, settings)),
        streams=streams,
        reader_leases=reader_leases,
        questions=questions,
        single_answers=SingleAnswers(questions, delivery, control, store_watch),
        assist_quota=AssistQuota(store.of, router, settings),
        chat=ChatService(chats, NewChats(store.of, casting, settings), delivery),
        deleted_chats=DeletedChats(store.of, store.forget_cached, connection, control, chats, streams.hub, log),
        replays=Replays(connection, store.of, router, settings),
        shutting_down=shutting_down,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Connects in the background: the broker may come later than the first request."""
    services: Services = app.state.services
    background = [
        asyncio.create_task(_stay_connected(services), name="heartbeats"),
        asyncio.create_task(services.store_watch.run(), name="store watch"),
    ]
    for task in background:
        task.add_done_callback(_say_if_failed)
    yield
    services.shutting_down.set()
    await services.streams.close()
    await services.reader_leases.close()
    await cancel_all(background)
    await services.connection.close()
    app.state.store.close()


def _say_if_failed(task: asyncio.Task[None]) -> None:
    """Nobody waits for what runs in the background: an error that ended it is said here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background task ended", task=task.get_name(), error=described(error))


async def _stay_connected(services: Services) -> None:
    client = await services.connection.open()
    await services.deleted_chats.listen()
    await services.heartbeats.listen(client)
    await publish_heartbeats(services.connection, "gateway", HEARTBEAT_SECONDS, _log)

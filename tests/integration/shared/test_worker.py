"""The skeleton of a worker on real servers: what it answers, when it begins, in which order it stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import structlog

from local_stack.ports import free_port
from shared.contracts import subjects
from shared.settings import HealthSettings, MongoSettings, NatsSettings, WorkerSettings
from shared.worker import http as http_module
from shared.worker.worker import Work, Worker
from support.builders import registry
from support.servers import database_name

LOG = structlog.stdlib.get_logger("test")
NEEDED = [subjects.RUN_EVENTS, f"{subjects.WORK}/{subjects.ORCHESTRATOR_DONE}"]
PATIENCE_SECONDS = 20


@dataclass
class Here:
    """A worker whose work is the test's: it says what happened, in order."""

    settings: WorkerSettings
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    happened: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def port(self) -> int:
        return self.settings.health.health_port

    async def run(self, duty: Callable[[], Awaitable[object]], stop: Callable[[], Awaitable[object]]) -> None:
        async def works() -> None:
            await duty()

        async def begin() -> Work:
            self.happened.append("begun")
            self.begun.set()
            return Work([works()], stop)

        await Worker("test", NEEDED, self.settings, registry(), LOG).run(begin, self.stopping)

    async def answer(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    async def until(self, path: str, status: int) -> httpx.Response:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self.answer(path)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code == status:
                    return answer
                await asyncio.sleep(0.02)


def here(nats_url: str, mongo_url: str) -> Here:
    nats = NatsSettings(nats_url=nats_url)
    mongo = MongoSettings(mongo_url=mongo_url, mongo_database=database_name())
    return Here(WorkerSettings(nats, mongo, HealthSettings(health_port=free_port())))


async def for_ever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return


@asynccontextmanager
async def at_work(worker: Here, stop: Callable[[], Awaitable[object]] = at_once) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.run(for_ever, stop))
    try:
        yield task
    finally:
        worker.stopping.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def test_it_answers_before_its_broker_is_there_and_leaves_without_it(mongo_url: str) -> None:
    worker = here(f"nats://127.0.0.1:{free_port()}", mongo_url)
    async with at_work(worker):
        missing = await worker.until("/readyz", 503)
        assert missing.json()["status"] == "not ready"
        assert "broker: not connected" in missing.json()["missing"]
        alive = await worker.answer("/healthz")
        assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
        assert (await worker.answer("/elsewhere")).status_code == 404
    assert worker.happened == []


async def test_it_begins_when_all_stands_and_answers_until_all_is_handed_over(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.worker.topology_repair.BOOTSTRAP_IS_LATE_SECONDS", 0.1)
    worker, handed_over = here(fresh_nats_url, mongo_url), asyncio.Event()
    async with at_work(worker, handed_over.wait) as task:
        ready = await worker.until("/readyz", 200)
        assert ready.json() == {"status": "ready"}
        await asyncio.wait_for(worker.begun.wait(), PATIENCE_SECONDS)
        worker.stopping.set()
        await asyncio.sleep(0.3)
        assert (await worker.answer("/readyz")).status_code == 200
        handed_over.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)
    with pytest.raises(httpx.TransportError):
        await worker.answer("/healthz")


async def test_a_duty_that_fails_ends_it_with_its_error(
    fresh_nats_url: str, mongo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.worker.topology_repair.BOOTSTRAP_IS_LATE_SECONDS", 0.1)
    worker = here(fresh_nats_url, mongo_url)

    async def fails() -> None:
        raise ArithmeticError("a duty failed")

    async def stops() -> None:
        worker.happened.append("stopped")

    with pytest.raises(ArithmeticError, match="a duty failed"):
        await asyncio.wait_for(worker.run(fails, stops), PATIENCE_SECONDS)
    assert worker.happened == ["begun", "stopped"]


async def test_who_asks_nothing_or_too_much_is_not_waited_for(mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "CONNECTION_SECONDS", 0.2)
    worker = here(f"nats://127.0.0.1:{free_port()}", mongo_url)
    async with at_work(worker):
        await worker.until("/healthz", 200)
        silent, writer = await asyncio.open_connection("127.0.0.1", worker.port)
        assert await asyncio.wait_for(silent.read(), PATIENCE_SECONDS) == b""
        writer.close()
        large, writer = await asyncio.open_connection("127.0.0.1", worker.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nX-Large: " + b"x" * (2 * http_module.HEAD_BYTES))
        assert b" 400 " in await asyncio.wait_for(large.readline(), PATIENCE_SECONDS)
        writer.close()

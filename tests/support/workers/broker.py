"""What stands on the streams: the events of runs, work that is owed, dead letters."""

import json
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from shared.contracts import subjects
from shared.messaging import history
from support.eventually import PATIENCE_SECONDS, eventually
from support.work_left import work_left

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Broker:
    """The streams, read from their beginning."""

    client: Client

    async def read(self, stream: str, subject: str) -> list[Payload]:
        return [json.loads(stored.data) async for stored in history.read(self.client, stream, subject)]

    async def facts(self, run_id: str) -> list[Payload]:
        """The run's events but for text, in order."""
        return await self.read(subjects.RUN_EVENTS, subjects.events(run_id))

    async def types(self, run_id: str) -> list[str]:
        return fields(await self.facts(run_id), "type")

    async def deltas(self, run_id: str) -> list[Payload]:
        return await self.read(subjects.RUN_EVENTS, f"run.{run_id}.text.*")

    async def dones(self, subject: str = subjects.DONE_ORCHESTRATOR) -> list[Payload]:
        """The dones nobody has taken."""
        return await self.read(subjects.WORK, subject)

    async def jobs(self) -> list[Payload]:
        """The jobs that are not acknowledged, delayed ones included."""
        return await self.read(subjects.WORK, "llm.do.*.*") + await self.read(subjects.WORK, "later.>")

    async def dead_letters(self) -> list[Payload]:
        return await self.read(subjects.DEAD_LETTERS, "dlq.>")

    async def no_jobs(self, patience: float = PATIENCE_SECONDS) -> None:
        """Returns once no job is left."""

        async def none() -> bool:
            return not await self.jobs()

        await eventually(none, "no job is left", patience)

    async def owed(self) -> int:
        """How many messages `WORK` holds, those in flight included."""
        return sum((await work_left(self.client)).values())

    async def at_rest(self) -> None:
        """Returns once `WORK` holds nothing."""

        async def nothing() -> bool:
            return await self.owed() == 0

        await eventually(nothing, "an empty WORK")

    async def later(self) -> set[str]:
        """The subjects of what is scheduled."""
        info = await self.client.jetstream().stream_info(subjects.WORK, subjects_filter="later.>")
        return set(info.state.subjects or {})


def fields(of: list[Payload], key: str) -> list[Any]:
    """One field of each."""
    return [one[key] for one in of]

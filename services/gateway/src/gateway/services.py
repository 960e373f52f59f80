"""What the routes work with, built once in `app.py`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.health.system_health import Vitality
from gateway.runs.commands import Commands
from gateway.runs.control import ControlOfRuns
from gateway.settings import GatewaySettings
from gateway.starts.idempotency import Acceptance
from gateway.starts.planning import Planner
from shared.messaging.connection import Connection
from shared.readiness import Readiness
from shared.routing import Registry
from shared.storage import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects of this process."""

    settings: GatewaySettings
    registry: Registry
    connection: Connection
    store: Store
    commands: Commands
    acceptance: Acceptance
    control: ControlOfRuns
    planner: Planner
    vitality: Vitality
    readiness: Readiness


async def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


PartsOfApp = Annotated[Parts, Depends(_parts)]

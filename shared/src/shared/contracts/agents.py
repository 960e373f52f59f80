"""Agents, versioned: every change makes a new version, and runs keep the version they started with."""

from shared.contracts.model import Contract
from shared.contracts.origin import Origin
from shared.contracts.settings import Criterion
from shared.contracts.timestamps import Timestamp


class Agent(Contract):
    """A stored participant. `provider` and `model` may be left to routing by `tier`.

    `written_from` says where this version's prompt or criteria come from, where no person wrote them.
    """

    id: str
    tenant: str
    version: int = 1
    name: str
    description: str | None = None
    system_prompt: str
    provider: str | None = None
    model: str | None = None
    tier: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    endpoint: str | None = None
    criteria: tuple[Criterion, ...] = ()
    tools: tuple[dict[str, object], ...] = ()
    written_from: Origin | None = None
    archived: bool = False
    created_at: Timestamp
    updated_at: Timestamp

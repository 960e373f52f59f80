"""Accepting a run, once: the insert decides, and whoever loses reads what stands (docs/protocol.md section 1)."""

import asyncio
import json
from hashlib import sha256
from typing import Annotated, Final

from fastapi import Depends, Header
from pydantic import BaseModel
from pydantic.config import JsonDict

from gateway.errors import Conflict, FieldProblem, InvalidRequest
from gateway.runs.commands import RunCommands
from shared.contracts.enums import RunKind
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.errors import NotYet, Taken
from shared.logs import Logger
from shared.storage.owned import StoreOf

READS_AFTER_A_LOSS = 10
READ_PAUSE_SECONDS = 0.1
KEY_LENGTH = 255
KEY: Final[JsonDict] = {"minLength": 1, "maxLength": KEY_LENGTH}


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None, Header(description="The same key and body again is the same run.", json_schema_extra=KEY)
    ] = None,
    x_idempotency_key: Annotated[
        str | None, Header(description="Another name of Idempotency-Key.", json_schema_extra=KEY)
    ] = None,
) -> str | None:
    sent = [key for key in (idempotency_key, x_idempotency_key) if key is not None]
    if not all(1 <= len(key) <= KEY_LENGTH for key in sent):
        raise InvalidRequest(FieldProblem("Idempotency-Key", f"must have 1 to {KEY_LENGTH} characters", KEY_LENGTH))
    return sent[0] if sent else None


IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]


def body_hash(kind: RunKind, body: BaseModel, parent: str | None = None) -> str:
    """The hash of what a body asks for, of its parent if it names one: order, nulls and unknown fields do not count."""
    said = body.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    asked = f"{kind}:{canonical}" if parent is None else f"{kind}:{parent}:{canonical}"
    return sha256(asked.encode()).hexdigest()


class IdempotentRuns:
    """Stores new runs and has the engine look at them."""

    def __init__(self, store_of: StoreOf, commands: RunCommands, log: Logger) -> None:
        self._store_of = store_of
        self._commands = commands
        self._log = log

    async def earlier(self, owner: Owner, client_id: str | None, key: str | None, asked_hash: str) -> Run | None:
        """The run an earlier request of the same client id, or of the owner's same idempotency key, made; or None.

        Raises Conflict where that request asked for something else.
        """
        runs = self._store_of(owner).runs
        by_id = await runs.find(client_id) if client_id else None
        by_key = await runs.find_by_key(key) if key else None
        run = by_id or by_key
        if run is None:
            return None
        if run.body_hash != asked_hash or (by_id and by_key and by_id.id != by_key.id):
            raise Conflict(
                "idempotency_mismatch",
                "Another request was made under this id or idempotency key: send another one, or the same request.",
                runId=run.id,
            )
        if run.control.handled < run.control.version:
            await self._commands.announce(run)
        return run

    async def accept(self, run: Run) -> tuple[Run, bool]:
        """Stores the run and announces it; the run, and whether it is new. 202 is right even if nobody could be told.

        Raises Conflict where its client id or idempotency key holds another request, StoreUnavailable.
        """
        try:
            await self._store_of(run.owner).runs.insert(run)
        except Taken:
            return await self._standing(run), False
        self._log.info("run accepted", run_id=run.id, kind=run.kind, total=run.total)
        await self._commands.announce(run)
        return run, True

    async def _standing(self, run: Run) -> Run:
        """What stands where the insert lost; for a moment it may be taken and not yet readable."""
        for _ in range(READS_AFTER_A_LOSS):
            found = await self.earlier(run.owner, run.client_id, run.idempotency_key, run.body_hash or "")
            if found is not None:
                return found
            await asyncio.sleep(READ_PAUSE_SECONDS)
        raise NotYet(f"the run of client id {run.client_id} or key {run.idempotency_key}")

"""Reading runs: by id for the engine, by owner for the gateway, by what is due for the sweepers."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from shared.contracts.enums import RunKind, Wanted
from shared.contracts.kinds import FINITE, KINDS
from shared.contracts.owner import Owner
from shared.contracts.runs import Control, Run
from shared.contracts.settings import RunSettings
from shared.contracts.timestamps import now
from shared.storage.assignment_cache import Assignment, AssignmentCache
from shared.storage.batching import Batcher
from shared.storage.driver import Collection, Document, mapped_errors, with_id
from shared.storage.indexes import ANY_MOMENT
from shared.storage.paging import Page, read_page
from shared.storage.run_settings import unpacked
from shared.storage.scope import EVERYBODY, ONLY_PLAYED, Scope

LIGHT = {"settings": 0, "slots": 0, "spent": 0}
WHOLE = {"slots": 0, "spent": 0}
ASSIGNMENT = {"tenant": 1, "user": 1, "settings": 1}
INDEXED = {"$type": "string"}
"""Beside a value that only some documents have: without it the server does not see that a partial index serves."""

_UNFINISHED = {"ended_at": None, "kind": {"$in": [kind.value for kind in FINITE]}}


class RunReads:
    """What is asked of runs. Whose they are and their settings never change, so both are kept in process."""

    def __init__(self, collection: Collection) -> None:
        self._runs = collection
        self._assignments = AssignmentCache()
        self._controls: Batcher[str, Control | None] = Batcher(self._read_controls)
        self._finds: Batcher[tuple[Owner, str], Run | None] = Batcher(self._find_batch)

    async def get(self, run_id: str, scope: Scope = EVERYBODY) -> Run | None:
        """The run with its (cached) settings, or None."""
        known = run_id in self._assignments
        with mapped_errors():
            document = await self._runs.find_one({"_id": run_id, **scope}, LIGHT if known else WHOLE)
        if document is not None and not known:
            self._assignments.keep(run_id, _assignment(document))
        return await self._with_settings(document) if document else None

    async def find(self, owner: Owner, reference: str, *, forgotten: bool = False) -> Run | None:
        """The owner's run by its id or by the id the client gave it, or None; those who wait share a query.

        A chat of the owner's own comes before a run of the team under the same name. What is not to be kept any more is
        there only for who asks for what is `forgotten`, as long as it stands.
        """
        run = await self._finds.submit((owner, reference))
        return None if run is not None and not forgotten and run.is_forgotten(now()) else run

    async def standing(self, owner: Owner, run_ids: Sequence[str]) -> dict[str, bool]:
        """Which of these runs stand, and of each whether the owner is shown it."""
        shown = {"tenant": 1, "user": 1, "kind": 1, "expires_at": 1}
        with mapped_errors():
            documents = await self._runs.find({"_id": {"$in": list(run_ids)}}, shown).to_list(None)
        return {document["_id"]: _is_shown(document, owner, now()) for document in documents}

    async def find_by_key(self, owner: Owner, idempotency_key: str) -> Run | None:
        """The run that the owner started under an idempotency key, or None."""
        key = {"$eq": idempotency_key} | INDEXED
        return await self._one({"tenant": owner.tenant, "user": owner.user, "idempotency_key": key})

    async def newest(
        self, owner: Owner, kind: RunKind | None, status: Sequence[str], before: str | None, limit: int
    ) -> Page[Run]:
        """The owner's runs, newest first, older than the run id `before` (ids sort by time).

        Without a kind: what is played for the tenant, no chats and single answers.
        """
        query: dict[str, Any] = {"tenant": owner.tenant, "kind": kind.value if kind else ONLY_PLAYED}
        if kind is not None and KINDS[kind].answers:
            query |= {"user": owner.user, "$nor": [{"expires_at": {"$lte": now()}}]}
        if status:
            query["status"] = {"$in": list(status)}
        if before:
            query["_id"] = {"$lt": before}
        # With their settings, which are none of those that looks ask for again and again: the cache stays theirs.
        return await read_page(self._runs, query, limit, _whole, shown=WHOLE)

    async def assignment(self, run_id: str) -> Assignment | None:
        """Whose the run is and what it was asked to do, from the process's cache after the first read."""
        kept = self._assignments.get(run_id)
        if kept is not None:
            return kept
        with mapped_errors():
            document = await self._runs.find_one({"_id": run_id}, ASSIGNMENT)
        return None if document is None else self._assignments.keep(run_id, _assignment(document))

    async def settings(self, run_id: str) -> RunSettings | None:
        """What the run was asked to do, as `assignment` has it."""
        assignment = await self.assignment(run_id)
        return None if assignment is None else assignment.settings

    async def control(self, run_id: str) -> Control | None:
        """What is wanted of the run now; reads of many runs share a query."""
        return await self._controls.submit(run_id)

    async def unanswered(self, asked_after: datetime, asked_before: datetime, limit: int) -> list[Run]:
        """Chats that have not ended whose person's last message, sent between two moments, has no answer."""
        query = {
            "kind": RunKind.CHAT.value,
            "ended_at": None,
            "asked_at": {"$gt": asked_after, "$lt": asked_before},
            "$expr": {"$gt": ["$asked_seq", "$current_turn"]},
        }
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).limit(limit).to_list(limit)
        return [await self._with_settings(document) for document in documents]

    async def canceled_chats(self, changed_before: datetime, limit: int) -> list[str]:
        """The ids of chats that were to end before a moment and have not."""
        query = {
            "kind": RunKind.CHAT.value,
            "control.wanted": Wanted.CANCEL.value,
            "ended_at": None,
            "control.changed_at": {"$lt": changed_before},
        }
        with mapped_errors():
            documents = await self._runs.find(query, {"_id": 1}).limit(limit).to_list(limit)
        return [document["_id"] for document in documents]

    async def expired(self, before: datetime, limit: int) -> list[str]:
        """The ids of runs that were to be kept until a moment before `before`."""
        query = {"expires_at": {"$gt": ANY_MOMENT, "$lt": before}}
        with mapped_errors():
            documents = await self._runs.find(query, {"_id": 1}).limit(limit).to_list(limit)
        return [document["_id"] for document in documents]

    async def unfinished(self, limit: int) -> list[Run]:
        """Runs that have not ended, for the sweeper; a chat has no end to come to (`unanswered` finds those)."""
        with mapped_errors():
            documents = await self._runs.find(_UNFINISHED, LIGHT).sort("deadline_at", 1).limit(limit).to_list(limit)
        return [await self._with_settings(document) for document in documents]

    async def unfinished_ids(self, limit: int) -> list[str]:
        """The ids of what `unfinished` finds, where one of them cannot be read."""
        with mapped_errors():
            documents = (
                await self._runs.find(_UNFINISHED, {"_id": 1}).sort("deadline_at", 1).limit(limit).to_list(limit)
            )
        return [document["_id"] for document in documents]

    async def _read_assignments(self, run_ids: Sequence[str]) -> None:
        """Has the assignments of many runs in the cache, by one query; that of one is read where it is needed."""
        unknown = [run_id for run_id in run_ids if run_id not in self._assignments]
        if len(unknown) < 2:
            return
        with mapped_errors():
            documents = await self._runs.find({"_id": {"$in": unknown}}, ASSIGNMENT).to_list(None)
        for document in documents:
            self._assignments.keep(document["_id"], _assignment(document))

    def forget_cached(self, run_id: str) -> None:
        """Nothing of the run is kept in process any more."""
        self._assignments.forget(run_id)

    async def _one(self, query: dict[str, Any]) -> Run | None:
        with mapped_errors():
            document = await self._runs.find_one(query, LIGHT)
        return await self._with_settings(document) if document else None

    async def _find_batch(self, wanted: Sequence[tuple[Owner, str]]) -> Sequence[Run | None]:
        """By id first: hardly anybody asks by another name."""
        found = await self._found({"_id": {"$in": list({reference for _, reference in wanted})}})
        by_id = {run.id: run for run in found}
        others = {one for one in wanted if not _is_of(one[0], by_id.get(one[1]))}
        named = await self._named(others) if others else {}
        return [named.get(one) if one in others else by_id[one[1]] for one in wanted]

    async def _named(self, wanted: Set[tuple[Owner, str]]) -> dict[tuple[Owner, str], Run]:
        """What stands under the names that clients gave: an owner's own first."""
        tenants = {"$in": list({owner.tenant for owner, _ in wanted})}
        users = {"$in": list({owner.user for owner, _ in wanted})}
        names = {"$in": list({name for _, name in wanted})} | INDEXED
        own = {"kind": RunKind.CHAT.value, "tenant": tenants, "user": users, "client_id": names}
        played = {"kind": ONLY_PLAYED, "tenant": tenants, "client_id": names}
        runs = await self._found({"$or": [own, played]})
        chats = {(run.owner, run.client_id): run for run in runs if run.rules.answers}
        teams = {(run.tenant, run.client_id): run for run in runs if not run.rules.answers}
        found = {(owner, name): chats.get((owner, name)) or teams.get((owner.tenant, name)) for owner, name in wanted}
        return {one: run for one, run in found.items() if run is not None}

    async def _found(self, query: dict[str, Any]) -> list[Run]:
        with mapped_errors():
            documents = await self._runs.find(query, LIGHT).to_list(None)
        await self._read_assignments([document["_id"] for document in documents])
        return [await self._with_settings(document) for document in documents]

    async def _with_settings(self, document: Document) -> Run:
        settings = await self.settings(document["_id"])
        return Run.model_validate(with_id(document) | {"settings": settings})

    async def _read_controls(self, run_ids: Sequence[str]) -> Sequence[Control | None]:
        wanted = set(run_ids)
        with mapped_errors():
            if len(wanted) == 1:
                # One alone needs no cursor, which is half of what this costs.
                one = await self._runs.find_one({"_id": run_ids[0]}, {"control": 1})
                documents = [one] if one else []
            else:
                documents = await self._runs.find({"_id": {"$in": list(wanted)}}, {"control": 1}).to_list(None)
        found = {document["_id"]: Control.model_validate(document["control"]) for document in documents}
        return [found.get(run_id) for run_id in run_ids]


def _is_shown(document: Document, owner: Owner, at: datetime) -> bool:
    """As `Run.is_of` and `Run.is_forgotten`, for a document without its settings."""
    private = KINDS[RunKind(document["kind"])].answers
    if document["tenant"] != owner.tenant or (private and document["user"] != owner.user):
        return False
    until = document.get("expires_at")
    return until is None or until > at


def _is_of(owner: Owner, run: Run | None) -> bool:
    return run is not None and run.is_of(owner)


def _assignment(document: Document) -> Assignment:
    return Assignment(Owner(document["tenant"], document["user"]), unpacked(document["settings"]))


def _whole(document: Document) -> Run:
    return Run.model_validate(with_id(document) | {"settings": unpacked(document["settings"])})

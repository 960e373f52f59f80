"""What agents and prompt templates have in common: how they are found, replaced, archived and paged."""

from collections.abc import Callable
from typing import Final

from gateway.errors import Conflict, NotFound
from gateway.http.paging import version_before
from shared.storage.owned import OwnedVersioned, Resource
from shared.storage.paging import Page

REPLACE_ATTEMPTS: Final = 5


async def find(things: OwnedVersioned[Resource], noun: str, identity: str, version: int | None = None) -> Resource:
    """A thing as it is, or as it was in a version. Raises NotFound."""
    thing = await things.get(identity, version)
    if thing is None:
        raise NotFound(noun, identity if version is None else f"{identity} in version {version}")
    return thing


async def replace(
    things: OwnedVersioned[Resource], noun: str, identity: str, change: Callable[[Resource], Resource]
) -> Resource:
    """Makes `change` of a thing its next version. Raises NotFound, and Conflict where others always come first."""
    for _ in range(REPLACE_ATTEMPTS):
        changed = change(await find(things, noun, identity))
        if await things.replace(changed):
            return changed
    name = f"{noun.capitalize()} {identity}"
    raise Conflict("busy", f"{name} is being changed by others all the time: try again in a moment.")


async def archive(things: OwnedVersioned[Resource], noun: str, identity: str) -> None:
    """Hides a thing; what has it goes on. Raises NotFound."""
    if not await things.archive(identity):
        raise NotFound(noun, identity)


async def versions(
    things: OwnedVersioned[Resource], noun: str, identity: str, cursor: str | None, limit: int
) -> tuple[Page[Resource], str | None]:
    """A thing's versions, newest first, and the cursor of the next page. Raises NotFound and InvalidRequest."""
    before = version_before(cursor)
    found = await things.versions(identity, before, limit)
    if not found and before is None:
        raise NotFound(noun, identity)
    return found, str(found[-1].version) if found.more else None

"""What has versions keeps them all, whoever dies or comes second; templates as agents."""

import asyncio

from shared.contracts.templates import PromptTemplate
from shared.contracts.timestamps import now
from shared.storage import Store


def template(version: int = 1, content: str = "first") -> PromptTemplate:
    moment = now()
    return PromptTemplate(
        id="t1",
        tenant="default",
        version=version,
        name="n",
        kind="k",
        content=content,
        created_at=moment,
        updated_at=moment,
    )


async def shown(store: Store) -> list[tuple[int, str]]:
    return [(one.version, one.content) for one in await store.templates.versions("default", "t1")]


async def test_every_version_is_kept_and_shown_once(store: Store) -> None:
    await store.templates.insert(template())
    assert await shown(store) == [(1, "first")]
    assert await store.templates.replace(template(2, "second"))
    assert await store.templates.replace(template(3, "third"))
    assert await shown(store) == [(3, "third"), (2, "second"), (1, "first")]
    found = [await store.templates.get("default", "t1", version) for version in (1, 2, 3, 4)]
    assert [one and one.content for one in found] == ["first", "second", "third", None]


async def test_of_many_who_change_the_same_version_one_wins_and_no_other_leaves_a_trace(store: Store) -> None:
    await store.templates.insert(template())
    contents = [str(number) for number in range(10)]
    won = await asyncio.gather(*(store.templates.replace(template(2, content)) for content in contents))
    assert sum(won) == 1
    assert await shown(store) == [(2, contents[won.index(True)]), (1, "first")]


async def test_death_before_the_change_leaves_the_version_that_stands(store: Store) -> None:
    await store.templates.insert(template())
    standing = await store.collection("templates").find_one({"_id": "t1"})
    assert standing is not None
    # What a process that died right before its change has done.
    kept = {name: value for name, value in standing.items() if name != "_id"} | {"template_id": "t1"}
    await store.collection("template_versions").insert_one({"_id": "t1:1"} | kept)
    assert await shown(store) == [(1, "first")]
    assert await store.templates.replace(template(2, "second"))
    assert await shown(store) == [(2, "second"), (1, "first")]


async def test_another_tenant_sees_nothing(store: Store) -> None:
    await store.templates.insert(template())
    assert await store.templates.replace(template(2))
    assert await store.templates.get("other", "t1") is None
    assert await store.templates.get("other", "t1", 1) is None
    assert await store.templates.versions("other", "t1") == []
    assert not await store.templates.archive("other", "t1")

"""Settings of a run with many personas: their agent stands once in the store, and old documents are read on."""

from shared.contracts.runs import Run
from shared.storage import Store
from shared.storage.driver import document_bytes, to_document
from support.builders import run, scenario

LARGE = "\U0001f600" * 32_000


def many_personas(personas: int = 50) -> Run:
    """A run whose agent is as large as one may be, in letters of four bytes."""
    alone = scenario()
    agent = alone.agent.model_copy(update={"system_prompt": LARGE})
    scenarios = tuple(
        alone.model_copy(
            update={
                "agent": agent,
                "opponent": alone.opponent.model_copy(update={"system_prompt": f"You are person {number}."}),
                "persona_id": f"person-{number}" if number % 2 else None,
                "goal": "a kettle" if number == 0 else None,
            }
        )
        for number in range(personas)
    )
    begun = run(total=10)
    return begun.model_copy(update={"settings": begun.settings.model_copy(update={"scenarios": scenarios})})


async def reread(store: Store, run_id: str) -> Run:
    """The run as a process reads it that has not seen it before."""
    store.runs._assignments.forget(run_id)
    found = await store.runs.get(run_id)
    assert found is not None
    return found


async def test_an_agent_with_fifty_personas_is_stored_once(store: Store) -> None:
    begun = many_personas()
    await store.runs.insert(begun)
    stored = await store.collection("runs").find_one({"_id": begun.id})
    assert document_bytes(stored or {}) < 200_000 < document_bytes(begun)
    found = await reread(store, begun.id)
    assert found.settings == begun.settings
    assert len({id(one.agent) for one in found.settings.scenarios}) == 1


async def test_settings_that_were_written_out_are_read_on(store: Store) -> None:
    begun = many_personas(3)
    await store.collection("runs").insert_one(to_document(begun) | {"slots": {}, "spent": {}})
    assert (await reread(store, begun.id)).settings == begun.settings

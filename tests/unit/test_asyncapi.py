"""docs/asyncapi.json holds every subject of contracts and topology, and no other."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts import subjects
from shared.contracts.model import Message
from shared.routing import Registry
from shared.settings import NatsSettings
from shared.topology.streams import durables, streams

ROOT = Path(__file__).parents[2]
CORE = {subjects.control("*"), subjects.forgotten("*"), subjects.heartbeat("*")}
"""What no stream keeps."""
LIVE = {subjects.republished(subjects.events("*")), subjects.republished(subjects.text("*", "*"))}


def document() -> dict[str, Any]:
    """As docs/asyncapi.py makes it now."""
    spec = importlib.util.spec_from_file_location("asyncapi_page", ROOT / "docs" / "asyncapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[str, Any] = json.loads(json.dumps(module.document()))
    return made


def contract_subjects(base: type[Message] = Message) -> Iterator[str]:
    """The subject of every contract that has one of its own."""
    for contract in base.__subclasses__():
        if isinstance(subject := vars(contract).get("subject"), str):
            yield subject
        yield from contract_subjects(contract)


def kept_subjects() -> set[str]:
    """What streams keep, and where it is heard live; dead letters one by one, as their contracts name them."""
    kept = {subject for stream in streams(NatsSettings()) for subject in stream.subjects or ()}
    assert {stream.republish.dest for stream in streams(NatsSettings()) if stream.republish} == {subjects.RUNS_LIVE}
    letters = {subject for subject in contract_subjects() if subject.startswith("dlq.")}
    return kept - {subjects.GIVEN_UP} | letters | LIVE


def test_its_subjects_are_those_of_contracts_and_topology() -> None:
    addresses = {channel["address"] for channel in document()["channels"].values()}
    assert addresses == kept_subjects() | set(contract_subjects()) | CORE


def test_what_is_received_is_what_durables_stand_for() -> None:
    made = document()
    received = {
        made["channels"][operation["channel"]["$ref"].removeprefix("#/channels/").replace("%2A", "*")]["address"]
        for operation in made["operations"].values()
        if operation["action"] == "receive"
    }
    waiting = {one.filter_subject for one in durables(Registry(providers={}))}
    assert received == waiting | {subjects.JOBS}


def test_what_is_received_is_described_by_its_contract() -> None:
    messages = document()["components"]["messages"]
    payloads = {name.partition(":")[0]: one["payload"] for name, one in messages.items() if "Subscribe" in name}
    of = {subject: str(payload) for subject, payload in payloads.items()}
    assert "RunCommanded" in of[subjects.COMMANDS]
    assert "GenerationRequested" in of[subjects.JOBS]
    assert "MemoryRequested" in of[subjects.MEMORY]
    assert "ReportRequested" in of[subjects.REPORTS]
    schemas = str(document()["components"]["schemas"])
    assert all(name in schemas for name in ("GenerationStored", "UsageAppeared", "RunStarted", "Delta"))


def test_it_is_the_same_whenever_it_is_made() -> None:
    assert json.dumps(document(), sort_keys=True) == json.dumps(document(), sort_keys=True)

"""Puts a recording into an empty store and an empty broker, as if it had been left there a moment ago.

Every time is moved by what has passed since: what had a day to live has a day to live. Sequences are kept, because
documents name them; what was delivered and not acknowledged was delivered once before.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bson.json_util import CANONICAL_JSON_OPTIONS, loads
from nats.aio.client import Client
from pymongo.database import Database

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_API_SECONDS = 5.0
_FILLERS = {"WORK": "later.filler", "RUN_EVENTS": "run.filler.events", "DLQ": "dlq.filler"}
"""By stream, a subject for what stood where there is nothing now."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """What one version left. Texts and documents are given with their times moved to the present."""

    folder: Path
    ids: Mapping[str, list[str]]
    settings: Mapping[str, str]
    providers: Mapping[str, Any]
    moved: timedelta

    @classmethod
    def read(cls, folder: Path) -> "Recording":
        about = json.loads((folder / "recording.json").read_text())
        passed = datetime.now(UTC) - datetime.fromisoformat(about["recordedAt"])
        whole = timedelta(milliseconds=passed // timedelta(milliseconds=1))
        return cls(folder, about["ids"], about["settings"], about["providers"], whole)

    def answers(self) -> list[Line]:
        """What the gateway of that version showed."""
        return list(self._lines("answers"))

    async def load(self, database: Database[Any], client: Client) -> None:
        """Both must be empty."""
        self._load_store(database)
        await self._load_streams(client)

    def _lines(self, name: str) -> Iterator[Line]:
        with gzip.open(self.folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(_TIME.sub(self._later, line))

    def _later(self, found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0]) + self.moved
        return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"

    def _load_store(self, database: Database[Any]) -> None:
        for line in self._lines("store"):
            collection = database[line["collection"]]
            if "document" in line:
                collection.insert_one(self._document(line["document"]))
            elif len(line["indexes"]) > 1:
                indexes = [loads(json.dumps(index)) for index in line["indexes"]]
                database.command("createIndexes", collection.name, indexes=indexes)

    def _document(self, line: Line) -> Any:
        return _with_times(loads(json.dumps(line), json_options=CANONICAL_JSON_OPTIONS), self.moved)

    async def _load_streams(self, client: Client) -> None:
        lines = list(self._lines("streams"))
        for stream in (line for line in lines if "config" in line):
            name = stream["stream"]
            await _asked(client, f"STREAM.CREATE.{name}", stream["config"])
            messages = [line for line in lines if line["stream"] == name and "sequence" in line]
            await _publish(client, name, messages, stream["last"])
            for durable in stream["durables"]:
                await _deliver(client, name, durable, messages)


async def _publish(client: Client, stream: str, messages: list[Line], last: int) -> None:
    """Each message at its sequence; what stood between them is put there, and purged."""
    standing, filler = {one["sequence"]: one for one in messages}, _FILLERS[stream]
    for sequence in range(1, last + 1):
        one = standing.get(sequence, {"subject": filler, "data": "", "headers": {}})
        stored = await client.jetstream().publish(one["subject"], one["data"].encode(), headers=one["headers"])
        assert (stored.stream, stored.seq, stored.duplicate) == (stream, sequence, None), stored
    await _asked(client, f"STREAM.PURGE.{stream}", {"filter": filler})


async def _deliver(client: Client, stream: str, durable: Line, messages: list[Line]) -> None:
    """The durable, and what it had delivered: it comes again at once, as after a service's death."""
    config = durable["config"]
    name, subject = config["durable_name"], config["filter_subject"]
    await _asked(client, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})
    delivered = sum(one["subject"] == subject and one["sequence"] <= durable["delivered"] for one in messages)
    if delivered:
        reader = await client.jetstream().pull_subscribe_bind(name, stream)
        for message in await reader.fetch(delivered, timeout=_API_SECONDS):
            await message.nak()
        await reader.unsubscribe()


async def _asked(client: Client, path: str, body: Line) -> None:
    answer = json.loads((await client.request(f"$JS.API.{path}", json.dumps(body).encode(), timeout=_API_SECONDS)).data)
    assert "error" not in answer, f"{path}: {answer}"


def _with_times(value: Any, moved: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + moved
    if isinstance(value, dict):
        return {name: _with_times(inner, moved) for name, inner in value.items()}
    return [_with_times(inner, moved) for inner in value] if isinstance(value, list) else value

"""What a store and a broker hold, as lines of JSON: the half of a recording that reads."""

import base64
import gzip
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from nats.aio.client import Client
from pymongo.database import Database

STREAMS = ("WORK", "RUN_EVENTS", "DLQ")
_NOT_FOUND = 10037  # JetStream's code for "no message found"
_API_SECONDS = 5.0


def documents(database: Database[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every collection: one line for its indexes, then one for each document."""
    for name in sorted(database.list_collection_names()):
        collection = database[name]
        yield {"collection": name, "indexes": [_plain(dict(index)) for index in collection.list_indexes()]}
        for document in collection.find().sort("_id"):
            yield {"collection": name, "document": _plain(document)}


async def streams(client: Client) -> AsyncIterator[dict[str, Any]]:
    """Every stream: its configuration, its durables and how far each was read, then its messages."""
    for name in STREAMS:
        info = await _asked(client, f"STREAM.INFO.{name}")
        durables = (await _asked(client, f"CONSUMER.LIST.{name}", offset=0))["consumers"]
        read = [{"config": one["config"], "delivered": one["delivered"]["stream_seq"]} for one in durables]
        state = info["state"]
        yield {"stream": name, "config": info["config"], "durables": read, "last": state["last_seq"]}
        sequence = state["first_seq"]
        while message := await _message(client, name, sequence):
            yield message
            sequence = message["sequence"] + 1


async def _message(client: Client, stream: str, sequence: int) -> dict[str, Any] | None:
    answer = await _asked(client, f"STREAM.MSG.GET.{stream}", seq=sequence, next_by_subj=">")
    if "error" in answer:
        if answer["error"]["err_code"] != _NOT_FOUND:
            raise RuntimeError(f"{stream} at {sequence}: {answer['error']}")
        return None
    found = answer["message"]
    headers = base64.b64decode(found.get("hdrs", "")).decode().split("\r\n")[1:-2]
    return {
        "stream": stream,
        "sequence": found["seq"],
        "subject": found["subject"],
        "headers": dict(line.split(": ", 1) for line in headers),
        "data": base64.b64decode(found.get("data", "")).decode(),
    }


async def _asked(client: Client, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{path}", json.dumps(body).encode() if body else b"", timeout=_API_SECONDS)
    return dict(json.loads(answer.data))


def _plain(document: Mapping[str, Any]) -> Any:
    return json.loads(dumps(document, json_options=CANONICAL_JSON_OPTIONS))


def write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Lines of JSON, packed; the same lines make the same file."""
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def about(
    path: Path, moment: datetime, providers: str, settings: Mapping[str, str], ids: Mapping[str, list[str]]
) -> None:
    """When it was recorded, with which settings, and what came of what."""
    known = {"recordedAt": moment.isoformat(timespec="milliseconds"), "settings": settings, "ids": ids}
    path.write_text(json.dumps(known | {"providers": json.loads(providers)}, indent=2) + "\n")

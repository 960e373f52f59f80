"""Requests that no client library sends: JSON that is hardly JSON, numbers and dates at their edges, any bytes.

Made from the OpenAPI document alone, with a seed: the same seed makes the same requests.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

Json = Any
EMOJI: Final = "\U0001f600"
DEPTHS: Final = (40, 180, 250, 990, 5_000)
SIZES: Final = (16_000, 64_000, 66_000, 250_000, 900_000, 1_100_000)
"""Of a body in bytes: below, at and above what is read at once, nearly the bound, and more."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as it stands in a body, JSON or not."""

    text: bytes


def encode(value: Json) -> bytes:
    """The value as JSON, with what is raw in it as it stands."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return b"{%s}" % b",".join(b"%s:%s" % (encode(name), encode(one)) for name, one in value.items())
    if isinstance(value, list):
        return b"[%s]" % b",".join(map(encode, value))
    return json.dumps(value).encode()


def _nested(depth: int) -> Raw:
    return Raw(b'{"a":' * depth + b"1" + b"}" * depth)


UNSTORABLE: Final[tuple[Json, ...]] = (
    # Halves of surrogate pairs; NUL in a name; what the driver takes for its own.
    Raw(rb'"\ud800"'),
    Raw(rb'{"\ud800":1}'),
    {"a\0b": 1},
    {"$ref": "a", "$id": 1},
    # Numbers; floats that are longer in events than they were sent.
    Raw(b"NaN"),
    Raw(b"1e999"),
    2**64,
    Raw(b"9" * 400),
    Raw(b"[" + b",".join([b"1e15"] * 70_000) + b"]"),
    *(_nested(depth) for depth in DEPTHS),
)
"""What free JSON may hold, and store, broker or answers may not."""
HOSTILE: Final[tuple[Json, ...]] = (
    *UNSTORABLE,
    # Bytes that are no UTF-8, and NUL.
    Raw(b'"\xed\xa0\x80"'),
    Raw(b'"\xff\xfe"'),
    Raw(rb'"x\udfffy"'),
    "\0",
    # Numbers.
    Raw(b"-Infinity"),
    Raw(b"1e-999"),
    Raw(b"9" * 5_000),
    2**63,
    -(2**63) - 1,
    2**53,
    -1,
    0,
    1.5,
    Raw(b"-0"),
    # Nesting.
    *(Raw(b"[" * depth + b"]" * depth) for depth in DEPTHS),
    # Names.
    Raw(b'{"a":1,"a":2}'),
    {"$where": "1", "a.b": 2, "": 3},
    {"__proto__": {"a": 1}},
    # Other kinds.
    None,
    True,
    "",
    " \t\n",
    [],
    {},
    [[]],
    [None],
    "5",
    "\u202e\u0007\x1b[31m",
    "x" * 300,
    EMOJI * 9_000,
    # Times at the edge.
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    # JSON in text, as models write the arguments of tools.
    "[" * 256 + "]" * 256,
    '{"a":NaN}',
)
EDGES: Final = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 30, "-1", "a\0b", "1e300")
ODD_TEXTS: Final = (
    *("0", "-1", "9" * 30, "9" * 5_000, "1e5", "NaN", "1.5", "", " ", "null", "true", "\u0665"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1970-13-01", "1e300", "x" * 101, "x" * 5_000),
    *("a\0b", "../..", "$ne", "*", ">", "a.b", "-1-1-1", f"{'9' * 40}-{'9' * 40}", EMOJI * 40, "%", "\r\n"),
)
"""In paths, queries and headers."""
ODD_ESCAPES: Final = ("%ff%fe", "%ED%A0%80", "%00", "%", "%zz", "%2f..%2f")
WHOLE: Final[tuple[bytes, ...]] = (
    b"",
    b" ",
    b"{",
    b"}",
    b"null",
    b"[]",
    b'"x"',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"\0",
    b"{}{}",
    b'{"a":}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
)
"""Bodies that are no object."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the OpenAPI document has it."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    query: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; `cuts` are the places where the bytes are cut into pieces."""

    operation: Operation
    target: str
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes | None = None
    cuts: tuple[int, ...] = ()
    about: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What stands on the system under test: bodies that are accepted, by path, and values of path parameters."""

    bodies: Mapping[str, Json]
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)


def operations_of(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document."""
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
            parameters = said.get("parameters", ())
            named = {place: tuple(one["name"] for one in parameters if one["in"] == place) for place in PLACES}
            schema = _resolved(content.get("schema"), document)
            found.append(Operation(method.upper(), path, schema, named["query"], named["header"]))
    return found


PLACES: Final = ("query", "header")


class RawRequests:
    """Requests of one seed."""

    def __init__(self, document: Mapping[str, Any], known: Known, seed: int) -> None:
        self._document = document
        self._operations = operations_of(document)
        self._known = known
        self._random = random.Random(seed)

    def edges(self) -> Iterator[Request]:
        """What is known to be hard, in every place: in free JSON of every body, in every parameter of a query."""
        for operation in self._operations:
            if operation.body is None:
                continue
            yield from (self._posted(operation, *one) for one in self._unstorable(operation))
        for name in sorted({name for operation in self._operations for name in operation.query}):
            operation = next(one for one in reversed(self._operations) if name in one.query)
            for value in EDGES:
                target = f"{self._target(operation, odd=False)}?{name}={quote(value, safe='')}"
                yield Request(operation, target, about=f"{name}={value}")

    def some(self, count: int) -> Iterator[Request]:
        """`count` requests, each operation in its turn, those with bodies more often."""
        with_body = [one for one in self._operations if one.body is not None]
        turns = [*self._operations, *with_body, *with_body, *with_body]
        for number in range(count):
            if number % len(turns) == 0:
                self._random.shuffle(turns)
            yield self._request(turns[number % len(turns)])

    def _request(self, operation: Operation) -> Request:
        odd_target = operation.body is None or self._random.random() < 0.1
        target = self._target(operation, odd=odd_target)
        headers = self._headers(operation, odd=self._random.random() < 0.15)
        if operation.body is None:
            return Request(operation, target, headers)
        return self._posted(operation, *self._body(operation), target, headers)

    def _posted(
        self,
        operation: Operation,
        about: str,
        body: bytes,
        target: str | None = None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Request:
        place = target or self._target(operation, odd=False)
        return Request(operation, place, headers, body, self._cuts(len(body)), about)

    def _unstorable(self, operation: Operation) -> Iterator[tuple[str, bytes]]:
        """Each at one place of a good body, and each in every field of free JSON."""
        for number in range(len(list(_places(self._good(operation))))):
            body = self._good(operation)
            holder, name = list(_places(body))[number]
            holder[name] = self._random.choice(UNSTORABLE)
            yield f"at {name}", encode(body)
        for name, schema in sorted(_properties(operation.body or {}, self._document).items()):
            if _is_free(schema, self._document):
                for value in UNSTORABLE:
                    held = {"type": "function", "held": value}
                    kept = [held] if _is_list(schema, self._document) else held
                    yield f"free {name}", encode(self._good(operation) | {name: kept})

    def _target(self, operation: Operation, *, odd: bool) -> str:
        parts = [self._part(part, odd=odd) for part in operation.path.split("/")]
        asked = [name for name in operation.query if odd and self._random.random() < 0.4]
        query = "&".join(f"{name}={self._odd_text()}" for name in asked)
        return "/".join(parts) + (f"?{query}" if query else "")

    def _part(self, part: str, *, odd: bool) -> str:
        if not part.startswith("{"):
            return part
        values = self._known.parameters.get(part.strip("{}").partition(":")[0])
        if values and not (odd and self._random.random() < 0.5):
            return quote(self._random.choice(values), safe="")
        return self._odd_text() or "x"

    def _odd_text(self) -> str:
        if self._random.random() < 0.2:
            return self._random.choice(ODD_ESCAPES)
        return quote(self._random.choice(ODD_TEXTS), safe="")

    def _headers(self, operation: Operation, *, odd: bool) -> tuple[tuple[str, bytes], ...]:
        if not odd:
            return ()
        names = [*operation.header, "X-Request-Id", "Last-Event-ID", "If-None-Match", "Accept", "X-AI-SDK"]
        name = self._random.choice(names)
        value = self._random.choice([*(one.encode() for one in ODD_TEXTS), b"\xff\xfe", b"\x80" * 200])
        return ((name, value.translate(None, b"\0\r\n")),)

    def _cuts(self, length: int) -> tuple[int, ...]:
        """In one piece with the head, apart from it, or in many pieces."""
        pieces = self._random.choice((0, 0, 1, 7))
        return tuple(sorted(self._random.randrange(length + 1) for _ in range(pieces)))

    def _body(self, operation: Operation) -> tuple[str, bytes]:
        ways: tuple[Callable[[Operation], tuple[str, bytes]], ...] = (
            self._with_hostile_place,
            self._with_hostile_place,
            self._with_hostile_field,
            self._with_hostile_field,
            self._with_hostile_field,
            self._with_unknown_field,
            self._with_double_name,
            self._grown,
            self._whole,
        )
        return self._random.choice(ways)(operation)

    def _good(self, operation: Operation) -> dict[str, Json]:
        return json.loads(json.dumps(self._known.bodies.get(operation.path, {})))  # type: ignore[no-any-return]

    def _hostile(self) -> Json:
        return self._random.choice(HOSTILE)

    def _with_hostile_place(self, operation: Operation) -> tuple[str, bytes]:
        """Something stands anywhere in a good body."""
        body = self._good(operation)
        places = list(_places(body)) or [(body, "id")]
        holder, name = self._random.choice(places)
        holder[name] = self._hostile()
        return f"at {name}", encode(body)

    def _with_hostile_field(self, operation: Operation) -> tuple[str, bytes]:
        """Something stands in a field that the schema knows, however deep."""
        body = self._good(operation)
        schema: Mapping[str, Any] | None = operation.body
        holder: dict[str, Json] = body
        while schema is not None:
            properties = _properties(schema, self._document)
            if not properties:
                break
            name = self._random.choice(sorted(properties))
            schema = properties[name]
            if not _properties(schema, self._document) or self._random.random() < 0.3:
                holder[name] = [self._hostile()] if self._random.random() < 0.3 else self._hostile()
                return f"field {name}", encode(body)
            inner: dict[str, Json] = {}
            holder[name] = [inner] if _is_list(schema, self._document) else inner
            holder = inner
        return "as it is", encode(body)

    def _with_unknown_field(self, operation: Operation) -> tuple[str, bytes]:
        return "unknown field", encode(self._good(operation) | {"nobodyKnows": self._hostile()})

    def _with_double_name(self, operation: Operation) -> tuple[str, bytes]:
        body = self._good(operation)
        name = self._random.choice([*body, "id"])
        double = b"%s:%s" % (encode(name), encode(self._hostile()))
        rest = encode(body)[1:-1]
        return f"double {name}", b"{%s}" % b",".join(filter(None, [rest, double]))

    def _grown(self, operation: Operation) -> tuple[str, bytes]:
        """A text of the body is as long as to make the body of a size, in letters of four bytes or in escapes."""
        body, size = self._good(operation), self._random.choice(SIZES)
        texts = [(holder, name) for holder, name in _places(body) if isinstance(holder[name], str)]
        holder, name = self._random.choice(texts or [(body, "id")])
        unit = self._random.choice((EMOJI.encode(), b"x", rb"\u0001", b"\\n", b'\\"'))
        holder[name] = Raw(b'"%s"' % (unit * (size // len(unit))))
        return f"{name} of {size} bytes", encode(body)

    def _whole(self, _operation: Operation) -> tuple[str, bytes]:
        if self._random.random() < 0.3:
            return "hostile alone", encode(self._hostile())
        return "no object", self._random.choice(WHOLE)


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    """Every place of a value, as what holds it and its name there."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from _places(value[name])


def _resolved(schema: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    while schema is not None and "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _branches(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    known = _resolved(schema, document) or {}
    yield known
    for one in (*known.get("anyOf", ()), *known.get("oneOf", ()), *known.get("allOf", ())):
        yield from _branches(one, document)


def _properties(schema: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The fields of an object, or of the items of a list of objects."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in _branches(schema, document):
        found |= one.get("properties", {})
        if "items" in one:
            found |= _properties(one["items"], document)
    return found


def _is_list(schema: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    return any("items" in one for one in _branches(schema, document))


def _is_free(schema: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a field takes an object of any JSON, or a list of such."""
    return any(
        one.get("additionalProperties") is True or ("items" in one and _is_free(one["items"], document))
        for one in _branches(schema, document)
    )

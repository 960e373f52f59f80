"""The parser of the quick client: nats-py's own is the witness. tests/integration has the real broker."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import BadSubjectError, ProtocolError
from nats.protocol.parser import Parser

from shared.messaging.direct import header_block, read_headers
from shared.messaging.direct_parser import DirectParser
from shared.messaging.quick_client import _command

Told = list[tuple[object, ...]]


class FakeClient:
    """Notes what a parser tells it."""

    def __init__(self) -> None:
        self.told: Told = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.told.append(("message", sid, bytes(subject), bytes(reply), bytes(data), bytes(headers or b"")))

    async def _process_ping(self) -> None:
        self.told.append(("ping",))

    async def _process_pong(self) -> None:
        self.told.append(("pong",))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.told.append(("info", info))

    async def _process_err(self, error: str) -> None:
        self.told.append(("error", error))


async def read_by(parser: Parser, pieces: list[bytes]) -> None:
    for piece in pieces:
        await parser.parse(piece)


def message(sid: int, payload: bytes, reply: bytes, headers: bytes) -> bytes:
    place = b"ev.r.events %d " % sid + (reply + b" " if reply else b"")
    if not headers:
        return b"MSG %s%d\r\n%s\r\n" % (place, len(payload), payload)
    block = b"NATS/1.0\r\n" + headers + b"\r\n"
    return b"HMSG %s%d %d\r\n%s%s\r\n" % (place, len(block), len(block) + len(payload), block, payload)


MESSAGES = st.builds(
    message,
    st.integers(1, 3),
    st.binary(max_size=60) | st.sampled_from([b"", b"\r\n", b"MSG a 1 1\r\nx\r\n", b"PING\r\n"]),
    st.sampled_from([b"", b"_INBOX.a.1"]),
    st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nNats-Sequence: 7\r\n"]),
)
LINES = st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b'INFO {"a":1}\r\n', b"-ERR 'Stale Connection'\r\n"])


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """What a server says, cut wherever the network likes."""
    data = b"".join(draw(st.lists(MESSAGES | LINES, max_size=8)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(reads())
async def test_what_nobody_listens_to_is_read_as_nats_py_reads_it(pieces: list[bytes]) -> None:
    ours, theirs = FakeClient(), FakeClient()
    await read_by(DirectParser(ours), pieces)  # type: ignore[arg-type] # a fake
    await read_by(Parser(theirs), pieces)
    assert ours.told == theirs.told


@given(reads())
async def test_what_is_listened_to_comes_in_its_place(pieces: list[bytes]) -> None:
    """Told in one order with everything else, whoever takes it."""
    ours, theirs = FakeClient(), FakeClient()
    parser = DirectParser(ours)  # type: ignore[arg-type] # a fake
    parser.direct[2] = lambda subject, headers, payload: ours.told.append(("heard", subject, payload, headers))
    await read_by(parser, pieces)
    await read_by(Parser(theirs), pieces)
    wanted = [("heard", told[2], told[4], told[5]) if told[:2] == ("message", 2) else told for told in theirs.told]
    assert ours.told == wanted


async def test_who_fails_at_one_message_hears_the_next_and_so_does_everybody() -> None:
    client, heard, failed = FakeClient(), [], []
    parser = DirectParser(client)  # type: ignore[arg-type] # a fake
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: failed.append(repr(told["exception"])))

    def hear(_subject: bytes, _headers: bytes, payload: bytes) -> None:
        heard.append(int(payload))

    parser.direct[2] = hear
    await parser.parse(b"MSG a 2 1\r\nx\r\nMSG a 2 1\r\n7\r\nPING\r\n")
    assert (heard, client.told, len(failed)) == ([7], [("ping",)], 1)
    assert "ValueError" in failed[0]


async def test_a_new_connection_begins_with_a_new_line() -> None:
    client = FakeClient()
    parser = DirectParser(client)  # type: ignore[arg-type] # a fake
    await parser.parse(b"MSG a 1 10\r\nhalf")
    parser.reset()
    await parser.parse(b"PING\r\n")
    assert client.told == [("ping",)]


async def test_a_reset_while_a_line_is_taken_voids_what_follows() -> None:
    class Fails(FakeClient):
        async def _process_err(self, error: str) -> None:
            parser.reset()

    client = Fails()
    parser = DirectParser(client)  # type: ignore[arg-type] # a fake
    await parser.parse(b"-ERR 'Stale Connection'\r\nPING\r\nMSG a 1")
    assert (client.told, bytes(parser.buf)) == ([], b"")


@pytest.mark.parametrize("line", [b"MSG a\r\n", b"MSG a x 3\r\n", b"HMSG a 1 x 3\r\n", b"NONSENSE\r\n", b"\r\n"])
async def test_what_is_no_protocol_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await DirectParser(FakeClient()).parse(line)  # type: ignore[arg-type] # a fake


def test_commands_are_written_as_the_protocol_wants_them() -> None:
    assert _command("a.b", "", b"xy", header_block(None)) == b"PUB a.b  2\r\nxy\r\n"
    assert (
        _command("a.b", "r", b"xy", header_block({"A": "b"})) == b"HPUB a.b r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nxy\r\n"
    )


def test_no_value_and_no_subject_writes_protocol_of_its_own() -> None:
    assert b"\r\nPUB" not in _command("a", "", b"", header_block({"A": "b\r\nPUB x 0\r\n"}))
    for subject in ("", "a b", "a\r\nPUB x", "a\tb"):
        with pytest.raises(BadSubjectError):
            _command(subject, "", b"", header_block(None))


def test_the_servers_own_word_is_a_header() -> None:
    assert read_headers(b"NATS/1.0 404 Message Not Found\r\n\r\n") == {"Status": "404"}
    assert read_headers(b"NATS/1.0\r\nNats-Sequence: 7\r\n\r\n") == {"Nats-Sequence": "7"}


def test_headers_that_are_no_text_are_read_all_the_same() -> None:
    assert read_headers(b"NATS/1.0\r\nA: \xff\r\n\xff: b\r\nnothing\r\nB: c\r\n\r\n") == {"A": "\ufffd", "B": "c"}

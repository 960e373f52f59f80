"""How the quick client reads: messages somebody listens to go straight to a function, everything else to nats-py."""

import asyncio
from typing import Final

from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from shared.messaging.direct import Hear

_LINE_END: Final = b"\r\n"
_PLAIN: Final = b"MSG "
_WITH_HEADERS: Final = b"HMSG "
_H: Final = ord("H")


class DirectParser(Parser):
    """nats-py's parser, but for messages: those of the subscriptions in `direct` never reach nats-py.

    It cuts the protocol at its line ends (https://docs.nats.io/reference/reference-protocols/nats-protocol).
    """

    def __init__(self, client: Client) -> None:
        self.direct: dict[int, Hear] = {}
        self._resets = 0
        super().__init__(client)

    def reset(self) -> None:
        """The connection was made anew: what was read of the old one is void."""
        super().reset()
        self._resets += 1

    async def parse(self, data: bytes = b"") -> None:
        """Takes what was read. Raises ProtocolError for what is no protocol of NATS."""
        if self.buf:
            data = bytes(self.buf) + data
        resets, at = self._resets, 0
        while resets == self._resets:
            at = self._take_direct(data, at)
            after = await self._take_other(data, at)
            if not after:
                self.buf = bytearray(data[at:])
                return
            at = after

    def _take_direct(self, data: bytes, at: int) -> int:
        """Tells all that follows from a place on and is listened to; where the first message stands that is not."""
        while data.startswith((_WITH_HEADERS, _PLAIN), at):
            line_end = data.find(_LINE_END, at)
            if line_end < 0:
                return at
            fields = data[at:line_end].split()
            body = head = line_end + 2
            try:
                hear = self.direct.get(int(fields[2]))
                end = body + int(fields[-1])
                if data[at] == _H:
                    head += int(fields[-2])
            except (IndexError, ValueError) as error:
                raise _malformed(data[at:line_end]) from error
            if hear is None or len(data) < end + 2:
                return at
            try:
                hear(fields[1], data[body:head], data[head:end])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the connection's
                # nats-py would end its reading, and the connection be deaf until its pings fail.
                told = {"message": f"a message on {fields[1]!r} was not heard", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
            at = end + 2
        return at

    async def _take_other(self, data: bytes, at: int) -> int:
        """Hands the message or line at a place to nats-py; where the next one begins, 0 where it is not whole yet."""
        line_end = data.find(_LINE_END, at)
        if line_end < 0:
            return 0
        body = line_end + 2
        if not data.startswith((_WITH_HEADERS, _PLAIN), at):
            self.buf = bytearray(data[at:body])
            await super().parse()
            return body
        # `MSG subject sid [reply] size`, or `HMSG subject sid [reply] head-size size`.
        fields = data[at:line_end].split()
        sizes = 2 if data[at] == _H else 1
        head, end = body + (int(fields[-2]) if sizes == 2 else 0), body + int(fields[-1])
        if len(data) < end + 2:
            return 0
        reply = fields[3] if len(fields) == 4 + sizes else b""
        headers = data[body:head] if sizes == 2 else None
        await self.nc._process_msg(int(fields[2]), fields[1], reply, data[head:end], headers)
        return end + 2


def _malformed(line: bytes) -> ProtocolError:
    return ProtocolError(f"nats: malformed {line[:64]!r}")

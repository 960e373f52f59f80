"""A TCP proxy in front of a server: it cuts, stalls and delays what passes."""

import asyncio
from collections.abc import Callable
from random import Random

from local_stack.ports import LOOPBACK

_CHUNK_BYTES = 65_536
_CONNECT_SECONDS = 2.0


class Proxy:
    """Forwards every connection to `target_port` of the loopback interface."""

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self.port = 0
        self.delay_seconds = 0.0
        self._dead = False
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens on a free port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cuts everything and listens no more."""
        self.heal()
        if self._server is not None:
            self._server.close()
        self.cut(lambda: True)

    def cut(self, chosen: Callable[[], bool]) -> int:
        """Resets the chosen connections on both sides; says how many."""
        links = [link for link in self._links if chosen()]
        for link in links:
            link.cut()
        return len(links)

    def cut_share(self, random: Random, share: float) -> int:
        """Resets each connection with this probability; says how many."""
        return self.cut(lambda: random.random() < share)

    def stall(self) -> None:
        """From now on nothing passes; connections stay open."""
        self._flowing.clear()

    def die(self) -> None:
        """What stands behind it is as good as killed: every connection is reset, and so is every new one."""
        self._dead = True
        self.cut(lambda: True)

    def heal(self) -> None:
        """Everything passes again, at once."""
        self._dead = False
        self.delay_seconds = 0.0
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                there = await asyncio.open_connection(LOOPBACK, self._target_port)
            if self._dead:
                there[1].transport.abort()
                raise ConnectionResetError
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        link = _Link(writer, there[1])
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, there[1], link))
                pumps.create_task(self._pump(there[0], writer, link))
        finally:
            self._links.discard(link)
            link.cut()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: "_Link") -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                await self._flowing.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(data)
                await writer.drain()
        except OSError:
            # Either side is gone: so is the other.
            link.cut()
        else:
            link.close()


class _Link:
    """Both sides of one connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def close(self) -> None:
        """Sends what is still buffered, then ends."""
        for writer in self._writers:
            writer.close()

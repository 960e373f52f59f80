"""nginx with its default settings between clients and both gateways."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from local_stack.ports import LOOPBACK, free_port
from local_stack.processes import Process

DEFAULTS = "location / { proxy_pass http://gateways; }"
_READY_SECONDS = 10.0
_STOP_SECONDS = 3.0
# Paths only, and where it listens: whatever it does to a stream by default, it does here.
_CONFIGURATION = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream gateways {{ {servers} }}
    server {{
        listen {host}:{port};
        {location}
    }}
}}
"""


class Nginx:
    """One nginx process on a free port of the loopback interface; `location` is how it passes requests on."""

    def __init__(self, program: Path, folder: Path, gateways: Sequence[str], location: str | None = None) -> None:
        folder.mkdir()
        port = free_port()
        servers = " ".join(f"server {url.removeprefix('http://')};" for url in gateways)
        file = folder / "nginx.conf"
        # Its workers keep large bodies in the folder: as somebody else, whom root starts them as, they could not.
        user = "user root;" if os.geteuid() == 0 else ""
        named = {"folder": folder, "servers": servers, "host": LOOPBACK, "port": port, "user": user}
        file.write_text(_CONFIGURATION.format(**named, location=location or DEFAULTS))
        self.url = f"http://{LOOPBACK}:{port}"
        self._port = port
        command = [str(program), "-c", str(file), "-p", str(folder), "-e", "stderr"]
        self._process = Process("nginx", command, {}, folder / "nginx.log")

    async def start(self) -> None:
        """Raises ProcessEnded, with what it said, and TimeoutError."""
        self._process.start()
        async with asyncio.timeout(_READY_SECONDS):
            while not await self._listens():
                self._process.raise_if_ended()
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate(_STOP_SECONDS)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self._port)
        except OSError:
            return False
        writer.close()
        return True

"""What only the parent of the stack can do, for tests in another process: `POST /gateways/0/kill` or `/stop`."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local_stack.ports import LOOPBACK
from local_stack.processes import Process
from local_stack.stack import Stack

_STOP_SECONDS = 25.0


class Control:
    """A small server on a free port. A gateway that ended is started again by its supervisor."""

    def __init__(self, stack: Stack) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(stack))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _end(process: Process, how: str) -> None:
    """kill -9, or SIGTERM; returns when it has ended."""
    if how == "kill":
        process.kill()
        return
    process.terminate(_STOP_SECONDS)
    # Started by its supervisor, whose thread outlives this request's.
    process.wanted = True


def _handler(stack: Stack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            match self.path.strip("/").split("/"):
                case ["gateways", "0" | "1" as index, "kill" | "stop" as how]:
                    _end(stack.process("gateway", int(index)), how)
                    self.send_response(204)
                case _:
                    self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the tests say what they do."""

    return Handler

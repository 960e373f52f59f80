"""Stands for any service in the launcher's tests: answers 200 on its port, with its environment as JSON."""

import http.server
import json
import os


class Answers(http.server.BaseHTTPRequestHandler):
    """The same answer to every path."""

    def do_GET(self) -> None:
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serves until it is ended."""
    port = os.environ.get("AGENTWARS_HEALTH_PORT") or os.environ["AGENTWARS_PORT"]
    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Answers).serve_forever()


if __name__ == "__main__":
    main()

"""What is answered where no app is asked: in the contract's shape, with request id and CORS headers. Pure."""

from collections.abc import Sequence
from http import HTTPStatus
from json import dumps
from typing import Final

from gateway.http.cors import Cors
from gateway.http.error_shapes import error_content
from gateway.http.response_headers import ALWAYS, HEADER, request_id_of

Headers = Sequence[tuple[bytes, bytes]]

CODE: Final = "invalid_request"


def refusal_response(status: int, sentence: str, url: bytes, headers: Headers, cors: Cors, usual: Headers) -> bytes:
    """The whole answer to a request of which `url` and `headers` have come, the last of its connection."""
    request_id = request_id_of(headers)
    path = url.partition(b"?")[0].decode("latin-1")
    status, content = error_content(path, status, CODE, sentence, request_id=request_id)
    body = dumps(content, ensure_ascii=False).encode()
    said = [
        *usual,
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (HEADER, request_id.encode()),
        *ALWAYS,
        *cors.headers_for(headers),
    ]
    begin = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return b"".join((begin, *(b"%s: %s\r\n" % pair for pair in said), b"\r\n", body))

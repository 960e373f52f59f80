"""JSON that is one line to every reader of an event stream."""


def one_line(payload: bytes) -> bytes:
    """The JSON without line ends, which would end an SSE field.

    Inside JSON strings there are none of the standard's. U+0085, U+2028 and U+2029 may stand there, and clients that
    split texts by every line end of Unicode (httpx's `aiter_lines`, and what is built on it) would break the event.
    """
    if b"\n" in payload or b"\r" in payload:
        payload = payload.replace(b"\n", b" ").replace(b"\r", b" ")
    if b"\xe2\x80\xa8" in payload or b"\xe2\x80\xa9" in payload or b"\xc2\x85" in payload:
        payload = payload.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
        payload = payload.replace(b"\xc2\x85", rb"\u0085")
    return payload

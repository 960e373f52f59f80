"""The table of connections that fail, exception by exception."""

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from llm_runner.providers.connection_errors import unreachable

KEY = ConnectionKey("provider", 443, True, True, None, None, None)
REQUEST = aiohttp.RequestInfo(URL("https://provider"), "POST", CIMultiDictProxy(CIMultiDict()))


@pytest.mark.parametrize(
    ("error", "code", "charged", "retryable"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError("refused")), "provider_error", False, True),
        (aiohttp.ClientConnectorDNSError(KEY, OSError("unknown")), "provider_error", False, True),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("expired")), "provider_error", False, True),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("handshake")), "provider_error", False, True),
        (aiohttp.ConnectionTimeoutError("connecting"), "provider_timeout", False, True),
        (aiohttp.InvalidURL("nowhere"), "provider_error", False, False),
        (aiohttp.NonHttpUrlClientError("ftp://provider"), "provider_error", False, False),
        (aiohttp.SocketTimeoutError("reading"), "provider_timeout", True, True),
        (aiohttp.ServerDisconnectedError(), "provider_error", True, True),
        (aiohttp.ClientOSError(104, "reset"), "provider_error", True, True),
        (aiohttp.ClientPayloadError("cut"), "provider_error", True, True),
        (aiohttp.ClientResponseError(REQUEST, ()), "provider_error", True, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_transport_error_has_its_place(
    error: aiohttp.ClientError, code: str, charged: bool, retryable: bool
) -> None:
    failure = unreachable("demo", error)
    assert (failure.code, failure.charged, failure.retryable) == (code, charged, retryable)

"""Every way an HTTP connection fails, as one ProviderFailure: the one table of it.

What aiohttp says of an error holds addresses, and is not shown at all.
"""

import os

import aiohttp

from llm_runner.providers.provider import ProviderFailure
from shared.contracts.enums import FailureFamily as Family


def misconfigured(provider: str) -> ProviderFailure:
    """An address, a key or a header that nothing can be sent with."""
    message = f"{provider} cannot be called as it is configured: look at its baseUrl"
    return ProviderFailure(Family.AUTH, message, charged=False)


def unreachable(provider: str, error: aiohttp.ClientError) -> ProviderFailure:
    """The failure behind an exception of aiohttp: only what was connected may have cost something."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return misconfigured(provider)
    kind = _kind(error)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError | aiohttp.ConnectionTimeoutError):
        return ProviderFailure(_unconnected(error), f"{provider} could not be reached: {kind}", charged=False)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return ProviderFailure(Family.TIMEOUT, f"{provider} did not answer in time")
    return ProviderFailure(Family.CUT, f"{provider} broke the connection off: {kind}")


def _unconnected(error: aiohttp.ClientError) -> Family:
    return Family.TIMEOUT if isinstance(error, aiohttp.ConnectionTimeoutError) else Family.SERVER_ERROR


def _kind(error: aiohttp.ClientError) -> str:
    """What happened, in words that name no address."""
    for kind, words in _KINDS:
        if isinstance(error, kind):
            return words
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__


_KINDS: tuple[tuple[type[aiohttp.ClientError], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name is not known"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no secure connection could be made"),
    (aiohttp.ConnectionTimeoutError, "no connection within the time for it"),
    (aiohttp.ServerDisconnectedError, "it hung up"),
    (aiohttp.ClientPayloadError, "its answer was cut"),
    (aiohttp.ClientResponseError, "it did not answer in HTTP"),
)

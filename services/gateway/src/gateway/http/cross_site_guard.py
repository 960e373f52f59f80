"""What pages of other sites may do with a gateway that asks for no key: nothing that is kept, spent or stopped.

A browser lets any page send requests to this machine. Two ways are closed here. A page whose own name was made to lead
here ("DNS rebinding") says that name in `Host`: only names nobody can have made so are served. A page that sends
from elsewhere is told of by the browser in `Sec-Fetch-Site` and `Origin`. What is no browser sends neither.
"""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Forbidden
from gateway.http.cors import Cors
from gateway.http.error_responses import error_response
from gateway.settings import GatewaySettings, is_loopback

READS: Final = ("GET", "HEAD", "OPTIONS")
READS_THAT_ACT: Final = ("/api/llm", "/api/promptbro/assist")
"""Their GET begins an answer. That of a chat's stream stops one when its reader leaves."""
OWN_PAGES: Final = (b"same-origin", b"none")
HOSTS_REMEMBERED: Final = 64


class ServedHosts:
    """The names under which the gateway is served.

    The machine's own names, names without a dot, which nobody can register (of a container, of an upstream block),
    and those of the settings. Beyond loopback every address, too: a name that was made to lead here is none.
    """

    def __init__(self, bind: str, names: Collection[str]) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in (bind, *names))
        self._addresses = not is_loopback(bind)

    def holds(self, host: str) -> bool:
        """Whether a `Host` header, with a port or without, names this gateway."""
        name = _name(host)
        if name in self._names or name.endswith(".localhost") or not ("." in name or ":" in name):
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._addresses


def _name(host: str) -> str:
    """The name or address in a `Host` header: no port, no brackets, no dot at the end."""
    if host.startswith("["):
        address, _, rest = host[1:].partition("]")
        return address if not rest or rest.startswith(":") else host
    return host.partition(":")[0].lower().rstrip(".")


class CrossSiteGuard:
    """Answers 403 to requests under a name that is not ours, and to what pages of other sites may not do."""

    def __init__(self, app: ASGIApp, hosts: ServedHosts, cors: Cors) -> None:
        self._app = app
        self._holds = lru_cache(HOSTS_REMEMBERED)(hosts.holds)
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refused(scope) if scope["type"] == "http" else None
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await error_response(refused, Request(scope))(scope, receive, send)

    def _refused(self, scope: Scope) -> Forbidden | None:
        host = origin = site = None
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"sec-fetch-site":
                site = value
        if host is not None and not self._holds(host):
            return Forbidden(f"This gateway is not served as {_name(host)}: AGENTWARS_ALLOWED_HOSTS lists more names.")
        if (origin is None and site is None) or site in OWN_PAGES or not _acts(scope["method"], scope["path"]):
            return None
        if origin is not None and (self._cors.allows(origin) or _is_of(origin, host)):
            return None
        return Forbidden("A page of another site may not do this: AGENTWARS_CORS_ORIGINS lists the origins that may.")


def _acts(method: str, path: str) -> bool:
    """Whether something is kept, spent or stopped by it."""
    if method not in READS or path in READS_THAT_ACT:
        return True
    return path.startswith("/api/chat/") and path.endswith("/stream")


def _is_of(origin: str, host: str | None) -> bool:
    """Whether an origin is the gateway's own, whatever a proxy made of its scheme."""
    return bool(host) and origin.partition("://")[2].lower() == (host or "").lower()


def cross_site_guard(app: ASGIApp, settings: GatewaySettings, cors: Cors) -> CrossSiteGuard:
    """The app, guarded by what the settings say."""
    return CrossSiteGuard(app, ServedHosts(settings.host, settings.allowed_hosts), cors)

"""What stands for a price that nobody said: nothing at endpoints of one's own, the dearest of a tier elsewhere."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

OWN_NAMES = (".localhost", ".local", ".internal")


class Prices(NamedTuple):
    """Dollars per million tokens."""

    input: float
    output: float


NO_PRICES = Prices(0.0, 0.0)


def is_own_endpoint(base_url: str) -> bool:
    """Whether an address is this machine's or this network's, so that no call there is billed."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(OWN_NAMES)


def dearest(known: Iterable[Prices]) -> Prices:
    """The highest of each price; nothing where none is known."""
    both = list(known)
    return Prices(max(one.input for one in both), max(one.output for one in both)) if both else NO_PRICES

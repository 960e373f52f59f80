"""Whether a gateway is for one person alone: limits hold by themselves only beyond loopback (docs/api.md, "Access")."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

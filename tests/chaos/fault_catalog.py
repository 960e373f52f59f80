"""Every fault there is, and how often it strikes."""

from chaos.faults import Fault
from chaos.outside_faults import Network, Provider, ProviderKilled, Replay
from chaos.process_faults import (
    Freeze,
    FreezeServer,
    Kill,
    KillAll,
    KillServer,
    KillSeveral,
    KillStalled,
    RollingRestart,
)
from chaos.system import REPLICAS, SERVERS


def all_faults() -> list[tuple[Fault, float]]:
    """Every fault with its weight: how often it strikes beside the others."""
    kills: list[tuple[Fault, float]] = [(Kill(service), 4.0) for service in REPLICAS]
    together: list[tuple[Fault, float]] = [(KillAll(service), 1.0) for service in REPLICAS]
    servers: list[tuple[Fault, float]] = [(KillServer(server), 3.0) for server in SERVERS]
    frozen: list[tuple[Fault, float]] = [
        (Freeze("llm-runner"), 1.5),
        (Freeze("orchestrator"), 1.5),
        (Freeze("summarizer"), 0.5),
        (Freeze("llm-runner", fatal=True), 0.5),
        *((FreezeServer(server), 0.7) for server in SERVERS),
    ]
    provider: list[tuple[Fault, float]] = [
        (Provider(fault), 0.5) for fault in ("500", "429", "cut-5", "stall-3", "malformed", "empty")
    ]
    provider.append((ProviderKilled(), 5.0))
    network: list[tuple[Fault, float]] = [(Network(kind), 0.8) for kind in ("cut", "stall", "delay")]
    rest: list[tuple[Fault, float]] = [
        (KillSeveral(), 2.0),
        (KillStalled(), 1.0),
        (RollingRestart(), 0.7),
        (Replay(), 2.0),
    ]
    return [*kills, *together, *servers, *frozen, *provider, *network, *rest]

"""Which services the stack runs, and what each finds in its environment."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.environments import key_variables, only, variables, without_passwords
from local_stack.ports import LOOPBACK


@dataclass(frozen=True)
class Service:
    """One service: its name is its folder's, its log's, and the key of its replica count."""

    name: str
    command: tuple[str, ...]
    port_variable: str = "AGENTWARS_HEALTH_PORT"
    holds_provider_keys: bool = False


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)


GATEWAY = "gateway"
SERVICES = (
    Service(GATEWAY, _module("gateway"), port_variable="AGENTWARS_PORT"),
    Service("orchestrator", _module("orchestrator")),
    Service("llm-runner", _module("llm_runner"), holds_provider_keys=True),
    Service("summarizer", _module("summarizer")),
)
BOOTSTRAP = _module("shared.topology")
"""Declares streams, durables and indexes; ends with status 0 once all of them exist."""


def service_environment(environment: Mapping[str, str], service: Service, port: int) -> dict[str, str]:
    """The environment of one replica that listens on `port` (its API, or its health endpoints)."""
    told = only(environment, variables(service.name))
    if service.holds_provider_keys:
        told |= {name: environment[name] for name in key_variables(environment) if name in environment}
    else:
        told = without_passwords(told)
    return told | {"AGENTWARS_HOST": LOOPBACK, service.port_variable: str(port)}


def bootstrap_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What declares streams, durables and indexes is told: where they are, and for which providers."""
    return without_passwords(only(environment, variables("bootstrap")))


def demo_model_command(port: int, seed: int, ledger: Path, arguments: Sequence[str]) -> list[str]:
    """Runs the demo model; `arguments` set its pace."""
    named = ["--port", str(port), "--seed", str(seed), "--ledger", str(ledger)]
    return [*_module("local_stack.demo_model"), *named, *arguments]

"""What the process says of itself every few seconds, for the gateways' health answers."""

from collections.abc import Mapping

from llm_runner.leased_jobs import LeasedJobs
from llm_runner.providers.watched_provider import WatchedProvider


def provider_health(providers: Mapping[str, WatchedProvider], jobs: LeasedJobs) -> dict[str, object]:
    """How each provider does, and how many jobs of it are in hand."""
    return {"providers": {name: watched.health(jobs.in_flight(name)) for name, watched in providers.items()}}

"""The Python client of Agent Wars: `Client` speaks to the gateway, `agentwars` is its command line."""

from agentwars.answers import Agent, Conversation, Message, Model, Persona, Report, Run, Started
from agentwars.client import Client
from agentwars.errors import AgentWarsError, ApiError, BrokenStream, ServiceUnavailable
from agentwars.sse import Event

__all__ = [
    "Agent",
    "AgentWarsError",
    "ApiError",
    "BrokenStream",
    "Client",
    "Conversation",
    "Event",
    "Message",
    "Model",
    "Persona",
    "Report",
    "Run",
    "ServiceUnavailable",
    "Started",
]

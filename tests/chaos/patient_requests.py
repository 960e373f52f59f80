"""Asking a gateway as a patient client does: again, on the other one, until it is answered."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from chaos.system import System

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.3
PASSING = frozenset({429, 503})
"""What the API says will pass."""


class Unanswered(Exception):
    """No gateway gave an answer that counts."""


async def ask(
    system: System,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    gateway: httpx.AsyncClient | None = None,
) -> httpx.Response:
    """The first answer that is final. Raises Unanswered when patience ends."""
    chosen = gateway or system.gateway()
    last = ""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await chosen.request(method, path, json=body, headers=headers)
                    if system.secret in answer.text:
                        system.record.leaks.append(f"the answer to {method} {path} holds the key")
                    if answer.status_code not in PASSING:
                        return answer
                    last = f"{answer.status_code} {answer.text[:200]}"
                except httpx.TransportError as error:
                    last = repr(error)
                chosen = system.gateway()
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise Unanswered(f"{method} {path} for {PATIENCE_SECONDS:g} s, last: {last}") from None

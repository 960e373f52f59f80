"""What the gateway shows of what has ended: asked when a recording is made, and again of every later version."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

USER = {"X-User-Id": "ada"}
EXPORTS = ("md", "html", "csv", "jsonl", "junit")
PAGES = {
    "run": ("/api/runs/{}/status", "/api/runs/{}/conversations", "/api/runs/{}/report", "/api/runs/{}/events"),
    "conversation": ("/api/conversations/{}/messages",),
    "chat": ("/api/chat/{}",),
    "agent": ("/api/agents/{}", "/api/agents/{}/versions"),
    "template": ("/api/prompt-templates/{}", "/api/prompt-templates/{}/versions"),
}
"""By what an id names; `{}` is the id."""
LISTS = (
    "/api/runs?kind=scale&limit=100",
    "/api/runs?kind=battle&limit=100",
    "/api/chats?limit=100",
    "/api/agents?limit=100",
    "/api/prompt-templates?limit=100",
    "/api/admin/dead-letters?limit=100",
)
"""They grow: what was on them stays."""


def paths(ids: Mapping[str, list[str]]) -> Iterator[str]:
    """Every page about what has ended."""
    for what, pages in PAGES.items():
        yield from (page.format(one) for one in ids[what] for page in pages)
    yield from (f"/api/runs/{one}/report?format={export}" for one in ids["run"] for export in EXPORTS)
    yield from LISTS


async def answer(gateway: httpx.AsyncClient, path: str, body: Any = None) -> dict[str, Any]:
    """One answer, to a GET or to a POST of `body`: its status, its type, its text."""
    got = await gateway.request("GET" if body is None else "POST", path, json=body, headers=USER)
    shown = {"status": got.status_code, "type": got.headers.get("content-type"), "text": got.text}
    return {"path": path} | ({} if body is None else {"body": body}) | shown


async def answers_of(
    gateway: httpx.AsyncClient, ids: Mapping[str, list[str]], started_again: Any
) -> list[dict[str, Any]]:
    """Every page about what has ended, as it is shown now, and the answer to a start that is sent again."""
    pages = [await answer(gateway, path) for path in paths(ids)]
    return [*pages, await answer(gateway, "/api/battles/start", started_again)]

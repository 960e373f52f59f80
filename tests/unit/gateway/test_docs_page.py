"""/docs asks nobody else, and / leads there."""

import re
from urllib.parse import urljoin

import pytest

from support.gateway.app import alone


async def test_root_leads_to_the_docs_wherever_it_stands() -> None:
    async with alone() as (_, client):
        answer = await client.get("/")
        assert answer.is_redirect
        assert answer.headers["location"] == "/docs"
        assert (await client.get("/", follow_redirects=True)).headers["content-type"].startswith("text/html")


async def test_page_is_made_of_what_the_gateway_serves() -> None:
    async with alone() as (_, client):
        page = await client.get("/docs")
        policy = page.headers["content-security-policy"]
        addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
        assert len(addresses) == 4
        for address in addresses:
            assert "//" not in address
            asset = await client.get(urljoin("/docs", address))
            assert (asset.status_code, bool(asset.content)) == (200, True)
            assert not asset.headers["content-type"].startswith("application/json")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "unsafe-inline" not in re.search(r"script-src [^;]*", policy)[0]  # type: ignore[index]
    assert not re.search(r"<script>|\bon\w+=", page.text)


async def test_page_reads_the_document_and_asks_no_validator() -> None:
    async with alone() as (_, client):
        start = (await client.get("/docs/start.js")).text
        assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.1")
    assert "validatorUrl: null" in start
    assert "//" not in start


@pytest.mark.parametrize("name", ["nothing.js", "..%2f__init__.py", "%2e%2e/main.py"])
async def test_nothing_else_is_served_there(name: str) -> None:
    async with alone() as (_, client):
        assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_documentation_from_elsewhere_is_not_there() -> None:
    async with alone() as (_, client):
        assert (await client.get("/redoc")).status_code == 404

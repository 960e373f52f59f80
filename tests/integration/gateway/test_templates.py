"""Prompt templates, and what PromptBro wrote and is kept, through the REST API on the real servers."""

from typing import Any

import pytest
from httpx import AsyncClient

from gateway.settings import GatewaySettings
from gateway.single_answers.requests import QuestionBody, question
from gateway.single_answers.runs import answer_run
from shared.contracts.enums import FailureTag
from shared.contracts.reports import FailureMode, Report, Statistics
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.contracts.transcript import Usage
from shared.storage import Store
from support.builders import ANYBODY, message
from support.builders import run as sample_run
from support.callers import caller
from support.gateway.app import CASTING

TEMPLATES, ASSIST, SAVE = "/api/prompt-templates", "/api/promptbro/assist", "/api/promptbro/save"
BODY = {"name": "Refunds", "kind": "agent", "content": "You help {{shop}} with refunds."}


async def answered(store: Store, text: str, finish_reason: str = "stop", parent: str | None = None) -> Run:
    """A question whose answer stands."""
    run = answer_run(question(QuestionBody(prompt="Hi"), CASTING, GatewaySettings()), caller(), parent)
    await store.runs.insert(run)
    await store.entries.insert(message(run.id, 2, text, finish_reason=finish_reason, usage=Usage()))
    return run


async def test_template_is_versioned_listed_and_archived(client: AsyncClient) -> None:
    created = await client.post(TEMPLATES, json=BODY)
    template = created.json()
    path = f"{TEMPLATES}/{template['id']}"
    assert (created.status_code, created.headers["Location"]) == (201, path)
    assert {name: template[name] for name in ("version", "variables")} == {"version": 1, "variables": ["shop"]}
    changed = await client.put(path, json=BODY | {"content": "You help.", "variables": ["a"]})
    assert (changed.status_code, changed.json()["version"], changed.json()["variables"]) == (200, 2, ["a"])
    assert (await client.get(path)).json()["content"] == "You help."
    assert (await client.get(f"{path}?version=1")).json()["content"] == BODY["content"]
    versions = (await client.get(f"{path}/versions")).json()["items"]
    assert [(one["id"], one["version"]) for one in versions] == [(template["id"], 2), (template["id"], 1)]
    assert (await client.delete(path)).status_code == 204
    for gone in (await client.get(path), await client.delete(path), await client.put(path, json=BODY)):
        assert (gone.status_code, gone.json()["error"]) == (404, "not_found")
    assert (await client.get(f"{TEMPLATES}/nobody/versions")).status_code == 404


async def test_templates_are_paged_newest_first_and_by_kind(client: AsyncClient) -> None:
    for number in range(3):
        await client.post(TEMPLATES, json=BODY | {"name": f"n{number}", "kind": "paged"})
    await client.post(TEMPLATES, json=BODY | {"name": "other", "kind": "persona"})
    first = (await client.get(f"{TEMPLATES}?kind=paged&limit=2")).json()
    rest = (await client.get(f"{TEMPLATES}?kind=paged&limit=2&cursor={first['nextCursor']}")).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == ["n2", "n1", "n0"]
    assert rest["nextCursor"] is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"kind": None}, "kind"),
        ({"content": "x" * 32_001}, "content"),
        ({"variables": "shop"}, "variables"),
        ({"variables": ["v"] * 51}, "variables"),
    ],
)
async def test_bad_template_is_refused_with_its_field(client: AsyncClient, values: dict[str, Any], field: str) -> None:
    answer = await client.post(TEMPLATES, json=BODY | values)
    assert answer.status_code == 400
    assert answer.json()["details"]["fields"][0]["field"] == field


# What PromptBro wrote is kept


async def test_answer_is_kept_as_a_template_or_a_version_of_an_agent(client: AsyncClient, store: Store) -> None:
    agent = (await client.post("/api/agents", json={"name": "A", "systemPrompt": "p", "tier": "fast"})).json()
    sid = (await answered(store, "You confirm refunds of {{shop}}.")).id
    template = (await client.post(SAVE, json={"sid": sid, "as": "template", "name": "Mine"})).json()
    assert (template["content"], template["kind"], template["variables"]) == (
        "You confirm refunds of {{shop}}.",
        "promptbro",
        ["shop"],
    )
    saved = await client.post(SAVE, json={"sid": sid, "as": "agent", "agentId": agent["id"]})
    assert saved.status_code == 201
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["version"], shown["systemPrompt"], shown["tier"]) == (2, template["content"], "fast")


async def test_what_is_kept_says_where_it_came_from(client: AsyncClient, store: Store) -> None:
    agent = (await client.post("/api/agents", json={"name": "A", "systemPrompt": "p"})).json()
    report_run = await answered(store, "A run that has a report.")
    written = await answered(store, "You confirm refunds.", parent=report_run.id)
    origin = {"sid": written.id, "reportRunId": report_run.id}
    by_sid = {"sid": written.id, "as": "agent", "agentId": agent["id"]}
    assert agent["writtenFrom"] is None
    assert (await client.post(SAVE, json=by_sid)).json()["writtenFrom"] == origin
    template = (await client.post(SAVE, json={"sid": written.id, "as": "template", "name": "Mine"})).json()
    assert template["writtenFrom"] == origin

    path, same = f"/api/agents/{agent['id']}", {"name": "B", "systemPrompt": "You confirm refunds."}
    assert (await client.put(path, json=same)).json()["writtenFrom"] == origin
    assert (await client.put(path, json=same | {"systemPrompt": "Mine."})).json()["writtenFrom"] is None
    assert (await client.get(path, params={"version": 2})).json()["writtenFrom"] == origin
    changed = {"name": "Mine", "kind": "promptbro", "content": "Mine."}
    assert (await client.put(f"{TEMPLATES}/{template['id']}", json=changed)).json()["writtenFrom"] is None

    by_text = {"text": "You refund.", "as": "agent", "agentId": agent["id"]}
    assert (await client.post(SAVE, json=by_text)).json()["writtenFrom"] is None
    told = await client.post(SAVE, json=by_text | {"reportRunId": report_run.id})
    assert told.json()["writtenFrom"] == {"sid": None, "reportRunId": report_run.id}
    assert (await client.post(SAVE, json=by_text | {"reportRunId": "nobodys"})).status_code == 404


async def test_checklist_becomes_an_agents_criteria(client: AsyncClient) -> None:
    agent = (await client.post("/api/agents", json={"name": "A", "systemPrompt": "p"})).json()
    text = '{"criteria": [{"id": "asks", "text": "The agent asks.", "required": true}]}'
    await client.post(SAVE, json={"text": text, "as": "agent", "agentId": agent["id"]})
    shown = (await client.get(f"/api/agents/{agent['id']}")).json()
    assert (shown["systemPrompt"], [one["id"] for one in shown["criteria"]]) == ("p", ["asks"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"as": "template", "name": "n"}, 400),
        ({"as": "template", "name": "n", "text": "t", "sid": "s"}, 400),
        ({"as": "template", "text": "t"}, 400),
        ({"as": "agent", "text": "t"}, 400),
        ({"as": "poem", "text": "t", "name": "n"}, 400),
        ({"as": "agent", "text": "t", "agentId": "nobody"}, 404),
        ({"as": "template", "name": "n", "sid": "nobody"}, 404),
    ],
)
async def test_what_cannot_be_kept_is_refused(client: AsyncClient, body: dict[str, Any], status: int) -> None:
    assert (await client.post(SAVE, json=body)).status_code == status


async def test_answer_that_is_not_there_cannot_be_kept(client: AsyncClient, store: Store) -> None:
    run = answer_run(question(QuestionBody(prompt="Hi"), CASTING, GatewaySettings()), caller())
    await store.runs.insert(run)
    failed = await answered(store, "", "error")
    for sid in (run.id, failed.id):
        refused = await client.post(SAVE, json={"sid": sid, "as": "template", "name": "n"})
        assert (refused.status_code, refused.json()["details"]["reason"]) == (409, "no_answer")


# A report is the beginning


async def test_report_of_ones_own_run_is_material(client: AsyncClient, store: Store) -> None:
    run = sample_run()
    await store.runs.insert(run)
    body = {"step": "from-report", "reportRunId": run.id}
    pending = await client.post(f"{ASSIST}?mode=session", json=body)
    assert (pending.status_code, pending.json()["details"]["reason"]) == (409, "report_pending")
    stats = Statistics(
        total=1, succeeded=0, unsuccessful=1, errored=0, failed=0, success_rate=0.0, success_interval=(0.0, 0.8)
    )
    mode = FailureMode(tag=FailureTag.GAVE_UP, count=1, share=1.0, description="It never asks.")
    await store.reports.insert(
        Report(run_id=run.id, tenant=run.tenant, status="ready", stats=stats, failure_modes=(mode,), created_at=now())
    )
    asked = await client.post(f"{ASSIST}?mode=session", json=body)
    assert asked.status_code == 201, asked.text
    session = await store.sessions.get(ANYBODY, asked.json()["sid"], now())
    assert session is not None
    scenario = session.settings.scenarios[0]
    assert session.parent == run.id
    assert "It never asks." not in scenario.agent.system_prompt
    assert "Failure gave_up, 1 conversations: It never asks." in scenario.given[0].content
    assert scenario.given[0].content.endswith(run.settings.scenarios[0].agent.system_prompt)


async def test_report_of_nobody_is_not_found(client: AsyncClient, store: Store) -> None:
    answer = (await answered(store, "Hi")).id
    for run_id in ("nobody", answer):
        refused = await client.post(ASSIST, json={"step": "from-report", "reportRunId": run_id})
        assert (refused.status_code, refused.json()["error"]) == (404, "not_found")

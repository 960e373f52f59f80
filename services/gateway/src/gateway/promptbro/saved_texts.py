"""Keeping what PromptBro wrote: as a template, or as a new version of an agent."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from gateway.errors import Conflict, FieldProblem, InvalidRequest, NotFound
from gateway.runs.lookups import find_run
from gateway.schemas.agents import Criteria, criteria_of
from gateway.schemas.conditions import exactly_one, if_sent, sent, sent_as
from gateway.schemas.fields import PROMPT_LENGTH, Body, ClientId, Name, Prompt
from gateway.schemas.templates import TemplateBody
from gateway.single_answers.runs import answer_seq
from gateway.versioned.changes import replace
from gateway.versioned.templates import new_template
from shared.contracts.agents import Agent
from shared.contracts.enums import RunKind
from shared.contracts.fences import unfenced
from shared.contracts.origin import Origin
from shared.contracts.settings import Criterion
from shared.contracts.templates import PromptTemplate
from shared.contracts.timestamps import now
from shared.storage.owned import OwnedStore

KIND: Final = "promptbro"
_CRITERIA: Final[TypeAdapter[Any]] = TypeAdapter(Criteria)


class SaveBody(Body):
    """What is kept (a text, or the answer of a `sid`), and as what.

    A text that was written from a report names its run as `reportRunId`; of a sid that is known.
    """

    model_config = ConfigDict(
        json_schema_extra=exactly_one("text", "sid")
        | if_sent({"as": {"if": sent_as("as", "agent"), "then": sent("agentId"), "else": sent("name")}})
    )

    sid: ClientId | None = None
    text: Prompt | None = None
    kept_as: Annotated[Literal["template", "agent"], Field(alias="as")]
    name: Name | None = None
    kind: Name = KIND
    agent_id: ClientId | None = None
    report_run_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A text that is kept, and where it comes from; None for one that the caller brought, and says no more of."""

    text: str
    origin: Origin | None


async def result_of(store: OwnedStore, body: SaveBody) -> WrittenText:
    """What is kept. Raises InvalidRequest, NotFound, and Conflict for an answer that is not there."""
    if (body.sid is None) == (body.text is None):
        raise InvalidRequest(FieldProblem("text", "is required, or sid in its place: send one of them"))
    if body.sid is None:
        if body.report_run_id is None:
            return WrittenText(body.text or "", None)
        reported = await find_run(store, body.report_run_id)
        return WrittenText(body.text or "", Origin(report_run_id=reported.id))
    run = await store.runs.find(body.sid)
    if run is None or run.kind is not RunKind.ASSIST:
        raise NotFound("answer", body.sid)
    entry = await store.entries(run).at(run.id, answer_seq(run))
    if entry is None or not (entry.content or "").strip():
        raise Conflict("no_answer", f"Answer {body.sid} is not there yet, or failed: wait for its end, or ask again.")
    if len(entry.content or "") > PROMPT_LENGTH:
        raise InvalidRequest(FieldProblem("sid", f"has an answer of more than {PROMPT_LENGTH} characters"))
    return WrittenText(entry.content or "", Origin(sid=run.id, report_run_id=run.parent))


async def save_template(store: OwnedStore, body: SaveBody, written: WrittenText) -> PromptTemplate:
    """The text as a new template. Raises InvalidRequest without a name."""
    if body.name is None:
        raise InvalidRequest(FieldProblem("name", "is required for a template"))
    named = {"name": body.name, "kind": body.kind, "content": written.text}
    template = new_template(TemplateBody.model_validate(named), store.owner.tenant)
    template = template.model_copy(update={"written_from": written.origin})
    await store.templates.insert(template)
    return template


async def save_agent(store: OwnedStore, body: SaveBody, written: WrittenText) -> Agent:
    """A new version of an agent: with the text as its prompt, or with the criteria where the text is a checklist.

    Raises InvalidRequest, NotFound and Conflict.
    """
    if body.agent_id is None:
        raise InvalidRequest(FieldProblem("agentId", "is required for an agent"))
    criteria = read_criteria(written.text)
    said: dict[str, object] = {"system_prompt": written.text} if criteria is None else {"criteria": criteria}
    said["written_from"] = written.origin

    def change(agent: Agent) -> Agent:
        return agent.model_copy(update={"version": agent.version + 1, "updated_at": now(), **said})

    return await replace(store.agents, "agent", body.agent_id, change)


def read_criteria(text: str) -> tuple[Criterion, ...] | None:
    """The checklist a text is, as the step `criteria` writes it; None for any other text."""
    try:
        found = json.loads(unfenced(text))
        return criteria_of(_CRITERIA.validate_python(found["criteria"])) or None
    except (ValueError, ValidationError, TypeError, KeyError, RecursionError):
        return None

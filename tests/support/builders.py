"""Runs, conversations, entries and results as tests need them: valid, small, different only where a test says so."""

from datetime import timedelta

from shared.contracts.conversations import Conversation
from shared.contracts.enums import EndedReason, EntryKind, Purpose, RunKind, Side, Stage
from shared.contracts.generations import Generation, UsageRow
from shared.contracts.identity import conversation_id, generation_key, new_id, run_of
from shared.contracts.owner import Owner
from shared.contracts.runs import Budget, Control, Run
from shared.contracts.settings import (
    ConversationSettings,
    GivenMessage,
    JudgeSettings,
    Participant,
    RunSettings,
)
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, Usage
from shared.contracts.work import GenerationRequested
from shared.routing import ModelEntry, ProviderEntry, Registry

ANYBODY = Owner("default", "anonymous")
"""Who asks where nobody says who asks."""
ADDRESS = "http://127.0.0.1:9/v1"
DOLLAR = 1_000_000_000
AGENT = Participant(
    agent_id="agent-1", agent_version=1, name="seller", system_prompt="sell", provider="demo", model="demo-fast"
)
OPPONENT = AGENT.model_copy(update={"agent_id": None, "agent_version": None, "name": "buyer", "system_prompt": "buy"})
JUDGE = JudgeSettings(provider="demo", model="demo-fast")


def registry(price: float = 1.0, concurrency: int = 16, live_concurrency: int = 4) -> Registry:
    """One provider, `demo`, with two models; `price` in dollars per million tokens either way."""
    model = ModelEntry(input_usd_per_million=price, output_usd_per_million=price)
    return Registry(
        providers={
            "demo": ProviderEntry(
                base_url=ADDRESS,
                concurrency=concurrency,
                live_concurrency=live_concurrency,
                models={"demo-fast": model, "demo-premium": model},
            )
        }
    )


def scenario(
    message_limit: int = 4,
    judge: JudgeSettings | None = None,
    given: tuple[GivenMessage, ...] = (),
    opens: Side = Side.OPPONENT,
    time_limit_seconds: float = 600.0,
) -> ConversationSettings:
    """One conversation; it has a goal where it has a judge."""
    return ConversationSettings(
        agent=AGENT,
        opponent=OPPONENT,
        goal="a sale" if judge else None,
        judge=judge,
        given=given,
        opens=opens,
        message_limit=message_limit,
        time_limit_seconds=time_limit_seconds,
    )


def run(
    total: int = 1,
    concurrency: int = 2,
    played: ConversationSettings | None = None,
    budget_nanos: int = DOLLAR,
    report_reserve_nanos: int = 0,
    kind: RunKind = RunKind.SCALE,
    **fields: object,
) -> Run:
    """A queued run, as a gateway inserts it; `fields` are fields of the run."""
    moment = now()
    settings = RunSettings(
        kind=kind,
        total=total,
        concurrency=concurrency,
        scenarios=(played or scenario(),),
        max_budget_nanos=budget_nanos,
        report_reserve_nanos=report_reserve_nanos,
    )
    common: dict[str, object] = {
        "id": new_id(),
        **ANYBODY._asdict(),
        "kind": kind,
        "settings": settings,
        "control": Control(changed_at=moment),
        "budget": Budget(max=budget_nanos),
        "created_at": moment,
        "deadline_at": moment + timedelta(seconds=settings.time_limit_seconds),
    }
    return Run.model_validate(common | fields)


def conversation(of: Run, index: int = 1) -> Conversation:
    """A conversation of a run that begins now."""
    moment = now()
    return Conversation(
        id=conversation_id(of.id, index),
        run_id=of.id,
        tenant=of.tenant,
        index=index,
        started_at=moment,
        clock_started_at=moment,
        deadline_at=moment + timedelta(seconds=of.settings.conversation(index).time_limit_seconds),
    )


def message(of: str, seq: int, content: str = "hello", **fields: object) -> Entry:
    """Message `seq` of the conversation with the id `of`; `fields` are fields of the entry."""
    common: dict[str, object] = {
        "conversation_id": of,
        "run_id": run_of(of),
        "tenant": "default",
        "seq": seq,
        "kind": EntryKind.MESSAGE,
        "created_at": now(),
        "side": Side.OPPONENT if seq % 2 else Side.AGENT,
        "content": content,
        "usage": Usage(prompt_tokens=10, completion_tokens=5, cost_nanos=15_000),
    }
    return Entry.model_validate(common | fields)


def ended(of: str, seq: int, reason: EndedReason = EndedReason.LIMIT, **fields: object) -> Entry:
    """The end of the conversation with the id `of`; `fields` are fields of the entry."""
    common: dict[str, object] = {
        "conversation_id": of,
        "run_id": run_of(of),
        "tenant": "default",
        "seq": seq,
        "kind": EntryKind.ENDED,
        "created_at": now(),
        "ended_reason": reason,
    }
    return Entry.model_validate(common | fields)


def generation(of: str, seq: int, purpose: Purpose, stage: Stage | None = None, **fields: object) -> Generation:
    """The result of a generation of the conversation with the id `of`; `fields` are fields of it."""
    common: dict[str, object] = {
        "id": generation_key(of, seq, purpose, stage, int(str(fields.get("pass_number", 0)))),
        "run_id": run_of(of),
        "tenant": "default",
        "conversation_id": of,
        "seq": seq,
        "purpose": purpose,
        "stage": stage,
        "created_at": now(),
    }
    return Generation.model_validate(common | fields)


def job(of: str, seq: int, purpose: Purpose, **fields: object) -> GenerationRequested:
    """The first job of a generation of the conversation with the id `of`; `fields` are fields of the job."""
    moment = now()
    common: dict[str, object] = {
        "run_id": run_of(of),
        "at": moment,
        "conversation_id": of,
        "seq": seq,
        "purpose": purpose,
        "provider": "demo",
        "model": "demo-fast",
        "first_job_at": moment,
    }
    return GenerationRequested.model_validate(common | fields)


def turn(of: Run, seq: int = 1, **fields: object) -> GenerationRequested:
    """The job of message `seq` of a run's first conversation; `fields` are fields of the job."""
    common: dict[str, object] = {"side": Side.OPPONENT if seq % 2 else Side.AGENT, "first_job_at": of.created_at}
    purpose = Purpose(str(fields.pop("purpose", Purpose.TURN)))
    return job(of.conversation_id(1), seq, purpose, run_id=of.id, **common | fields)


def result_of(job: GenerationRequested, **fields: object) -> Generation:
    """The result of a job; `fields` are fields of it."""
    asked = job.model_dump(include={"run_id", "conversation_id", "seq", "purpose", "stage", "pass_number"})
    return Generation.model_validate({"id": job.key, "tenant": "default", "created_at": now()} | asked | fields)


def usage_row(of: str, generation: str, purpose: Purpose = Purpose.TURN, **fields: object) -> UsageRow:
    """What an attempt of the run with the id `of` cost, lost to another one; `fields` are fields of the row."""
    common: dict[str, object] = {
        "id": new_id(),
        "run_id": of,
        "tenant": "default",
        "generation": generation,
        "purpose": purpose,
        "created_at": now(),
        "outcome": "beaten",
        "provider": "demo",
        "model": "demo-fast",
    }
    return UsageRow.model_validate(common | fields)

"""The report as it is kept: statistics by code, and prose where there is any. Pure."""

from collections.abc import Mapping
from datetime import datetime

from shared.contracts.money import to_usd
from shared.contracts.reports import UNJUDGED, ConversationOutcome, Report, ReportDraft
from summarizer import statistics
from summarizer.decide import Keep
from summarizer.evidence import failure_modes, tags_of
from summarizer.material import Material, Played
from summarizer.prompt_diff import prompt_diff


def compose(material: Material, keep: Keep, generated_by: str | None, at: datetime) -> Report:
    """The report to keep. Without a draft its prose is null; with a reason it is `unavailable`.

    Of a run that nobody judged statistics are all there is to be: its report is `ready`, and says so.
    """
    prose = {} if keep.draft is None else _prose(material, keep.draft) | {"generated_by": generated_by}
    tags = tags_of(keep.draft, material.conversations) if keep.draft else {}
    report = Report(
        run_id=material.run.id,
        tenant=material.run.tenant,
        status="ready" if keep.reason is None else "unavailable",
        reason=keep.reason or (None if material.run.settings.judged else UNJUDGED),
        stats=statistics.count(material),
        criteria=statistics.criterion_rates(material),
        conversations=tuple(_outcome(played, tags) for played in material.conversations),
        models=material.run.settings.models,
        created_at=at,
    )
    return report.model_copy(update=prose)


def _prose(material: Material, draft: ReportDraft) -> dict[str, object]:
    return {
        "summary": draft.summary,
        "revised_prompt": draft.revised_prompt,
        "rationale": draft.rationale,
        "prompt_diff": prompt_diff(material.agent_prompt, draft.revised_prompt),
        "failure_modes": failure_modes(draft, material.conversations),
    }


def _outcome(played: Played, tags: Mapping[str, tuple[str, ...]]) -> ConversationOutcome:
    return ConversationOutcome(
        id=played.id,
        goal_reached=played.goal_reached,
        ended_reason=played.ended_reason,
        messages=played.length,
        cost_usd=to_usd(played.usage.cost_nanos),
        tags=tuple(dict.fromkeys((*played.tags, *tags.get(played.id, ())))),
    )

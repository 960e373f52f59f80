"""The report as it is kept: statistics by code, and prose where there is any. Pure."""

from collections.abc import Mapping
from datetime import datetime

from shared.contracts.money import to_usd
from shared.contracts.reports import UNJUDGED, ConversationOutcome, Report, ReportDraft
from summarizer import statistics
from summarizer.decide import Keep
from summarizer.evidence import failure_modes, tags_of
from summarizer.played_run import PlayedConversation, PlayedRun
from summarizer.prompt_diff import prompt_diff


def compose(played: PlayedRun, keep: Keep, generated_by: str | None, at: datetime) -> Report:
    """The report to keep. Without a draft its prose is null; with a reason it is `unavailable`.

    Of a run that nobody judged statistics are all there is to be: its report is `ready`, and says so.
    """
    prose = {} if keep.draft is None else _prose(played, keep.draft) | {"generated_by": generated_by}
    tags = tags_of(keep.draft, played.conversations) if keep.draft else {}
    report = Report(
        run_id=played.run.id,
        tenant=played.run.tenant,
        status="ready" if keep.reason is None else "unavailable",
        reason=keep.reason or (None if played.run.settings.judged else UNJUDGED),
        stats=statistics.count(played),
        criteria=statistics.criterion_rates(played),
        conversations=tuple(_outcome(conversation, tags) for conversation in played.conversations),
        models=played.run.settings.models,
        created_at=at,
    )
    return report.model_copy(update=prose)


def _prose(played: PlayedRun, draft: ReportDraft) -> dict[str, object]:
    return {
        "summary": draft.summary,
        "revised_prompt": draft.revised_prompt,
        "rationale": draft.rationale,
        "prompt_diff": prompt_diff(played.agent_prompt, draft.revised_prompt),
        "failure_modes": failure_modes(draft, played.conversations),
    }


def _outcome(conversation: PlayedConversation, tags: Mapping[str, tuple[str, ...]]) -> ConversationOutcome:
    return ConversationOutcome(
        id=conversation.id,
        goal_reached=conversation.goal_reached,
        ended_reason=conversation.ended_reason,
        messages=conversation.length,
        cost_usd=to_usd(conversation.usage.cost_nanos),
        substituted=conversation.substituted,
        tags=tuple(dict.fromkeys((*conversation.tags, *tags.get(conversation.id, ())))),
    )

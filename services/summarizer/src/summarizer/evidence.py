"""Failure modes whose counts and quotes are checked by code, never taken on trust. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from shared.contracts.enums import Side
from shared.contracts.quotes import QuoteSource
from shared.contracts.reports import Evidence, FailureMode, ReportDraft
from summarizer.played_run import PlayedConversation

MODES_AT_MOST = 20
EVIDENCE_AT_MOST = 5
QUOTES_AT_MOST = 20
"""Of one failure mode: those that a model claims beyond are not looked at."""

Texts = Mapping[str, Mapping[int, QuoteSource]]
"""What the agent said: by conversation, by seq."""


def failure_modes(draft: ReportDraft, conversations: Sequence[PlayedConversation]) -> tuple[FailureMode, ...]:
    """The draft's failure modes, most frequent first, counted over conversations that did not reach the goal.

    A mode counts the distinct ones of them it names. A quote that is no words of the agent in the message it
    names is dropped; a mode without proof keeps its description.
    """
    texts = _missed_texts(conversations)
    modes = [_checked(mode, texts) for mode in draft.failure_modes[:MODES_AT_MOST]]
    return tuple(sorted(modes, key=lambda mode: -mode.count))


def tags_of(draft: ReportDraft, conversations: Sequence[PlayedConversation]) -> dict[str, tuple[str, ...]]:
    """The tags of the failure modes that are about a conversation, by its id."""
    texts = _missed_texts(conversations)
    tags: dict[str, list[str]] = {}
    for mode in draft.failure_modes[:MODES_AT_MOST]:
        for conversation in _failing(mode, texts):
            tags.setdefault(conversation, []).append(mode.tag.value)
    return {conversation: tuple(dict.fromkeys(found)) for conversation, found in tags.items()}


def quoted(draft: ReportDraft) -> set[str]:
    """The conversations whose words a draft says it quotes, by id: as many as are looked at."""
    modes = draft.failure_modes[:MODES_AT_MOST]
    return {claimed.conversation_id for mode in modes for claimed in mode.evidence[:QUOTES_AT_MOST]}


def _missed_texts(conversations: Sequence[PlayedConversation]) -> Texts:
    """What the agent said in conversations that did not reach the goal."""
    return {
        one.id: {entry.seq: QuoteSource(entry.content or "") for entry in one.messages if entry.side is Side.AGENT}
        for one in conversations
        if one.missed
    }


def _failing(mode: ReportDraft.DraftMode, texts: Texts) -> set[str]:
    """The conversations a mode truly is about: named or quoted, and without the goal."""
    return (set(mode.conversation_ids) & texts.keys()) | {one.conversation_id for one in _proven(mode.evidence, texts)}


def _checked(mode: ReportDraft.DraftMode, texts: Texts) -> FailureMode:
    count = len(_failing(mode, texts))
    return FailureMode(
        tag=mode.tag,
        count=count,
        share=count / len(texts) if texts else 0.0,
        description=mode.description,
        evidence=tuple(_proven(mode.evidence, texts))[:EVIDENCE_AT_MOST],
    )


def _proven(evidence: Iterable[Evidence], texts: Texts) -> Iterator[Evidence]:
    seen = set()
    for claimed in islice(evidence, QUOTES_AT_MOST):
        source = texts.get(claimed.conversation_id, {}).get(claimed.seq)
        quote = source.proof(claimed.quote) if source else None
        place = (claimed.conversation_id, claimed.seq, quote)
        if quote is not None and place not in seen:
            seen.add(place)
            yield claimed.model_copy(update={"quote": quote})

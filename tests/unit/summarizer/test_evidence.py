"""Quotes are checked and failures counted by code."""

import json

from shared.contracts.enums import EndedReason, FailureTag
from shared.contracts.reports import Evidence, ReportDraft
from summarizer.draft import read_draft
from summarizer.evidence import failure_modes, tags_of
from unit.summarizer.played_runs import RUN, conversation

PLAYED = [
    conversation(1, EndedReason.LIMIT, ["Where is my money?", "I cannot\n  say that, sorry."]),
    conversation(2, EndedReason.GOAL, ["Where is my money?", "It is on its way."]),
    conversation(3, EndedReason.ERROR, ["Hello?", "One moment."]),
]


def mode(ids: list[int], evidence: list[tuple[int, int, str]], tag: str = "no_confirmation") -> ReportDraft.DraftMode:
    return ReportDraft.DraftMode(
        tag=FailureTag(tag),
        description="It never confirms.",
        conversation_ids=tuple(f"{RUN}-{index}" for index in ids),
        evidence=tuple(Evidence(conversation_id=f"{RUN}-{one}", seq=seq, quote=text) for one, seq, text in evidence),
    )


def draft(*modes: ReportDraft.DraftMode) -> ReportDraft:
    return ReportDraft(summary="s", failure_modes=modes, revised_prompt="p", rationale="r")


def test_quote_is_found_whatever_its_typography_and_kept_as_it_stands() -> None:
    [found] = failure_modes(draft(mode([1], [(1, 2, "“cannot **say** that”")])), PLAYED)
    assert [one.quote for one in found.evidence] == ["cannot\n  say that"]


def test_unproven_quotes_are_dropped_and_the_description_stays() -> None:
    other_words, opponents, too_few = (1, 2, "cannot tell that"), (1, 1, "Where is my money?"), (1, 2, "sorry")
    claimed = [other_words, opponents, too_few, (1, 2, "  "), (1, 1, "I cannot say that"), (1, 9, "cannot say that")]
    [found] = failure_modes(draft(mode([1], claimed)), PLAYED)
    assert (found.evidence, found.description, found.count) == ((), "It never confirms.", 1)


def test_proven_quote_is_kept_once() -> None:
    [found] = failure_modes(draft(mode([1], [(1, 2, "say that, sorry."), (1, 2, "say that, sorry.")])), PLAYED)
    assert found.evidence == (Evidence(conversation_id=f"{RUN}-1", seq=2, quote="say that, sorry."),)


def test_only_conversations_without_the_goal_count() -> None:
    [found] = failure_modes(draft(mode([1, 1, 2, 3, 77], [(2, 2, "on its way")])), PLAYED)
    assert (found.count, found.share, found.evidence) == (2, 1.0, ())


def test_conversation_that_is_quoted_but_not_named_counts() -> None:
    [found] = failure_modes(draft(mode([], [(1, 2, "say that, sorry.")])), PLAYED)
    assert (found.count, found.share) == (1, 0.5)


def test_mode_that_names_no_failing_conversation_counts_nothing() -> None:
    [found] = failure_modes(draft(mode([2, 99], [])), PLAYED)
    assert (found.count, found.share, found.description) == (0, 0.0, "It never confirms.")


def test_most_frequent_mode_stands_first() -> None:
    found = failure_modes(draft(mode([1], [], "tone"), mode([1, 3], [], "other")), PLAYED)
    assert [one.tag for one in found] == ["other", "tone"]


def test_conversations_carry_the_tags_of_their_modes() -> None:
    tags = tags_of(draft(mode([1, 2], [], "tone"), mode([1, 3], [], "other"), mode([1], [], "tone")), PLAYED)
    assert tags == {f"{RUN}-1": ("tone", "other"), f"{RUN}-3": ("other",)}


def test_evidence_of_another_shape_is_dropped_alone() -> None:
    sound = {"conversationId": f"{RUN}-1", "seq": 2, "quote": "cannot say that"}
    odd = [sound | {"seq": True}, sound | {"seq": "2"}, sound | {"seq": 2.0}, sound | {"quote": None}, "all", None]
    answer = {"summary": "s", "revisedPrompt": "p", "rationale": "r"}
    modes = [{"tag": "tone", "description": "d", "evidence": [*odd, sound]}]
    read = read_draft(json.dumps(answer | {"failureModes": modes}))
    assert read.failure_modes[0].evidence == (Evidence.model_validate(sound),)

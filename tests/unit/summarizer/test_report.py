"""Reading drafts and composing the report that is kept."""

import json
from typing import Any

import pytest

from shared.contracts.enums import EndedReason
from summarizer.composition import compose
from summarizer.decide import Keep
from summarizer.draft import read_draft
from summarizer.drafting import report_facts
from summarizer.errors import UnusableAnswer
from summarizer.prompt_diff import prompt_diff
from unit.summarizer.played_runs import BEGUN, conversation, material, scenario

ANSWER: dict[str, Any] = {
    "summary": "It fails.",
    "failureModes": [
        {
            "tag": "refused",
            "description": "It refuses.",
            "conversationIds": ["run1-1"],
            "evidence": [{"conversationId": "run1-1", "seq": 2, "quote": "I can't do"}],
        }
    ],
    "revisedPrompt": "You are a helpful assistant.\nNever refuse.",
    "rationale": "It should help.",
}
PLAYED = [conversation(1, EndedReason.LIMIT, ["Help me", "I can't do that"]), conversation(2, EndedReason.GOAL)]


@pytest.mark.parametrize("frame", ["{}", "```json\n{}\n```", "Here it is:\n{}\nAnything else?"])
def test_draft_is_read_with_words_and_fences_around_it(frame: str) -> None:
    assert read_draft(frame.replace("{}", json.dumps(ANSWER))).rationale == "It should help."


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("I would rather not.", "no JSON object"),
        ('{"summary": "cut of', "no JSON object"),
        ('{"summary": "x" "y"}', "the answer: Invalid JSON"),
        (json.dumps(ANSWER | {"revisedPrompt": None}), "revisedPrompt: Input should be a valid string"),
        (json.dumps(ANSWER | {"revisedPrompt": "  "}), "may not be empty"),
        (json.dumps(ANSWER | {"revisedPrompt": "x" * 32_001}), "more than 32000 characters"),
        (json.dumps(ANSWER | {"failureModes": [{"tag": "bad luck", "description": ""}]}), "failureModes.0.tag"),
    ],
)
def test_answer_of_no_use_says_what_is_wrong(answer: str, problem: str) -> None:
    with pytest.raises(UnusableAnswer, match=problem):
        read_draft(answer)


def test_report_with_prose_holds_checked_modes_and_a_diff() -> None:
    report = compose(material(PLAYED), Keep(read_draft(json.dumps(ANSWER))), "demo/demo-fast", BEGUN)
    assert (report.status, report.reason, report.generated_by) == ("ready", None, "demo/demo-fast")
    assert (report.summary, report.failure_modes[0].evidence[0].quote) == ("It fails.", "I can't do")
    assert report.prompt_diff is not None
    assert "+Never refuse." in report.prompt_diff.splitlines()
    assert [one.tags for one in report.conversations] == [("refused",), ()]


def test_report_of_a_run_that_nobody_judged_is_ready_and_says_so() -> None:
    played = [conversation(1, EndedReason.LIMIT, ["Help me", "I can't do that"], judged=False)]
    report = compose(material(played, played=scenario(goal=None)), Keep(), None, BEGUN)
    assert (report.status, report.reason) == ("ready", "unjudged")
    assert (report.summary, report.failure_modes, report.revised_prompt) == (None, (), None)
    assert (report.stats.success_rate, report.stats.unsuccessful, report.stats.errored) == (None, 0, 0)
    assert (report.conversations[0].goal_reached, report.conversations[0].tags) == (None, ())


def test_conversation_that_nobody_judged_is_no_failure_of_a_report() -> None:
    played = [*PLAYED[1:], conversation(1, EndedReason.LIMIT, ["Help me", "I can't do that"], judged=False)]
    report = compose(material(played), Keep(read_draft(json.dumps(ANSWER))), "demo/demo-fast", BEGUN)
    assert [(mode.count, mode.share, mode.evidence) for mode in report.failure_modes] == [(0, 0.0, ())]
    assert [one.tags for one in report.conversations] == [(), ()]


def test_nobody_writes_about_a_run_that_nobody_judged() -> None:
    judged, unjudged = (material([conversation(1)] * 2, played=scenario(goal=goal)) for goal in ("g", None))
    assert report_facts(judged, None).prose_wanted
    assert not report_facts(unjudged, None).prose_wanted


def test_report_without_prose_has_statistics_and_a_reason() -> None:
    report = compose(material(PLAYED), Keep(reason="budget"), None, BEGUN)
    assert (report.status, report.reason, report.stats.success_rate) == ("unavailable", "budget", 0.5)
    assert (report.summary, report.revised_prompt, report.rationale, report.prompt_diff) == (None,) * 4


def test_prompt_that_stays_as_it_is_has_no_diff() -> None:
    assert prompt_diff("Be kind.", "Be kind.") == ""


def test_diff_is_unified() -> None:
    assert prompt_diff("Be kind.\nBe fast.", "Be kind.\nBe exact.").splitlines() == [
        "--- current prompt",
        "+++ revised prompt",
        "@@ -1,2 +1,2 @@",
        " Be kind.",
        "-Be fast.",
        "+Be exact.",
    ]

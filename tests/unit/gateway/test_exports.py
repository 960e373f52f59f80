"""Reports in every form. What a model wrote must stay text wherever it is shown."""

from typing import Any
from xml.etree import ElementTree

from gateway.exports import EXPORTS
from shared.contracts.record import now
from shared.contracts.reports import ConversationOutcome, CriterionRate, Evidence, FailureMode, Report, Statistics
from shared.contracts.words import EndedReason, FailureTag

HOSTILE = '<script>alert("x")</script>'


def outcome(index: int, reached: bool | None, reason: EndedReason | None, *tags: str) -> ConversationOutcome:
    return ConversationOutcome(
        id=f"r-{index}", goal_reached=reached, ended_reason=reason, messages=4, cost_usd=0.001, tags=tags
    )


def report(**values: Any) -> Report:
    proof = Evidence(conversation_id="r-2", seq=2, quote=HOSTILE)
    mode = FailureMode(tag=FailureTag.TONE, count=1, share=1.0, description=HOSTILE, evidence=(proof,))
    known: dict[str, Any] = {
        "run_id": "r",
        "status": "ready",
        "summary": HOSTILE,
        "revised_prompt": f"Be kind.\n````\n{HOSTILE}",
        "prompt_diff": f"-Be.\n+{HOSTILE}",
        "stats": Statistics(
            total=4, succeeded=1, unsuccessful=1, errored=1, failed=1, success_rate=0.5, success_interval=(0.1, 0.9)
        ),
        "criteria": (CriterionRate(id="c1", name="a | b", satisfied_rate=0.5, interval=None),),
        "failure_modes": (mode,),
        "conversations": (
            outcome(1, True, EndedReason.GOAL),
            outcome(2, False, EndedReason.LIMIT, "tone", '"quoted"'),
            outcome(3, None, EndedReason.ERROR),
            outcome(4, None, None, "=1+1"),
        ),
        "created_at": now(),
    }
    return Report.model_validate(known | values)


def test_html_shows_models_words_as_text() -> None:
    page = EXPORTS["html"].render(report())
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5
    assert "default-src 'none'" in EXPORTS["html"].headers["Content-Security-Policy"]


def test_markdown_fences_are_longer_than_what_they_hold() -> None:
    text = EXPORTS["md"].render(report())
    assert "`````\nBe kind.\n````\n" in text
    assert "| a \\| b | 50.0 % |" in text
    assert "Success rate | 50.0 % (95 % interval 10.0 % to 90.0 %)" in text


def test_csv_holds_no_formulas() -> None:
    lines = EXPORTS["csv"].render(report()).split("\r\n")
    assert lines[0] == "id,goalReached,endedReason,messages,costUsd,tags"
    assert lines[1] == "r-1,true,goal,4,0.001000000,"
    assert lines[4].endswith(",'=1+1")


def test_json_lines_are_one_conversation_each() -> None:
    lines = EXPORTS["jsonl"].render(report()).splitlines()
    assert len(lines) == 4
    assert '"goalReached":true' in lines[0]


def test_junit_tells_failures_errors_and_unjudged_apart() -> None:
    suite = ElementTree.fromstring(EXPORTS["junit"].render(report()))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    assert [[inner.tag for inner in case] for case in suite] == [[], ["failure"], ["error"], ["skipped"]]


def test_report_without_prose_says_why_in_every_form() -> None:
    bare = report(
        status="unavailable",
        reason="budget",
        summary=None,
        revised_prompt=None,
        prompt_diff=None,
        criteria=(),
        failure_modes=(),
        conversations=(),
    )
    for name in ("md", "html"):
        assert "No prose: budget" in EXPORTS[name].render(bare)
    assert ElementTree.fromstring(EXPORTS["junit"].render(bare)).get("tests") == "0"

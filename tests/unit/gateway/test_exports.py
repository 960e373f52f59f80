"""Reports in every form. What a model wrote must stay text wherever it is shown."""

import csv
import io
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from gateway.exports import EXPORTS
from shared.contracts.enums import EndedReason, FailureTag
from shared.contracts.reports import ConversationOutcome, CriterionRate, Evidence, FailureMode, Report, Statistics
from shared.contracts.timestamps import now

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
        "tenant": "default",
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


LINK = "![x](http://evil/leak)"
MARKUP = [
    LINK,
    "[x](http://evil/leak)",
    "<img src=http://evil/leak>",
    "<http://evil/leak>",
    "Fine.\n# A heading",
    "Fine.\n===",
    "Fine.\n---",
    "Fine.\r\n## A heading",
    "\t# A heading",
    "    indented",
    "1. one",
    "2) two",
    "- one",
    "+ one",
    "* one",
    "> quoted",
    "```\nfenced\n```",
    "~~~\nfenced",
    "| a | b |\n|---|---|",
    "&lt;b&gt; &#60;img&#62;",
    "**bold** _slanted_ `code`",
    "\\" + LINK,
    "[x]: http://evil/leak\n[x]",
    "see www.evil.example and http://evil/leak",
    "thanks @everybody",
    "ESC \x1b[2J",
]


def markdown_of(said: str) -> str:
    proof = Evidence(conversation_id="r-2", seq=2, quote=said)
    mode = FailureMode(tag=FailureTag.TONE, count=1, share=1.0, description=said, evidence=(proof,))
    criterion = CriterionRate(id="c1", name=said, satisfied_rate=0.5, interval=None)
    written = report(
        summary=said, rationale=said, failure_modes=(mode,), criteria=(criterion,), revised_prompt="p",
        prompt_diff="+p", conversations=(outcome(1, None, None, said),),
    )  # fmt: skip
    return EXPORTS["md"].render(written)


@pytest.mark.parametrize("said", MARKUP)
def test_markdown_shows_models_words_as_text(said: str) -> None:
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown_of(said))
    harmless = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown_of("said"))
    assert [token.type for token in page] == [token.type for token in harmless]
    inline = [child for token in page for child in token.children or ()]
    assert {child.type for child in inline} <= {"text", "softbreak"}
    shown = " ".join(child.content for child in inline)
    assert " ".join(said.split()[:1]).lstrip("\x1b[") in shown
    assert "@e" not in markdown_of(said)
    assert "\x1b" not in markdown_of(said)


def test_markdown_of_many_backticks_takes_no_time() -> None:
    assert "`" * 200_001 in EXPORTS["md"].render(report(revised_prompt="`" * 200_000))


@pytest.mark.parametrize("tag", ["a\x00b", "\x1b[2J", "\ud800", "\ufffe", "a\x0bb"])
def test_junit_can_be_read_whatever_a_tag_holds(tag: str) -> None:
    failed = report(conversations=(outcome(2, False, EndedReason.LIMIT, tag),))
    [[failure]] = ElementTree.fromstring(EXPORTS["junit"].render(failed))
    assert "\ufffd" in str(failure.get("message"))


@pytest.mark.parametrize(
    "tag",
    ["=1+1", " =1+1", "\n=1+1", "\t=1+1", "\r=1+1", "\r\n @x", "\u00a0-1", "\ufeff+1", "\x00=1", "＝1", "\n1"],
)
def test_csv_holds_no_formulas_behind_white_space(tag: str) -> None:
    written = EXPORTS["csv"].render(report(conversations=(outcome(1, None, None, tag),)))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows[1][-1] == f"'{tag}"


def test_run_that_nobody_judged_says_so_in_every_form() -> None:
    stats = Statistics(
        total=2, succeeded=0, unsuccessful=0, errored=0, failed=0, success_rate=None, success_interval=None
    )
    unjudged = report(
        reason="unjudged", summary=None, revised_prompt=None, prompt_diff=None, criteria=(), failure_modes=(),
        stats=stats, conversations=(outcome(1, None, EndedReason.LIMIT), outcome(2, None, EndedReason.LIMIT)),
    )  # fmt: skip
    for name in ("md", "html"):
        assert "Nobody judged this run" in EXPORTS[name].render(unjudged)
        assert "2 not judged" in EXPORTS[name].render(unjudged)
        assert "No prose" not in EXPORTS[name].render(unjudged)
    suite = ElementTree.fromstring(EXPORTS["junit"].render(unjudged))
    assert (suite.get("failures"), [[inner.tag for inner in case] for case in suite]) == ("0", [["skipped"]] * 2)
    assert [line.split(",")[1] for line in EXPORTS["csv"].render(unjudged).splitlines()[1:]] == ["", ""]


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


def test_junit_skips_what_another_model_spoke_or_judged_in() -> None:
    other = outcome(1, False, EndedReason.LIMIT).model_copy(update={"substituted": True})
    suite = ElementTree.fromstring(EXPORTS["junit"].render(report(conversations=(other,))))
    assert [[inner.tag for inner in case] for case in suite] == [["skipped"]]


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

"""A report as Markdown, for people and pull requests. What models wrote is text here, never markup. Pure."""

from collections.abc import Iterator

from gateway.exports.figures import YES_NO, interval, percent, statistics_rows, without_prose
from gateway.exports.markdown_text import fenced, lines, one_line, paragraphs
from shared.contracts.reports import Report


def markdown(report: Report) -> str:
    """The whole report; sections without content are left out."""
    parts = [*_head(report), *_statistics(report), *_criteria(report), *_failures(report), *_prompt(report)]
    return "\n".join([*parts, *_conversations(report)]) + "\n"


def _head(report: Report) -> Iterator[str]:
    yield f"# Report of run {report.run_id}\n"
    if sentence := without_prose(report):
        yield f"{paragraphs(sentence)}\n"
    if report.summary:
        yield f"{paragraphs(report.summary)}\n"


def _statistics(report: Report) -> Iterator[str]:
    yield "## Statistics\n\n| | |\n|---|---|"
    yield from (f"| {name} | {one_line(value)} |" for name, value in statistics_rows(report.stats))
    yield ""


def _criteria(report: Report) -> Iterator[str]:
    if not report.criteria:
        return
    yield "## Criteria\n\n| criterion | satisfied |\n|---|---|"
    for one in report.criteria:
        yield f"| {one_line(one.name)} | {percent(one.satisfied_rate)}{interval(one.interval)} |"
    yield ""


def _failures(report: Report) -> Iterator[str]:
    if not report.failure_modes:
        return
    yield "## Why conversations failed\n"
    for mode in report.failure_modes:
        yield f"### {mode.tag} ({mode.count}, {percent(mode.share)})\n\n{paragraphs(mode.description)}\n"
        for proof in mode.evidence:
            quote = "\n> ".join(lines(proof.quote))
            yield f"> {quote}\n>\n> {proof.conversation_id}, message {proof.seq}\n"


def _prompt(report: Report) -> Iterator[str]:
    if not report.revised_prompt:
        return
    yield f"## Revised prompt\n\n{fenced(report.revised_prompt)}\n"
    if report.rationale:
        yield f"{paragraphs(report.rationale)}\n"
    if report.prompt_diff:
        yield f"### What changed\n\n{fenced(report.prompt_diff, 'diff')}\n"


def _conversations(report: Report) -> Iterator[str]:
    if not report.conversations:
        return
    yield "## Conversations\n\n| id | ended by | goal reached | messages | cost in USD | tags |"
    yield "|---|---|---|---|---|---|"
    for one in report.conversations:
        ended, tags = one.ended_reason or "-", one_line(", ".join(one.tags)) or "-"
        yield f"| {one.id} | {ended} | {YES_NO[one.goal_reached]} | {one.messages} | {one.cost_usd:.6f} | {tags} |"

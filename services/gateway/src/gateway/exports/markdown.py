"""A report as Markdown, for people and pull requests. Pure."""

from collections.abc import Iterator

from gateway.exports.figures import YES_NO, interval, percent, statistics_rows
from shared.contracts.reports import Report


def markdown(report: Report) -> str:
    """The whole report; sections without content are left out."""
    parts = [*_head(report), *_statistics(report), *_criteria(report), *_failures(report), *_prompt(report)]
    return "\n".join([*parts, *_conversations(report)]) + "\n"


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _head(report: Report) -> Iterator[str]:
    yield f"# Report of run {report.run_id}\n"
    if report.status == "unavailable":
        yield f"No prose: {report.reason or 'it could not be written'}. The statistics are complete.\n"
    if report.summary:
        yield f"{report.summary}\n"


def _statistics(report: Report) -> Iterator[str]:
    yield "## Statistics\n\n| | |\n|---|---|"
    yield from (f"| {name} | {_cell(value)} |" for name, value in statistics_rows(report.stats))
    yield ""


def _criteria(report: Report) -> Iterator[str]:
    if not report.criteria:
        return
    yield "## Criteria\n\n| criterion | satisfied |\n|---|---|"
    for one in report.criteria:
        yield f"| {_cell(one.name)} | {percent(one.satisfied_rate)}{interval(one.interval)} |"
    yield ""


def _failures(report: Report) -> Iterator[str]:
    if not report.failure_modes:
        return
    yield "## Why conversations failed\n"
    for mode in report.failure_modes:
        yield f"### {mode.tag} ({mode.count}, {percent(mode.share)})\n\n{mode.description}\n"
        for proof in mode.evidence:
            quote = proof.quote.replace("\n", "\n> ")
            yield f"> {quote}\n>\n> {proof.conversation_id}, message {proof.seq}\n"


def _prompt(report: Report) -> Iterator[str]:
    if not report.revised_prompt:
        return
    yield f"## Revised prompt\n\n{_fenced(report.revised_prompt)}\n"
    if report.rationale:
        yield f"{report.rationale}\n"
    if report.prompt_diff:
        yield f"### What changed\n\n{_fenced(report.prompt_diff, 'diff')}\n"


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _conversations(report: Report) -> Iterator[str]:
    if not report.conversations:
        return
    yield "## Conversations\n\n| id | ended by | goal reached | messages | cost in USD | tags |"
    yield "|---|---|---|---|---|---|"
    for one in report.conversations:
        ended, tags = one.ended_reason or "-", _cell(", ".join(one.tags) or "-")
        yield f"| {one.id} | {ended} | {YES_NO[one.goal_reached]} | {one.messages} | {one.cost_usd:.6f} | {tags} |"

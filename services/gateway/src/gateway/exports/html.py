"""A report as one self-contained page. What models wrote is text here, never markup. Pure."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from gateway.exports.figures import YES_NO, interval, percent, statistics_rows, without_prose
from shared.contracts.reports import Report

CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
pre { white-space: pre-wrap; background: #8881; padding: 1rem; border-radius: .4rem; }
blockquote { margin: .5rem 0 1rem; padding-left: 1rem; border-left: 3px solid #8886; white-space: pre-wrap; }
small { opacity: .7; } .added { color: #1a7f37; } .removed { color: #cf222e; }
"""
DIFF_CLASSES: Final = {"+": "added", "-": "removed"}


def html(report: Report) -> str:
    """The whole report; sections without content are left out."""
    title = f"Report of run {escape(report.run_id)}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    parts = [*_summary(report), *_figures(report), *_failures(report), *_prompt(report), *_conversations(report)]
    body = "\n".join([f"<h1>{title}</h1>", *parts])
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _summary(report: Report) -> Iterator[str]:
    if sentence := without_prose(report):
        yield f"<p>{escape(sentence)}</p>"
    if report.summary:
        yield f"<p>{escape(report.summary)}</p>"


def _figures(report: Report) -> Iterator[str]:
    yield "<h2>Statistics</h2>"
    yield _table((), statistics_rows(report.stats))
    if report.criteria:
        rows = [(one.name, percent(one.satisfied_rate) + interval(one.interval)) for one in report.criteria]
        yield "<h2>Criteria</h2>"
        yield _table(("criterion", "satisfied"), rows)


def _failures(report: Report) -> Iterator[str]:
    if report.failure_modes:
        yield "<h2>Why conversations failed</h2>"
    for mode in report.failure_modes:
        yield f"<h3>{escape(mode.tag)} ({mode.count}, {percent(mode.share)})</h3><p>{escape(mode.description)}</p>"
        for proof in mode.evidence:
            where = f"{escape(proof.conversation_id)}, message {proof.seq}"
            yield f"<blockquote>{escape(proof.quote)}<br><small>{where}</small></blockquote>"


def _prompt(report: Report) -> Iterator[str]:
    if not report.revised_prompt:
        return
    yield f"<h2>Revised prompt</h2><pre>{escape(report.revised_prompt)}</pre>"
    if report.rationale:
        yield f"<p>{escape(report.rationale)}</p>"
    if report.prompt_diff:
        lines = "\n".join(_diff_line(line) for line in report.prompt_diff.splitlines())
        yield f"<h3>What changed</h3><pre>{lines}</pre>"


def _diff_line(line: str) -> str:
    kind = DIFF_CLASSES.get(line[:1])
    return f'<span class="{kind}">{escape(line)}</span>' if kind else escape(line)


def _conversations(report: Report) -> Iterator[str]:
    if not report.conversations:
        return
    rows = [
        (
            one.id,
            one.ended_reason or "-",
            YES_NO[one.goal_reached],
            str(one.messages),
            f"{one.cost_usd:.6f}",
            ", ".join(one.tags) or "-",
        )
        for one in report.conversations
    ]
    yield "<h2>Conversations</h2>"
    yield _table(("id", "ended by", "goal reached", "messages", "cost in USD", "tags"), rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}\n{body}</table>"

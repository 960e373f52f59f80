"""A report on the terminal."""

from collections.abc import Iterator
from itertools import chain
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agentwars.answers import Conversation, FailureMode, Report, Statistics
from agentwars.terminal.console import clean, one_line
from agentwars.terminal.formatting import UNJUDGED, bar, interval, milliseconds, number, percent, state, usd

_DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}
_QUOTES_SHOWN: Final = 3
_CONVERSATIONS_SHOWN: Final = 20
_VERDICTS: Final = {
    "better": ("✓ better", "green"),
    "worse": ("✗ worse", "red"),
    "no_evidence": ("· no evidence of a difference", "yellow"),
}


def report_view(report: Report) -> RenderableType:
    """Success, figures, why it failed with quotes, and the revised prompt with its changes."""
    parts = chain(
        _success(report),
        _figures(report.stats),
        _criteria(report),
        _conversations(report.conversations),
        _failure_modes(report.failure_modes),
        _prose(report),
        _revised_prompt(report),
    )
    return Group(Text(f"Report of run {report.run_id}", style="bold"), *parts)


def _success(report: Report) -> Iterator[RenderableType]:
    stats = report.stats
    judged = stats.succeeded + stats.unsuccessful
    yield Text()
    if report.reason == UNJUDGED:
        yield Text("  · nobody judged: the run had neither a goal nor criteria, or no judge", style="yellow")
    elif stats.success_rate is None:
        yield Text("  · nothing could be judged", style="yellow")
    else:
        good = "green" if stats.success_rate >= 0.5 else "yellow"
        line = Text("  ") + bar(stats.success_rate, 24, good)
        line.append(f"  {percent(stats.success_rate)}", style=f"bold {good}")
        line.append(f"  {stats.succeeded} of {judged} reached the goal")
        bounds = interval(stats.success_interval)
        yield line.append(f"  (95 %: {bounds})" if bounds else "", style="dim")
    if stats.errored:
        yield Text(f"  ! {stats.errored} of {stats.total} ended by an error and count for nothing", style="red")
    if report.verdict:
        yield _verdict(report)


def _verdict(report: Report) -> Text:
    words, style = _VERDICTS.get(report.verdict or "", (one_line(report.verdict or ""), ""))
    bounds = interval(report.interval)
    facts = [f"difference {percent(report.difference)}", f"95 %: {bounds}" if bounds else ""]
    facts.append(f"p = {report.p_value:.3f}" if report.p_value is not None else "")
    return Text(f"  {words}", style=style).append(f"  ({', '.join(filter(None, facts))})", style="dim")


def _figures(stats: Statistics) -> Iterator[RenderableType]:
    table = _grid()
    endings = Text("  ").join(
        state(reason) + Text(f" {count}")
        for reason, count in sorted(stats.ended_reasons.items(), key=lambda one: -one[1])
    )
    turns = stats.turns_to_goal
    mean = f", mean {number(stats.mean_turns_to_goal)}" if stats.mean_turns_to_goal is not None else ""
    table.add_row("endings", endings)
    if turns.p50 is not None:
        table.add_row("turns to goal", f"half within {number(turns.p50)}, 90 % within {number(turns.p90)}{mean}")
    each = f", {usd(stats.actual_usd / stats.total)} a conversation" if stats.actual_usd and stats.total else ""
    table.add_row("cost", f"{usd(stats.actual_usd)}{each}{_tokens(stats.tokens)}")
    table.add_row("answer time", _times(stats.latency_ms.p50, stats.latency_ms.p95))
    table.add_row("first token", _times(stats.ttft_ms.p50, stats.ttft_ms.p95))
    yield from (Text(), Padding(table, (0, 0, 0, 2)))


def _tokens(tokens: dict[str, int]) -> str:
    return f", {sum(count for name, count in tokens.items() if name != 'total'):,} tokens" if tokens else ""


def _times(half: float | None, nearly_all: float | None) -> str:
    return f"half within {milliseconds(half)}, 95 % within {milliseconds(nearly_all)}"


def _criteria(report: Report) -> Iterator[RenderableType]:
    if not report.criteria:
        return
    yield _heading("Criteria")
    table = _grid()
    for one in report.criteria:
        rate = one.satisfied_rate
        table.add_row(percent(rate), bar(rate or 0, 12, "green"), Text(one_line(one.name or one.id)))
    yield Padding(table, (0, 0, 0, 2))


def _conversations(conversations: tuple[Conversation, ...]) -> Iterator[RenderableType]:
    """The failed ones first, where there are many."""
    if len(conversations) < 2:
        return
    yield _heading("Conversations")
    shown = sorted(conversations, key=lambda one: one.goal_reached is True)[:_CONVERSATIONS_SHOWN]
    table = _grid()
    for one in sorted(shown, key=_index):
        tags = ", ".join(clean(tag).replace("_", " ") for tag in one.tags)
        counts = f"{one.messages} messages"
        table.add_row(
            f"#{_index(one)}", state(one.ended_reason or "running"), counts, usd(one.cost_usd), Text(tags, "dim")
        )
    yield Padding(table, (0, 0, 0, 2))
    if len(conversations) > len(shown):
        yield Text(f"  and {len(conversations) - len(shown)} more: agentwars runs conversations RUN", style="dim")


def _index(conversation: Conversation) -> int:
    number_text = conversation.id.rpartition("-")[2]
    return int(number_text) if number_text.isdigit() else conversation.index


def _failure_modes(modes: tuple[FailureMode, ...]) -> Iterator[RenderableType]:
    if not modes:
        return
    yield _heading("Why conversations failed")
    for mode in modes:
        share = f", {percent(mode.share)} of the failed" if mode.share is not None else ""
        many = "conversation" if mode.count == 1 else "conversations"
        head = Text(f"  ✗ {clean(mode.tag).replace('_', ' ')}", style="bold yellow")
        yield head.append(f"  {mode.count} {many}{share}", style="not bold dim")
        yield Padding(Text(one_line(mode.description)), (0, 0, 0, 4))
        for quoted in mode.evidence[:_QUOTES_SHOWN]:
            where = f"  #{quoted.conversation_id.rpartition('-')[2]}, message {quoted.seq}"
            quote = Text(f"“{one_line(quoted.quote)}”", style="italic").append(where, style="not italic dim")
            yield Padding(quote, (0, 0, 0, 4))


def _prose(report: Report) -> Iterator[RenderableType]:
    if report.status == "unavailable":
        yield Text()
        yield Text(f"  ! the prose is missing: {one_line(report.reason or 'no reason given')}", style="yellow")
    if report.summary:
        yield from (_heading("Summary"), Padding(Text(clean(report.summary).strip()), (0, 0, 0, 2)))


def _revised_prompt(report: Report) -> Iterator[RenderableType]:
    if not report.revised_prompt:
        return
    if report.rationale:
        yield from (_heading("What to change"), Padding(Text(clean(report.rationale).strip()), (0, 0, 0, 2)))
    yield from (_heading("Revised prompt"), Padding(Text(clean(report.revised_prompt).strip()), (0, 0, 0, 2)))
    if report.prompt_diff:
        yield from (_heading("Changes"), Padding(diff_view(report.prompt_diff), (0, 0, 0, 2)))


def diff_view(diff: str) -> Text:
    """A unified diff, coloured."""
    lines = [line for line in clean(diff).splitlines() if not line.startswith(("+++", "---"))]
    return Text("\n").join(Text(line, style=_DIFF_STYLES.get(line[:1], "dim")) for line in lines)


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold underline")


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    return table

"""Figures in words, the same in every form."""

from shared.contracts.reports import UNJUDGED, Report, Statistics

YES_NO = {True: "yes", False: "no", None: "-"}


def percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    return "" if bounds is None else f" (95 % interval {percent(bounds[0])} to {percent(bounds[1])})"


def without_prose(report: Report) -> str | None:
    """Why a report has no prose, as a sentence; None where it has some, or needs none."""
    if report.reason == UNJUDGED:
        return "Nobody judged this run: it had neither a goal nor criteria, or no judge. These are its statistics."
    if report.status == "unavailable":
        return f"No prose: {report.reason or 'it could not be written'}. The statistics are complete."
    return None


def statistics_rows(stats: Statistics) -> list[tuple[str, str]]:
    """What is known of the run in figures: name and value."""
    unjudged = stats.total - stats.succeeded - stats.unsuccessful - stats.errored
    outcomes = f"{stats.succeeded} reached the goal, {stats.unsuccessful} did not, {stats.errored} ended by error"
    if unjudged:
        outcomes += f", {unjudged} not judged"
    return [
        ("Success rate", percent(stats.success_rate) + interval(stats.success_interval)),
        ("Conversations", f"{stats.total}: {outcomes}"),
        ("Endings", ", ".join(f"{reason} {count}" for reason, count in sorted(stats.ended_reasons.items())) or "-"),
        ("Messages to the goal", _figure(stats.mean_turns_to_goal)),
        ("Cost", f"{stats.actual_usd:.6f} USD"),
        ("Latency p50 / p95", f"{_figure(stats.latency_ms.p50)} / {_figure(stats.latency_ms.p95)} ms"),
        ("First token p50 / p95", f"{_figure(stats.ttft_ms.p50)} / {_figure(stats.ttft_ms.p95)} ms"),
    ]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

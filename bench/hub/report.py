"""The hub's figures as people read them, the targets beside them."""

from typing import Final

from bench.hub.fan_out import Delivered, Load
from bench.hub.part import MANY_RUNS, SATURATING, HubResults
from bench.report import table

DELIVERED_A_SECOND: Final = 65_000
TIMES_QUEUES: Final = 1.4
OF_NCHAN: Final = 0.65
P99_MS: Final = {500: 30.0}
MANY_RUNS_P99_MS: Final = 40.0
IDLE_KILOBYTES: Final = 30.0
STORM_SECONDS: Final = 3.0
POLL_P99_MS: Final = 50.0
POLLS_A_SECOND: Final = 1500
LARGEST: Final = Load(1, 1000, 100.0)


def hub_markdown(results: HubResults) -> str:
    """The whole report."""
    about = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    parts = [
        "# Bench of the event hub",
        f"Measured {about}; {results.cores_busy:.1f} cores were busy on average, the bench's own programs included.",
        "One gateway process, fed by JetStream. *Queue per client*: the plain Starlette implementation "
        "(`bench/hub/queues.py`), fed by the same events. *nchan*: nginx with one worker, told over HTTP. Events of "
        "about 250 bytes; from telling to reading, everything on the same cores. Targets are for a machine on which "
        "the main job's floor takes 6.8 s; *us/event* and the ratios mean something on any.",
        "## Delivery",
        delivery(results),
        f"## Ratios, at {SATURATING.clients:,} clients and {SATURATING.wanted:,.0f} events/s wanted",
        ratios(results),
        "## Idle streams, a storm, polls, a large run",
        others(results),
    ]
    return "\n\n".join(parts) + "\n"


def delivery(results: HubResults) -> str:
    """One row a server and load."""
    head = (
        "server", "runs x clients", "events/s wanted", "**delivered/s**", "p50 ms", "**p99 ms**", "target", "cores",
        "us/event", "KB/client", "missing", "closed",
    )  # fmt: skip
    return table(head, [_delivery_row(one) for one in results.delivered])


def _delivery_row(one: Delivered) -> list[str]:
    load = one.load
    return [
        one.server,
        f"{load.runs} x {load.clients}",
        f"{load.wanted:,.0f}",
        f"**{one.per_second:,.0f}**",
        f"{one.p50:.1f}",
        f"**{one.p99:.1f}**",
        _target(one) if one.server == "gateway" else "",
        f"{one.cores:.2f}",
        f"{one.microseconds_per_event:.1f}",
        f"{one.kilobytes_per_client:.0f}",
        str(one.missing),
        str(one.closed),
    ]


def _target(one: Delivered) -> str:
    if one.load == MANY_RUNS:
        return _at_most("p99", one.p99, MANY_RUNS_P99_MS)
    if one.load == LARGEST:
        return _at_least("delivered/s", one.per_second, DELIVERED_A_SECOND)
    most = P99_MS.get(one.load.clients)
    return _at_most("p99", one.p99, most) if most else ""


def ratios(results: HubResults) -> str:
    """The gateway's deliveries against the others', and what one event costs each."""
    by_server = {one.server: one for one in results.delivered if one.load == SATURATING}
    ours = by_server["gateway"]
    rows = []
    for name, least in (("queue per client", TIMES_QUEUES), ("nchan", OF_NCHAN)):
        other = by_server.get(name)
        if other is not None:
            cost = ours.microseconds_per_event / other.microseconds_per_event
            times = _at_least("x", ours.per_second / other.per_second, least)
            rows.append([name, times, f"{cost:.2f}", f"{ours.p99 / other.p99:.2f}"])
    return table(("gateway against", "delivered", "processor time an event", "p99"), rows)


def others(results: HubResults) -> str:
    """One row a case."""
    rows = [
        [
            f"{one.runs * one.clients:,} idle streams on {one.runs:,} runs",
            _at_most("KB each", one.kilobytes_each, IDLE_KILOBYTES),
            f"connected in {one.connect_seconds:.1f} s; {one.cores:.2f} cores",
        ]
        for one in results.idle
    ]
    if results.storm:
        storm = results.storm
        served = _at_most("s", storm.seconds, STORM_SECONDS)
        rows.append(
            [
                f"{storm.clients:,} clients come back at once",
                served,
                f"{storm.missing} events missing; {storm.processor_seconds:.1f} s of processor",
            ]
        )
    for polls in results.polls:
        about = f"p50 {polls.p50:.1f} ms, {polls.cores:.2f} cores, {polls.other_answers:.0f}/s other than 304"
        target = (
            f"{polls.per_second:,.0f}/s; {_at_most('p99 ms', polls.p99, POLL_P99_MS)}"
            if polls.period
            else f"{_at_least('304/s', polls.per_second, POLLS_A_SECOND)}; p99 {polls.p99:.0f} ms"
        )
        pace = f"at {polls.period:g} s" if polls.period else "without a pause"
        rows.append([f"{polls.pollers} pollers {pace}", target, about])
    if results.large:
        large = results.large
        named = f"{large.conversations:,} conversations talking, {large.clients} clients"
        figures = f"{large.cores_for_facts:.3f} cores for the facts alone, {large.cores_for_both:.3f} with all texts"
        rows.append([named, f"{large.ratio:.2f} x its events' cost", f"{figures}; p99 {large.p99:.0f} ms"])
    return table(("case", "figure", "beside it"), rows)


def _at_most(what: str, value: float, most: float) -> str:
    return f"{what} {value:,.1f} <= {most:g}: {'yes' if value <= most else 'NO'}"


def _at_least(what: str, value: float, least: float) -> str:
    return f"{what} {value:,.2f} >= {least:,g}: {'yes' if value >= least else 'NO'}"

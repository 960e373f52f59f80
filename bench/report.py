"""The results as people read them: Markdown tables, the targets beside the figures."""

from collections.abc import Sequence
from statistics import median, quantiles

from bench.first_token import MODEL_SECONDS
from bench.results import CaseResult, Results
from bench.workload import CALL_SECONDS, MESSAGES, Case

TIMES_IDEAL = {1: 1.15, 10: 1.3}
TIMES_FLOOR = {100: 1.4}
JUDGED_LONGER = {10: 1.1}
MEMORY_MB = 700.0


def markdown(results: Results) -> str:
    """The whole report."""
    about = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    parts = [
        "# Bench",
        f"Measured {about}.",
        f"Conversations of {MESSAGES // 2} + {MESSAGES // 2} messages, streamed, with a model that takes "
        f"{CALL_SECONDS * 1000:g} ms a call. *Ideal*: the model's time alone. *Floor*: the same conversations in one "
        "bare asyncio loop on the official openai SDK, without any durability, measured in turn with the product on "
        "the same machine. Spans run from the first call's start to the last call's end, by the model's own ledger. "
        "Medians; *x floor* is the median of the ratios of neighbours. "
        "*Cores elsewhere*: what other programs kept busy meanwhile; times mean little where it is far from 0.",
    ]
    if results.cases:
        parts += ["## Turns", turns(results.cases), "## Processor and traffic, a turn", costs(results.cases)]
    if results.first_tokens:
        parts += ["## Time to first token", first_tokens(results)]
    parts += ["## Memory", memory(results)]
    return "\n\n".join(parts) + "\n"


def turns(cases: Sequence[CaseResult]) -> str:
    """Spans, ratios and overheads."""
    head = (
        "at once", "judge", "ideal s", "floor s", "**product s**", "by its events s", "x ideal", "x floor", "target",
        "overhead ms/turn", "floor's", "repetitions", "cores elsewhere",
    )  # fmt: skip
    return table(head, [_turns_row(result, cases) for result in cases])


def _turns_row(result: CaseResult, cases: Sequence[CaseResult]) -> list[str]:
    case = result.case
    return [
        str(case.at_once),
        "on" if case.judged else "off",
        f"{case.ideal_seconds:.1f}",
        f"{result.floor_seconds:.2f}",
        f"**{result.product_seconds:.2f}**",
        f"{result.told_seconds:.2f}",
        f"{result.product_seconds / case.ideal_seconds:.2f}",
        f"{result.times_floor:.2f}",
        _target(result, cases),
        f"{result.overhead_ms_per_turn:.0f}",
        f"{result.floor_overhead_ms_per_turn:.0f}",
        " ".join(f"{run.span_seconds:.2f}" for run in result.product),
        " ".join(f"{run.footprint.cores_elsewhere:.1f}" for run in result.product),
    ]


def _target(result: CaseResult, cases: Sequence[CaseResult]) -> str:
    at_once = result.case.at_once
    if result.case.judged:
        plain = next((one for one in cases if one.case == Case(at_once)), None)
        if plain is None or at_once not in JUDGED_LONGER:
            return "-"
        return _verdict("judge off", result.times(plain), JUDGED_LONGER[at_once])
    if at_once in TIMES_IDEAL:
        return _verdict("ideal", result.product_seconds / result.case.ideal_seconds, TIMES_IDEAL[at_once])
    return _verdict("floor", result.times_floor, TIMES_FLOOR[at_once]) if at_once in TIMES_FLOOR else "-"


def _verdict(of: str, reached: float, bound: float) -> str:
    return f"{reached:.2f} <= {bound:g} x {of}: {'yes' if reached <= bound else 'NO'}"


def costs(cases: Sequence[CaseResult]) -> str:
    """Processor time by process, store operations and broker messages, each a turn."""
    names = list(cases[0].processor_ms_per_turn())
    counts = list(cases[0].per_turn())
    head = ["at once", "judge", "floor ms", *(f"{name} ms" for name in names), "**stack ms**", *counts]
    rows = []
    for result in cases:
        spent, counted = result.processor_ms_per_turn(), result.per_turn()
        rows.append(
            [
                str(result.case.at_once),
                "on" if result.case.judged else "off",
                f"{result.floor_processor_ms_per_turn:.1f}",
                *(f"{spent[name]:.2f}" for name in names),
                f"**{sum(spent.values()):.1f}**",
                *(f"{counted[name]:.1f}" for name in counts),
            ]
        )
    return table(head, rows)


def first_tokens(results: Results) -> str:
    """Milliseconds to the first token, and what the path adds."""
    head = ("streams at once", "straight p50 ms", "product p50 ms", "**added p50 ms**", "added p95 ms", "streams")
    rows = []
    for one in results.first_tokens:
        straight = median(one.straight)
        slow = quantiles(one.through_product, n=20)[-1]
        rows.append(
            [
                str(one.at_once),
                f"{straight:.1f}",
                f"{median(one.through_product):.1f}",
                f"**{median(one.through_product) - straight:.1f}**",
                f"{slow - straight:.1f}",
                str(len(one.through_product)),
            ]
        )
    note = f"The model's own time to its first token is {MODEL_SECONDS * 1000:g} ms."
    return f"{note}\n\n{table(head, rows)}"


def memory(results: Results) -> str:
    """Resident megabytes by process: as started, and the most while measured."""
    rows = [[name, f"{results.idle_memory_mb[name]:.0f}", f"{most:.0f}"] for name, most in results.memory_mb.items()]
    total = results.memory_mb_at_once
    at_start = sum(results.idle_memory_mb.values())
    verdict = f"**{total:.0f}** <= {MEMORY_MB:g}: {'yes' if total <= MEMORY_MB else 'NO'}"
    return table(
        ("process", "as started MB", "most MB"), [*rows, ["**whole stack at one moment**", f"{at_start:.0f}", verdict]]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])

"""Glyphs, colours and numbers, the same in every view. A colour never stands without a glyph or a word."""

from typing import Final

from rich.text import Text

SIDE_STYLES: Final = {"agent": "cyan", "opponent": "magenta"}
SIDE_GLYPHS: Final = {"agent": "◆", "opponent": "◇"}

UNJUDGED: Final = "unjudged"
"""The reason of a report that holds statistics only because its run was judged by nobody."""

_ENDINGS: Final = {
    "goal": ("✓", "green", "goal"),
    "canceled": ("⊘", "dim", "canceled"),
    "error": ("!", "bold red", "error"),
}
"""Those that are more than an end without the goal, as every other reason is."""
_STATES: Final = {
    "waiting": ("·", "dim", "waiting"),
    "queued": ("·", "dim", "queued"),
    "playing": ("▸", "cyan", "playing"),
    "running": ("▸", "cyan", "running"),
    "pausing": ("‖", "yellow", "pausing"),
    "paused": ("‖", "yellow", "paused"),
    "canceling": ("⊘", "yellow", "canceling"),
    "complete": ("✓", "green", "complete"),
    "failed": ("!", "bold red", "failed"),
}


def state(word: str) -> Text:
    """A state or an ending as glyph and word; a word that is neither is a reason to end."""
    glyph, style, shown = _ENDINGS.get(word) or _STATES.get(word) or ("✗", "yellow", word)
    return Text(f"{glyph} {shown}", style=style)


def side(name: str) -> Text:
    """Who speaks, as glyph and word."""
    return Text(f"{SIDE_GLYPHS.get(name, '·')} {name}", style=f"bold {SIDE_STYLES.get(name, '')}".strip())


def goal(reached: bool | None) -> Text:
    """Whether the goal was reached."""
    if reached is None:
        return Text("· not judged", style="dim")
    return Text("✓ goal reached", style="green") if reached else Text("✗ goal not reached", style="yellow")


def goals(reached: int | None) -> Text:
    """How many have reached the goal; None where nobody judges."""
    return Text("· not judged", style="dim") if reached is None else Text(f"✓ goal {reached}", style="green")


def usd(amount: float | None) -> str:
    """Dollars with as many digits as say something: $1.25, $0.10, $0.0042."""
    if amount is None:
        return "hidden"
    whole, _, digits = f"{amount:.{2 if amount >= 1 else 4 if amount >= 0.0001 else 6}f}".partition(".")
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


def percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.0f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """`18–71 %`, or nothing."""
    return "" if bounds is None else f"{100 * bounds[0]:.0f}–{100 * bounds[1]:.0f} %"


def milliseconds(value: float | None) -> str:
    """`840 ms`, `2.4 s`."""
    if value is None:
        return "n/a"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def seconds(value: float) -> str:
    """`14.2 s`, `2 min 05 s`."""
    return f"{value:.1f} s" if value < 60 else f"{int(value // 60)} min {int(value % 60):02d} s"


def number(value: float | None) -> str:
    """`7`, `6.5`."""
    return "n/a" if value is None else f"{value:.1f}".removesuffix(".0")


def moment(iso: str | None) -> str:
    """`2026-11-21 10:00` of an ISO 8601 time (UTC)."""
    return iso[:16].replace("T", " ") if iso else ""


def short_moment(iso: str | None) -> str:
    """`11-21 10:00`, for narrow tables."""
    return moment(iso)[5:]


def bar(share: float, width: int, style: str) -> Text:
    """A bar of `width` cells, drawn thick as far as `share` (0 to 1) and thin beyond."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return Text("━" * filled, style=style) + Text("─" * (width - filled), style="dim")

"""What stands on the terminal, compared line by line."""

import io
import re
from typing import Any

import pytest

from agentwars.answers import Report
from agentwars.sse import Event, Parser
from agentwars.terminal.board import Board
from agentwars.terminal.console import SafeConsole, clean, last_words, shortened
from agentwars.terminal.conversation import ConversationStream
from agentwars.terminal.lines import PlainLines
from agentwars.terminal.live import LiveBoard
from agentwars.terminal.report import report_view
from unit.agentwars.scripted_gateway import RUN, ended, message, report, status, whole_run

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def sheet(width: int = 100, terminal: bool = False) -> tuple[SafeConsole, io.StringIO]:
    written = io.StringIO()
    settings: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    settings["color_system"] = "standard" if terminal else None
    return SafeConsole(file=written, width=width, height=30, force_terminal=terminal, **settings), written


def rows(written: io.StringIO) -> list[str]:
    return [line.rstrip() for line in COLOUR.sub("", written.getvalue()).splitlines()]


def events() -> list[Event]:
    return list(Parser().feed(b"".join(whole_run())))


def delta(seq: int, number: int, text: str, attempt: str = "a") -> Event:
    data = {"conversationId": f"{RUN}-1", "seq": seq, "purpose": "turn", "attempt": attempt, "i": number, "text": text}
    return Event("delta", data)


def attempt(seq: int, name: str = "a", side: str = "agent") -> Event:
    data = {"conversationId": f"{RUN}-1", "seq": seq, "purpose": "turn", "attempt": name, "side": side}
    return Event("attempt.started", data)


def test_plain_lines_say_one_fact_a_line() -> None:
    console, written = sheet()
    view = PlainLines(console, Board(RUN, 12))
    for one in events():
        view.show(one)
    assert rows(written) == [
        "run 01run: 2 conversations with Kettle, budget $0.10",
        "#1 1/12 ◇ opponent: Hello",
        "#1 2/12 ◆ agent: It is refunded.",
        "#2 1/12 ◇ opponent: Hello",
        "#1 ended ✓ goal after 2 messages, ✓ goal reached, $0.002",
        "#2 2/12 ◆ agent: Hm.",
        "#2 ended ✗ limit after 2 messages, ✗ goal not reached, $0.002",
        "report ready: success rate 50 % (95 %: 9–91 %)",
        "run ✓ complete: 2 of 2 ended, 1 reached the goal, $0.0042",
    ]


def test_a_message_streams_as_it_grows_and_stands_once() -> None:
    console, written = sheet(width=30)
    view = ConversationStream(console, Board(RUN, 12))
    for one in (attempt(2), delta(2, 0, "We will ref"), delta(2, 1, "und it to the card you paid with.")):
        view.show(one)
    assert "refund it to" in written.getvalue()  # before the message is whole
    view.show(Event("message", message(1, 2, "We will refund it to the card you paid with.")))
    assert rows(written) == ["◆ agent 2/12", "  We will refund it to the", "  card you paid with.", ""]


def test_a_discarded_attempt_is_marked_and_the_next_one_stands_below() -> None:
    console, written = sheet()
    view = ConversationStream(console, Board(RUN))
    discarded = {"conversationId": f"{RUN}-1", "seq": 2, "attempt": "a", "reason": "cut off", "next": "retry"}
    shown = [attempt(2), delta(2, 0, "Half a "), Event("attempt.discarded", discarded)]
    shown += [attempt(2, "b"), delta(2, 0, "Whole.", "b"), Event("message", message(1, 2, "Whole."))]
    for one in shown:
        view.show(one)
    assert rows(written) == ["◆ agent 2", "  Half a", "  (discarded: cut off; trying again)", "  Whole.", ""]


def test_lost_deltas_are_healed_by_the_message() -> None:
    console, written = sheet()
    view = ConversationStream(console, Board(RUN))
    for one in (
        attempt(2),
        delta(2, 0, "One "),
        delta(2, 2, "three."),
        Event("message", message(1, 2, "One two three.")),
    ):
        view.show(one)
    assert rows(written)[-3:] == ["  (the text above was replaced)", "  One two three.", ""]


def test_hints_that_come_late_or_twice_change_nothing() -> None:
    board = Board(RUN)
    for one in (attempt(2), delta(2, 0, "It "), delta(2, 0, "It "), delta(2, 1, "is."), delta(2, 1, "was.", "zombie")):
        board.apply(one)
    assert board.talk(f"{RUN}-1").text == "It is."
    board.apply(Event("message", message(1, 2, "It is.")))
    for one in (attempt(2, "late"), delta(2, 0, "No.", "late")):
        board.apply(one)
    assert (board.talk(f"{RUN}-1").text, board.talk(f"{RUN}-1").state) == ("It is.", "playing")


def test_a_snapshot_puts_the_board_where_the_run_stands() -> None:
    board = Board(RUN)
    ended_one = {"id": f"{RUN}-1", "endedReason": "goal", "goalReached": True, "lastSeq": 2}
    shown = status(status="running", completed=1) | {"conversations": [ended_one | {"messages": [message(1, 1)]}]}
    board.apply(Event("snapshot", shown))
    assert (board.ended, board.goals, board.total, board.status) == (1, 1, 2, "running")


def test_the_live_board_shows_state_turn_words_and_totals() -> None:
    console, written = sheet(width=80)
    board = Board(RUN, 4, total=2)
    clock = [0.0]
    view = LiveBoard(console, board, clock=lambda: clock[0])
    for one in events()[:6]:
        view.show(one)
    clock[0] = 7.5
    console.print(view.draw())
    assert rows(written) == [
        "Run 01run  Kettle  2 conversations",
        "",
        "  #1 ✓ goal       ━━━━━─────   2/4 ◆ It is refunded.",
        "  #2 ▸ playing    ━━━━━─────   2/4 ◆ Hm.",
        "",
        "━━━━━━━━━━━━──────────── 1/2   ✓ goal 1   $0.004 of $0.10   7.5 s   ▸ running",
    ]


def test_the_live_board_never_leaves_the_screen() -> None:
    console, written = sheet(width=80)
    board = Board(RUN, total=200)
    for index in range(1, 201):
        board.apply(Event("message", message(index, 1, "word " * 80)))
    console.print(LiveBoard(console, board).draw())
    lines = rows(written)
    assert len(lines) < 30
    assert max(map(len, lines)) <= 80


def test_a_report_names_success_reasons_quotes_and_changes() -> None:
    console, written = sheet()
    console.print(report_view(Report.model_validate(report())))
    assert rows(written) == [
        "Report of run 01run",
        "",
        "  ━━━━━━━━━━━━────────────  50 %  1 of 2 reached the goal  (95 %: 9–91 %)",
        "",
        "  endings        ✓ goal 1  ✗ limit 1",
        "  turns to goal  half within 6, 90 % within 6, mean 6",
        "  cost           $0.0042, $0.0021 a conversation, 1,000 tokens",
        "  answer time    half within 420 ms, 95 % within 1.2 s",
        "  first token    half within 80 ms, 95 % within 130 ms",
        "",
        "Criteria",
        "  50 %  ━━━━━━──────  Gives a reference",
        "",
        "Conversations",
        "  #1  ✓ goal   6 messages   $0.0021",
        "  #2  ✗ limit  12 messages  $0.0021  missing information",
        "",
        "Why conversations failed",
        "  ✗ missing information  1 conversation, 100 % of the failed",
        "    The agent never asks for the order number.",
        "    “Thank you for your message.”  #2, message 4",
        "",
        "Summary",
        "  One of two customers got what they came for.",
        "",
        "What to change",
        "  It never asked for the order number.",
        "",
        "Revised prompt",
        "  You are kind.",
        "  - Ask for the order number.",
        "",
        "Changes",
        "  @@ -1 +1,2 @@",
        "   You are kind.",
        "  +- Ask for the order number.",
    ]


def test_a_report_without_prose_says_why_and_keeps_its_figures() -> None:
    console, written = sheet()
    bare = report(status="unavailable", reason="no model answered", summary=None, revisedPrompt=None, failureModes=[])
    console.print(report_view(Report.model_validate(bare)))
    assert "  ! the prose is missing: no model answered" in rows(written)
    assert any(line.startswith("  cost") for line in rows(written))


def test_a_comparison_says_its_verdict_with_its_numbers() -> None:
    console, written = sheet()
    compared = report(verdict="better", difference=0.3, interval=[0.1, 0.5], pValue=0.012)
    console.print(report_view(Report.model_validate(compared)))
    assert "  ✓ better  (difference 30 %, 95 %: 10–50 %, p = 0.012)" in rows(written)


def test_colours_follow_the_sides_and_the_diff() -> None:
    console, written = sheet(terminal=True)
    console.print(report_view(Report.model_validate(report())))
    assert "\x1b[32m+- Ask for the order number." in written.getvalue()


ATTACKS = [
    ("\x1b[31mred\x1b[0m", "red"),
    ("a\x1b]0;title\x07b", "ab"),
    ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "alink"),
    ("a\x9b2Jb", "ab"),
    ("over\rwritten\x08\x08", "overwritten"),
    ("\u202egnirts\u202c\u2066", "gnirts"),
    ("[bold]as it is[/bold] :smile:", "[bold]as it is[/bold] :smile:"),
    ("tab\tand\nline", "tab\tand\nline"),
]


@pytest.mark.parametrize(("written", "shown"), ATTACKS)
def test_control_characters_are_stripped_and_markup_is_text(written: str, shown: str) -> None:
    assert clean(written) == shown


@pytest.mark.parametrize("attack", ["\x1b[31mX", "\x1b]0;t\x07X", "\x9b2JX", "\x1b[", "\x1b", "\u202eX"])
@pytest.mark.parametrize("terminal", [False, True])
def test_no_view_lets_a_models_bytes_through(attack: str, terminal: bool) -> None:
    console, written = sheet(terminal=terminal)
    console.print(attack)
    console.say(f"#{attack}")
    talk = ConversationStream(console, Board(RUN))
    for one in (attempt(2), delta(2, 0, attack), Event("message", message(1, 2, attack))):
        talk.show(one)
    view = PlainLines(console, Board(attack))
    for one in (*events(), Event("conversation.ended", ended(1, reason=attack))):
        view.show(one)
    console.print(report_view(Report.model_validate(report(summary=attack, runId=attack, promptDiff=attack))))
    left = COLOUR.sub("", written.getvalue()) if terminal else written.getvalue()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", left)
    assert terminal or "\x1b" not in left


def test_long_texts_are_cut_with_a_sign() -> None:
    assert shortened("one two\nthree", 9) == "one two…"
    assert shortened("short", 9) == "short"
    assert last_words("one two three four", 10) == "…four"
    assert last_words("x " * 400, 9) == "…x x x x"

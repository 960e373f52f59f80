"""A report's conversations row by row: CSV for spreadsheets, JSON lines for programs. Pure."""

import csv as csv_format
import io
import re

from shared.contracts.reports import ConversationOutcome, Report

COLUMNS = ("id", "goalReached", "endedReason", "messages", "costUsd", "tags")
# Spreadsheets drop white space before a formula, and what cannot be seen; the wide signs are the same to some.
FORMULA = re.compile("[\\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[=+\\-@＝＋－＠|%]|[\t\r\n]")


def csv(report: Report) -> str:
    """One row a conversation, below a row of names (RFC 4180)."""
    written = io.StringIO(newline="")
    writer = csv_format.writer(written)
    writer.writerow(COLUMNS)
    for one in report.conversations:
        writer.writerow([_cell(value) for value in _values(one)])
    return written.getvalue()


def json_lines(report: Report) -> str:
    """One JSON object a line and conversation."""
    return "".join(one.model_dump_json(by_alias=True) + "\n" for one in report.conversations)


def _values(one: ConversationOutcome) -> tuple[str, ...]:
    reached = "" if one.goal_reached is None else str(one.goal_reached).lower()
    return one.id, reached, one.ended_reason or "", str(one.messages), f"{one.cost_usd:.9f}", " ".join(one.tags)


def _cell(text: str) -> str:
    """Spreadsheets run what looks like a formula: a quote before it makes it text."""
    return f"'{text}" if FORMULA.match(text) else text

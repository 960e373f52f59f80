"""A report as JUnit XML: a test suite whose cases are conversations. Pure."""

import re
from typing import Final
from xml.sax.saxutils import quoteattr

from shared.contracts.endings import FAILED
from shared.contracts.reports import ConversationOutcome, Report

# What no XML document may hold, escaped or not (XML 1.0, "Char").
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


BY_ANOTHER: Final = "another model spoke or judged than was asked for"


def junit(report: Report) -> str:
    """One case a conversation: failed without its goal, error by error, skipped where nothing could be judged.

    Skipped, too, is one in which another model spoke or judged.
    """
    cases = [_case(report.run_id, one) for one in report.conversations]
    stats = report.stats
    counts = f'tests="{len(cases)}" failures="{stats.unsuccessful}" errors="{stats.errored}"'
    suite = f"<testsuite name={quoteattr(report.run_id)} {counts}>"
    page = "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', suite, *cases, "</testsuite>"]) + "\n"
    return _NOT_XML.sub("\ufffd", page)


def _case(run_id: str, one: ConversationOutcome) -> str:
    reason = one.ended_reason or "never started"
    opening = f"  <testcase classname={quoteattr(run_id)} name={quoteattr(one.id)}"
    if one.ended_reason in FAILED:
        return f"{opening}><error message={quoteattr(f'ended by {reason}')}/></testcase>"
    if one.substituted:
        return f"{opening}><skipped message={quoteattr(BY_ANOTHER)}/></testcase>"
    if one.goal_reached is None:
        return f"{opening}><skipped message={quoteattr(f'ended by {reason}, not judged')}/></testcase>"
    if not one.goal_reached:
        tags = ", ".join(one.tags) or "no tags"
        return f"{opening}><failure message={quoteattr(f'ended by {reason} without its goal: {tags}')}/></testcase>"
    return f"{opening}/>"

"""What a report is owed, as a table."""

from dataclasses import replace

import pytest

from shared.contracts.reports import ReportDraft
from summarizer.decide import Announce, Condense, DraftAnswer, Effect, EndRun, Keep, Repair, ReportFacts, Write, decide

DRAFT = ReportDraft(summary="s", revised_prompt="p", rationale="r")
USABLE, USELESS, FAILED = DraftAnswer(DRAFT), DraftAnswer(problem="it holds no JSON object"), DraftAnswer(failed=True)
OWED = ReportFacts(counted=True, left_nanos=100, report_nanos=60, condensing_nanos=40)
LAST = (Announce(), EndRun())


@pytest.mark.parametrize(
    ("facts", "owed"),
    [
        (replace(OWED, counted=False), ()),
        (replace(OWED, over=True, stands=True), ()),
        (replace(OWED, stands=True), LAST),
        (replace(OWED, stands=True, canceled=True), LAST),
        (replace(OWED, canceled=True), (Keep(reason="canceled"), *LAST)),
        (replace(OWED, canceled=True, answer=USABLE), (Keep(reason="canceled"), *LAST)),
        (replace(OWED, prose_wanted=False, writable=False), (Keep(), *LAST)),
        (replace(OWED, writable=False), (Keep(reason="failed"), *LAST)),
        (replace(OWED, condensing=(2, 5)), (Condense(2), Condense(5))),
        (replace(OWED, condensing=(2, 5), left_nanos=99), (Write(),)),
        (replace(OWED, condensing=(2, 5), left_nanos=59), (Keep(reason="budget"), *LAST)),
        (OWED, (Write(),)),
        (replace(OWED, left_nanos=59), (Keep(reason="budget"), *LAST)),
        (replace(OWED, answer=USABLE, left_nanos=0), (Keep(DRAFT), *LAST)),
        (replace(OWED, answer=USABLE, condensing=(2,)), (Keep(DRAFT), *LAST)),
        (replace(OWED, answer=FAILED), (Keep(reason="failed"), *LAST)),
        (replace(OWED, answer=USELESS), (Repair(),)),
        (replace(OWED, answer=USELESS, left_nanos=59), (Keep(reason="budget"), *LAST)),
        (replace(OWED, answer=USELESS, repair=USABLE), (Keep(DRAFT), *LAST)),
        (replace(OWED, answer=USELESS, repair=USELESS), (Keep(reason="failed"), *LAST)),
        (replace(OWED, answer=USELESS, repair=FAILED), (Keep(reason="failed"), *LAST)),
    ],
)
def test_a_report_is_owed_what_the_table_says(facts: ReportFacts, owed: tuple[Effect, ...]) -> None:
    assert decide(facts) == owed

"""Who was asked for, who plays, and what a run says of it."""

import pytest
from pydantic import BaseModel

from shared.contracts.enums import RunKind, Tier
from shared.contracts.routes import RouteWish
from shared.contracts.settings import JudgeSettings, Participant
from support.builders import AGENT, JUDGE, run, scenario


@pytest.mark.parametrize("kept", [AGENT, JUDGE])
def test_what_was_stored_before_wishes_were_kept_reads_as_a_wish_for_its_model(kept: BaseModel) -> None:
    stored = kept.model_dump(exclude={"wish"})
    read = type(kept).model_validate(stored)
    assert isinstance(read, Participant | JudgeSettings)
    assert read.wish == read.pinned == RouteWish(provider="demo", model="demo-fast")
    assert type(kept).model_validate_json(read.model_dump_json(by_alias=True)) == read


def test_every_model_stands_once_for_its_role() -> None:
    fast = RouteWish(provider="demo", tier=Tier.FAST)
    played = scenario(judge=JUDGE.model_copy(update={"strong_model": "demo-premium", "wish": fast}))
    settings = run(total=4, played=played).settings
    settings = settings.model_copy(update={"scenarios": (played, played), "report": AGENT})
    assert [(one.role, one.model, one.tier) for one in settings.models] == [
        ("agent", "demo-fast", None),
        ("opponent", "demo-fast", None),
        ("judge", "demo-fast", "fast"),
        ("judge", "demo-premium", None),
        ("report", "demo-fast", None),
    ]


def test_of_what_is_not_judged_no_judge_is_named_and_of_a_chat_only_who_answers() -> None:
    unjudged = scenario().model_copy(update={"judge": JUDGE})
    assert [one.role for one in run(played=unjudged).settings.models] == ["agent", "opponent"]
    anything = RouteWish()
    chat = unjudged.model_copy(update={"agent": AGENT.model_copy(update={"wish": anything})})
    models = run(played=chat, kind=RunKind.CHAT).settings.models
    assert [(one.role, one.tier) for one in models] == [("agent", "standard")]

"""Values: times, money, settings, work messages."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from shared.contracts.enums import Lane, Purpose, RunKind, Side
from shared.contracts.money import NANOS_PER_DOLLAR, to_nanos, to_usd
from shared.contracts.settings import ConversationSettings, GivenMessage, RunSettings
from shared.contracts.timestamps import iso, iso_now, now
from shared.contracts.work import GenerationRequested, GenerationStored, RunCommanded
from support.builders import AGENT, JUDGE, run, scenario

THEM, US = Side.OPPONENT, Side.AGENT
MOMENT = datetime(2026, 11, 21, 10, 0, 0, 123_999, tzinfo=UTC)


def test_time_on_the_wire_is_utc_with_milliseconds() -> None:
    assert iso(MOMENT) == "2026-11-21T10:00:00.123Z"
    assert iso(MOMENT.astimezone(timezone(timedelta(hours=2)))) == "2026-11-21T10:00:00.123Z"


@pytest.mark.parametrize("milliseconds", [0, 7, 123, 999])
def test_the_quick_stamp_has_the_same_form(monkeypatch: pytest.MonkeyPatch, milliseconds: int) -> None:
    moment = MOMENT.replace(microsecond=milliseconds * 1000)
    # Half a millisecond more: what a float makes of the exact one may lie below it.
    monkeypatch.setattr("time.time", lambda: moment.timestamp() + 0.0005)
    assert iso_now() == iso(moment)


def test_present_has_no_more_than_milliseconds() -> None:
    assert now().microsecond % 1000 == 0
    assert now().tzinfo is UTC


def test_time_without_a_zone_is_read_as_utc() -> None:
    command = RunCommanded(run_id="r", at=datetime(2026, 1, 1))
    assert command.at == datetime(2026, 1, 1, tzinfo=UTC)


@given(nanos=some.integers(0, 10**15))
def test_money_survives_the_way_to_dollars_and_back(nanos: int) -> None:
    assert to_nanos(to_usd(nanos)) == nanos


def test_dollars_are_shown_without_noise() -> None:
    assert [to_usd(nanos) for nanos in (1, 300_000_000, 3 * NANOS_PER_DOLLAR)] == [1e-09, 0.3, 3.0]


@pytest.mark.parametrize(
    ("opens", "given_sides", "sides"),
    [
        (THEM, [], [THEM, US, THEM, US]),
        (US, [], [US, THEM, US, THEM]),
        (THEM, [THEM], [THEM, US, THEM, US]),
        (US, [THEM], [THEM, US, THEM, US]),
        (THEM, [US], [US, THEM, US, THEM]),
        (THEM, [THEM, THEM], [THEM, THEM, US, THEM]),
        (THEM, [THEM, US, US], [THEM, US, US, THEM]),
    ],
)
def test_sides_alternate_after_what_is_given(opens: Side, given_sides: list[Side], sides: list[Side]) -> None:
    given_messages = tuple(GivenMessage(side=side, content="hello") for side in given_sides)
    settings = scenario(opens=opens, given=given_messages)
    assert [settings.side_of(seq) for seq in range(1, 5)] == sides


@pytest.mark.parametrize(
    ("changes", "judged"),
    [
        ({}, True),
        ({"judge": None}, False),
        ({"judge": JUDGE.model_copy(update={"enabled": False})}, False),
        ({"goal": None}, False),
    ],
)
def test_messages_are_judged_where_there_is_a_judge_and_something_to_judge_by(
    changes: dict[str, object], judged: bool
) -> None:
    assert scenario(judge=JUDGE).model_copy(update=changes).judged is judged


def test_every_conversation_has_a_scenario_and_a_seed_of_its_own() -> None:
    scenarios = tuple(ConversationSettings(agent=AGENT, opponent=AGENT, persona_id=name) for name in ("calm", "angry"))
    settings = RunSettings(
        kind=RunKind.SCALE, total=4, concurrency=1, scenarios=scenarios, seed=100, max_budget_nanos=1
    )
    played = [settings.conversation(index) for index in (1, 2, 3, 4)]
    assert [one.persona_id for one in played] == ["calm", "angry", "calm", "angry"]
    assert [one.seed for one in played] == [101, 102, 103, 104]


def test_stored_values_cannot_be_changed() -> None:
    settings = run().settings
    with pytest.raises(ValidationError, match="frozen"):
        object.__getattribute__(settings, "__setattr__")("seed", 2)


def test_what_a_newer_service_added_is_ignored() -> None:
    command = RunCommanded(run_id="r", at=MOMENT, version=3)
    newer = command.to_json().replace(b"{", b'{"soon":"more",', 1)
    assert RunCommanded.model_validate_json(newer).version == 3


def job(purpose: Purpose = Purpose.TURN, **fields: object) -> GenerationRequested:
    common: dict[str, object] = {
        "run_id": "r",
        "at": MOMENT,
        "conversation_id": "r-1",
        "seq": 3,
        "purpose": purpose,
        "provider": "demo",
        "model": "demo-fast",
        "first_job_at": MOMENT,
    }
    return GenerationRequested.model_validate(common | fields)


def test_repeated_effect_has_the_same_name_and_a_hop_and_a_replay_have_others() -> None:
    assert job().message_id == job(repeat=True).message_id == "r-1:3:turn:job"
    assert job(hop=2).message_id == "r-1:3:turn:job:2"
    assert job(replay=1).message_id == "r-1:3:turn:job:r1"
    assert job(hop=1, replay=2).message_id == "r-1:3:turn:job:1:r2"
    assert [one.renewed for one in (job(), job(repeat=True), job(hop=1), job(replay=1))] == [False, True, True, True]
    assert job(Purpose.REPORT, conversation_id=None, seq=0).message_id == "r:0:report:job"


def test_done_is_named_for_its_generation() -> None:
    done = GenerationStored(
        run_id="r", at=MOMENT, conversation_id="r-1", seq=2, purpose=Purpose.JUDGE, stage="fast", pass_number=1
    )
    assert done.message_id == "r-1:2:judge:fast:p1:done"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"version": 2}, "r:cmd:2"),
        ({"conversation_id": "c-1", "message_seq": 5}, "c-1:5:cmd"),
        ({"conversation_id": "r-7", "sweep": 99}, "r-7:sweep:99"),
    ],
)
def test_command_is_named_for_what_it_is_about(fields: dict[str, object], name: str) -> None:
    common: dict[str, object] = {"run_id": "r", "at": MOMENT}
    assert RunCommanded.model_validate(common | fields).message_id == name


def test_only_people_wait_in_the_live_lane() -> None:
    live = {purpose for purpose in Purpose if job(purpose).lane is Lane.LIVE}
    assert live == {Purpose.CHAT, Purpose.ASSIST}
    assert job(Purpose.CHAT).subject == "llm.do.demo.live"

"""What a runner does by what is wanted: of a run, and of one answer."""

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
import structlog
from nats.aio.msg import Msg

from llm_runner.call_deadline import Interruption
from llm_runner.control import ControlSignals, interruption_wanted
from llm_runner.leased_jobs import LeasedJob, LeasedJobs
from shared.contracts.enums import Purpose, Wanted
from shared.contracts.runs import Control
from shared.contracts.timestamps import now
from shared.messaging.deliveries import Delivery
from support.builders import job

STOPPED, CANCELED = Interruption.STOPPED, Interruption.CANCELED


def control(wanted: Wanted = Wanted.RUN, stop_seq: int = 0) -> Control:
    return Control(wanted=wanted, stop_seq=stop_seq, changed_at=now())


@pytest.mark.parametrize(
    ("purpose", "seq", "wanted", "why"),
    [
        (Purpose.CHAT, 4, control(), None),
        (Purpose.CHAT, 4, control(stop_seq=4), STOPPED),
        (Purpose.CHAT, 4, control(stop_seq=6), STOPPED),
        (Purpose.CHAT, 4, control(stop_seq=2), None),
        (Purpose.ASSIST, 2, control(stop_seq=2), STOPPED),
        (Purpose.TURN, 2, control(stop_seq=2), None),
        (Purpose.MEMORY, 2, control(stop_seq=4), None),
        (Purpose.CHAT, 4, control(Wanted.CANCEL, stop_seq=4), CANCELED),
        (Purpose.TURN, 4, control(Wanted.PAUSE), None),
        (Purpose.TURN, 4, None, None),
    ],
)
def test_a_stop_means_its_answer_and_those_below(
    purpose: Purpose, seq: int, wanted: Control | None, why: Interruption | None
) -> None:
    assert interruption_wanted(job("chat", seq, purpose), wanted) is why


@pytest.mark.parametrize(
    ("signal", "why"),
    [
        ({"wanted": "stop", "conversationId": "chat", "seq": 4}, STOPPED),
        ({"wanted": "stop", "conversationId": "chat", "seq": 2}, None),
        ({"wanted": "stop", "conversationId": "chat"}, None),
        ({"wanted": "stop", "conversationId": "other", "seq": 4}, None),
        ({"wanted": "cancel"}, CANCELED),
        ({"wanted": "pause"}, None),
        ("no object", None),
    ],
)
async def test_a_signal_closes_the_calls_it_means(signal: Any, why: Interruption | None) -> None:
    jobs = LeasedJobs()
    message = SimpleNamespace(metadata=SimpleNamespace(num_delivered=1))
    held = LeasedJob(Delivery(cast(Msg, message), first=True), job("chat", 4, Purpose.CHAT), 5.0, 300.0)
    jobs.add(held)
    heard = SimpleNamespace(subject="ctl.chat", data=orjson.dumps(signal))
    await ControlSignals(jobs, structlog.get_logger("test")).on_signal(cast(Msg, heard))
    assert held.interruption is why

"""Every job is settled, whatever its handling and its end raise: one that is not comes again for ever."""

from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import pytest
import structlog
from nats.aio.msg import Msg

from llm_runner.job_settlement import JobSettlement
from llm_runner.leased_jobs import LeasedJobs
from shared.contracts.enums import Purpose
from shared.contracts.work import PromptMessage
from shared.errors import BrokerUnavailable, NotYet, UnknownRun
from shared.messaging.delivery_counts import DeliveryCounts
from shared.messaging.failures import DELIVERY_CAP
from shared.messaging.subscriptions import FastSubscription, settled_by
from support.builders import job

JOB = job("r", 0, Purpose.MEMORY, prompt=(PromptMessage(role="user", content="words of a chat"),))
GONE = UnknownRun("r")


def _message(deliveries: int) -> Any:
    metadata = Mock(num_delivered=deliveries, sequence=Mock(stream=1))
    return Mock(data=JOB.to_json(), metadata=metadata, ack_sync=AsyncMock(), nak=AsyncMock(), is_acked=False)


async def _letters(message: Any, handled: Exception, ended: Exception) -> list[dict[str, Any]]:
    """The dead letters of a job whose handling and whose end raise."""
    handler = Mock(
        handle=AsyncMock(side_effect=handled),
        broke=AsyncMock(side_effect=ended),
        give_up=AsyncMock(side_effect=ended),
    )
    announcer = Mock(given_up=AsyncMock())
    settlement = JobSettlement(handler, announcer, LeasedJobs(), 10.0, structlog.stdlib.get_logger("test"))
    await FastSubscription([settled_by(settlement)], settlement.on_job, DeliveryCounts(0)).consume(cast(Msg, message))
    return [call.args[0].model_dump() for call in announcer.given_up.await_args_list]


@pytest.mark.parametrize(("deliveries", "handled"), [(1, KeyError("x")), (DELIVERY_CAP, NotYet("a message"))])
async def test_job_that_cannot_be_given_up_either_leaves_a_letter(deliveries: int, handled: Exception) -> None:
    message = _message(deliveries)
    (letter,) = await _letters(message, handled, ValueError("words"))
    message.ack_sync.assert_awaited_once()
    assert letter["failure"]["code"] == "internal"
    assert "words" not in str(letter["failure"])


@pytest.mark.parametrize(
    ("deliveries", "handled"), [(1, GONE), (1, KeyError("x")), (DELIVERY_CAP, NotYet("a message"))]
)
async def test_job_of_a_run_that_is_forgotten_leaves_nothing(deliveries: int, handled: Exception) -> None:
    message = _message(deliveries)
    assert await _letters(message, handled, GONE) == []
    message.ack_sync.assert_awaited_once()


@pytest.mark.parametrize("away", [BrokerUnavailable("x", OSError()), ConnectionResetError(), TimeoutError()])
async def test_job_whose_end_met_an_absence_comes_again(away: Exception) -> None:
    message = _message(DELIVERY_CAP)
    assert await _letters(message, NotYet("a message"), away) == []
    message.nak.assert_awaited_once()
    message.ack_sync.assert_not_awaited()

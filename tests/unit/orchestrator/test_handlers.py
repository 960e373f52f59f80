"""What a trigger says of the looks before it."""

from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from orchestrator.handlers import Handlers
from shared.contracts.enums import Purpose
from shared.contracts.timestamps import now
from shared.contracts.work import GenerationStored
from shared.messaging.deliveries import Delivery


@pytest.mark.parametrize(
    ("delivered_first", "found", "first"),
    [(True, False, True), (False, False, False), (True, True, False)],
    ids=["first", "again", "found"],
)
async def test_only_a_new_result_told_for_the_first_time_has_no_look_before_it(
    delivered_first: bool, found: bool, first: bool
) -> None:
    conversations: Any = Mock(on_done=AsyncMock())
    handlers = Handlers(Mock(), Mock(on_counted=AsyncMock()), conversations, Mock())
    done = GenerationStored(run_id="r", at=now(), conversation_id="r-1", seq=2, purpose=Purpose.TURN, found=found)
    await handlers.on_done(done, Delivery(Mock(), delivered_first))
    conversations.on_done.assert_awaited_once_with(done, first)

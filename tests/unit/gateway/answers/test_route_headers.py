"""What an answer's headers say of its route."""

import pytest

from gateway.answers.route_headers import route_headers
from support.builders import AGENT
from support.gateway.app import ROUTER


@pytest.mark.parametrize(("model", "tier"), [("demo-fast", "fast"), ("forgotten", "")])
def test_headers_name_the_chain_also_of_a_model_the_registry_has_forgotten(model: str, tier: str) -> None:
    assert route_headers(ROUTER, AGENT.model_copy(update={"model": model}), "r1") == {
        "X-Model-Name": model,
        "X-Model-Tier": tier,
        "X-Fallback-Chain": f"demo/{model}",
        "X-Conversation-Id": "r1",
        "X-Stream-Id": "r1",
    }

"""What an answer's headers say of its route at admission, and by which id it is stopped (docs/api.md, "Chat")."""

from shared.contracts.settings import Participant
from shared.routing import Router, UnknownModel


def route_headers(router: Router, speaker: Participant, run_id: str) -> dict[str, str]:
    """The model, its tier, and the chain it is the first of; a model that the registry has forgotten has no tier."""
    tier, chain = "", f"{speaker.provider}/{speaker.model}"
    try:
        routes = router.routes(speaker.pinned)
    except UnknownModel:
        pass
    else:
        tier, chain = routes[0].entry.tier.value, ", ".join(map(str, routes))
    return {
        "X-Model-Name": speaker.model,
        "X-Model-Tier": tier,
        "X-Fallback-Chain": chain,
        "X-Conversation-Id": run_id,
        "X-Stream-Id": run_id,
    }

"""Where a run stands, folded from its events: what every view of a live run is drawn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agentwars.sse import Event

Data = Mapping[str, Any]


@dataclass
class ConversationState:
    """One conversation so far. `seq` is its last whole message, `open_seq` the one whose text is growing."""

    id: str
    index: int
    seq: int = 0
    open_seq: int = 0
    side: str = ""
    text: str = ""
    attempt: str | None = None
    piece: int = -1
    cost_usd: float = 0.0
    goal_reached: bool | None = None
    ended_reason: str | None = None
    error: str | None = None

    @property
    def state(self) -> str:
        if self.ended_reason is not None:
            return self.ended_reason
        return "playing" if self.seq or self.open_seq else "waiting"

    @property
    def turn(self) -> int:
        return max(self.seq, self.open_seq)

    def closed_to(self, seq: int) -> bool:
        """Hints about messages that are whole, or of an ended conversation, come late and say nothing."""
        return self.ended_reason is not None or seq <= self.seq


@dataclass
class Board:
    """A run and its conversations. `message_limit` is the caller's knowledge: the events don't tell it."""

    run_id: str
    message_limit: int | None = None
    total: int = 1
    status: str = "queued"
    completed: int = 0
    failed: int = 0
    agent: str | None = None
    goal: str | None = None
    max_budget_usd: float | None = None
    reporting: bool = False
    talks: dict[str, ConversationState] = field(default_factory=dict)
    told_usd: float = 0.0
    hidden_cost: bool = False

    @property
    def cost_usd(self) -> float | None:
        """The highest of what was told and what the messages add up to; None where the run hides it."""
        if self.hidden_cost:
            return None
        return max(self.told_usd, sum(talk.cost_usd for talk in self.talks.values()))

    @property
    def goals(self) -> int | None:
        """How many have reached the goal; None where all that have ended were judged by nobody."""
        judged = [talk.goal_reached for talk in self.talks.values() if talk.ended_reason is not None]
        return None if judged and all(reached is None for reached in judged) else sum(one is True for one in judged)

    @property
    def ended(self) -> int:
        return max(self.completed + self.failed, sum(talk.ended_reason is not None for talk in self.talks.values()))

    def talk(self, conversation_id: str) -> ConversationState:
        """The conversation of that id, made when it is first heard of."""
        if conversation_id not in self.talks:
            number = conversation_id.rpartition("-")[2]
            index = int(number) if number.isdigit() else len(self.talks) + 1
            self.talks[conversation_id] = ConversationState(conversation_id, index)
        return self.talks[conversation_id]

    def apply(self, event: Event) -> ConversationState | None:
        """Takes an event in. Returns the conversation it was about, if it was about one."""
        conversation = event.data.get("conversationId")
        talk = self.talk(conversation) if isinstance(conversation, str) else None
        step = _STEPS.get(event.type)
        if step is not None:
            step(self, talk, event.data)
        return talk


def _run_started(board: Board, _: ConversationState | None, data: Data) -> None:
    board.status = "running"
    board.total = data.get("total", board.total)
    board.goal = data.get("goal")
    board.agent = (data.get("agent") or {}).get("name")
    board.max_budget_usd = data.get("maxBudgetUsd")


def _attempt_started(board: Board, talk: ConversationState | None, data: Data) -> None:
    if data.get("purpose") == "report":
        board.reporting = True
    if talk is None or data.get("purpose") != "turn" or talk.closed_to(data["seq"]):
        return
    talk.attempt, talk.open_seq, talk.side = data.get("attempt"), data["seq"], data.get("side") or talk.side
    talk.text, talk.piece = "", -1


def _delta(_: Board, talk: ConversationState | None, data: Data) -> None:
    if talk is None or data.get("purpose", "turn") != "turn" or talk.closed_to(data["seq"]):
        return
    if talk.open_seq != data["seq"]:  # the attempt's start wasn't heard: we came in the middle of it
        talk.attempt, talk.open_seq, talk.text, talk.piece = data.get("attempt"), data["seq"], "", -1
        talk.side = {"agent": "opponent", "opponent": "agent"}.get(talk.side, "")
    if data.get("attempt") != talk.attempt or data.get("i", talk.piece + 1) <= talk.piece:
        return
    talk.piece = data.get("i", talk.piece + 1)
    talk.text += data.get("text") or ""


def _attempt_discarded(_: Board, talk: ConversationState | None, data: Data) -> None:
    if talk is not None and data.get("attempt") == talk.attempt and not talk.closed_to(data["seq"]):
        talk.attempt, talk.text, talk.piece = None, "", -1


def _message(board: Board, talk: ConversationState | None, data: Data) -> None:
    if talk is None or data["seq"] <= talk.seq:
        return
    talk.seq = talk.open_seq = data["seq"]
    talk.side = data.get("side") or talk.side
    talk.attempt = None
    if data.get("content") is not None:
        talk.text = data["content"]
    board.hidden_cost = data.get("costUsd", 0.0) is None
    talk.cost_usd += data.get("costUsd") or 0.0


def _conversation_ended(_: Board, talk: ConversationState | None, data: Data) -> None:
    if talk is None:
        return
    talk.ended_reason, talk.goal_reached = data.get("endedReason"), data.get("goalReached")
    talk.seq = max(talk.seq, data.get("messages") or 0)
    talk.cost_usd = max(talk.cost_usd, (data.get("usage") or {}).get("costUsd") or 0.0)
    talk.error = (data.get("error") or {}).get("message")


def _progress(board: Board, _: ConversationState | None, data: Data) -> None:
    board.status = data.get("status", board.status)
    board.total = data.get("total", board.total)
    board.completed = max(board.completed, data.get("completed", 0))
    board.failed = max(board.failed, data.get("failed", 0))
    usage, budget = data.get("usage") or {}, data.get("budget") or {}
    board.max_budget_usd = budget.get("maxUsd", board.max_budget_usd)
    board.told_usd = max(board.told_usd, usage.get("costUsd") or 0.0, budget.get("spentUsd") or 0.0)


def _snapshot(board: Board, _: ConversationState | None, data: Data) -> None:
    _progress(board, None, data)
    for shown in data.get("conversations", []):
        talk = board.talk(shown["id"])
        for message in shown.get("messages") or []:
            _message(board, talk, message)
        if shown.get("endedReason"):
            _conversation_ended(board, talk, shown | {"messages": shown.get("lastSeq")})


def _paused(board: Board, _: ConversationState | None, __: Data) -> None:
    board.status = "paused"


def _resumed(board: Board, _: ConversationState | None, __: Data) -> None:
    board.status = "running"


def _canceled(board: Board, _: ConversationState | None, __: Data) -> None:
    board.status = "canceling"


def _report_ready(board: Board, _: ConversationState | None, __: Data) -> None:
    board.reporting = False


_STEPS: Final[dict[str, Callable[[Board, ConversationState | None, Data], None]]] = {
    "run.started": _run_started,
    "attempt.started": _attempt_started,
    "attempt.discarded": _attempt_discarded,
    "delta": _delta,
    "message": _message,
    "conversation.ended": _conversation_ended,
    "progress": _progress,
    "run.ended": _progress,
    "run.paused": _paused,
    "run.resumed": _resumed,
    "run.canceled": _canceled,
    "report.ready": _report_ready,
    "snapshot": _snapshot,
}

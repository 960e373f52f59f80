"""What a run was asked to do, resolved at its start and never changed: safe to keep in process."""

from collections.abc import Iterator

from pydantic import Field

from shared.contracts.enums import Fallback, Role, RunKind, Side
from shared.contracts.kinds import KINDS
from shared.contracts.model import Contract
from shared.contracts.routes import PlayedModel, RouteWish
from shared.contracts.transcript import ToolCall, ToolResult


class Criterion(Contract):
    """One line of the checklist that says what success means."""

    id: str
    text: str
    required: bool = True


def _named(fields: dict[str, str]) -> RouteWish:
    """The wish of what was stored without one: by then nobody kept it, and the model it led to stands for it."""
    return RouteWish(provider=fields["provider"], model=fields["model"])


class AnswerFormat(Contract):
    """An answer that is one JSON object; with a schema one that fits it, under the name its provider is told.

    `strict` is for the provider to keep to, where the caller says it.
    """

    json_schema: dict[str, object] | None = None
    name: str = "answer"
    strict: bool | None = None


class Participant(Contract):
    """One side of a conversation as it was when the run started.

    `wish` is who was asked for, `provider` and `model` who that was at the run's start.
    `fallback` is where its generations may go when the provider fails.
    What is None of the sampling below `tools` is not sent to the provider, whose own holds; without a `seed` of its
    own a side is played by its conversation's. Without an `answer_format` its answers are plain text.
    `tool_required` says that an answer has to ask for a tool, for `named_tool` where that is known.
    """

    agent_id: str | None = None
    agent_version: int | None = None
    name: str
    system_prompt: str
    provider: str
    model: str
    wish: RouteWish = Field(default_factory=_named)
    fallback: Fallback = Fallback.NONE
    temperature: float = 0.7
    max_tokens: int = 2000
    stop: tuple[str, ...] = ()
    tools: tuple[dict[str, object], ...] = ()
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    parallel_tool_calls: bool | None = None
    answer_format: AnswerFormat | None = None
    tool_required: bool = False
    named_tool: str | None = None

    @property
    def pinned(self) -> RouteWish:
        """The wish of each of its jobs: the model that the run's start resolved."""
        return RouteWish(provider=self.provider, model=self.model)


class JudgeSettings(Contract):
    """Who judges. Without `strong_model` there is one stage, and it confirms.

    `wish` is who was asked for in the first stage; the strong stage's model is always named.
    """

    enabled: bool = True
    provider: str
    model: str
    wish: RouteWish = Field(default_factory=_named)
    fallback: Fallback = Fallback.NONE
    strong_provider: str | None = None
    strong_model: str | None = None
    confidence: float = 0.8

    @property
    def two_stages(self) -> bool:
        return self.strong_model is not None

    @property
    def pinned(self) -> RouteWish:
        """The wish of each job of the first stage, as a participant's."""
        return RouteWish(provider=self.provider, model=self.model)

    @property
    def strong_pinned(self) -> RouteWish:
        """The wish of each job of the strong stage: the first stage's where there is no other."""
        if self.strong_model is None:
            return self.pinned
        return RouteWish(provider=self.strong_provider or self.provider, model=self.strong_model)


class GivenMessage(Contract):
    """A message nobody generates: an opening, the caller's `userMessage`, an inherited prefix, a chat's first message.

    What stands beside the text is a chat's, as in `Entry`; `author` is what a caller of /v1 calls who said it.
    """

    side: Side
    content: str
    inherited: bool = False
    client_message_id: str | None = None
    author: str | None = None
    parts: tuple[dict[str, object], ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()


class ConversationSettings(Contract):
    """All that decides how one conversation is played.

    `given` stands at its head; `message_limit` counts every message of both sides, given ones too;
    `opens` says who speaks first where nothing is given. `orphan_seconds` is for how long an answer that somebody
    waits for is written on without a reader; None where it does not depend on readers.
    """

    agent: Participant
    opponent: Participant
    opponent_goal: str | None = None
    persona_id: str | None = None
    goal: str | None = None
    criteria: tuple[Criterion, ...] = ()
    given: tuple[GivenMessage, ...] = ()
    opens: Side = Side.OPPONENT
    message_limit: int = 25
    time_limit_seconds: float = 1800.0
    judge: JudgeSettings | None = None
    seed: int = 0
    orphan_seconds: float | None = None

    @property
    def judged(self) -> bool:
        """Whether messages are judged: a judge that is on, and something to judge by."""
        return self.judge is not None and self.judge.enabled and bool(self.goal or self.criteria)

    def side_of(self, seq: int) -> Side:
        """Who speaks at `seq`: given messages as given, after them the sides alternate."""
        if seq <= len(self.given):
            return self.given[seq - 1].side
        if not self.given:
            return self.opens if seq % 2 else self.opens.other
        last = self.given[-1].side
        return last if (seq - len(self.given)) % 2 == 0 else last.other


class RunSettings(Contract):
    """All that decides how a run is played.

    Conversation `i` (1, 2, 3 ...) is played by `scenarios[(i - 1) % len(scenarios)]` with the seed
    `seed + i`, so that any process derives the same conversation.

    In a retry `retried[i - 1]` stands for `i` there: which conversation of the first run its own conversation `i`
    plays again.
    """

    kind: RunKind
    total: int = Field(ge=1)
    concurrency: int = Field(ge=1)
    scenarios: tuple[ConversationSettings, ...]
    seed: int = 0
    max_budget_nanos: int = Field(ge=0)
    time_limit_seconds: float = 7200.0
    report: Participant | None = None
    report_reserve_nanos: int = 0
    retried: tuple[int, ...] = ()

    @property
    def models(self) -> tuple[PlayedModel, ...]:
        """The models it is played, judged and reported with, as its start resolved them, each once for a role."""
        found = [one for scenario in self.scenarios for one in _models(scenario, alone=KINDS[self.kind].answers)]
        return tuple(dict.fromkeys([*found, *([_played(Role.REPORT, self.report)] if self.report else [])]))

    @property
    def judged(self) -> bool:
        """Whether any of its conversations is judged; of the others nobody says how they went."""
        return any(scenario.judged for scenario in self.scenarios)

    def played_as(self, index: int) -> int:
        """The index conversation `index` has in the first run: its own, but in a retry."""
        return self.retried[index - 1] if self.retried else index

    def scenario_place(self, index: int) -> int:
        """Which of the scenarios conversation `index` plays, from 0."""
        return (self.played_as(index) - 1) % len(self.scenarios)

    def conversation(self, index: int) -> ConversationSettings:
        """The settings of conversation `index`."""
        scenario = self.scenarios[self.scenario_place(index)]
        return scenario.model_copy(update={"seed": self.seed + self.played_as(index)})


def _models(scenario: ConversationSettings, *, alone: bool) -> Iterator[PlayedModel]:
    """The models of a conversation; in one that is `alone` a person is the opponent, and nobody judges."""
    yield _played(Role.AGENT, scenario.agent)
    if alone:
        return
    yield _played(Role.OPPONENT, scenario.opponent)
    if scenario.judge is not None and scenario.judged:
        yield _played(Role.JUDGE, scenario.judge)
        if scenario.judge.strong_model is not None:
            provider = scenario.judge.strong_provider or scenario.judge.provider
            yield PlayedModel(role=Role.JUDGE, provider=provider, model=scenario.judge.strong_model)


def _played(role: Role, by: Participant | JudgeSettings) -> PlayedModel:
    return PlayedModel(role=role, provider=by.provider, model=by.model, tier=by.wish.asked_tier)

"""How a generation is asked for: by whom it is answered, what is reserved for it, and its job. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.accounting import Request
from orchestrator.decide import Effect, RequestJudge, RequestMemory, RequestMessage
from orchestrator.settings import OrchestratorSettings
from orchestrator.snapshots import ConversationSnapshot
from shared.contracts.enums import Fallback, Purpose, Stage
from shared.contracts.identity import run_of
from shared.contracts.routes import RouteWish
from shared.contracts.settings import ConversationSettings
from shared.contracts.timestamps import now
from shared.contracts.transcript import Failure
from shared.contracts.work import GenerationRequested
from shared.routing import Route, Router, UnknownModel
from shared.routing.estimates import judge_prompt_tokens, reserved_nanos, speaker, turn_prompt_tokens
from shared.storage.accounts import Reserve, judge_place

JUDGE_MAX_TOKENS = 1000
INVALID_MODEL = "invalid_model"


@dataclass(frozen=True, slots=True)
class _Terms:
    """How one generation is asked for."""

    route: Route
    fallback: Fallback
    temperature: float
    max_tokens: int
    prompt_tokens: int


class JobFactory:
    """Chooses who answers, and knows what is reserved."""

    def __init__(self, router: Router, settings: OrchestratorSettings) -> None:
        self._router = router
        self._settings = settings

    def reservation(self, settings: ConversationSettings, effect: Request) -> Reserve:
        """What a job reserves before it is published."""
        terms = self._terms(settings, effect)
        nanos = reserved_nanos(
            terms.route,
            terms.max_tokens,
            terms.prompt_tokens,
            self._settings.reserved_output_tokens,
        )
        if isinstance(effect, RequestMessage):
            return Reserve("turn", effect.seq, nanos)
        # A chat has no judges: its memory takes their slot.
        place = effect.seq if isinstance(effect, RequestMemory) else judge_place(effect.seq, effect.stage)
        return Reserve("judge", place, nanos)

    def unknown_models(self, settings: ConversationSettings, effects: Iterable[Effect]) -> dict[int, Failure]:
        """Why messages cannot be asked for, by seq: a registry may forget a model that a run still names."""
        found = {}
        for effect in effects:
            if isinstance(effect, RequestMessage):
                try:
                    self._router.routes(speaker(settings, effect.side).pinned)
                except UnknownModel as error:
                    found[effect.seq] = Failure(code=INVALID_MODEL, message=str(error))
        return found

    def job(
        self, conversation: str, snapshot: ConversationSnapshot, effect: RequestMessage | RequestJudge, first: bool
    ) -> GenerationRequested:
        terms = self._terms(snapshot.facts.settings, effect)
        judge = isinstance(effect, RequestJudge)
        return GenerationRequested(
            run_id=run_of(conversation),
            at=now(),
            conversation_id=conversation,
            seq=effect.seq,
            purpose=Purpose.JUDGE if judge else snapshot.facts.purpose,
            stage=effect.stage if isinstance(effect, RequestJudge) else None,
            side=effect.side if isinstance(effect, RequestMessage) else None,
            provider=terms.route.provider,
            model=terms.route.model,
            fallback=terms.fallback,
            repeat=not first,
            first_job_at=snapshot.cause_at,
            conversation_started_at=snapshot.clock_started_at,
            question=snapshot.question,
            json_answer=judge,
            temperature=terms.temperature,
            max_tokens=terms.max_tokens,
        )

    def _terms(self, settings: ConversationSettings, effect: Request) -> _Terms:
        expected = self._settings.expected_output_tokens
        if isinstance(effect, RequestMessage):
            participant = speaker(settings, effect.side)
            return _Terms(
                self._router.first(participant.pinned),
                participant.fallback,
                participant.temperature,
                participant.max_tokens,
                turn_prompt_tokens(settings, effect.seq, expected, effect.side),
            )
        if isinstance(effect, RequestMemory):
            route = self._router.fast_beside(settings.agent.pinned)[0]
            return _Terms(route, settings.agent.fallback, 0.0, expected, self._settings.summary_starts_tokens)
        prompt_tokens = judge_prompt_tokens(settings, effect.seq, expected)
        route = self._router.first(judge_wish(settings, effect.stage))
        fallback = settings.judge.fallback if settings.judge else Fallback.NONE
        return _Terms(route, fallback, 0.0, JUDGE_MAX_TOKENS, prompt_tokens)


def judge_wish(settings: ConversationSettings, stage: Stage) -> RouteWish:
    """Who is to answer for a stage. Raises ValueError where nothing is judged."""
    if settings.judge is None:
        raise ValueError("a judge is asked for where none is set")
    strong = stage in (Stage.STRONG, Stage.STRONG_REPAIR)
    return settings.judge.strong_pinned if strong else settings.judge.pinned

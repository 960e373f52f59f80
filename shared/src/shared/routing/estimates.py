"""What a run is expected to cost, and what a generation reserves before it is asked for (docs/api.md, "Limits")."""

from collections.abc import Iterator

from shared.contracts.enums import Purpose, Side
from shared.contracts.model import Contract
from shared.contracts.settings import ConversationSettings, Participant, RunSettings
from shared.routing.report_sizes import expected_condensing, prompt_limit
from shared.routing.router import Route, Router
from shared.routing.text_tokens import text_tokens

PROMPT_FRAME_TOKENS = 150
REPORT_FRAME_TOKENS = 900
CONDENSE_FRAME_TOKENS = 200


class ExpectedCall(Contract):
    """One generation a run is expected to need."""

    purpose: Purpose
    prompt_tokens: int
    completion_tokens: int
    cost_nanos: int


def speaker(settings: ConversationSettings, side: Side) -> Participant:
    """Who speaks for a side."""
    return settings.agent if side is Side.AGENT else settings.opponent


def reserved_nanos(route: Route, max_tokens: int, prompt_tokens: int, reserved_tokens: int) -> int:
    """What one generation reserves: its prompt, and min(max_tokens, reserved_tokens) of output."""
    return route.entry.expected_nanos(prompt_tokens, min(max_tokens, reserved_tokens))


def turn_prompt_tokens(
    settings: ConversationSettings, seq: int, tokens_a_message: int, side: Side | None = None
) -> int:
    """The expected prompt of message `seq`: its speaker's instructions and the transcript before it.

    `side` says who speaks where it does not follow from the seq: in a chat it does not.
    """
    participant = speaker(settings, side or settings.side_of(seq))
    return PROMPT_FRAME_TOKENS + text_tokens(participant.system_prompt) + (seq - 1) * tokens_a_message


def judge_prompt_tokens(settings: ConversationSettings, seq: int, tokens_a_message: int) -> int:
    """The expected prompt of a judge of message `seq`: the goal, the criteria and the transcript."""
    asked = (settings.goal or "") + "".join(criterion.text for criterion in settings.criteria)
    return 2 * PROMPT_FRAME_TOKENS + text_tokens(asked) + seq * tokens_a_message


def _conversation_calls(router: Router, settings: ConversationSettings, expected: int) -> Iterator[ExpectedCall]:
    for seq in range(len(settings.given) + 1, settings.message_limit + 1):
        participant = speaker(settings, settings.side_of(seq))
        prompt = turn_prompt_tokens(settings, seq, expected)
        output = min(expected, participant.max_tokens)
        yield _call(router.first(participant.pinned), Purpose.TURN, prompt, output)
        if settings.judged and settings.judge and settings.side_of(seq) is Side.AGENT:
            judge = router.first(settings.judge.pinned)
            yield _call(judge, Purpose.JUDGE, judge_prompt_tokens(settings, seq, expected), expected)


def _call(route: Route, purpose: Purpose, prompt: int, output: int) -> ExpectedCall:
    return ExpectedCall(
        purpose=purpose,
        prompt_tokens=prompt,
        completion_tokens=output,
        cost_nanos=route.entry.expected_nanos(prompt, output),
    )


def expected_calls(router: Router, settings: RunSettings, expected: int) -> Iterator[ExpectedCall]:
    """Every generation the run is expected to need if each conversation reaches its limit, report included."""
    for index in range(1, settings.total + 1):
        yield from _conversation_calls(router, settings.conversation(index), expected)
    yield from report_calls(router, settings, expected)


def report_calls(router: Router, settings: RunSettings, expected: int) -> Iterator[ExpectedCall]:
    """Every generation the run's report is expected to need: transcripts that are condensed first, and its own."""
    report = report_call(router, settings, expected)
    if report is None or settings.report is None:
        return
    route = router.first(settings.report.pinned)
    scenario = settings.scenarios[0]
    asked = (scenario.agent.system_prompt, scenario.goal or "", *(criterion.text for criterion in scenario.criteria))
    head = REPORT_FRAME_TOKENS + sum(map(text_tokens, asked))
    transcript, window = scenario.message_limit * expected, route.entry.context_window
    condensing = expected_condensing(settings.total, transcript, head, window)
    for _ in range(condensing.calls):
        prompt = CONDENSE_FRAME_TOKENS + condensing.prompt
        yield _call(route, Purpose.REPORT, prompt, min(expected, condensing.answer))
    yield report


def report_call(router: Router, settings: RunSettings, expected: int) -> ExpectedCall | None:
    """The generation the run's report is expected to need; None for a run without one, or of statistics alone."""
    if settings.report is None or not settings.judged:
        return None
    route = router.first(settings.report.pinned)
    transcript = settings.total * settings.scenarios[0].message_limit * expected
    return _call(route, Purpose.REPORT, min(transcript, prompt_limit(route.entry.context_window)), expected)

"""What providers really answer, through the whole llm-runner: what is stored, shown, booked, and asked for again."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from llm_runner.providers.dialects import DIALECTS
from support.provider_cases import anthropic, ollama, openai_answers, openai_frames, openai_tools
from support.provider_cases.case import Case, Expected
from support.workers.environment import WorkerEnvironment
from support.workers.provider_answer import ProviderAnswer, provider_answer

CASES = [*openai_frames.CASES, *openai_answers.CASES, *openai_tools.CASES, *anthropic.CASES, *ollama.CASES]


def _script(case: Case) -> Sequence[bytes]:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {case.content_type}\r\nConnection: close\r\n\r\n".encode()
    return [head, case.body[:7], case.body[7:]]


async def test_every_case_is_stored_as_it_was_understood(workers: WorkerEnvironment) -> None:
    scripts = {str(place): _script(case) for place, case in enumerate(CASES)}
    async with AsyncExitStack() as stack:
        providers = {
            name: await stack.enter_async_context(workers.provider(scripts, name, dialect=name, concurrency=64))
            for name in DIALECTS
        }
        runs = [await workers.asked(model=str(place), provider=case.dialect) for place, case in enumerate(CASES)]
        async with workers.runner():
            await workers.broker.no_jobs(patience=120)
    wrong = {}
    for place, (case, begun) in enumerate(zip(CASES, runs, strict=True)):
        answer = provider_answer(await workers.record(begun), providers[case.dialect].calls_of(str(place)))
        if case.base_url == Case.base_url and not _is(answer, case.expected):
            wrong[case.number] = answer
    assert wrong == {}


def _is(answer: ProviderAnswer, expected: Expected) -> bool:
    if (answer.family, answer.calls) != (expected.family, expected.calls):
        return False
    if expected.family:
        return not expected.text or answer.text == expected.text
    stood = (answer.text, answer.shown, answer.finish, answer.reasoning, answer.tools)
    return stood == (expected.text, expected.text, expected.finish, expected.reasoning or None, expected.tools)

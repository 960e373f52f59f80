"""What each purpose asks a provider for, byte by byte, as it has always been sent to OpenAI and its like.

`request_bodies.jsonl` was recorded before prompts were neutral; a body that changes on purpose is recorded anew.
"""

from pathlib import Path
from typing import Any

import pytest

from llm_runner.providers.dialects import DIALECTS
from llm_runner.providers.prompt_shaping import shaped
from llm_runner.purposes import build_prompt
from shared.contracts.enums import Purpose, Side
from shared.contracts.generations import Generation
from shared.contracts.settings import ConversationSettings, Criterion
from shared.contracts.timestamps import now
from shared.contracts.transcript import Entry, ToolCall, ToolResult
from shared.contracts.work import GenerationRequested
from support.builders import AGENT, JUDGE, job, message, scenario
from unit.llm_runner.prompts import target

RECORDED = (Path(__file__).parent / "request_bodies.jsonl").read_bytes().splitlines()
PLAIN_TOOL = {"name": "weather", "description": "Now.", "inputSchema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "time", "strict": True, "parameters": {"type": "object"}}, "x": 1}
ASKS = ToolCall(id="call-1", name="weather", input='{"city":"Rom\\u00e9"}')
CRITERIA = (Criterion(id="polite", text="Is polite."), Criterion(id="fast", text="Is\nfast.", required=False))
PLAYED = scenario(judge=JUDGE).model_copy(update={"opponent_goal": "money back", "criteria": CRITERIA})
AGENT_WITH_ALL = AGENT.model_copy(
    update={
        "stop": ("END", "\n\n"),
        "tools": (PLAIN_TOOL, FUNCTION),
        "top_p": 0.9,
        "presence_penalty": 0.0,
        "frequency_penalty": -0.5,
        "seed": 42,
        "parallel_tool_calls": False,
    }
)
WITH_ALL = PLAYED.model_copy(update={"agent": AGENT_WITH_ALL})
SAID = [
    message("c", 1, "Hello?\nÜber 1 €, 你🦀"),
    message("c", 2, 'Good "day".'),
    message("c", 3, "My kettle broke.", author="ann", parts=({"type": "file", "filename": "kettle.jpg"},)),
]
TOOLS_USED = [
    *SAID,
    message("c", 4, "", side=Side.AGENT, tool_calls=(ASKS,)),
    message("c", 5, "", side=Side.OPPONENT, tool_results=(ToolResult(tool_call_id="call-1", output="{}"),)),
    message("c", 6, "Rain.", side=Side.AGENT, author="clerk", tool_calls=(ASKS,)),
    message(
        "c", 7, "", side=Side.OPPONENT, tool_results=(ToolResult(tool_call_id="call-1", output="gone", is_error=True),)
    ),
    message("c", 8, "Well?", side=Side.OPPONENT),
]
MEMORY = Generation(
    id="m", run_id="c", tenant="t", conversation_id="c", seq=2, purpose=Purpose.MEMORY, created_at=now(), content="Ada."
)
BROUGHT = (
    {"role": "system", "content": "Write a report."},
    {"role": "user", "content": "## Transcript"},
    {"role": "assistant", "content": "{"},
    {"role": "user", "content": "Again."},
)
JobContext = tuple[GenerationRequested, ConversationSettings | None, list[Entry], Generation | None]


def _job(purpose: Purpose, seq: int, **fields: Any) -> GenerationRequested:
    return job("c", seq, purpose, **({"model": "m", "max_tokens": 77} | fields))


CASES: dict[str, JobContext] = {
    "the first turn": (_job(Purpose.TURN, 1, side=Side.OPPONENT), PLAYED, [], None),
    "a turn of the agent": (_job(Purpose.TURN, 4, side=Side.AGENT, temperature=1.5), WITH_ALL, SAID, None),
    "a turn of the opponent": (_job(Purpose.TURN, 3, side=Side.OPPONENT), PLAYED, SAID[:2], None),
    "a judge": (_job(Purpose.JUDGE, 2, stage="fast"), PLAYED, SAID[:2], None),
    "a judge once more": (_job(Purpose.JUDGE, 2, stage="strong-repair"), PLAYED, SAID[:2], None),
    "a chat": (_job(Purpose.CHAT, 4, side=Side.AGENT), PLAYED, SAID, None),
    "a chat with tools and a summary": (_job(Purpose.CHAT, 9, side=Side.AGENT), WITH_ALL, TOOLS_USED, MEMORY),
    "an answer": (_job(Purpose.ASSIST, 4, side=Side.AGENT), PLAYED, SAID, None),
    "an answer with all": (_job(Purpose.ASSIST, 9, side=Side.AGENT, json_answer=True), WITH_ALL, TOOLS_USED, None),
    "a report": (_job(Purpose.REPORT, 0, prompt=BROUGHT, json_answer=True), None, [], None),
    "criteria": (_job(Purpose.CRITERIA, 0, prompt=BROUGHT[:2], temperature=0), None, [], None),
    "a summary": (_job(Purpose.MEMORY, 4, prompt=BROUGHT[:2]), PLAYED, SAID, None),
}


@pytest.mark.parametrize(("case", "recorded"), [*zip(CASES.values(), RECORDED, strict=True)], ids=CASES)
def test_a_body_is_sent_as_it_always_was(case: JobContext, recorded: bytes) -> None:
    job, settings, messages, memory = case
    prompt = build_prompt(job, settings, messages, 7, memory, 8_000)
    asked = target(job.model)
    assert DIALECTS["openai"].body(asked, shaped(prompt, asked)) == recorded

"""The prompts in front of the demo model: what it answers can be used, and its quotes can be proven."""

import json

from local_stack.demo_model.answers import compose as answer_of
from local_stack.demo_model.dialects.openai.request import parse_request
from shared.contracts.enums import EndedReason
from summarizer.draft import read_draft
from summarizer.evidence import failure_modes
from summarizer.memory import MemoryMaterial, memory_material, memory_prompt
from summarizer.played_run import PlayedRun
from summarizer.prompts import Prompt, ReportPrompts, Window
from summarizer.statistics import count
from unit.summarizer.played_runs import conversation, material, message, scenario

TALK = [
    "My kettle broke and I want a refund.",
    "I am sorry to hear that.\nLet me see what I can do.",
    "So, do I get my money back?",
    "We will look into it.",
]
PLAYED = [conversation(1, EndedReason.LIMIT, TALK), conversation(2, EndedReason.GOAL, TALK[:2])]


def refund() -> PlayedRun:
    return material(PLAYED, played=scenario("The agent confirms the refund of the kettle and says when."))


def demo_answer(prompt: Prompt) -> str:
    messages = [message.model_dump() for message in prompt.messages]
    asked = {"model": "demo-fast", "messages": messages, "response_format": {"type": "json_object"}}
    if not prompt.json_answer:
        del asked["response_format"]
    return answer_of(parse_request(json.dumps(asked).encode(), None), seed=7)


def prompts_of(context: int) -> ReportPrompts:
    return ReportPrompts(refund(), count(refund()), Window(context, 4_096))


def test_report_prompt_is_answered_with_proven_evidence() -> None:
    draft = read_draft(demo_answer(prompts_of(32_000).report({})))
    modes = failure_modes(draft, PLAYED)
    assert [mode.count for mode in modes] == [1]
    assert modes[0].evidence[0].conversation_id == "run1-1"
    assert draft.revised_prompt.startswith("You are a helpful assistant.\n")


def test_repair_prompt_is_answered_like_the_report_prompt() -> None:
    prompts = prompts_of(32_000)
    prompt = prompts.report({})
    repaired = prompts.repair(prompt, "no JSON", "it holds no JSON object")
    assert read_draft(demo_answer(repaired)) == read_draft(demo_answer(prompt))


def test_condensing_prompt_is_answered_with_plain_text() -> None:
    long = material([conversation(1, EndedReason.LIMIT, [f"{text} " * 200 for text in TALK])])
    prompts = ReportPrompts(long, count(long), Window(8_000, 4_096))
    answer = demo_answer(prompts.condense(prompts.to_condense()[0]))
    assert answer.startswith("The person began with: My kettle broke and I want a refund.")


def test_memory_prompt_is_answered_with_a_summary_that_the_next_one_carries_on() -> None:
    entries = [message(1, seq, text) for seq, text in enumerate(["My name is Ada.", "Hello.", "I live in Rome."], 1)]
    first = memory_material(entries[:2], [], 2)
    assert isinstance(first, MemoryMaterial)
    summary = demo_answer(memory_prompt(first, 8_000, 200))
    assert summary.startswith("The person began with: My name is Ada. Named so far: Ada.")
    second = demo_answer(memory_prompt(MemoryMaterial(summary, tuple(entries[2:])), 8_000, 200))
    assert second.startswith("The person began with: My name is Ada. Named so far: Ada, Rome.")

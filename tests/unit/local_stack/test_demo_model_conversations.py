"""Whole conversations: a prompt that asks for the right things gets them, and the report finds out which."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from local_stack.demo_model.personas import GENERIC, PERSONAS, Persona
from local_stack.demo_model.scripts import SCRIPTS, Script
from unit.local_stack.demo_model_server import DemoModel, demo_model

SEEDS = range(1, 11)
MESSAGE_LIMIT = 14
BARE = "You are a helpful assistant."
GOOD = {
    "refund-request": (
        "You are the support agent of a web shop. Be polite. Ask for the order number first. Confirm a refund "
        "explicitly, say within how many days the money arrives, and give the customer a reference number."
    ),
    "appointment-booking": (
        "You answer the phone of a practice. Find out what suits the caller.\nOffer two concrete slots.\n"
        "Never end the call without confirming the booking and repeating day and time."
    ),
    "technical-support": (
        "You help people with their internet connection. Ask for the model of the router and its light. Explain step "
        "by step what to do. In the end check that it works again."
    ),
}


@dataclass(frozen=True)
class PlayedConversation:
    """One conversation: its messages as (speaker, text), and the last judgement."""

    messages: list[tuple[str, str]]
    judgement: dict[str, Any]

    @property
    def reached(self) -> bool:
        return bool(self.judgement["status"] == "complete")

    def transcript(self) -> str:
        return "\n".join(f"[{seq}] {speaker}: {text}" for seq, (speaker, text) in enumerate(self.messages, start=1))


@pytest.fixture
async def model() -> AsyncIterator[DemoModel]:
    async with demo_model() as running:
        yield running


async def say(model: DemoModel, speaker: str, prompt: str, played: PlayedConversation, seed: int) -> None:
    history = [
        {"role": "assistant" if other == speaker else "user", "content": text} for other, text in played.messages
    ]
    text = await model.text(messages=[{"role": "system", "content": prompt}, *history], seed=seed)
    played.messages.append((speaker, text))


async def judge(model: DemoModel, goal: str, transcript: str, criteria: str = "") -> dict[str, Any]:
    prompt = "You judge a conversation between an AI agent and the person it talks to. Answer with JSON."
    material = f"## Goal\n{goal}\n\n" + (f"## Criteria\n{criteria}\n\n" if criteria else "")
    messages = [
        {"role": "system", "content": prompt},
        {"role": "user", "content": f"{material}## Transcript\n{transcript}"},
    ]
    judgement: dict[str, Any] = json.loads(await model.text(messages=messages, response_format={"type": "json_object"}))
    return judgement


async def play(model: DemoModel, persona: Persona, prompt: str, seed: int) -> PlayedConversation:
    opponent = (
        f"You are playing a person who talks to an AI agent.\n\n{persona.prompt}\n\nWhat you want: {persona.goal}"
    )
    played = PlayedConversation([], {"status": "incomplete"})
    while len(played.messages) < MESSAGE_LIMIT and not played.reached:
        await say(model, "opponent", opponent, played, seed)
        await say(model, "agent", prompt, played, seed)
        played.judgement.update(await judge(model, persona.goal, played.transcript()))
    return played


async def play_all(model: DemoModel, persona: Persona, prompt: str) -> list[PlayedConversation]:
    return [await play(model, persona, prompt, seed) for seed in SEEDS]


async def write_report(
    model: DemoModel, persona: Persona, prompt: str, played: list[PlayedConversation]
) -> dict[str, Any]:
    conversations = "\n\n".join(
        f"### Conversation c{number} ({'goal, goal reached: yes' if one.reached else 'limit, goal reached: no'})\n"
        f"{one.transcript() or '(condensed) They talked and came to no result.'}"
        for number, one in enumerate(played)
    )
    material = (
        f"## System prompt of the agent\n<<<\n{prompt}\n>>>\n\n## Goal\n{persona.goal}\n\n"
        f'## Statistics\n{{"conversations": {len(played)}}}\n\n## Conversations\n\n{conversations}'
    )
    messages = [
        {"role": "system", "content": "You write the report of a scale test of an AI agent. Answer with JSON."},
        {"role": "user", "content": material},
    ]
    report: dict[str, Any] = json.loads(await model.text(messages=messages, response_format={"type": "json_object"}))
    return report


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.id)
async def test_good_prompt_reaches_the_goal_and_a_bare_one_rarely(model: DemoModel, persona: Persona) -> None:
    good = await play_all(model, persona, GOOD[persona.id])
    bare = await play_all(model, persona, BARE)
    assert sum(one.reached for one in good) >= 8
    assert 1 <= sum(one.reached for one in bare) <= 5
    assert {len(one.messages) for one in good + bare if one.reached} <= set(range(6, 13))
    assert len({tuple(one.messages) for one in bare}) == len(bare)


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.id)
async def test_report_names_what_is_missing_and_its_prompt_does_better(model: DemoModel, persona: Persona) -> None:
    bare = await play_all(model, persona, BARE)
    report = await write_report(model, persona, BARE, bare)
    failed = {f"c{number}" for number, one in enumerate(bare) if not one.reached}
    assert {one for mode in report["failureModes"] for one in mode["conversationIds"]} == failed
    for evidence in (evidence for mode in report["failureModes"] for evidence in mode["evidence"]):
        speaker, text = bare[int(evidence["conversationId"][1:])].messages[evidence["seq"] - 1]
        assert speaker == "agent"
        assert evidence["quote"] in text
    assert report["revisedPrompt"].startswith(BARE)
    revised = await play_all(model, persona, report["revisedPrompt"])
    assert sum(one.reached for one in revised) >= sum(one.reached for one in bare) + 4
    assert f"{10 - len(failed)} of 10" in report["summary"]


async def test_conversations_repeat_exactly_with_the_same_seeds_and_differ_with_others(model: DemoModel) -> None:
    persona = PERSONAS[0]
    first = await play(model, persona, BARE, 1)
    assert await play(model, persona, BARE, 1) == first
    assert await play(model, persona, BARE, 2) != first


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.id)
async def test_judge_quotes_the_message_that_meets_the_goal(model: DemoModel, persona: Persona) -> None:
    played = await play(model, persona, GOOD[persona.id], 2)
    (criterion,) = played.judgement["criteria"]
    speaker, text = played.messages[criterion["seq"] - 1]
    assert (criterion["id"], criterion["status"], speaker) == ("goal", "met", "agent")
    assert criterion["quote"] in text


async def test_judge_takes_each_criterion_by_itself_and_optional_ones_do_not_count(model: DemoModel) -> None:
    transcript = "[1] opponent: I want a refund.\n[2] agent: Your refund is confirmed.\n| \n| It takes 5 business days."
    criteria = (
        "- confirmed: The agent confirms the refund (required)\n"
        "- when: The agent says how long it takes (required)\n"
        "- number: The agent gives\n| a reference number (optional)"
    )
    judgement = await judge(model, "The person gets a refund.", transcript, criteria)
    assert judgement["status"] == "complete"
    assert [one["status"] for one in judgement["criteria"]] == ["met", "met", "unmet"]
    assert judgement["criteria"][1]["quote"] == "It takes 5 business days."


@pytest.mark.parametrize(("last", "status"), [("That is done.", "complete"), ("We will see.", "incomplete")])
async def test_judge_of_an_unknown_goal_wants_an_explicit_confirmation(
    model: DemoModel, last: str, status: str
) -> None:
    judgement = await judge(model, "The poem is written.", f"[1] opponent: Write it.\n[2] agent: {last}")
    assert judgement["status"] == status


async def test_forbidden_behaviour_does_not_count_as_asked_for(model: DemoModel) -> None:
    prompt = GOOD["refund-request"].replace("Confirm a refund explicitly, say", "Never confirm a refund. Say")
    played = await play_all(model, PERSONAS[0], prompt)
    assert sum(one.reached for one in played) < 8


async def test_report_of_condensed_conversations_still_counts_them(model: DemoModel) -> None:
    condensed = PlayedConversation([], {"status": "incomplete"})
    report = await write_report(model, PERSONAS[0], BARE, [condensed])
    assert report["failureModes"][0]["tag"] == "other"
    assert report["failureModes"][0]["conversationIds"] == ["c0"]
    assert report["revisedPrompt"] == BARE


async def test_refusal_is_a_failure_mode_of_its_own(model: DemoModel) -> None:
    refused = PlayedConversation(
        [("opponent", "A refund, please."), ("agent", "I'm sorry, but I can't help with that.")], {"status": ""}
    )
    report = await write_report(model, PERSONAS[0], BARE, [refused])
    assert [mode["tag"] for mode in report["failureModes"]] == ["refused"]


async def test_summary_and_prompt_guide_answer_in_plain_text(model: DemoModel) -> None:
    async def ask(system: str, text: str, **fields: Any) -> str:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        return await model.text(messages=messages, **fields)

    summary = await ask("You condense the transcript of a conversation.", "[1] opponent: Hi there.\n[2] agent: Hello.")
    assert (
        summary
        == "The person began with: Hi there. The agent's last word was: Hello. The conversation has 2 messages so far."
    )
    guide = "You are PromptBro, a guide for writing prompts."
    rewritten = await ask(guide, f"Step: rewrite\nInput:\n{BARE} You handle refund requests.")
    assert rewritten.startswith(BARE)
    assert "reference number" in rewritten
    reported = f"Step: from-report\nReport:\nGoal: a poem\n| Input:\nInput:\n{BARE} You handle refund requests."
    assert await ask(guide, reported) == rewritten
    assert "Goal: refund requests" in await ask(guide, "Step: brief\nInput: refund requests")
    criteria = json.loads(await ask(guide, "Step: section\nrefunds", response_format={"type": "json_object"}))
    assert {"id", "text", "required"} == criteria["criteria"][0].keys()


async def test_agent_greets_when_it_opens(model: DemoModel) -> None:
    text = await model.text(messages=[{"role": "system", "content": BARE}])
    assert text.endswith("?")


async def test_openings_differ_without_a_seed_by_the_request_id(model: DemoModel) -> None:
    prompt = f"You are playing a person who talks to an AI agent. {PERSONAS[0].prompt}"
    answers = [
        await model.chat(messages=[{"role": "system", "content": prompt}], headers={"X-Client-Request-Id": f"r{n}"})
        for n in range(8)
    ]
    assert len({body["choices"][0]["message"]["content"] for _, body in answers}) > 1


ALL_SCRIPTS = pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
FACTS = {
    "order": "48213", "day": "Tuesday", "time": "14:30", "other_day": "Thursday", "other_time": "15:15",
    "days": "3 to 5", "reference": "RF-12345",
}  # fmt: skip


@ALL_SCRIPTS
def test_what_is_said_is_recognised_and_what_is_missed_is_not(script: Script) -> None:
    for behaviour in script.behaviours:
        assert behaviour.is_instructed(behaviour.instruction)
        assert all(behaviour.evidence(line.format_map(FACTS)) for line in behaviour.does)
        for other in script.behaviours:
            assert not [line for line in other.misses if behaviour.evidence(line.format_map(FACTS))]
            if other is not behaviour:
                assert not [line for line in other.does if behaviour.evidence(line.format_map(FACTS))]


@ALL_SCRIPTS
def test_only_a_press_presses_and_only_a_tell_tells(script: Script) -> None:
    reactions = [line for lines in script.reactions.values() for line in lines]
    presses = [line for behaviour in script.behaviours for line in behaviour.presses]
    quiet = [*script.openings, *script.thanks, *script.gives_up, *script.parting]
    for behaviour in script.behaviours:
        assert all(behaviour.pressed.search(line) for line in behaviour.presses)
        assert not [line for line in [*quiet, *script.tells, *reactions] if behaviour.pressed.search(line)]
    assert not [line for line in [*quiet, *presses] if script.details.search(line)]
    assert script.persona is GENERIC or all(script.details.search(line.format_map(FACTS)) for line in script.tells)


@ALL_SCRIPTS
def test_lines_have_the_length_of_chat_messages_and_vary(script: Script) -> None:
    for lines in (script.openings, script.tells, script.thanks, script.gives_up, script.parting):
        assert len(lines) >= 2
        assert all(14 <= len(line.split()) <= 45 for line in lines)
    for behaviour in script.behaviours:
        assert len(behaviour.misses) >= 3  # A person asks twice; the agent must not repeat itself meanwhile.
        assert all(13 <= len(line.split()) <= 45 for line in [*behaviour.misses, *behaviour.does])


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.id)
def test_goal_of_a_persona_names_all_that_it_needs(persona: Persona) -> None:
    assert all(behaviour.named.search(persona.goal) for behaviour in SCRIPTS[persona.id].needs)

"""Keeps some runs going, each with its own story: tiny budgets, double starts, pauses, cancels, readers."""

import asyncio
from dataclasses import dataclass
from random import Random

import httpx

from chaos import hostile_provider
from chaos.chaos_log import Body, Listening, Polling, Story
from chaos.patient_requests import Unanswered, ask
from chaos.readers import listen, poll
from chaos.system import System, moment
from e2e.watching import GOOD_PROMPT

GOALS = ("", "The customer's refund is confirmed with a reference number and a time frame.")
ENOUGH_USD = 2.0
TINY = "tiny budget"
# Bounds of conversations, messages and concurrency. Short conversations end often, which is where most effects are;
# those of a tiny budget reserve more at once than they may.
SHAPES = {
    "long": ((4, 20), (4, 12), (2, 5)),
    "short": ((10, 20), (1, 2), (5, 10)),
    TINY: ((6, 10), (2, 2), (10, 10)),
}
POLL_SECONDS = 0.7
HOSTILE_SHARE = 0.15
TAME = {"provider": "demo", "model": "demo-standard"}


@dataclass(frozen=True)
class Plan:
    """What will be asked of one run."""

    body: Body
    key: str
    tiny_budget: bool
    twice: bool
    control: str
    listeners: int
    pollers: int

    @property
    def total(self) -> int:
        return int(self.body["runs"])


def _plan(system: System, agent: str, number: int) -> Plan:
    random = Random(f"run {number} of {system.record.seed}")
    shape = random.choices(list(SHAPES), [4, 3, 1])[0]
    total, messages, concurrency = (random.randint(*bounds) for bounds in SHAPES[shape])
    body: Body = {
        "agentId": agent,
        "runs": total,
        "messageLimit": messages,
        "concurrency": min(total, concurrency),
        "seed": number,
    }
    if goal := random.choice(GOALS):
        body["goal"] = goal
    if random.random() < HOSTILE_SHARE:
        body |= {"provider": hostile_provider.NAME, "opponent": TAME, "judge": {"provider": "demo"}}
    control = random.choices(["none", "pause", "cancel", "pause and cancel"], [6, 2, 1.5, 0.5])[0]
    readers = random.choices([0, 1, 2], [3, 5, 2])[0]
    key = f"chaos-{system.record.seed}-{number}"
    return Plan(body, key, shape == TINY, random.random() < 0.5, control, readers, random.randint(0, 1))


async def work(system: System, stop: asyncio.Event, runs_at_once: int) -> None:
    """Starts runs until it is told to stop; returns when every story has been told to its end."""
    prompt = {"name": "Kettle & Co", "systemPrompt": GOOD_PROMPT, **TAME}
    agent = (await ask(system, "POST", "/api/agents", body=prompt)).json()["id"]
    number = 0
    async with asyncio.TaskGroup() as stories:
        running: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            while len(running) < runs_at_once and not stop.is_set():
                number += 1
                task = stories.create_task(_tell(system, _plan(system, agent, number)))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(0.2)


async def _tell(system: System, plan: Plan) -> None:
    """One run from its start to its end. What could not be asked is written down as trouble."""
    try:
        story = await _start(system, plan)
        if story is None:
            return
        system.record.stories.append(story)
        async with asyncio.TaskGroup() as clients:
            for _ in range(plan.listeners):
                story.listeners.append(Listening())
                clients.create_task(listen(system, story.run_id, story.listeners[-1]))
            for _ in range(plan.pollers):
                story.pollers.append(Polling())
                clients.create_task(poll(system, story.run_id, plan.total, story.pollers[-1]))
            await _control(system, plan, story)
            await _until_ended(system, story)
    except* Unanswered as unanswered:
        system.record.trouble.extend(str(error) for error in unanswered.exceptions)


async def _start(system: System, plan: Plan) -> Story | None:
    body = dict(plan.body, maxBudgetUsd=ENOUGH_USD)
    if plan.tiny_budget:
        estimate = await ask(system, "POST", "/api/estimates", body=plan.body)
        body["maxBudgetUsd"] = float(estimate.json()["estimatedUsd"]) * 1.02
    headers = {"Idempotency-Key": plan.key}
    doors = system.gateways if plan.twice else [system.gateway()]
    answers = await asyncio.gather(
        *(ask(system, "POST", "/api/scale/start", body=body, headers=headers, gateway=door) for door in doors)
    )
    refused = [answer for answer in answers if answer.status_code not in (httpx.codes.ACCEPTED, httpx.codes.OK)]
    for answer in refused:
        system.record.trouble.append(f"start {plan.key} was refused: {answer.status_code} {answer.text[:300]}")
    if refused:
        return None
    ids = [str(answer.json()["runId"]) for answer in answers]
    return Story(ids[0], plan.key, set(ids), budget_usd=body["maxBudgetUsd"])


async def _control(system: System, plan: Plan, story: Story) -> None:
    """Pauses, resumes and cancels as planned, at random moments."""
    if plan.control == "none":
        return
    await asyncio.sleep(system.random.uniform(0.2, 5.0))
    if "pause" in plan.control:
        asked = moment()
        if not await _want(system, story, "pause"):
            return
        await asyncio.sleep(system.random.uniform(0.5, 8.0))
        if "cancel" not in plan.control:
            await _want(system, story, "resume")
        story.pauses.append((asked, moment()))
    if "cancel" in plan.control and await _want(system, story, "cancel"):
        story.cancel_answered = moment()


async def _want(system: System, story: Story, wanted: str) -> bool:
    """False where the run has ended before."""
    answer = await ask(system, "POST", f"/api/scale/{story.run_id}/{wanted}")
    if answer.status_code == httpx.codes.CONFLICT and "already_ended" in answer.text:
        return False
    if answer.status_code != httpx.codes.ACCEPTED:
        system.record.trouble.append(f"{wanted} of {story.run_id}: {answer.status_code} {answer.text[:300]}")
        return False
    return True


async def _until_ended(system: System, story: Story) -> None:
    while True:
        status = await ask(system, "GET", f"/api/scale/{story.run_id}/status")
        if status.status_code == httpx.codes.OK and status.json()["terminal"]:
            story.ended = True
            return
        await asyncio.sleep(POLL_SECONDS)

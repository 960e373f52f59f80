"""Everything that a stack can hold: what has ended, and what is left in the middle when its services are killed."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from nats.aio.client import Client

from local_stack.stack import Stack

Body = dict[str, Any]

SETTINGS = {"AGENTWARS_SUMMARY_STARTS_TOKENS": "500", "AGENTWARS_CHAT_WINDOW_TOKENS": "1000"}
"""Chats are summed up early."""
USER = {"X-User-Id": "ada"}
PLAIN_PROMPT = "You are a helpful assistant."
GOOD_PROMPT = (
    "You are the support agent of Kettle & Co. Ask for the order number and for every detail you need. Confirm "
    "explicitly what was done, give a reference number and state a time frame. Offer concrete slots and confirm the "
    "one chosen. Explain step by step and ask whether it works now. Be polite."
)
MODEL = {"provider": "demo", "model": "demo-standard"}
TOOL = {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object"}}}
NORMAL = {"timeToFirstTokenSeconds": 0.02, "tokensPerSecond": 400, "faults": []}
SLOW = {"timeToFirstTokenSeconds": 0.2, "tokensPerSecond": 4}
WAIT_SECONDS = 60.0
STEP_SECONDS = 0.1


class Scenes:
    """The stack that is played, and the ids of what came of it, by what they name."""

    def __init__(self, stack: Stack, gateway: httpx.AsyncClient, model: httpx.AsyncClient, client: Client) -> None:
        self.stack = stack
        self.gateway = gateway
        self.model = model
        self.client = client
        self.ids: dict[str, list[str]] = defaultdict(list)
        self.agent = ""
        self.started_again: Body = {}
        """What started a battle: the same again is the same battle, of later versions, too."""
        self._reading: list[asyncio.Task[None]] = []

    async def ask(self, method: str, path: str, body: Body | None = None) -> Body:
        """Raises RuntimeError where the gateway refuses."""
        answer = await self.gateway.request(method, path, json=body, headers=USER)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        is_json = answer.content and answer.headers.get("content-type") == "application/json"
        return dict(answer.json()) if is_json else {}

    async def get(self, path: str) -> Body:
        return await self.ask("GET", path)

    async def post(self, path: str, **body: Any) -> Body:
        return await self.ask("POST", path, body)

    async def put(self, path: str, **body: Any) -> None:
        await self.ask("PUT", path, body)

    async def control(self, **changes: Any) -> None:
        """How the demo model answers from now on."""
        (await self.model.put("/control", json=changes)).raise_for_status()

    async def start(self, kind: str = "scale", **body: Any) -> str:
        """A run of the agent; its id."""
        started = await self.post(f"/api/{kind}/start", **{"agentId": self.agent, "messageLimit": 6} | body)
        return str(started["runId"])

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                if await holds():
                    return
                await asyncio.sleep(STEP_SECONDS)

    async def until_status(self, run_id: str, *wanted: str) -> None:
        async def has_it() -> bool:
            return (await self.get(f"/api/runs/{run_id}/status"))["status"] in wanted

        await self.until(has_it)

    async def until_said(self, conversation: str, messages: int) -> None:
        async def are_there() -> bool:
            answer = await self.gateway.get(f"/api/conversations/{conversation}/messages")
            return answer.status_code == httpx.codes.OK and len(answer.json()["messages"]) >= messages

        await self.until(are_there)

    async def until_letter(self, about: str) -> None:
        async def is_there() -> bool:
            return any(one["runId"] == about for one in (await self.get("/api/admin/dead-letters?limit=100"))["items"])

        await self.until(is_there)

    async def ended(self, kind: str = "scale", **body: Any) -> str:
        """A run of the agent, played to its end."""
        run_id = await self.start(kind, **body)
        await self.keep_ended(run_id)
        return run_id

    async def keep_ended(self, run_id: str) -> None:
        await self.until_status(run_id, "complete", "failed", "canceled")
        self.ids["run"].append(run_id)
        self.ids["conversation"] += (await self.get(f"/api/runs/{run_id}/status"))["conversationIds"]

    async def say(self, chat: str, text: str, identity: str = "m1", **more: Any) -> None:
        """A person's message, and the answer to its end."""
        said = {"id": identity, "role": "user", "parts": [{"type": "text", "text": text}]}
        body = {"id": chat, "messages": [said], "trigger": "submit-message"} | MODEL | more
        async with self.gateway.stream("POST", "/api/chat", json=body, headers=USER) as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_bytes():
                pass

    def meanwhile(self, reading: Awaitable[Any]) -> None:
        """Something whose answer is still being written when everything is killed."""

        async def read() -> None:
            with contextlib.suppress(httpx.HTTPError):
                await reading

        self._reading.append(asyncio.create_task(read()))

    async def hold(self, *services: str) -> None:
        """kill -9, for good."""
        for service in services:
            await asyncio.to_thread(self.stack.process(service).hold)

    async def close(self) -> None:
        for reading in self._reading:
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)


# What ends


async def agents_and_templates(scenes: Scenes) -> None:
    async def made(name: str, **more: Any) -> str:
        body = {"name": name, "systemPrompt": PLAIN_PROMPT, "tools": [TOOL]} | MODEL | more
        return str((await scenes.post("/api/agents", **body))["id"])

    scenes.agent = await made("Kettle & Co")
    criteria = ["The agent stays polite.", {"id": "refund", "text": "The refund is confirmed.", "required": False}]
    await scenes.put(
        f"/api/agents/{scenes.agent}", name="Kettle & Co", systemPrompt=GOOD_PROMPT, criteria=criteria, **MODEL
    )
    gone = await made("Gone")
    await scenes.ask("DELETE", f"/api/agents/{gone}")
    scenes.ids["agent"] += [scenes.agent, await made("Plain", tier="fast", temperature=0.2, stop=["END"])]
    template = await scenes.post("/api/prompt-templates", name="Greeting", kind="system", content="Hello {{name}}")
    scenes.ids["template"].append(template["id"])
    await scenes.put(
        f"/api/prompt-templates/{template['id']}", name="Greeting", kind="system", content="Hello {{name}} {{when}}"
    )


async def runs_that_end(scenes: Scenes) -> None:
    plain = scenes.ids["agent"][1]
    await scenes.ended(agentId=plain, runs=3, personas=["refund-request"], seed=7)
    named = {"goal": "The customer gets a refund.", "opponent": {"personaId": "refund-request"}, "id": "mine"}
    scenes.started_again = {"agentId": scenes.agent} | named
    await scenes.keep_ended(str((await scenes.post("/api/battles/start", **scenes.started_again))["runId"]))
    await scenes.ended("battles", userMessage="Where is my kettle?", judge={"enabled": False})
    await scenes.ended("battles", agentId=None, battles=[{"agentId": scenes.agent}, {"agentId": plain}], messageLimit=2)
    canceled = await scenes.start(runs=4, concurrency=1)
    await scenes.until_said(f"{canceled}-1", 1)
    await scenes.post(f"/api/scale/{canceled}/cancel")
    await scenes.keep_ended(canceled)


async def runs_that_fail(scenes: Scenes) -> None:
    await scenes.ended("battles", model="demo-fast+500")
    await scenes.control(faults=[{"fault": "500", "rate": 0.5, "model": "demo-premium"}])
    failed = await scenes.ended(runs=4, model="demo-premium", seed=3)
    await scenes.control(faults=[])
    again = await scenes.post(f"/api/scale/{failed}/retry-failed")
    await scenes.keep_ended(str(again["runId"]))


async def chats_that_are_answered(scenes: Scenes) -> None:
    await scenes.say("answered", "Please count to 5", system="You are the agent of a kettle shop.")
    await scenes.say("answered", "Please count to 7", "m2")
    await scenes.say("answered", "Please count to 9", "m2", trigger="submit-message", messageId="m2")
    await scenes.control(faults=[{"fault": "500", "rate": 1, "contains": "fail"}])
    await scenes.say("failed", "Please fail")
    await scenes.control(faults=[])
    for number in range(4):
        await scenes.say("summed-up", f"Please count to {180 + number}", f"m{number}")
    await scenes.say("deleted", "Please forget this")
    await scenes.ask("DELETE", "/api/chat/deleted")
    await scenes.control(**SLOW)
    scenes.meanwhile(scenes.say("stopped", "Please count to 200"))
    await asyncio.sleep(1)
    await scenes.post("/api/chat/stopped/stop")
    await scenes.control(**NORMAL)
    chats = (await scenes.get("/api/chats"))["items"]
    scenes.ids["chat"] += [str(chat["id"]) for chat in chats]


async def single_answers(scenes: Scenes) -> None:
    asked = {"step": "brief", "input": "A support agent for a kettle shop", "context": {"goal": "refunds"}}
    sid = (await scenes.post("/api/promptbro/assist?mode=session", **asked))["sid"]
    await scenes.get(f"/api/promptbro/assist?sid={sid}")
    saved = await scenes.post("/api/promptbro/save", sid=sid, name="Brief", **{"as": "template"})
    scenes.ids["template"].append(saved["id"])
    report = {"step": "from-report", "input": "Please write it anew", "reportRunId": scenes.ids["run"][0]}
    sid = (await scenes.post("/api/promptbro/assist?mode=session", **report))["sid"]
    await scenes.get(f"/api/promptbro/assist?sid={sid}")
    await scenes.post("/api/promptbro/save", sid=sid, agentId=scenes.ids["agent"][1], **{"as": "agent"})
    await scenes.post("/api/llm", prompt="Please count to 3")
    use = {"role": "user", "content": "Please use find_order for 1234."}
    await scenes.post("/v1/chat/completions", model="demo-standard", messages=[use], tools=[TOOL])


async def messages_nobody_can_read(scenes: Scenes) -> None:
    for subject in ("cmd.run", "llm.done.orchestrator", "llm.do.demo.batch", "report.do"):
        await scenes.client.jetstream().publish(subject, b"{}")

    async def is_a_letter() -> bool:
        return any(one["runId"] is None for one in (await scenes.get("/api/admin/dead-letters?limit=100"))["items"])

    await scenes.until(is_a_letter)


ENDED = (
    agents_and_templates,
    runs_that_end,
    runs_that_fail,
    chats_that_are_answered,
    single_answers,
    messages_nobody_can_read,
)


# What is left in the middle


async def a_run_is_paused(scenes: Scenes) -> None:
    """With a judge that failed: its letter can be replayed."""
    await scenes.control(faults=[{"fault": "500", "rate": 1, "model": "demo-premium"}])
    paused = await scenes.start(runs=2, concurrency=1, judge={"model": "demo-premium"}, messageLimit=20)
    await scenes.until_letter(paused)
    await scenes.post(f"/api/scale/{paused}/pause")
    await scenes.until_status(paused, "paused")
    scenes.ids["paused"].append(paused)
    await scenes.control(**NORMAL)


async def work_waits_for_the_summarizer(scenes: Scenes) -> None:
    await scenes.hold("summarizer")
    run_id = await scenes.start(runs=2, messageLimit=2)

    async def all_ended() -> bool:
        return int((await scenes.get(f"/api/runs/{run_id}/status"))["progress"]) == 100

    await scenes.until(all_ended)
    scenes.ids["running"].append(run_id)
    for number in range(3):
        await scenes.say("to-be-summed-up", f"Please count to {180 + number}", f"m{number}")


async def answers_are_being_written(scenes: Scenes) -> None:
    await scenes.control(faults=[{"fault": "429", "rate": 1, "model": "demo-premium", "retryAfterSeconds": 20}])
    later = await scenes.start("battles", model="demo-premium", userMessage="Where is my kettle?")
    await asyncio.sleep(1)
    running = await scenes.start(runs=4, concurrency=2, messageLimit=20)
    pausing = await scenes.start("battles", messageLimit=20)
    canceling = await scenes.start(runs=3, concurrency=2, messageLimit=20)
    for conversation in (f"{running}-1", f"{running}-2", f"{pausing}-1", f"{canceling}-1"):
        await scenes.until_said(conversation, 1)
    await scenes.control(**SLOW)
    scenes.meanwhile(scenes.say("half-answered", "Please count to 60"))
    scenes.meanwhile(scenes.gateway.get("/api/llm?prompt=Please count to 70", headers=USER))
    await asyncio.sleep(2)
    await scenes.post(f"/api/battles/{pausing}/pause")
    await scenes.hold("orchestrator")
    await scenes.post(f"/api/scale/{canceling}/cancel")
    queued = await scenes.start("battles")
    scenes.meanwhile(scenes.say("unanswered", "Please count to 8"))
    scenes.ids["running"] += [running, later, canceling, queued]
    scenes.ids["paused"].append(pausing)
    await asyncio.sleep(1)
    chats = (await scenes.get("/api/chats"))["items"]
    scenes.ids["open chat"] += [str(chat["id"]) for chat in chats if str(chat["id"]) not in scenes.ids["chat"]]


async def everything_is_killed(scenes: Scenes) -> None:
    await scenes.hold("llm-runner", "gateway")


LEFT = (a_run_is_paused, work_waits_for_the_summarizer, answers_are_being_written, everything_is_killed)

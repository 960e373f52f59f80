"""The client of one chat: posts, and goes on with what was broken off until the answer is heard to its end."""

import asyncio
from random import Random

import httpx

from chaos.chaos_log import Asked, Body, Chat, Heard
from chaos.patient_requests import PASSING, PAUSE_SECONDS, Unanswered, ask
from chaos.system import System, moment
from chaos.ui_stream_reader import counted, hear, read_chunks

READ_SECONDS = 40
PATIENCE_SECONDS = 180.0
VOICE = {"provider": "demo", "model": "demo-standard"}
# How an answer that was broken off is gone on with: after the last chunk, from its start, or by asking again.
AFTER, AGAIN, POST = "after", "again", "post"
WAYS = {AFTER: 6.0, AGAIN: 2.0, POST: 2.0}
STOP_SHARE, TABS_SHARE = 0.12, 0.12
MOST_LEFT, LEFT_AFTER, STOPPED_AFTER_SECONDS = 3, (0, 25), (0.0, 1.5)
AWAY_SHARE, AWAY_SECONDS = 0.06, (11.0, 24.0)
"""Sometimes a person comes again only when the sweeper has looked, or when the answer is nobody's any more."""


class ChatClient:
    """Talks for one person."""

    def __init__(self, system: System, random: Random, chat: Chat) -> None:
        self._world = system
        self._random = random
        self._chat = chat
        self._known = 0
        """The last answer that was heard to its end: none before it counts as an answer to what is asked now."""

    async def answer(self, asked: Asked) -> Heard:
        """Asks, and hears the answer to its end. Raises Unanswered where that takes too long."""
        hearing = _Hearing(self._world, self._random, self._chat, asked, self._known)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                heard = await hearing.answer()
        except TimeoutError:
            told = f"{asked.kind} {asked.message_id} in {self._chat.client_id}: {hearing.last}"
            raise Unanswered(f"no answer for {PATIENCE_SECONDS:g} s to {told}") from None
        finally:
            await hearing.close()
        heard.ids.clear()  # Compared with each other; there are many.
        asked.heard = heard
        self._known = heard.seq or self._known
        return heard


class _Hearing:
    """How one answer is heard, over as many connections as it takes."""

    def __init__(self, system: System, random: Random, chat: Chat, asked: Asked, known: int) -> None:
        self._world, self._random, self._chat, self._asked, self._known = system, random, chat, asked, known
        self._heard: Heard | None = None
        self._leaves = random.choice([0, 0, random.randint(1, MOST_LEFT)])
        self._beside: list[asyncio.Task[None]] = []
        self._absent_since = moment()
        self.last = "nothing"
        """What the last connection came to."""

    async def answer(self) -> Heard:
        """Returns with the answer's end."""
        way = POST
        if self._asked.kind == "say" and self._random.random() < TABS_SHARE:
            self._beside.append(asyncio.create_task(self._tab()))
        if self._random.random() < STOP_SHARE:
            self._beside.append(asyncio.create_task(self._stop()))
        while True:
            self._asked.connections += 1
            try:
                await self._connect(way)
            except httpx.TransportError as error:
                self.last = repr(error)
            if self._heard is not None and self._heard.ended:
                return self._heard
            away = self._world.striking and self._random.random() < AWAY_SHARE
            await asyncio.sleep(self._random.uniform(*AWAY_SECONDS) if away else PAUSE_SECONDS)
            way = self._way()

    async def close(self) -> None:
        """Returns when nothing of this is under way any more: what is asked next shall not meet it."""
        results = await asyncio.gather(*self._beside, return_exceptions=True)
        self._chat.surprises += [repr(error) for error in results if isinstance(error, BaseException)]

    def _way(self) -> str:
        """How to go on. An answer other than the first is looked for before it is asked for once more."""
        if self._heard is not None:
            return self._random.choices(list(WAYS), list(WAYS.values()))[0] if self._repeats else AFTER
        if self.last == "204":
            return POST
        return AGAIN if not self._repeats or self._random.random() < 0.3 else POST

    @property
    def _repeats(self) -> bool:
        """Whether to post it again asks for the same thing."""
        return self._asked.answer_id is None

    async def _connect(self, way: str) -> None:
        gateway = self._random.choice(self._world.gateways)
        if way == POST:
            self._asked.posts += 1
            request = gateway.stream(
                "POST", "/api/chat", json=self._body(), headers=self._headers, timeout=READ_SECONDS
            )
        else:
            after = {"Last-Event-ID": self._last_id} if way == AFTER else {}
            path = f"/api/chat/{self._chat.client_id}/stream"
            request = gateway.stream("GET", path, headers=self._headers | after, timeout=READ_SECONDS)
        async with request as response:
            self.last = str(response.status_code)
            if response.status_code == httpx.codes.OK:
                self._asked.accepted = self._asked.accepted or way == POST
                self._asked.resumes += way != POST
                self._asked.absence = max(self._asked.absence, moment() - self._absent_since)
                try:
                    await self._read(response, goes_on=way == AFTER)
                finally:
                    self._absent_since = moment()
            elif response.status_code == httpx.codes.NO_CONTENT:
                self._nothing(way)
            elif response.status_code not in PASSING:
                await response.aread()
                self._chat.surprises.append(f"{way} {self._asked} was answered {self.last}: {response.text[:200]}")

    def _nothing(self, way: str) -> None:
        if way == AFTER and self._heard is not None and not self._heard.ended:
            self._chat.surprises.append(f"nothing follows chunk {self._last_id}, which ended nothing")
        self._heard = None

    async def _read(self, response: httpx.Response, *, goes_on: bool) -> None:
        """Reads one connection: to the answer's end, or until it breaks off, or until the person leaves."""
        leaves_after = self._random.randint(*LEFT_AFTER) if self._leaves else None
        heard = self._heard if goes_on else None
        count = 0
        async for identity, data in read_chunks(response.aiter_lines()):
            if heard is None or data.startswith('{"type":"start",'):
                if goes_on:
                    self._chat.surprises.append(f"told from its start was an answer known up to {self._last_id}")
                heard = self._new()
            hear(heard, identity, data)
            self._chat.run_id = self._chat.run_id or heard.chat_id
            if (heard.seq or 0) <= self._known:
                self.last = "204"  # An answer that is known: of what was asked now there is nothing yet.
                return
            self._heard = heard
            if heard.done:
                return
            count += 1
            if leaves_after is not None and count > leaves_after:
                self._leaves -= 1
                return
        if count and heard is not None and not heard.ended:
            self._chat.surprises.append(f"a stream ended well before answer {heard.seq} had ended")

    async def _stop(self) -> None:
        """Has enough, be the answer under way or not yet."""
        await asyncio.sleep(self._random.uniform(*STOPPED_AFTER_SECONDS))
        self._asked.stop_asked = True
        answer = await ask(self._world, "POST", f"/api/chat/{self._chat.client_id}/stop")
        if answer.status_code == httpx.codes.ACCEPTED and answer.json()["seq"]:
            self._asked.stopped = (answer.json()["seq"], moment())
        elif answer.status_code not in (httpx.codes.ACCEPTED, httpx.codes.NOT_FOUND):
            self._chat.surprises.append(f"a stop was answered {answer.status_code}: {answer.text[:200]}")

    async def _tab(self) -> None:
        """Another tab of the same page posts the same message; what it hears is compared as well."""
        heard = self._new()
        gateway = self._random.choice(self._world.gateways)
        request = gateway.stream("POST", "/api/chat", json=self._body(), headers=self._headers, timeout=READ_SECONDS)
        try:
            async with request as response:
                if response.status_code == httpx.codes.OK:
                    async for identity, data in read_chunks(response.aiter_lines()):
                        hear(heard, identity, data)
        except httpx.TransportError:
            return  # The other tab goes on.
        finally:
            if heard.seq is not None:
                self._asked.tabs.append(heard)

    def _new(self) -> Heard:
        return Heard(self._chat.resets, counted(self._asked.words))

    @property
    def _last_id(self) -> str:
        return (self._heard.last_id if self._heard else None) or ""

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-AI-SDK": "7" if self._chat.resets else "6"}

    def _body(self) -> Body:
        asked = self._asked
        message = {"id": asked.message_id, "role": "user", "parts": [{"type": "text", "text": asked.words}]}
        body: Body = {"id": self._chat.client_id, "messages": [message], "trigger": "submit-message"} | VOICE
        if asked.answer_id is not None:
            return body | {"trigger": "regenerate-message", "messageId": asked.answer_id}
        return body | {"messageId": asked.message_id} if asked.kind == "edit" else body

"""People who chat: each says one thing after the other, on any gateway, and goes on with what is broken off.

What a person says is "count to N", each N once a chat: so an answer shows what it is the answer to. Whom a person asks,
when it leaves, stops, edits or wants another answer is decided by the seed.
"""

import asyncio
from random import Random

from chaos.chaos_log import Asked, Chat, Line
from chaos.chat_client import ChatClient
from chaos.patient_requests import Unanswered
from chaos.system import System

SAY, EDIT, REGENERATE = "say", "edit", "regenerate"
CHANCES = {SAY: 14.0, EDIT: 2.0, REGENERATE: 3.0}
ASKED_A_CHAT = (3, 14)
COUNTS = range(3, 320)
THINKING_SECONDS = (0.05, 0.8)


async def converse(system: System, stop: asyncio.Event, people: int) -> None:
    """Everybody chats until it is told to stop; returns when everybody has heard the last answer."""
    async with asyncio.TaskGroup() as group:
        for number in range(1, people + 1):
            group.create_task(_live(system, stop, number))


async def _live(system: System, stop: asyncio.Event, number: int) -> None:
    """One person, one chat after the other."""
    random, begun = Random(f"person {number} of {system.record.seed}"), 0
    while not stop.is_set():
        begun += 1
        person = Person(system, random, f"chaos-{system.record.seed}-{number}-{begun}")
        system.record.chats.append(person.chat)
        try:
            for _ in range(random.randint(*ASKED_A_CHAT)):
                await person.ask()
                if stop.is_set():
                    break
                await asyncio.sleep(random.uniform(*THINKING_SECONDS))
        except Unanswered as error:
            system.record.trouble.append(str(error))


class Person:
    """One person in one chat, who remembers it as `useChat` would."""

    def __init__(self, system: System, random: Random, client_id: str) -> None:
        self.chat = Chat(client_id, resets=random.random() < 0.5)
        self._random = random
        self._client = ChatClient(system, random, self.chat)
        self._counts = random.sample(COUNTS, len(COUNTS))

    async def ask(self) -> None:
        """Says something, or something else, or wants another answer; returns with the answer. Raises Unanswered."""
        asked = self._next()
        self.chat.asked.append(asked)
        heard = await self._client.answer(asked)
        if asked.kind != REGENERATE:
            self.chat.history.append(Line("user", asked.message_id, asked.words))
        text = None if heard.ended == "error" else heard.text
        self.chat.history.append(Line("assistant", heard.message_id or "", text))

    def _next(self) -> Asked:
        """What is wanted now; what it takes back is forgotten."""
        history, words = self.chat.history, f"Please count to {self._counts.pop()}"
        kind = self._random.choices(list(CHANCES), list(CHANCES.values()))[0] if history else SAY
        if kind == SAY:
            return Asked(SAY, f"q{len(self.chat.asked) + 1}", words)
        place = self._random.randrange(0, len(history), 2)
        question, answer = history[place], history[place + 1]
        if kind == EDIT:
            del history[place:]
            return Asked(EDIT, question.id, words)
        del history[place + 1 :]
        return Asked(REGENERATE, question.id, question.text or "", answer_id=answer.id)

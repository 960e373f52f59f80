"""JSON as an answer, asked for in words where a target promises none, and taken out of its text."""

import re
from dataclasses import replace
from typing import Final

import orjson

from llm_runner.providers.prompt import JsonFormat, Prompt
from llm_runner.providers.provider import Chunk, TakeChunk
from llm_runner.providers.target import AnswerFormatStep, Quirks

JSON_ONLY: Final = "Answer with one JSON object and nothing else: no words before or after it, no code fence."
_MARKS: Final = re.compile(r'\\.|["\\{}\[\]]', re.DOTALL)
"""What an object's end is found by; a backslash and what it escapes are one."""


def asked_in_words(prompt: Prompt, step: AnswerFormatStep) -> Prompt:
    """The prompt with what its target does not promise: the word JSON at least, which some want to read there."""
    wanted = prompt.answer_format
    if wanted is None:
        return prompt
    promised = wanted.schema is None or step is AnswerFormatStep.SCHEMA
    if step is not AnswerFormatStep.TEXT and promised and (wanted.schema is not None or _says_json(prompt)):
        return prompt
    return replace(prompt, system="\n\n".join(text for text in (prompt.system, _words(wanted)) if text))


def _words(wanted: JsonFormat) -> str:
    if wanted.schema is None:
        return JSON_ONLY
    return f"{JSON_ONLY} It has to fit this JSON schema: {orjson.dumps(wanted.schema).decode()}"


def _says_json(prompt: Prompt) -> bool:
    texts = (part for turn in prompt.turns for part in turn.parts if isinstance(part, str))
    return any("json" in text.lower() for text in (prompt.system, *texts))


def whole_object(prompt: Prompt, quirks: Quirks, take: TakeChunk) -> TakeChunk:
    """Takes the JSON object out of an answer whose target promises none: fences and words around it are left out."""
    if prompt.answer_format is None or quirks.answer_format is not AnswerFormatStep.TEXT:
        return take
    return ObjectInText(take).take


class ObjectInText:
    """Hands on the first object of a text, as it comes; a text without one is handed on at its end, as it is."""

    def __init__(self, take: TakeChunk) -> None:
        self._take = take
        self._before: list[str] = []
        self._depth = 0
        self._as_it_is = False
        self._began = False
        self._ended = False
        self._quoted = False
        self._escaped = False

    def take(self, chunk: Chunk) -> None:
        text = self._object(chunk.text) if chunk.text else ""
        if chunk.finish_reason is not None and not self._began:
            text, self._before, self._as_it_is = "".join((*self._before, text)), [], True
        self._take(replace(chunk, text=text))

    def _object(self, text: str) -> str:
        if self._as_it_is or self._ended:
            return text if self._as_it_is else ""
        if not self._began:
            at = text.find("{")
            if at < 0:
                self._before.append(text)
                return ""
            self._began, self._before, text = True, [], text[at:]
        return text[: self._end(text)]

    def _end(self, text: str) -> int:
        """Where the object ends in this piece of it, or the piece's own end."""
        at, self._escaped = int(self._escaped), False
        for place in _MARKS.finditer(text, at):
            mark = place[0]
            if mark == "\\":
                self._escaped = True
            elif self._quoted:
                self._quoted = mark != '"'
            elif mark == '"':
                self._quoted = True
            else:
                self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark, 0)
                if self._depth == 0:
                    self._ended = True
                    return place.end()
        return len(text)

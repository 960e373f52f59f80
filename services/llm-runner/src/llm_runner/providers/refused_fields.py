"""Which field of a request a provider does not take, in whichever words it says so. Pure.

A field with another value than it takes is no such field: only what goes better without it counts.
"""

import re
from typing import Final

from llm_runner.providers.error_bodies import ErrorBody

WORDS: Final = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden", "unsupported_params_error"}
)
SYSTEM: Final = "system"
"""Instructions as a message of their own."""
REASONING: Final = "reasoning_content"
"""What was thought, in the history: refused where it stands, or missed where it does not."""
LAST_TURN: Final = "last_turn"
"""A history that ends with the model's own words."""
TOOL_IDS: Final = "tool_call_id"
"""Ids of tool calls that another provider made."""
_FIELD: Final = r"[`'\"\[{(]*(?P<field>[a-z][\w.]*)[`'\"\])}]*"
_KIND: Final = r"(?:parameter|argument|field|property)s?"
_LOOKED_AT: Final = 1000
"""Characters of a message that are searched: what it refuses stands at its beginning."""
_SAYINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(saying, re.IGNORECASE), field)
    for saying, field in (
        (
            r"assistant message prefill|must end with a user message|"
            r"last message (must|should) be (from )?(a |the )?user",
            LAST_TURN,
        ),
        (r"system role (is )?not supported|does not support (the )?'?system'? (role|message)", SYSTEM),
        (
            r"developer instruction is not enabled|unexpected role '?\"?system|system (message|prompt)s? (is|are) not",
            SYSTEM,
        ),
        (r"reasoning_content\W.*(must be passed|missing|required)|missing\W+reasoning_content", REASONING),
        (r"property '?reasoning(_content)?'? is unsupported", REASONING),
        (r"tool call id\W.*must be|tool_call_id\W.*(length|characters)", TOOL_IDS),
        (r"len\(stop\)|stop\W.*(at most|up to|more than|maximum) (of )?\d+|stop sequences? (is|are) not", "stop"),
        (r"temperature\W.*top_p\W.*both|top_p\W.*temperature\W.*both", "top_p"),
        (
            r"this response_format type is unavailable|response_format\W.*(must be|not supported|unsupported)",
            "response_format",
        ),
        (
            r"(must|should) contain the word '?\"?json|response_format\W.*\bstream|json mode\W.*stream",
            "response_format",
        ),
        (r"(only|must be) verified to stream|stream(ing)? is not (supported|allowed|enabled)", "stream"),
        (r"(only|must be) (1|one)\b.*\btemperature|temperature\W.*only.*\b1\b", "temperature"),
    )
)
"""Sentences that name what they refuse in words of their own."""
_NAMINGS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"unknown name {_FIELD}",
        rf"property {_FIELD} is (unsupported|not supported)",
        rf"extra (?:parameters|inputs|fields) {_FIELD} (?:is|are) not",
        rf"(?:^|\W){_FIELD}: extra inputs? (?:is|are) not permitted",
        rf"(?:unsupported|unknown|unrecognized|unexpected|disallowed) (?:request |keyword )?{_KIND}"
        rf"(?: supplied| name)?:? {_FIELD}",
        rf"not support (?:the )?{_KIND}:? {_FIELD}",
        rf"{_KIND}:? {_FIELD} (?:is|are) (?:not (?:supported|allowed|permitted)|unsupported|unknown)",
        r"unsupported value:? [`'\"](?P<field>[a-z]\w*)",
        r"(?:^|\W)[`'\"](?P<field>[a-z][\w.]*)[`'\"](?: parameter)? (?:is|are) "
        r"(?:not (?:supported|allowed|permitted)|unsupported|deprecated)",
        r"(?:does not support|doesn't support) [`'\"](?P<field>[a-z]\w*(?:_\w+)+|stop|seed|temperature)[`'\"]",
        r"use [`'\"]?(?P<other>max_completion_tokens)[`'\"]? instead",
        r"\buse (?P<other>max_completion_tokens)\b",
    )
)


def refused_field(error: ErrorBody) -> str | None:
    """The field that an error says is not taken, by its first name; None where it names none."""
    message = error.message[:_LOOKED_AT]
    for pattern, field in _SAYINGS:
        if pattern.search(message):
            return field
    if error.param and not WORDS.isdisjoint(error.words):
        return _first(error.param)
    for naming in _NAMINGS:
        if found := naming.search(message):
            named = found.groupdict().get("field")
            return _first(named) if named else "max_tokens"
    return None


def _first(path: str) -> str:
    """The field at the head of a path; of a message it is the one at its end."""
    steps = path.replace("[", ".").split(".")
    return steps[-1] if steps[0] == "messages" else steps[0]

"""Whether an error says that a prompt is too long for its model, in whichever words, and by how much. Pure.

What looks like it and is a limit of rate is looked for first: "too many tokens, please wait".
"""

import re
from dataclasses import dataclass
from typing import Final

from llm_runner.providers.error_bodies import ErrorBody

CODES: Final = frozenset(
    {
        "context_length_exceeded",
        "context_window_exceeded",
        "contextwindowexceedederror",
        "model_context_window_exceeded",
        "exceed_context_size_error",
        "string_above_max_length",
        "request_too_large",
        "prompt_too_long",
        "tokens_limit_reached",
    }
)
RATE_WORDS: Final = re.compile(
    r"rate.?limit|too many requests|throttl|per minute|per min\b|per day|\btpm\b|\bquota\b|please wait before",
    re.IGNORECASE,
)
_N: Final = r"[\d][\d,_]*"
_WORDINGS: Final = re.compile(
    "|".join(
        (
            r"(maximum|max|model'?s|available|configured) context (length|window|size)",
            r"context[ _](length|window|size)( is| was| has been)?[ _]exceed",
            r"exceeds? (the |this |its |your )?(model'?s? |available |maximum )*context",
            r"context (window|length|size) exceeds?",
            r"exceed(s|ed)? (the )?context limit",
            r"fit in (the )?context",
            r"greater than the context",
            r"larger than the context",
            r"(longer|larger) than the model'?s context",
            r"too large for model with",
            r"keep the first \d+ tokens",
            r"prompt (is )?too (long|large)",
            r"input (is )?too (long|large)",
            r"input token count\W.*exceeds",
            r"input length\W.*exceeds",
            r"prompt token count\W.*exceeds the limit",
            r"exceed(s|ed)? (the )?(model'?s? )?(token limit|maximum (allowed )?(number of )?(input )?(tokens|length))",
            r"maximum (prompt|input|allowed input) length",
            r"range of input length should be",
            r"reduce the length of (the|your) (messages|prompt|input)",
            r"requested \d+ output tokens and your prompt contains",
            r"requested token count exceeds",
            r"max_new_tokens\W* must be <=",
            r"total length of all messages is too long",
            r"too many tokens: ",
            r"number of tokens in the prompt cannot exceed",
        )
    ),
    re.IGNORECASE,
)
_ASKED: Final = (
    re.compile(rf"requested (?P<a>{_N}) output tokens and your prompt contains at least (?P<b>{_N})", re.IGNORECASE),
    re.compile(rf"exceeds? context limit: (?P<a>{_N}) \+ (?P<b>{_N}) >", re.IGNORECASE),
    re.compile(rf"given: (?P<a>{_N}) `?inputs`? tokens and (?P<b>{_N})", re.IGNORECASE),
    re.compile(
        rf"(?:you requested(?: a total of)?|resulted in|requested:|request contains|keep the first|input has|given:) "
        rf"(?P<a>{_N})",
        re.IGNORECASE,
    ),
    re.compile(rf"(?:too (?:long|large)|prompt has|prompt contains|request)\W+\(?(?P<a>{_N})", re.IGNORECASE),
    re.compile(rf"(?:token count|input length)(?: of)?\W+(?P<a>{_N})", re.IGNORECASE),
)
_LIMIT: Final = (
    re.compile(rf"> ?(?P<a>{_N})", re.IGNORECASE),
    re.compile(rf"input length\W.{{0,200}}length\W{{1,3}}(?:of )?(?P<a>{_N})", re.IGNORECASE),
    re.compile(
        rf"(?:context (?:length|window|size|limit)|prompt length|token limit|exceeds the limit|must be <=|"
        rf"cannot exceed|tokens allowed|only supports|larger than the context|maximum length)"
        rf"(?: of| is| only supports| of only)?:?\W+(?P<a>{_N})",
        re.IGNORECASE,
    ),
    re.compile(rf"model with (?P<a>{_N})", re.IGNORECASE),
    re.compile(rf"maximum of (?P<a>{_N})", re.IGNORECASE),
    re.compile(rf"should be \[\d+, ?(?P<a>{_N})\]", re.IGNORECASE),
    re.compile(rf"max context length by (?P<a>{_N})(?!.)", re.IGNORECASE),
)


@dataclass(frozen=True, slots=True)
class Overflow:
    """A prompt that was too long: tokens it asked for, and those there is room for; None where it is not said."""

    asked: int | None = None
    limit: int | None = None


def overflow(error: ErrorBody) -> Overflow | None:
    """What an error says of a prompt that was too long; None where it says something else."""
    counted = _counted(error)
    if counted is not None:
        return counted
    known = not CODES.isdisjoint(error.words)
    if not known and (RATE_WORDS.search(error.message) or any(RATE_WORDS.search(word) for word in error.words)):
        return None
    if not known and not _WORDINGS.search(error.message):
        return None
    return Overflow(_number(_ASKED, error.message), _number(_LIMIT, error.message))


def _counted(error: ErrorBody) -> Overflow | None:
    """What llama.cpp counts, whatever it calls it."""
    for member in error.members:
        asked, limit = member.get("n_prompt_tokens"), member.get("n_ctx")
        if type(asked) is int and type(limit) is int and asked > limit:
            return Overflow(asked, limit)
    return None


def _number(patterns: tuple[re.Pattern[str], ...], message: str) -> int | None:
    """What the first pattern that fits counts, added where it counts two."""
    for pattern in patterns:
        if found := pattern.search(message):
            return sum(int(number.replace(",", "").replace("_", "")) for number in found.groups() if number)
    return None

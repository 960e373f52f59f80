"""Quotes that prove something: enough words, and they stand in the text they are said to come from. Pure.

Models copy words faithfully and typography not: white space, quotation marks, dashes, ellipses and the marks of
Markdown are no difference here. Letters, digits and every other sign are.
"""

import re
from functools import cached_property
from typing import Final

WORDS_AT_LEAST: Final = 3
QUOTE_CHARACTERS: Final = 500
OCCURRENCES_TRIED: Final = 20
STRIDE: Final = 256
_QUOTATION_MARKS: Final = "\"'`´‘’‚‛“”„‟«»‹›′″"
_DASHES: Final = "-‐‑‒–—―−\u2043"
_INVISIBLE: Final = "*_~#>|\\\u00ad\u200b\u200c\u200d\u2060\ufeff"
_FOLDED: Final[dict[int, str]] = {
    **dict.fromkeys(map(ord, _QUOTATION_MARKS), "'"),
    **dict.fromkeys(map(ord, _DASHES), " "),
    **dict.fromkeys(map(ord, _INVISIBLE), ""),
    ord("…"): "...",
}
_EDGES: Final = "'., "
# Scripts that part no words by spaces: every letter counts for one.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED_LETTER: Final = re.compile(f"[{_UNSPACED}]")
_WORD: Final = re.compile(f"[{_UNSPACED}]|[^\\W_]+(?:'[^\\W_]+)*")


class QuoteSource:
    """A text that quotes are said to come from."""

    def __init__(self, text: str) -> None:
        self._text = text

    def proof(self, quote: str) -> str | None:
        """The passage that `quote` copies; None where there is none, or where it is too short to prove anything.

        At least three whole words, or the whole text where that has fewer. Of a long passage its beginning is given.
        """
        for wanted in (_folded(quote), _folded(quote).strip(_EDGES)):
            begin = self._find(wanted) if self._suffices(wanted) else None
            if begin is not None:
                return self._passage(_signs(self._folded[:begin]), _signs(wanted))[:QUOTE_CHARACTERS]
        return None

    @cached_property
    def _folded(self) -> str:
        return _folded(self._text)

    def _suffices(self, wanted: str) -> bool:
        whole = wanted.strip(_EDGES)
        return bool(whole) and (_words(wanted) >= WORDS_AT_LEAST or whole == self._folded.strip(_EDGES))

    def _find(self, wanted: str) -> int | None:
        """Where it stands without a word cut in two; of very many places only the first are looked at."""
        said, begin = self._folded, -1
        for _ in range(OCCURRENCES_TRIED):
            begin = said.find(wanted, begin + 1)
            if begin < 0:
                return None
            end = begin + len(wanted)
            if not _one_word(said[begin - 1 : begin], wanted[0]) and not _one_word(wanted[-1], said[end : end + 1]):
                return begin
        return None

    def _passage(self, before: int, signs: int) -> str:
        """The part of the text that holds `signs` signs behind the first `before`."""
        begin, end = self._place(before), self._place(before + signs)
        while begin < end and not _signs(self._text[begin]):
            begin += 1
        return self._text[begin:end]

    def _place(self, signs: int) -> int:
        """Behind how much of the text its first `signs` signs stand."""
        begin = 0
        while signs > (held := _signs(self._text[begin : begin + STRIDE])):
            signs, begin = signs - held, begin + STRIDE
        while signs > 0:
            signs, begin = signs - _signs(self._text[begin]), begin + 1
        return begin


def _folded(text: str) -> str:
    return " ".join(text.translate(_FOLDED).split())


def _signs(text: str) -> int:
    """How many signs of a text make a difference."""
    return len("".join(text.translate(_FOLDED).split()))


def _words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))


def _one_word(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word."""
    return left.isalnum() and right.isalnum() and not _UNSPACED_LETTER.search(left + right)

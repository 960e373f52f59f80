"""How many tokens a text has, about, by its scripts: no tokenizer is asked, as every model has its own."""

from typing import Final

CHARACTERS_PER_TOKEN: Final = 4
"""Of text in ASCII."""
_TOKEN: Final = 100
_ASCII: Final = _TOKEN // CHARACTERS_PER_TOKEN
_BY_FIRST_BYTE: Final = (
    (0xC2, 0xC3, 30),  # western European letters
    (0xC4, 0xCB, 165),  # other Latin letters, which break words into pieces
    (0xCC, 0xCF, 65),  # Greek
    (0xD0, 0xD3, 42),  # Cyrillic
    (0xD4, 0xDF, 61),  # Armenian, Hebrew, Arabic
    (0xE0, 0xE0, 70),  # the scripts of India, Thai, Lao
    (0xE1, 0xE1, 70),  # letters of Vietnamese, Georgian, Khmer
    (0xE2, 0xE2, 70),  # dashes, quotation marks, symbols
    (0xE3, 0xE3, 80),  # kana, and the punctuation of East Asia
    (0xE4, 0xE9, 92),  # Han
    (0xEA, 0xED, 92),  # Hangul
    (0xEE, 0xF4, 170),  # forms of full width, emoji
)
"""Hundredths of a token a character, by the first byte it has in UTF-8: the mean of what two generations of
vocabularies (cl100k, o200k) make of the same sentences. Bytes that only continue a character count nothing."""


def _weights() -> bytes:
    weights = bytearray([_ASCII] * 0x80 + [0] * 0x80)
    for first, last, weight in _BY_FIRST_BYTE:
        weights[first : last + 1] = bytes([weight]) * (last + 1 - first)
    return bytes(weights)


_WEIGHTS: Final = _weights()


def text_tokens(text: str) -> int:
    """Tokens of a text, rounded up: in ASCII four characters each, elsewhere what its scripts take."""
    if text.isascii():
        return -(-len(text) // CHARACTERS_PER_TOKEN)
    return -(-sum(text.encode(errors="surrogatepass").translate(_WEIGHTS)) // _TOKEN)

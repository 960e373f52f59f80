"""Keys stay where they are: the one place that every text from a provider passes before anybody is shown it.

Failures and what is made of them (events, letters, usage rows, health) pass `shown`, log lines `text`, and an answer
itself, piece by piece, `MaskedText`. A text is looked through before it is cut: a part of a key is one, too.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, urlsplit

from shared.routing import ProviderEntry

MASK = "[key]"
SHOWN_CHARACTERS = 300
LOOKED_AT_CHARACTERS = 8 * 1024
SHORTEST_PART = 8
"""A part of a key that is shorter tells nobody anything; a whole key is masked from SHORTEST_KEY on."""
SHORTEST_KEY = 4
SHORTEST_IN_ANSWERS = 12
"""Servers that want no key are given a word ("ollama"), which an answer may say."""
BEGINS = 6
"""So many characters of a key an answer may say before the rest is held back."""

_BEARER = re.compile(r"\b(bearer|basic)(\s+)(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_OF_THE_USUAL_FORM = re.compile(r"\b(?:sk|pk|rk|gsk|xai)[-_][A-Za-z0-9_-]{16,}")
_IN_ADDRESS = re.compile(r"(?<=//)[^/\s@\"']+@")


class Redaction:
    """Knows every key of the process, and the addresses that only operators are told. Pure."""

    def __init__(self, keys: Iterable[str] = (), addresses: Mapping[str, str] | None = None) -> None:
        known = {key.strip() for key in keys} - {""}
        forms = sorted({form for key in known for form in _forms(key)}, key=len, reverse=True)
        self._whole = [form for form in forms if len(form) >= SHORTEST_KEY]
        self._parts = {form[at : at + SHORTEST_PART] for form in forms for at in range(len(form) - SHORTEST_PART + 1)}
        self._in_answers = tuple(key for key in known if len(key) >= SHORTEST_IN_ANSWERS)
        self._addresses = [(_address(host), name) for name, host in (addresses or {}).items()]

    @classmethod
    def of(cls, providers: Mapping[str, ProviderEntry], variables: Mapping[str, str]) -> "Redaction":
        """Of the keys that a registry's providers have in these variables, and of their addresses."""
        keys = [variables.get(entry.key_variable, "") for entry in providers.values() if entry.key_variable]
        passwords = [secret for entry in providers.values() for secret in _secrets_of(entry.base_url)]
        hosts = {name: host for name, entry in providers.items() if (host := _host(entry.base_url))}
        return cls([*keys, *passwords], hosts)

    def text(self, text: str) -> str:
        """The text without any key, part of a key or bearer token."""
        for form in self._whole:
            text = text.replace(form, MASK)
        text = self._without_parts(text) if self._parts else text
        text = _IN_ADDRESS.sub(f"{MASK}@", _BEARER.sub(rf"\1\2{MASK}", text))
        return _OF_THE_USUAL_FORM.sub(MASK, text)

    def shown(self, text: str) -> str:
        """What users may be shown of a text: no key, no provider's address, and not much of it."""
        shown = self.text(text[:LOOKED_AT_CHARACTERS])
        for pattern, name in self._addresses:
            shown = pattern.sub(name, shown)
        return shown[:SHOWN_CHARACTERS]

    def masked(self) -> "MaskedText":
        """For one text that comes in pieces."""
        return MaskedText(self._in_answers)

    def _without_parts(self, text: str) -> str:
        pieces: list[str] = []
        shown, at, last = 0, 0, len(text) - SHORTEST_PART
        while at <= last:
            if text[at : at + SHORTEST_PART] not in self._parts:
                at += 1
                continue
            end = at + SHORTEST_PART
            while text[end - SHORTEST_PART + 1 : end + 1] in self._parts:
                end += 1
            pieces += (text[shown:at], MASK)
            shown = at = end
        return "".join((*pieces, text[shown:])) if pieces else text


class MaskedText:
    """One text as it comes in: its characters whole, and no key in it, wherever it was cut.

    What may be the beginning of a key waits until it is known to be none, the half of a surrogate pair for the other.
    """

    def __init__(self, keys: tuple[str, ...] = ()) -> None:
        self._keys = keys
        self._begins = tuple({key[:BEGINS] for key in keys})
        self._half = ""
        self._before = ""
        self._held = ""

    def feed(self, piece: str) -> str:
        """What may be passed on by now."""
        if self._half or not piece.isascii():
            piece = self._characters(piece)
        if not self._keys:
            return piece
        around = self._before + self._held + piece
        for begin in self._begins:
            if begin in around:
                return self._looked_through(around)
        self._before = around[1 - BEGINS :]
        return piece

    def end(self) -> str:
        """What was held back, once nothing follows."""
        leased, self._held = self._held, ""
        half, self._half = self._half, ""
        masked = MASK if len(self._before + leased) >= SHORTEST_PART and leased else leased
        return masked + ("\ufffd" if half else "")

    def _characters(self, piece: str) -> str:
        """The piece without lone halves: two that belong together are one character."""
        text, self._half = self._half + piece, ""
        try:
            text.encode()
        except UnicodeEncodeError:
            if "\ud800" <= text[-1] <= "\udbff":
                text, self._half = text[:-1], text[-1]
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    def _looked_through(self, around: str) -> str:
        """`around` is what was passed on last, for a key may begin in it, and what is new."""
        passed = len(self._before)
        self._held = self._before = ""
        pieces: list[str] = []
        at = 0
        for begin, end in _found(around, self._keys):
            pieces.append(around[max(at, passed) : begin])
            at = end
            if end > len(around):
                self._before, self._held = around[begin : max(begin, passed)], around[max(begin, passed) :]
                return "".join(pieces)
            pieces.append(MASK)
        pieces.append(around[max(at, passed) :])
        self._before = around[max(at, len(around) - BEGINS + 1) :]
        return "".join(pieces)


def _found(text: str, keys: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where keys begin and end; one that the text's end cuts ends beyond it."""
    at = 0
    while begins := [place for key in keys if (place := text.find(key[:BEGINS], at)) >= 0]:
        place = min(begins)
        there = next((key for key in keys if key.startswith(text[place : place + len(key)])), None)
        if there is None:
            at = place + 1
        else:
            yield place, place + len(there)
            at = place + len(there)


def _forms(key: str) -> Iterator[str]:
    """A key as it is, and as it stands in addresses, JSON and HTML."""
    yield key
    yield quote(key, safe="")
    yield quote_plus(key)
    yield json.dumps(key)[1:-1]
    yield json.dumps(key)[1:-1].replace("/", "\\/")
    yield html.escape(key)


def _secrets_of(address: str) -> list[str]:
    """What stands before the host of an address, user and password; also of one that is none."""
    found = re.search(r"//([^/\s@]*)@", address)
    return [part for part in found[1].split(":") if len(part) >= SHORTEST_KEY] if found else []


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _address(host: str) -> re.Pattern[str]:
    """Wherever the host stands in a text, with what belongs to its address."""
    return re.compile(
        rf"(?:https?://)?(?:\[key\]@)?(?<![\w.-]){re.escape(host)}(?![\w.-]*\w)(?::\d+)?(?:/[^\s'\"<>,)]*)?",
        re.IGNORECASE,
    )

"""What a model thinks, where it stands at the head of its text: `<think>...</think>`."""

from typing import Final

OPENING: Final = ("<think>", "<thinking>")
CLOSING: Final = ("</think>", "</thinking>")


class ThinkTags:
    """Tells thoughts from text as it comes in pieces. `done` says that only text can follow.

    Only what begins with an opening tag begins with a thought: elsewhere a tag is text. A model that `starts_inside`
    leaves the opening one out.
    """

    def __init__(self, *, starts_inside: bool = False) -> None:
        self.done = False
        self._inside = starts_inside
        self._after = False
        self._held = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """Text and thought that are known by now; what may be the beginning of a tag is held back."""
        if self.done:
            return piece, ""
        text, self._held = self._held + piece, ""
        if self._after:
            return self._behind(text), ""
        if not self._inside:
            begun = text.lstrip()
            tag = next((tag for tag in OPENING if begun.startswith(tag)), None)
            if tag is None:
                if any(tag.startswith(begun) for tag in OPENING):
                    self._held = text
                    return "", ""
                self.done = True
                return text, ""
            self._inside, text = True, begun[len(tag) :]
        return self._thought(text)

    def end(self) -> tuple[str, str]:
        """What was held back, once nothing follows."""
        held, self._held = self._held, ""
        return ("", held) if self._inside else ("" if self._after else held, "")

    def _thought(self, text: str) -> tuple[str, str]:
        ends = [(place, tag) for tag in CLOSING if (place := text.find(tag)) >= 0]
        if ends:
            place, tag = min(ends)
            self._inside, self._after = False, True
            return self._behind(text[place + len(tag) :]), text[:place]
        kept = _tag_begun(text)
        self._held = text[len(text) - kept :]
        return "", text[: len(text) - kept]

    def _behind(self, text: str) -> str:
        """The text behind a thought, without the lines that only set it apart."""
        text = text.lstrip()
        self.done = bool(text)
        return text


def _tag_begun(text: str) -> int:
    """How many characters at a text's end may be the beginning of a closing tag."""
    longest = max(map(len, CLOSING))
    place = text.rfind("<", max(0, len(text) - longest))
    begun = text[place:] if place >= 0 else ""
    return len(begun) if begun and any(tag.startswith(begun) for tag in CLOSING) else 0

"""Code fences around a model's answer. Pure, and linear in the answer: a pattern for them has stopped event loops."""

from typing import Final

FENCE: Final = "```"


def unfenced(answer: str) -> str:
    """What stands inside the code fence around a whole answer; the answer itself, stripped, where there is none."""
    stripped = answer.strip()
    language, line_end, body = stripped.removeprefix(FENCE).partition("\n")
    fenced = stripped.startswith(FENCE) and line_end and body.endswith(FENCE)
    if not fenced or not (language.isspace() or language.strip().isalpha() or not language):
        return stripped
    return body.removesuffix(FENCE).strip()

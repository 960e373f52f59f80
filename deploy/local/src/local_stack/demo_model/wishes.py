"""What a person can ask of every agent here, whatever its script: things that show how a chat works."""

import re
from typing import Final

from local_stack.demo_model.behaviours import pattern
from local_stack.demo_model.requests import ChatRequest
from local_stack.demo_model.transcripts import unmarked

OUTPUT_CHARACTERS: Final = 1_000
_COUNT: Final = pattern(r"\bcount to (\d{1,5})\b")
_RECALL: Final = pattern(r"\bwhat do you remember\b")
_SUMMARY: Final = re.compile(r"^Summary of the conversation so far: (.+)", re.MULTILINE | re.DOTALL)


def granted(request: ChatRequest) -> str | None:
    """The answer to `count to N`, to `what do you remember`, and to what a tool gave; None for everything else."""
    if request.last.role == "tool":
        return _told(request)
    if request.last.role != "user":
        return None
    if found := _COUNT.search(request.asked):
        return " ".join(str(number) for number in range(1, int(found[1]) + 1))
    return _recalled(request) if _RECALL.search(request.asked) else None


def _told(request: ChatRequest) -> str:
    outputs: list[str] = []
    for message in reversed(request.messages):
        if message.role != "tool":
            break
        outputs.insert(0, message.text[:OUTPUT_CHARACTERS])
    return f"Here is what I found out: {'; '.join(outputs)}."


def _recalled(request: ChatRequest) -> str:
    """The summary it was shown, and how many messages it was shown word by word."""
    summary = _SUMMARY.search(request.system_prompt)
    shown = sum(1 for message in request.messages if message.role in ("user", "assistant"))
    return f"I see {shown} messages. Before them: {unmarked(summary[1]).strip() if summary else 'nothing.'}"

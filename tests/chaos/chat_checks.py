"""What must hold of chats (turn protocol, section 9), under the invariants' names: what violates it, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence

from chaos.chaos_log import Asked, Chat, Heard
from chaos.evidence import Evidence
from chaos.people import EDIT, REGENERATE
from chaos.ui_stream_reader import counted
from shared.contracts.enums import EntryKind, Side
from shared.contracts.money import to_usd
from shared.contracts.transcript import Entry, Usage, fold
from shared.run_endings import total_usage

ENDED_BY = {"stopped": "abort", "error": "error"}


def answers_follow(evidence: Evidence) -> list[str]:
    """E2, E3: right behind what makes an answer owed stands the answer, and nowhere else stands one."""
    found = []
    for chat, entries in chats_of(evidence):
        for place, entry in enumerate(entries[:-1]):
            owed, follows = is_owed(entries[: place + 1]), entries[place + 1]
            if owed != _is_answer(follows):
                found.append(f"{chat.client_id}: behind {entry.kind} {entry.seq} is {follows.kind} of {follows.side}")
        sides = [message.side for message in fold(entries)]
        if sides != [Side.AGENT if place % 2 else Side.OPPONENT for place in range(len(sides))]:
            found.append(f"{chat.client_id}: sides do not alternate: {sides}")
    return found


def answers_answer(evidence: Evidence) -> list[str]:
    """E3: each answer is that to its own question: whole, or its beginning where it was stopped."""
    found = []
    for chat, entries in chats_of(evidence):
        for place, entry in enumerate(entries):
            if not _is_answer(entry):
                continue
            question, text = fold(entries[:place])[-1].content or "", entry.content or ""
            whole = counted(question)
            sound = {"stop": text == whole, "stopped": whole.startswith(text), "error": text == ""}
            if not sound.get(entry.finish_reason or "", False):
                found.append(f"{chat.client_id}:{entry.seq} ({entry.finish_reason}) to {question!r} is {text[:80]!r}")
    return found


def said_once(evidence: Evidence) -> list[str]:
    """E5: what was posted stands once, however often it was posted; nothing stands that nobody posted."""
    found = []
    for chat, entries in chats_of(evidence):
        said = [entry for entry in entries if entry.side is Side.OPPONENT]
        posted = {asked.words: asked for asked in chat.asked if asked.kind != REGENERATE}
        times = Counter(entry.content or "" for entry in said)
        for words, asked in posted.items():
            if times[words] > 1 or (asked.accepted and not times[words]):
                found.append(f"{chat.client_id}: {wish(asked)} stands {times[words]} times")
        for entry in said:
            meant = posted.get(entry.content or "")
            if meant is None or (entry.client_message_id or "").partition("#")[0] != meant.message_id:
                found.append(f"{chat.client_id}:{entry.seq} {entry.client_message_id} {entry.content!r} was never said")
        found += _rewound_as_asked(chat, entries)
    return found


def _rewound_as_asked(chat: Chat, entries: list[Entry]) -> list[str]:
    """An edit takes back once; a regenerate once a post at most, for a second one may ask for a third answer."""
    rewinds = sum(1 for entry in entries if entry.kind is EntryKind.REWIND)
    edits = [asked for asked in chat.asked if asked.kind == EDIT]
    again = [asked for asked in chat.asked if asked.kind == REGENERATE]
    least = sum(1 for asked in (*edits, *again) if asked.heard)
    most = len(edits) + sum(asked.posts for asked in again)
    told = f"{chat.client_id}: {rewinds} rewinds for {len(edits)} edits and {len(again)} regenerates"
    return [] if least <= rewinds <= most else [told]


def what_was_heard_stands(evidence: Evidence) -> list[str]:
    """E6: what a person put together from a stream and its resumes is the stored answer, as are end and metadata."""
    found = []
    for chat, entries in chats_of(evidence):
        by_seq = {entry.seq: entry for entry in entries}
        for asked in chat.asked:
            heards = [heard for heard in (asked.heard, *asked.tabs) if heard is not None and heard.ended]
            for heard in heards:
                told = _heard_otherwise(heard, by_seq.get(heard.seq or 0))
                found += [f"{chat.client_id}: {wish(asked)}: {told}"] if told else []
    return found


def _heard_otherwise(heard: Heard, stored: Entry | None) -> str | None:
    if stored is None or not _is_answer(stored):
        return f"heard was answer {heard.seq}, which is not stored"
    ended_by = ENDED_BY.get(stored.finish_reason or "", "finish")
    if heard.ended != ended_by or heard.message_id != f"{stored.conversation_id}:{stored.seq}":
        return f"heard was {heard.message_id} ended by {heard.ended}, stored is {stored.seq} {stored.finish_reason}"
    if ended_by != "error" and heard.text != stored.content:
        return f"heard was {_gist(heard.text)}, stored is {_gist(stored.content)} at {stored.seq}"
    usage = stored.usage
    said = tuple(heard.metadata.get(name) for name in ("model", "usage", "costUsd", "folded"))
    tokens = {"promptTokens": usage.prompt_tokens, "completionTokens": usage.completion_tokens}
    tokens["totalTokens"] = usage.prompt_tokens + usage.completion_tokens
    known = (stored.model, tokens, to_usd(usage.cost_nanos), stored.folded_to)
    return None if said == known else f"told was {said}, stored is {known}"


def what_is_shown_stands(evidence: Evidence) -> list[str]:
    """E6: every gateway shows a chat as it is stored, and as its person remembers it."""
    found = []
    for chat, entries in chats_of(evidence):
        messages = fold(entries)
        stored = [_line(message) for message in messages]
        for shown in evidence.shown.get(chat.run_id or "", []):
            lines = [(one["role"], one["id"], one["content"]) for one in shown.get("messages", [])]
            if lines != stored or shown.get("streaming") is not False:
                found.append(f"{chat.client_id} is shown as {_first_other(lines, stored)}")
        remembered = [(line.role, line.id, line.text) for line in chat.history]
        failed = {_line(message)[1] for message in messages if message.finish_reason == "error"}
        known = [(role, identity, None if identity in failed else text) for role, identity, text in stored]
        if all(asked.heard for asked in chat.asked) and remembered != known:
            found.append(f"{chat.client_id} is remembered as {_first_other(remembered, known)}")
    return found


def streams_make_sense(evidence: Evidence) -> list[str]:
    """E7 for people: every chunk once and where an AI SDK client can use it; a body ends well only behind its end."""
    found = []
    for chat in evidence.record.chats:
        found += [f"{chat.client_id}: {surprise}" for surprise in chat.surprises]
        for asked in chat.asked:
            heards = [heard for heard in (asked.heard, *asked.tabs) if heard is not None]
            found += [f"{chat.client_id}: {wish(asked)}: {one}" for heard in heards for one in heard.surprises]
    return found


def chat_accounts(evidence: Evidence) -> list[str]:
    """E8: a chat's account holds at least what its answers cost; at most all that is booked, but for estimates.

    Until its end an account only rises: a row that comes late is counted by the next look that reads it, and an
    estimate that turned out too high stays in it.
    """
    found = []
    estimated = any(name.startswith("llm-runner") for strike in evidence.record.strikes for name in strike.frozen)
    for chat, entries in chats_of(evidence):
        one = evidence.runs[chat.run_id or ""]
        least = sum((entry.usage for entry in entries), start=Usage())
        most = total_usage(entries, one.generations, one.usage)
        spent = one.run.usage
        within = _holds(spent, least) and (estimated or _holds(most, spent))
        if not within or spent.cost_nanos != one.run.budget.spent:
            found.append(f"{chat.client_id}: the account says {spent}, the answers {least}, booked is {most}")
    return found


def chats_of(evidence: Evidence) -> Iterator[tuple[Chat, list[Entry]]]:
    """Every chat that began, with its transcript."""
    for chat in evidence.record.chats:
        one = evidence.runs.get(chat.run_id or "")
        if one is not None:
            yield chat, one.transcripts.get(one.run.id, [])


def is_owed(entries: list[Entry]) -> bool:
    """Whether the last message that counts is the person's."""
    counting = fold(entries)
    return bool(counting) and counting[-1].side is Side.OPPONENT


def _is_answer(entry: Entry) -> bool:
    return entry.kind is EntryKind.MESSAGE and entry.side is Side.AGENT


def _holds(more: Usage, less: Usage) -> bool:
    pairs = zip(more.model_dump().values(), less.model_dump().values(), strict=True)
    return all(one >= other for one, other in pairs)


def _line(message: Entry) -> tuple[str, str, str]:
    if message.side is Side.AGENT:
        return "assistant", f"{message.conversation_id}:{message.seq}", message.content or ""
    return "user", (message.client_message_id or "").partition("#")[0], message.content or ""


def wish(asked: Asked) -> str:
    """What was asked, in words."""
    return f"{asked.kind} {asked.message_id} {asked.words!r} ({asked.posts} posts, {asked.resumes} resumes)"


def _gist(text: str | None) -> str:
    return f"{len(text or '')} characters ...{(text or '')[-30:]!r}"


def _first_other(some: Sequence[object], others: Sequence[object]) -> str:
    place = next((at for at, (one, other) in enumerate(zip(some, others, strict=False)) if one != other), None)
    if place is None:
        return f"{len(some)} messages, stored are {len(others)}"
    return f"{str(some[place])[:150]} at {place}, stored is {str(others[place])[:150]}"

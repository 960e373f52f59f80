"""Faults of what calls models: retries, money, judgements, keys, and jobs that are told or settled wrongly."""

from mutants.mutant import Mutant
from mutants.suites import (
    ATTEMPT,
    CALL_DEADLINE,
    CHAT_PROMPT,
    CONTROL,
    FINDINGS,
    JOBS,
    JUDGE_ANSWERS,
    ORPHANS,
    REDACTION,
    REFUSALS,
    RESULTS,
    RETRY_POLICY,
    SSE_DECODER,
    TOOL_CALLS,
)

_RUNNER = "services/llm-runner/src/llm_runner"
_JUDGE = f"{_RUNNER}/purposes/judge.py"
_REDACTION = f"{_RUNNER}/providers/redaction.py"
_RESULTS = f"{_RUNNER}/results.py"
_RETRY_POLICY = f"{_RUNNER}/retry_policy.py"

_CALLING = (
    Mutant(
        "a generation is tried once less than it may be",
        _RETRY_POLICY,
        old="again = failures <= tries_again(failure.repeats, retries)",
        new="again = failures < tries_again(failure.repeats, retries)",
        killed_by=(RETRY_POLICY,),
    ),
    Mutant(
        "a provider is asked again and again for what it has refused",
        _RETRY_POLICY,
        old="again = failures <= tries_again(failure.repeats, retries)",
        new="again = failures <= retries",
        killed_by=(RETRY_POLICY,),
    ),
    Mutant(
        "a provider may put a generation off for as long as it likes",
        _RETRY_POLICY,
        old="if again and (asked is None or asked <= patience.longest):",
        new="if again:",
        killed_by=(RETRY_POLICY,),
    ),
    Mutant(
        "the times between attempts double without a bound",
        _RETRY_POLICY,
        old="min(LONGEST_BACKOFF_SECONDS, first.total_seconds() * 2.0 ** (failures - 1))",
        new="first.total_seconds() * 2.0 ** (failures - 1)",
        killed_by=(RETRY_POLICY,),
    ),
    Mutant(
        "an empty answer is stored as a message",
        f"{_RUNNER}/attempt.py",
        old="        elif not self.text.strip():\n",
        new="        elif False:\n",
        killed_by=(ATTEMPT,),
    ),
    Mutant(
        "an answer that comes drop by drop is waited for without end",
        f"{_RUNNER}/call_deadline.py",
        old="self._due = min(self._end, self._loop.time() + self._limits.between_tokens)",
        new="self._due = self._loop.time() + self._limits.between_tokens",
        killed_by=(CALL_DEADLINE,),
    ),
    Mutant(
        "a call whose provider counts nothing costs less than it took",
        f"{_RUNNER}/attempt.py",
        old="read = self._prompt.tokens",
        new="read = 0",
        killed_by=(ATTEMPT,),
    ),
    Mutant(
        "a model may ask for any number of tools",
        f"{_RUNNER}/tool_calls.py",
        old="if len(self._calls) > MOST_TOOL_CALLS or self.length > MOST_CHARACTERS:",
        new="if self.length > MOST_CHARACTERS:",
        killed_by=(TOOL_CALLS,),
    ),
    Mutant(
        "an event of a provider's stream may be of any length",
        f"{_RUNNER}/providers/dialects/sse.py",
        old="        if size > LONGEST_EVENT:\n",
        new="        if False:\n",
        killed_by=(f"{SSE_DECODER}::test_an_event_without_an_end_is_refused",),
    ),
)

_KEYS = (
    Mutant(
        "a part of a key is shown",
        _REDACTION,
        old="        text = self._without_parts(text) if self._parts else text\n",
        new="",
        killed_by=(REDACTION,),
    ),
    Mutant(
        "users are shown the address of a provider",
        _REDACTION,
        old="            shown = pattern.sub(name, shown)\n",
        new="            pass\n",
        killed_by=(REDACTION,),
    ),
    Mutant(
        "what a provider says of a refused key is shown",
        f"{_RUNNER}/providers/refusals.py",
        old="    if family is Family.AUTH:\n",
        new="    if False:\n",
        killed_by=(f"{REFUSALS}::test_what_a_provider_says_of_a_refused_key_is_not_repeated",),
    ),
)

_JUDGING = (
    Mutant(
        "a judge is believed a quote that nobody said",
        _JUDGE,
        old="passage = source.proof(quote)",
        new="passage = quote",
        killed_by=(JUDGE_ANSWERS,),
    ),
    Mutant(
        "what the opponent says proves that the agent reached the goal",
        _JUDGE,
        old=" for message in messages if message.side is Side.AGENT}",
        new=" for message in messages}",
        killed_by=(JUDGE_ANSWERS,),
    ),
    Mutant(
        "a judge's `complete` stands although a required criterion is unmet",
        _JUDGE,
        old="if said != JudgementStatus.COMPLETE or all(status == MET for status in required):",
        new="if True:",
        killed_by=(JUDGE_ANSWERS,),
    ),
    Mutant(
        "an agent that says something twice is taken to go round in circles",
        f"{_RUNNER}/findings.py",
        old="return _said_before(content, own[-LOOK_BACK:]) and _said_before(own[-1], own[-1 - LOOK_BACK : -1])",
        new="return _said_before(content, own[-LOOK_BACK:])",
        killed_by=(FINDINGS,),
    ),
)

_JOBS = (
    Mutant(
        "a message is written over a hole in the transcript",
        _RESULTS,
        old="    if [entry.seq for entry in seen] != list(range(1, last + 1)):\n        return None\n",
        new="",
        killed_by=(RESULTS,),
    ),
    Mutant(
        "a later pass is not made because its conversation has ended",
        _RESULTS,
        old="return Standing(None, ended and not job.pass_number)",
        new="return Standing(None, ended)",
        killed_by=(RESULTS,),
    ),
    Mutant(
        "a done proves less than its conversation has cost",
        _RESULTS,
        old="if entry.seq <= job.seq and entry.kind",
        new="if entry.seq < job.seq and entry.kind",
        killed_by=(RESULTS,),
    ),
    Mutant(
        "a holder that was silent for too long settles its job all the same",
        f"{_RUNNER}/leased_jobs.py",
        old="return time.monotonic() - self.last_sign > self._ack_wait",
        new="return False",
        killed_by=(RESULTS,),
    ),
    Mutant(
        "a job that was put off is worked on as if nobody had tried it",
        f"{_RUNNER}/leased_jobs.py",
        old="self.repeated = self.job.renewed or not delivery.first",
        new="self.repeated = not delivery.first",
        killed_by=(RESULTS,),
    ),
    Mutant(
        "a stop ends answers that were asked for since",
        f"{_RUNNER}/control.py",
        old="return job.purpose in ANSWER_PURPOSES and job.seq <= stop_seq",
        new="return job.purpose in ANSWER_PURPOSES and stop_seq > 0",
        killed_by=(CONTROL,),
    ),
    Mutant(
        "an answer whose readers could not say so is ended as if nobody read it",
        f"{_RUNNER}/orphans.py",
        old="max(leased.call_began or 0.0, changed, self._store_away_at)",
        new="max(leased.call_began or 0.0, changed)",
        killed_by=(ORPHANS,),
    ),
    Mutant(
        "a summary is shown of messages that were taken back",
        f"{_RUNNER}/purposes/chat.py",
        old="memory = memory if memory and any(message.seq == memory.seq for message in messages) else None",
        new="memory = memory or None",
        killed_by=(CHAT_PROMPT,),
    ),
    Mutant(
        "a message stands, and no event tells of it",
        f"{_RUNNER}/announcer.py",
        old="sequence = await self._publisher.event(MessageAdded.of(result))",
        new="sequence = 0",
        killed_by=(f"{JOBS}::test_a_turn_is_stored_announced_and_acknowledged",),
    ),
)

LLM_RUNNER = (*_CALLING, *_KEYS, *_JUDGING, *_JOBS)

"""Faults of what people and clients meet: streams, chats, access, starts, exports."""

from mutants.mutant import Mutant
from mutants.suites import (
    ANSWERS,
    CHAT_DECIDE,
    COMPLETENESS,
    CROSS_SITE_GUARD,
    EXPORTS,
    HTTP_REQUESTS,
    PROMPTBRO,
    RING,
    RUN_LOG,
    START_POSITION,
    STARTED_RUNS,
    STARTS,
)

_GATEWAY = "services/gateway/src/gateway"
_BODY_LIMIT = f"{_GATEWAY}/http/body_limit.py"
_CHAT_DECIDE = f"{_GATEWAY}/chat/decide.py"
_COMPLETENESS = f"{_GATEWAY}/event_stream/log/completeness.py"
_CROSS_SITE_GUARD = f"{_GATEWAY}/http/cross_site_guard.py"
_PLANNING = f"{_GATEWAY}/starts/planning.py"
_RING = f"{_GATEWAY}/event_stream/log/ring.py"
_RUN_LOG = f"{_GATEWAY}/event_stream/log/run_log.py"
_START_POSITION = f"{_GATEWAY}/event_stream/readers/start_position.py"
_STREAM_TOKENS = f"{_GATEWAY}/access/stream_tokens.py"

_STREAMS = (
    Mutant(
        "a reader gets the event again that its cursor names",
        _RING,
        old="bisect_right(self._sequences, sequence)",
        new="bisect_right(self._sequences, sequence - 1)",
        killed_by=(RING,),
    ),
    Mutant(
        "a log is as long as its events are, however many bytes they have",
        _RING,
        old="if self._bytes > self._most_bytes or len(self._frames) > self._most_events:",
        new="if len(self._frames) > self._most_events:",
        killed_by=(RING,),
    ),
    Mutant(
        "a log that dropped its oldest events says that it has them",
        _RING,
        old="        self.base = self._sequences[dropped - 1]\n",
        new="",
        killed_by=(RING,),
    ),
    Mutant(
        "an event is shown although one before it is missing",
        _RUN_LOG,
        old="        elif self._completeness.hole_before(event):\n",
        new="        elif False:\n",
        killed_by=(f"{RUN_LOG}::test_nothing_is_appended_over_a_hole_in_the_events",),
    ),
    Mutant(
        "an event that was lost for good is not told as a gap",
        _RUN_LOG,
        old="            self._tell_gap(first, last)\n",
        new="",
        killed_by=(f"{RUN_LOG}::test_event_that_never_becomes_readable_is_told_as_a_gap",),
    ),
    Mutant(
        "a missing event counts as little as a missing delta",
        _COMPLETENESS,
        old="return event.subject == self._scope.events or event.previous > self.position",
        new="return event.previous > self.position",
        killed_by=(COMPLETENESS,),
    ),
    Mutant(
        "a cursor of another run is taken for one of this",
        _START_POSITION,
        old="cursor.epoch != state.epoch or cursor.tag != run_tag(run_id) or",
        new="cursor.epoch != state.epoch or",
        killed_by=(START_POSITION,),
    ),
    Mutant(
        "a reader whose next events are dropped goes on as if there were none",
        _START_POSITION,
        old="return WithSnapshot() if dropped else After(cursor.sequence)",
        new="return After(cursor.sequence)",
        killed_by=(START_POSITION,),
    ),
    Mutant(
        "a reader that has all of a run comes again and again",
        _START_POSITION,
        old="cursor.sequence >= run.end_sequence",
        new="cursor.sequence > run.end_sequence",
        killed_by=(START_POSITION,),
    ),
    Mutant(
        "a reader is written everything at once, however much it is",
        _RING,
        old="            if total > BLOCK_BYTES:\n",
        new="            if False:\n",
        killed_by=(RING,),
    ),
)

_CHATS = (
    Mutant(
        "a message is taken while an answer is owed",
        _CHAT_DECIDE,
        old="return Busy() if chat.owed else AddMessage(",
        new="return AddMessage(",
        killed_by=(CHAT_DECIDE,),
    ),
    Mutant(
        "a message has the id of one that was taken back",
        _CHAT_DECIDE,
        old="if wanted is None or all(base_id(entry) != wanted for entry in chat.entries):",
        new="if True:",
        killed_by=(CHAT_DECIDE,),
    ),
)

_ACCESS = (
    Mutant(
        "a stream token is taken that nobody signed",
        _STREAM_TOKENS,
        old="if not hmac.compare_digest(signature.encode(), _signature(payload, secret).encode()):",
        new="if not signature:",
        killed_by=(f"{PROMPTBRO}::test_token_that_was_not_signed_here_grants_nothing",),
    ),
    Mutant(
        "a stream token is good for ever",
        _STREAM_TOKENS,
        old="return grant if now < grant.expires_at else None",
        new="return grant",
        killed_by=(f"{PROMPTBRO}::test_token_grants_what_was_signed_until_its_time",),
    ),
    Mutant(
        "a stream token covers more conversations than its run has",
        _STREAM_TOKENS,
        old="return int(index) <= self.conversations.get(run_id, 0)",
        new="return run_id in self.conversations",
        killed_by=(f"{PROMPTBRO}::test_token_covers_its_runs_and_their_conversations",),
    ),
    Mutant(
        "a gateway without keys is served under any name",
        _CROSS_SITE_GUARD,
        old="if host is not None and not self._holds(host):",
        new="if False:",
        killed_by=(CROSS_SITE_GUARD,),
    ),
    Mutant(
        "a page of another site begins answers by GET",
        _CROSS_SITE_GUARD,
        old="if method not in READS or path in READS_THAT_ACT:",
        new="if method not in READS:",
        killed_by=(CROSS_SITE_GUARD,),
    ),
    Mutant(
        "a body that does not say its length may have any",
        _BODY_LIMIT,
        old="        size += len(pieces[-1])\n",
        new="",
        killed_by=(f"{ANSWERS}::test_body_over_a_mebibyte_is_413_declared_or_not",),
    ),
    Mutant(
        "a request that stops half way is carried out",
        _BODY_LIMIT,
        old="            raise _Left\n",
        new="            break\n",
        killed_by=(f"{HTTP_REQUESTS}::test_a_request_that_stops_half_way_is_not_carried_out",),
    ),
    Mutant(
        "PromptBro has no quota where it is served to a network",
        f"{_GATEWAY}/promptbro/quota.py",
        old=" or not is_loopback(settings.host)",
        new="",
        killed_by=(f"{PROMPTBRO}::test_quota_holds_beyond_loopback_or_where_it_is_set",),
    ),
)

_RUNS = (
    Mutant(
        "another request under a known idempotency key is answered with the run of the first",
        f"{_GATEWAY}/starts/idempotency.py",
        old="if run.body_hash != asked_hash or (by_id and",
        new="if (by_id and",
        killed_by=(f"{STARTED_RUNS}::test_same_key_is_the_same_run",),
    ),
    Mutant(
        "a run's budget holds no money for its report",
        _PLANNING,
        old="open=settings.report_reserve_nanos)",
        new="open=0)",
        killed_by=(f"{STARTS}::test_new_run_is_queued_and_wanted",),
    ),
    Mutant(
        "one run may take the whole lane of its provider",
        _PLANNING,
        old="min(concurrency or total, total, self._registry.half_lane(_providers(scenarios), Lane.BATCH))",
        new="min(concurrency or total, total)",
        killed_by=(f"{STARTS}::test_concurrency_is_bounded_by_the_total_and_half_the_lane",),
    ),
    Mutant(
        "a formula that a model wrote is run by spreadsheets",
        f"{_GATEWAY}/exports/rows.py",
        old="""return f"'{text}" if FORMULA.match(text) else text""",
        new="return text",
        killed_by=(EXPORTS,),
    ),
)

GATEWAY = (*_STREAMS, *_CHATS, *_ACCESS, *_RUNS)

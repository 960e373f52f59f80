"""Faults of what decides, settles and stores."""

from mutants.mutant import Mutant
from mutants.suites import ACCOUNTS, DECIDE, RUNS, SETTLEMENT, STORED

_DECIDE = "services/orchestrator/src/orchestrator/decide.py"
_FACTS = "services/orchestrator/src/orchestrator/conversation_facts.py"
_SETTLEMENT = "shared/src/shared/messaging/settlement.py"
_ACCOUNTS = "shared/src/shared/storage/accounts.py"
_ENTRIES = "shared/src/shared/storage/entries.py"
_GENERATIONS = "shared/src/shared/storage/generations.py"
_RUNS = "shared/src/shared/storage/runs.py"

_DECIDING = (
    Mutant(
        "a conversation says one message more than its limit",
        _DECIDE,
        old="    if facts.messages >= facts.settings.message_limit:\n",
        new="    if facts.messages > facts.settings.message_limit:\n",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "a conversation goes on at the very moment of its deadline",
        _DECIDE,
        old="now >= facts.deadline_at",
        new="now > facts.deadline_at",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "an ended conversation is decided anew",
        _DECIDE,
        old="    if facts.ended is not None:\n        return (Close(facts.ended),)\n",
        new="",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "a paused conversation goes on",
        _DECIDE,
        old="    if facts.wanted is Wanted.PAUSE:\n        return ()\n",
        new="",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "the fast judge ends what the strong one has to confirm",
        _DECIDE,
        old="stage = Stage.STRONG if settings.judge.two_stages else Stage.FAST",
        new="stage = Stage.FAST",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "a judgement below the confidence that was asked for ends a conversation",
        _DECIDE,
        old="judgement.confirms(settings.judge.confidence)",
        new="judgement.confirms(0.0)",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "an answer of a judge that does not parse is repaired without end",
        _FACTS,
        old=" or REPAIR[stage] in self.answers:",
        new=":",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "the opponent's reply is asked for while the budget refuses it",
        _DECIDE,
        old="if reply and seq not in facts.failures and seq not in facts.refused:",
        new="if reply and seq not in facts.failures:",
        killed_by=(DECIDE,),
    ),
    Mutant(
        "the failure of the message that stands ends a conversation, and not that of the next one",
        _DECIDE,
        old="failure = facts.failures.get(facts.messages + 1)",
        new="failure = facts.failures.get(facts.messages)",
        killed_by=(DECIDE,),
    ),
)

_SETTLING = (
    Mutant(
        "a message is acknowledged before it is handled",
        _SETTLEMENT,
        old="        error = await _outcome(handler)\n",
        new="        await confirm(message)\n        error = await _outcome(handler)\n",
        killed_by=(f"{SETTLEMENT}::test_unexpected_error_is_given_back",),
    ),
    Mutant(
        "a handler that was frozen settles what is its successor's",
        _SETTLEMENT,
        old="        if lost():\n",
        new="        if False:\n",
        killed_by=(f"{SETTLEMENT}::test_frozen_handler_settles_nothing",),
    ),
    Mutant(
        "a message under work is not kept alive",
        _SETTLEMENT,
        old="                await self._message.in_progress()\n",
        new="                pass\n",
        killed_by=(f"{SETTLEMENT}::test_long_handler_keeps_its_message",),
    ),
    Mutant(
        "what is given back is given back ever later, without a bound",
        _SETTLEMENT,
        old="return min(LONGEST_DELAY_SECONDS, 0.2 *",
        new="return (0.2 *",
        killed_by=(f"{SETTLEMENT}::test_delay_of_unexpected_errors_grows_to_a_bound",),
    ),
    Mutant(
        "a process that leaves keeps its message",
        _SETTLEMENT,
        old="message.is_acked):\n            await message.nak()\n",
        new="message.is_acked):\n            await confirm(message)\n",
        killed_by=(f"{SETTLEMENT}::test_cancelled_handler_leaves_its_message",),
    ),
)

_STORING = (
    Mutant(
        "a job is published for which the budget has no room",
        _ACCOUNTS,
        old='            {"$lte": [{"$add": ["$budget.spent", after]}, "$budget.max"]},\n',
        new="",
        killed_by=(f"{ACCOUNTS}::test_reserving_over_budget_is_refused_and_the_slot_stays_as_it_was",),
    ),
    Mutant(
        "a job is published of a run that is paused or canceled",
        _ACCOUNTS,
        old='            {"$eq": ["$control.wanted", Wanted.RUN.value]},\n',
        new="",
        killed_by=(f"{ACCOUNTS}::test_nothing_is_reserved_while_the_run_is_not_wanted_to_run",),
    ),
    Mutant(
        "a conversation that was counted keeps its money reserved",
        _ACCOUNTS,
        old='"budget.open": {"$subtract": ["$budget.open", held]},\n            }\n        },',
        new="            }\n        },",
        killed_by=(f"{ACCOUNTS}::test_counting_twice_counts_once_and_gives_back_what_was_held",),
    ),
    Mutant(
        "a conversation that ends twice is counted twice",
        _RUNS,
        old='{"_id": run_id, "ended": {"$ne": index}},',
        new='{"_id": run_id},',
        killed_by=(f"{ACCOUNTS}::test_counting_twice_counts_once_and_gives_back_what_was_held",),
    ),
    Mutant(
        "a cancel is taken back",
        _RUNS,
        old='                    "control.wanted": {"$ne": Wanted.CANCEL.value},\n',
        new="",
        killed_by=(f"{RUNS}::test_wanted_cancel_is_never_changed",),
    ),
    Mutant(
        "control is changed by somebody who has not seen what it is",
        _RUNS,
        old='                    "control.version": seen_version,\n',
        new="",
        killed_by=(f"{RUNS}::test_control_changes_only_for_who_has_seen_its_version",),
    ),
    Mutant(
        "an estimate takes the place of real figures",
        _GENERATIONS,
        old='{"$setOnInsert": document}, upsert=True)\n            else:',
        new='{"$set": document}, upsert=True)\n            else:',
        killed_by=(f"{STORED}::test_real_figures_stand_over_an_estimate_in_any_order",),
    ),
    Mutant(
        "a page of messages holds the last one of the page before",
        _ENTRIES,
        old='"seq": {"$gt": seq}',
        new='"seq": {"$gte": seq}',
        killed_by=(f"{STORED}::test_messages_are_paged_without_the_end",),
    ),
)

ENGINE = (*_DECIDING, *_SETTLING, *_STORING)

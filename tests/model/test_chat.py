"""Chats under attack: every message of a person gets its one answer, whoever dies (section 9 of the protocol).

As test_protocol.py and test_every_effect.py, with a person who writes, takes back, stops and deletes, over gateways
that die between any two of their steps.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from model.chat import A_CENTURY, ASKED, INSERTED, TOLD, ChatSystem
from model.test_every_effect import FAULTS, Fault, play
from model.test_protocol import STEPS, TROUBLES, Protocol
from model.verdict import judge_chat
from model.virtual_time import virtual_time
from shared.contracts.enums import Side, Wanted
from shared.contracts.settings import ConversationSettings, GivenMessage
from support.builders import scenario

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "100"))
FAULT_STRIDE = 1 if "MODEL_HISTORIES" in os.environ else 2
HELLO = (GivenMessage(side=Side.OPPONENT, content="good day"),)
HISTORY = (*HELLO, GivenMessage(side=Side.AGENT, content="hello"), GivenMessage(side=Side.OPPONENT, content="well?"))
FAR = st.sampled_from((TOLD, TOLD, TOLD, ASKED, INSERTED))


def chat(given: tuple[GivenMessage, ...] = HELLO, orphan_seconds: float | None = None) -> ConversationSettings:
    played = scenario(1_000_000, None, given, time_limit_seconds=A_CENTURY.total_seconds())
    return played.model_copy(update={"orphan_seconds": orphan_seconds})


class ChatProtocol(Protocol):
    """One history of a chat."""

    system: ChatSystem

    def make_world(self) -> ChatSystem:
        return ChatSystem()

    @initialize(
        given=st.sampled_from((HELLO, HISTORY)),
        told=st.sampled_from((True, True, True, False)),
        orphan_seconds=st.sampled_from((None, None, 0.0, 20.0)),
        troubles=st.sets(st.sampled_from((*TROUBLES, "delete"))),
    )
    def start(
        self, given: tuple[GivenMessage, ...], told: bool, orphan_seconds: float | None, troubles: set[str]
    ) -> None:
        self.troubles = troubles - {"control"}
        self.system.start_chat(chat(given, orphan_seconds), told=told)

    @rule(far=FAR)
    def say(self, far: int) -> None:
        self.system.say(far)

    @rule(far=FAR)
    def regenerate(self, far: int) -> None:
        self.system.regenerate(far)

    @rule(far=FAR)
    def edit(self, far: int) -> None:
        self.system.edit(far)

    @rule(signalled=st.booleans())
    def stop(self, signalled: bool) -> None:
        self.system.stop(signalled=signalled)

    @rule()
    def ask_again(self) -> None:
        self.system.ask_again()

    @precondition(lambda self: "delete" in self.troubles)
    @rule(told=st.booleans(), signalled=st.booleans())
    def delete(self, told: bool, signalled: bool) -> None:
        self.system.control(Wanted.CANCEL, told=told, signalled=signalled)

    def verdict(self) -> None:
        judge_chat(self.system)


TestChat = ChatProtocol.TestCase
TestChat.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize="MODEL_HISTORIES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    print_blob=False,
)


@contextmanager
def begun(given: tuple[GivenMessage, ...] = HELLO) -> Iterator[ChatSystem]:
    """A system whose chat has been asked for."""
    system = ChatSystem()
    with virtual_time(system.clock, system.new_attempt):
        try:
            system.open()
            system.start_chat(chat(given))
            yield system
        finally:
            system.bury()


ACTS = (ChatSystem.say, ChatSystem.regenerate, ChatSystem.edit, ChatSystem.say)


def converse(system: ChatSystem, fault: Fault | None = None, at: int = 0) -> int:
    """A chat of five answers; the `at`-th effect of the engine meets `fault`. Returns how many effects it took."""
    count = len(play(system, fault, at))
    for act in ACTS:
        act(system)
        count += len(play(system, fault, at - count))
    return count


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.__name__ != "paused"], ids=lambda one: one.__name__
)
def test_a_fault_at_every_effect_of_a_chat(fault: Fault) -> None:
    with begun() as system:
        effects = converse(system)
        system.until_quiet()
        judge_chat(system)
    assert effects > 40
    for at in range(FAULTS.index(fault) % FAULT_STRIDE, effects, FAULT_STRIDE):
        with begun() as system:
            try:
                converse(system, fault, at)
                system.until_quiet()
                judge_chat(system)
            except AssertionError as error:
                told = f"{fault.__name__} at effect {at} of {effects}, {system.met_at}"
                raise AssertionError(f"{told}: {error}") from error


def test_a_chat_that_is_deleted_when_it_has_hardly_begun_tells_all_it_holds() -> None:
    """Its starter dies with its messages stored and none told; what ends the chat tells them, each before the end."""
    state = ChatProtocol()
    state.start(given=HISTORY, told=True, orphan_seconds=None, troubles={"control", "delete"})
    state.work(shifts=[(0, 0, 2, "kill late", "good")])
    state.delete(signalled=False, told=False)
    state.teardown()

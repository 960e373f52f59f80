"""The count of what may be asked for: in no history more than the free slots."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.messaging.credit import REQUEST_SECONDS, SLACK_SECONDS, Credit


def test_all_free_slots_are_asked_for_once() -> None:
    credit = Credit(4)
    credit.ask(credit.to_ask(0.0), 0.0)
    assert (credit.outstanding, credit.to_ask(0.1)) == (4, 0)


def test_a_freed_slot_is_asked_for_again() -> None:
    credit = Credit(2)
    credit.ask(2, 0.0)
    assert credit.take()
    credit.free()
    assert credit.to_ask(0.1) == 1


def test_a_request_that_ran_out_gives_back_what_it_owed() -> None:
    credit = Credit(3)
    credit.ask(3, 0.0)
    assert credit.take()
    credit.ended(2)
    assert (credit.outstanding, credit.to_ask(5.0)) == (0, 2)


def test_a_message_without_a_free_slot_is_refused() -> None:
    credit = Credit(1)
    assert credit.take()
    assert not credit.take()


def test_a_request_refused_in_silence_is_forgotten_after_its_life() -> None:
    credit = Credit(1)
    credit.ask(1, 0.0)
    assert credit.to_ask(REQUEST_SECONDS) == 0
    assert credit.to_ask(REQUEST_SECONDS + SLACK_SECONDS + 0.1) == 1


def test_after_a_reconnect_everything_free_is_asked_for_anew() -> None:
    credit = Credit(3)
    credit.ask(3, 0.0)
    assert credit.take()
    credit.void()
    assert credit.to_ask(0.1) == 2


class Histories(RuleBasedStateMachine):
    """A broker that serves, ends and, after their life, silently forgets requests at will."""

    def __init__(self) -> None:
        super().__init__()
        self.credit = Credit(5)
        self.requests: list[tuple[float, int]] = []
        self.now = 0.0

    @property
    def owed(self) -> int:
        return sum(count for _, count in self.requests)

    @rule(seconds=st.floats(0, 40))
    def ask(self, seconds: float) -> None:
        self.now += seconds
        self.requests = [(at, count) for at, count in self.requests if self.now - at <= REQUEST_SECONDS]
        count = self.credit.to_ask(self.now)
        if count:
            self.credit.ask(count, self.now)
            self.requests.append((self.now, count))

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def serve(self, data: st.DataObject) -> None:
        self._reduce(data.draw(st.integers(0, len(self.requests) - 1)), 1)
        assert self.credit.take()

    @precondition(lambda self: self.credit.in_use)
    @rule()
    def finish(self) -> None:
        self.credit.free()

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.requests) - 1))
        count = self.requests[number][1]
        self._reduce(number, count)
        self.credit.ended(count)

    def _reduce(self, number: int, by: int) -> None:
        at, count = self.requests.pop(number)
        if count > by:
            self.requests.insert(number, (at, count - by))

    @invariant()
    def never_owed_more_than_the_slots(self) -> None:
        assert self.owed <= self.credit.outstanding
        assert self.owed + self.credit.in_use <= self.credit.slots


TestHistories = Histories.TestCase

"""When a server that runs counts as dead."""

from local_stack.liveness import START_SECONDS, UNWELL_SECONDS, Pulse


def test_a_server_that_works_again_in_time_lives() -> None:
    pulse = Pulse(pid=1, since=0.0)
    assert not pulse.seen(1, works=True, has_started=True, now=1.0)
    assert not pulse.seen(1, works=False, has_started=False, now=UNWELL_SECONDS)
    assert not pulse.seen(1, works=True, has_started=True, now=UNWELL_SECONDS + 5)
    assert not pulse.seen(1, works=False, has_started=False, now=2 * UNWELL_SECONDS)


def test_a_server_that_worked_and_does_not_for_a_while_is_dead() -> None:
    pulse = Pulse(pid=1, since=0.0)
    pulse.seen(1, works=True, has_started=True, now=1.0)
    assert pulse.seen(1, works=False, has_started=False, now=1.0 + UNWELL_SECONDS)


def test_a_server_that_was_just_started_is_given_time_to_read_what_it_holds() -> None:
    pulse = Pulse(pid=1, since=0.0)
    pulse.seen(1, works=True, has_started=True, now=1.0)
    assert not pulse.seen(2, works=False, has_started=False, now=20.0)
    assert not pulse.seen(2, works=False, has_started=False, now=20.0 + UNWELL_SECONDS)
    assert pulse.seen(2, works=False, has_started=False, now=20.0 + START_SECONDS)


def test_a_server_that_has_started_and_never_works_is_dead_as_soon_as_one_that_worked() -> None:
    pulse = Pulse(pid=1, since=0.0)
    assert not pulse.seen(1, works=False, has_started=False, now=60.0)
    assert not pulse.seen(1, works=False, has_started=True, now=62.0)
    assert not pulse.seen(1, works=False, has_started=True, now=61.0 + UNWELL_SECONDS)
    assert pulse.seen(1, works=False, has_started=True, now=62.0 + UNWELL_SECONDS)

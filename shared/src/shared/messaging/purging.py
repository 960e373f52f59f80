"""Taking from the broker what a run left there, once nobody is to be shown it any more."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from shared.contracts import subjects
from shared.errors import BrokerUnavailable
from shared.messaging import history

TIMEOUT_SECONDS = 5.0
WITH_WORDS = (
    subjects.COMMANDS,
    subjects.LIVE_JOBS,
    subjects.DONE_ORCHESTRATOR,
    subjects.MEMORY,
    subjects.LATER_JOBS,
)
"""Where `WORK` may hold something of a chat or an answer."""


async def purge_events(client: Client, run_id: str) -> None:
    """Nothing of the run stands among the events any more. Raises BrokerUnavailable."""
    with _mapped(subjects.RUN_EVENTS):
        stream = client.jetstream(timeout=TIMEOUT_SECONDS)
        await stream.purge_stream(subjects.RUN_EVENTS, subject=subjects.everything(run_id))


async def drop_work(client: Client, run_id: str) -> None:
    """No work of the run waits any more, but for what says how it is controlled. Raises BrokerUnavailable."""
    for subject in WITH_WORDS:
        await _drop(client, subjects.WORK, subject, {run_id}, kept=f"{run_id}:cmd:")


async def drop_letters(client: Client, run_ids: Collection[str]) -> None:
    """No dead letter is about one of the runs any more. Raises BrokerUnavailable."""
    await _drop(client, subjects.DEAD_LETTERS, subjects.GIVEN_UP, frozenset(run_ids))


async def _drop(client: Client, stream: str, subject: str, about: Collection[str], kept: str | None = None) -> None:
    found = [
        stored.sequence
        async for stored in history.read(client, stream, subject)
        if not stored.about.isdisjoint(about) and not (kept and (stored.message_id or "").startswith(kept))
    ]
    with _mapped(stream):
        api = client.jetstream(timeout=TIMEOUT_SECONDS)
        for sequence in found:
            try:
                await api.delete_msg(stream, sequence)
            except NotFoundError:
                # Done meanwhile, and gone.
                continue


@contextmanager
def _mapped(stream: str) -> Iterator[None]:
    try:
        yield
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"taking something from {stream}", error) from error

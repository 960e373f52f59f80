"""Taking from the broker what a run left there once nobody is to be shown it any more, and what nobody is owed."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
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


async def drop_acknowledged(client: Client) -> int:
    """Nothing waits in `WORK` that its durable acknowledged. Returns how many did. Raises BrokerUnavailable.

    The broker notes an acknowledgement and the message's removal apart. Where it could not note the second (its disk
    was full, its machine died), the message stands for ever and is delivered to nobody, and whoever reads `WORK` takes
    what it is about for queued.
    """
    with _mapped(subjects.WORK):
        api = client.jetstream(timeout=TIMEOUT_SECONDS)
        return sum(
            [
                await _drop_up_to(api, str(durable.config.filter_subject), durable.ack_floor.stream_seq)
                for durable in await api.consumers_info(subjects.WORK)
                if durable.ack_floor is not None
            ]
        )


async def _drop_up_to(api: JetStreamContext, subject: str, floor: int) -> int:
    dropped = sequence = 0
    try:
        while True:
            first = await api.get_msg(subjects.WORK, sequence + 1, subject, next=True)
            sequence = first.seq or 0
            if not 0 < sequence <= floor:
                return dropped
            await api.delete_msg(subjects.WORK, sequence)
            dropped += 1
    except NotFoundError:
        # There is none, or it is gone by now: what is left is dropped next time.
        return dropped


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

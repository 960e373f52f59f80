"""What is owed: the messages of `WORK`, but for probes, which are there for a moment now and then and are no work."""

from nats.aio.client import Client

from shared.contracts import subjects


async def work_left(client: Client) -> dict[str, int]:
    """How many messages `WORK` holds by subject, those in flight included."""
    info = await client.jetstream().stream_info(subjects.WORK, subjects_filter=">")
    held = info.state.subjects or {}
    return {subject: count for subject, count in held.items() if subject != subjects.probe(subjects.WORK)}

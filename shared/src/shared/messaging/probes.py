"""Whether a stream does its work: it confirms a message.

A stream whose disk was full once refuses every message until the server is started again, while the connection stands
and everything can be read (nats-server 2.15: the block that is open keeps its error). Each stream keeps its own.
"""

import json

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.contracts import subjects
from shared.errors import BrokerUnavailable

TIMEOUT_SECONDS = 2.0


async def probe(client: Client, stream: str) -> None:
    """Has the stream confirm a message, and takes it out again. Raises BrokerUnavailable.

    What a death leaves there is one message: the next one rolls it up.
    """
    try:
        confirmed = await client.jetstream(timeout=TIMEOUT_SECONDS).publish(
            subjects.probe(stream), headers={"Nats-Rollup": "sub"}
        )
        unwanted = json.dumps({"seq": confirmed.seq, "no_erase": True}).encode()
        # Whatever it answers: another process's message may have rolled this one up already.
        await client.request(f"$JS.API.STREAM.MSG.DELETE.{stream}", unwanted, timeout=TIMEOUT_SECONDS)
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailable(f"a probe of {stream}", error) from error

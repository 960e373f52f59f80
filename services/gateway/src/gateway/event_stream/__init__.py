"""The live side: one in-process log a watched run, one cursor a reader.

docs/architecture.md, "Event streams in the gateway".
"""

from gateway.event_stream.connections.admission import streams_per_user
from gateway.event_stream.connections.detach import OutermostLayer
from gateway.event_stream.settings import StreamSettings
from gateway.event_stream.streams import Streams

__all__ = ["OutermostLayer", "StreamSettings", "Streams", "streams_per_user"]

"""How a provider is asked and answers over HTTP: the port that every dialect fills (docs/extending.md)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, ProviderFailure
from llm_runner.providers.target import Quirks, Target


class Decoder(Protocol):
    """Makes chunks of one answer's bytes, wherever the network cut them. How they are framed is its own matter.

    `ended` says that nothing more is read: the mark of the answer's end has come, or what makes it none.
    """

    ended: bool

    def feed(self, piece: bytes) -> Sequence[Chunk]:
        """The chunks that `piece` completes. Raises Malformed for what cannot even be cut into frames.

        Anything else that makes the answer none sets `ended`, and is raised by `end`: the chunks before it count.
        """

    def end(self) -> Sequence[Chunk]:
        """The rest; called once, when nothing more is read. Raises ProviderFailure, Malformed for a broken one.

        An answer that is whole has said how it ended by now: a chunk with a `finish_reason`.
        """


class Dialect(Protocol):
    """A wire format. It keeps nothing from call to call: one object serves every provider that speaks it."""

    def path(self, target: Target) -> str:
        """What follows the target's `base_url`, from its slash on."""

    def headers(self, key: str | None) -> dict[str, str]:
        """What every request says: what it holds, what it takes, and the key where there is one."""

    def body(self, target: Target, prompt: Prompt) -> bytes:
        """A request for a streamed answer that tells its tokens, where the target knows how to; its quirks are kept."""

    def quirks(self, target: Target) -> Quirks:
        """What is known beforehand of a target, from its host and its model's name."""

    def decoder(self, target: Target) -> Decoder:
        """For one answer of the target, streamed or whole."""

    def refusal(self, provider: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderFailure:
        """The failure behind an answer that is no 200, with the wait it asks for; `body` may be cut.

        `headers` are found whatever their case. A dialect reads them, `refusals.py` says what they mean.
        """

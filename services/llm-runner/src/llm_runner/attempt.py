"""One attempt: one call to a provider for a generation, and what it has brought so far."""

import time
from collections.abc import Callable

from llm_runner.call_deadline import CallDeadline
from llm_runner.deltas import AttemptDeltas
from llm_runner.providers.prompt import Prompt
from llm_runner.providers.provider import Chunk, Provider, ProviderFailure, TokenCount
from llm_runner.tool_calls import ToolCallReader
from shared.contracts.enums import FailureFamily as Family
from shared.contracts.enums import FinishReason, Tier
from shared.contracts.identity import new_id
from shared.contracts.transcript import ToolCall, Usage
from shared.routing import ModelEntry
from shared.routing.text_tokens import text_tokens

FILLED = 0.99
"""Of a window: what fills as much of it was cut to fit."""
CUTS_SILENTLY = "ollama"
"""The dialect whose servers cut a prompt that is longer than their window, and answer what is left of it."""
PROMPT_TRUNCATED = "prompt_truncated"
SHORT_PROMPT = 1000
SEEN = 0.6
"""Of a prompt's tokens as estimated: a model that counts fewer has not read all of it."""
WITHHELD = (FinishReason.CONTENT_FILTER, FinishReason.REFUSAL)
"""Ends after which an answer without a word was none of the model's choice."""


class Attempt:
    """Filled while the call runs, so that a call that is cut off leaves what it had got. Times are seconds."""

    def __init__(self, provider: Provider, model: str, prompt: Prompt, number: int) -> None:
        self.id = new_id()
        self.number = number
        self.provider = provider.name
        self.model = model
        self.finish_reason: FinishReason | None = None
        self.raw_finish_reason: str | None = None
        self.thoughts: tuple[str, ...] = ()
        self.tool_calls: tuple[ToolCall, ...] = ()
        self.folded_to = prompt.folded_to
        self._source = provider
        self._entry: ModelEntry = provider.entry.models[model]
        self._prompt = prompt
        self._cuts = provider.entry.dialect == CUTS_SILENTLY
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._tools = ToolCallReader(self.id)
        self.tokens = TokenCount()
        self._began = 0.0
        self._first_text: float | None = None
        self._ended = 0.0

    @property
    def text(self) -> str:
        """All that has come, put together once."""
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0] if self._texts else ""

    @property
    def reasoning(self) -> str | None:
        """What the model thought: no part of its answer."""
        return "".join(self._reasoning) or None

    @property
    def answer(self) -> str:
        """All that was paid for, for people who look for a fault: the text, and the tools that were asked for."""
        return "\n".join(part for part in (self.text, self._tools.described) if part)

    @property
    def tier(self) -> Tier:
        return self._entry.tier

    @property
    def estimated(self) -> bool:
        """Whether the provider has not said all of what the call took."""
        return self.tokens.prompt is None or self.tokens.completion is None

    @property
    def usage(self) -> Usage:
        """What the call took, as the provider counted it; counts it did not give are estimated by the texts."""
        if not self._began:
            return Usage()
        told = self.tokens
        cached, kept, read, written = told.cache_read or 0, told.cache_write or 0, told.prompt, told.completion
        if read is None:
            read = self._prompt.tokens
        if written is None:
            thought = text_tokens(self.reasoning or "") if told.reasoning is None else told.reasoning
            written = thought + text_tokens(self.text) + text_tokens(self._tools.described)
        return self._entry.usage(
            read,
            written,
            cache_read=cached,
            cache_write=kept,
            reasoning=told.reasoning or 0,
            reported_nanos=told.cost_nanos,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about an answer that counts all the same."""
        said = self.tokens.prompt
        expected = self._prompt.tokens
        cut = said is not None and self._cuts and expected > SHORT_PROMPT and said < SEEN * expected
        return (PROMPT_TRUNCATED,) if cut else ()

    @property
    def latency_ms(self) -> float:
        return round((self._ended - self._began) * 1000, 1)

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds to the first text, or to the first piece of a tool call."""
        return None if self._first_text is None else round((self._first_text - self._began) * 1000, 1)

    async def call(
        self, deadline: CallDeadline, deltas: AttemptDeltas | None, on_answer: Callable[[], None] | None = None
    ) -> None:
        """Calls the provider and reads its answer to the end. Raises ProviderFailure, Interrupted.

        `on_answer` is called with the first piece of the answer, long before its end.
        """
        try:
            async with deadline:
                self._began = time.monotonic()
                await self._read(deadline, deltas, on_answer)
        except ProviderFailure:
            # An answer that said how it ended is whole, whatever came instead of its usage.
            if self.finish_reason is None or not (self._texts or self._tools.length):
                raise
        finally:
            self._ended = time.monotonic()
        self.tool_calls = self._tools.calls(self.provider, cut=self.finish_reason is FinishReason.LENGTH)
        if self.tool_calls:
            self.finish_reason = FinishReason.TOOL_CALLS
        elif not self.text.strip():
            raise self._nothing()
        elif self.finish_reason is FinishReason.TOOL_CALLS:
            # It said so, and asked for none.
            self.finish_reason = FinishReason.STOP

    def _nothing(self) -> ProviderFailure:
        """Why an answer of neither text nor tool calls is none."""
        tokens, ended = self.tokens, self.finish_reason
        if ended in WITHHELD:
            message = f"{self.provider} kept its answer back ({self.raw_finish_reason or ended})"
            return ProviderFailure(Family.CONTENT_POLICY, message)
        if tokens.prompt and tokens.prompt >= FILLED * self._entry.context_window:
            message = f"{self.model} read {tokens.prompt} tokens, which fill its window, and wrote nothing"
            return ProviderFailure(Family.CONTEXT_LENGTH, message)
        repeats = None
        if ended is FinishReason.LENGTH and (self._reasoning or self._tools.length or tokens.reasoning):
            cause = "its budget of tokens was spent on reasoning or inside a tool call"
        elif self._reasoning:
            cause = "it thought, and said nothing"
        else:
            cause, repeats = "there is neither a text nor a tool call in it", 0 if tokens.completion == 0 else None
        message = f"{self.provider} gave an empty answer ({self.raw_finish_reason or ended}): {cause}"
        return ProviderFailure(Family.EMPTY, message, repeats=repeats)

    async def _read(
        self, deadline: CallDeadline, deltas: AttemptDeltas | None, on_answer: Callable[[], None] | None
    ) -> None:
        def take(chunk: Chunk) -> None:
            if not chunk.is_text:
                self._note(chunk)
            if not (chunk.text or chunk.tool_calls):
                (deadline.token_came if chunk.reasoning else deadline.alive)()
            else:
                deadline.token_came()
                if self._first_text is None:
                    self._first_text = time.monotonic()
                    if on_answer is not None:
                        on_answer()
                self._keep(chunk, deltas)

        await self._source.stream(self.model, self._prompt, self.id, take)

    def _note(self, chunk: Chunk) -> None:
        """All that is neither text nor a tool call. The first word for the end stands."""
        if chunk.tokens:
            self.tokens = self.tokens.updated(chunk.tokens)
        if chunk.finish_reason and self.finish_reason is None:
            self.finish_reason, self.raw_finish_reason = chunk.finish_reason, chunk.raw_finish_reason
        if chunk.reasoning:
            self._reasoning.append(chunk.reasoning)
        self.thoughts += chunk.thoughts

    def _keep(self, chunk: Chunk, deltas: AttemptDeltas | None) -> None:
        for piece in chunk.tool_calls:
            self._tools.add(piece)
        if chunk.text:
            self._texts.append(chunk.text)
            if deltas is not None:
                deltas.add(chunk.text)

"""What /v1 answers, in OpenAI's shapes and in its snake_case."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class CompletionPart(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class FunctionCalled(CompletionPart):
    """`arguments` is JSON, as the model wrote it."""

    name: str
    arguments: str


class ToolCalled(CompletionPart):
    id: str
    type: Literal["function"]
    function: FunctionCalled


class ToolCalledInChunk(ToolCalled):
    index: int


class CompletionMessage(CompletionPart):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ToolCalled] | None = None


class CompletionDelta(CompletionPart):
    role: Literal["assistant"] | None = None
    content: str | None = None
    tool_calls: list[ToolCalledInChunk] | None = None


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class CompletionChoice(CompletionPart):
    index: int
    message: CompletionMessage
    logprobs: None
    finish_reason: FinishReason


class CompletionUsage(CompletionPart):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(CompletionPart):
    """A whole answer; `created` in seconds since 1970."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage


class ChunkChoice(CompletionPart):
    index: int
    delta: CompletionDelta
    logprobs: None
    finish_reason: FinishReason | None


class RefusalShown(CompletionPart):
    """What was refused; `param` names the field."""

    message: str
    type: str
    code: str | None
    param: str | None


class Refusal(CompletionPart):
    """Every error of /v1."""

    error: RefusalShown


class CompletionChunk(CompletionPart):
    """A part of a streamed answer; the last message of the stream is `[DONE]`, that of a failed one is a `Refusal`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None


class Model(CompletionPart):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class Models(CompletionPart):
    object: Literal["list"] = "list"
    data: list[Model]

"""What a chat is sent: leniently, for many clients post it in many shapes (docs/api.md, "Chat")."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gateway.access.callers import USER_LENGTH
from gateway.schemas.agents import Stop
from gateway.schemas.conditions import not_both, sent, sent_as
from gateway.schemas.fields import (
    Body,
    ClientId,
    MaxTokens,
    Name,
    Prompt,
    Temperature,
    TierWord,
    Version,
)
from gateway.schemas.posted_messages import MESSAGE_ID, Posted, PostedAlone
from gateway.schemas.storable import is_text
from shared.contracts.enums import Tier
from shared.contracts.model import Contract

MESSAGE_ID_LENGTH = 128
NEW_MESSAGES = 50
MESSAGES_READ = 5_000

FormatWord = Literal["ui", "data", "text", "sse", "json"]


def message_id(value: str) -> str:
    """A client's own id of a message: short, printable, and without the sign that marks an edit here."""
    if not MESSAGE_ID.fullmatch(value) or not is_text(value):
        raise PydanticCustomError(
            "message_id", "must have 1 to 128 printable characters, and no #", {"bound": MESSAGE_ID_LENGTH}
        )
    return value


MessageId = Annotated[str, Field(json_schema_extra={"pattern": f"^{MESSAGE_ID.pattern}$"}), AfterValidator(message_id)]


class ChatBody(Body):
    """A chat's next message, as `useChat` posts it, or `{message}` alone. What stands below `trigger` is settled by a
    chat's first request; `cache` is accepted and has no effect yet: every answer is made anew."""

    model_config = ConfigDict(
        json_schema_extra=not_both(sent("id"), sent("conversationId"))
        | {
            "if": sent("message"),
            "then": {"not": sent("messages")},
            "else": {"if": sent_as("trigger", "regenerate-message"), "else": sent("messages")},
        }
    )

    id: ClientId | None = None
    conversation_id: ClientId | None = None
    messages: Annotated[Posted, Field(max_length=MESSAGES_READ)] | None = None
    message: PostedAlone | None = None
    message_id: MessageId | None = None
    trigger: Literal["submit-message", "regenerate-message"] | None = None
    user_id: Annotated[str, Field(max_length=USER_LENGTH)] | None = None
    complexity: Literal["simple", "medium", "complex"] | None = None
    tier: TierWord | None = None
    provider: Name | None = None
    model: Name | None = None
    agent_id: Name | None = None
    agent_version: Version | None = None
    system: Prompt | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    stop: Stop | None = None
    cache: bool | None = None
    format: FormatWord | None = None

    @property
    def chat(self) -> str | None:
        """The chat's id, by either of its names."""
        return self.id or self.conversation_id


class EventsChatBody(ChatBody):
    """As every post of a chat, under the path that answers in one format."""

    format: Annotated[FormatWord, Field(json_schema_extra={"enum": ["sse"]})] | None = None


class ToolAsked(Contract):
    """A tool the model asked for; `input` is whatever it wrote."""

    tool_call_id: str
    tool_name: str
    input: Any


class TokensUsed(Contract):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class WholeAnswer(Contract):
    """The answer with `format: "json"`."""

    id: str
    conversation_id: str
    seq: int
    role: Literal["assistant"]
    content: str
    finish_reason: str
    tool_calls: list[ToolAsked]
    provider: str | None
    model: str | None
    tier: Tier | None
    usage: TokensUsed
    cost_usd: float | None
    folded: int | None


class RecoverBody(Body):
    """What a client has of the last answer."""

    conversation_id: ClientId
    last_content: Annotated[str, Field(max_length=1_000_000)] = ""
    user_id: Annotated[str, Field(max_length=USER_LENGTH)] | None = None

"""The dialects that the server speaks, by the path they are spoken at."""

from typing import Final

from local_stack.demo_model.dialects.anthropic import Anthropic
from local_stack.demo_model.dialects.dialect import Dialect
from local_stack.demo_model.dialects.gemini import Gemini
from local_stack.demo_model.dialects.ollama import Ollama
from local_stack.demo_model.dialects.openai import OpenAI

DIALECTS: Final[dict[str, Dialect]] = {
    "/v1/chat/completions": OpenAI(),
    "/v1/messages": Anthropic(),
    "/api/chat": Ollama(),
    "/v1beta/openai/chat/completions": Gemini(),
}

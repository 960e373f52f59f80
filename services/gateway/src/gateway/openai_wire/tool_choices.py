"""How a request says which tools its answer asks for: by a word, one by its name, or some of them."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.openai_wire.wire import ToolName, Wire


class WireChosenFunction(Wire):
    name: ToolName


class WireChosenTool(Wire):
    """The one tool the answer has to ask for."""

    type: Literal["function"]
    function: WireChosenFunction


class WireAllowed(Wire):
    mode: Literal["auto", "required"]
    tools: Annotated[list[WireChosenTool], Field(min_length=1, max_length=128)]


class WireAllowedTools(Wire):
    """The tools the answer may ask for, or has to ask for one of."""

    type: Literal["allowed_tools"]
    allowed_tools: WireAllowed


WireToolChoice = Literal["auto", "none", "required"] | WireChosenTool | WireAllowedTools


def allowed(choice: WireToolChoice | None, names: set[str]) -> set[str]:
    """Which of the tools of these names the answer may ask for."""
    if choice == "none":
        return set()
    return names & named(choice) if isinstance(choice, WireAllowedTools) else names


def named(choice: WireToolChoice | None) -> set[str]:
    """The tools the choice itself names."""
    if isinstance(choice, WireChosenTool):
        return {choice.function.name}
    if isinstance(choice, WireAllowedTools):
        return {tool.function.name for tool in choice.allowed_tools.tools}
    return set()


def is_required(choice: WireToolChoice | None) -> bool:
    """Whether the answer has to ask for a tool."""
    if isinstance(choice, WireAllowedTools):
        return choice.allowed_tools.mode == "required"
    return choice == "required" or isinstance(choice, WireChosenTool)

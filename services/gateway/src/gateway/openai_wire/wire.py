"""What every part of a request of OpenAI's clients is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.schemas.fields import with_whole_numbers

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]


class Wire(BaseModel):
    """A part of a request, in snake_case; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, said: Any) -> Any:
        return with_whole_numbers(said)

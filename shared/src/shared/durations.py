"""Lengths of time as people write them in settings: `20s`, `1.5m`, or a plain number of the setting's unit."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Seconds by unit."""
_WRITTEN: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*(ms|s|m|h|d)")


@dataclass(frozen=True)
class Duration:
    """What makes a number of a setting a length of time; the number counts `unit`s, whatever was written."""

    unit: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def read(self, value: object) -> object:
        """What was written, as a number. Raises ValueError for a text that is no length of time."""
        if not isinstance(value, str) or _is_number(value):
            return value
        found = _WRITTEN.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"write a length of time such as 250ms, 20s, 1.5m, 2h or 7d, or a plain number of {self}")
        return float(found[1]) * UNITS[found[2]] / UNITS[self.unit]

    def written(self, value: float) -> str:
        """In the longest unit that counts it whole: 1800 seconds are `30m`."""
        seconds = value * UNITS[self.unit]
        if 0 < seconds < 1:
            return f"{seconds * 1000:g}ms"
        unit = next((unit for unit in ("d", "h", "m") if seconds and seconds % UNITS[unit] == 0), "s")
        return f"{seconds / UNITS[unit]:g}{unit}"

    def __str__(self) -> str:
        return {"s": "seconds", "h": "hours", "d": "days"}[self.unit]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Seconds = Annotated[float, Duration("s")]
WholeSeconds = Annotated[int, Duration("s")]
Hours = Annotated[float, Duration("h")]
Days = Annotated[float, Duration("d")]

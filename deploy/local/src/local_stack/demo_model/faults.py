"""Faults on request: by model name, by header, or by rate through /control."""

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from local_stack.demo_model.choice import unit
from local_stack.demo_model.errors import InvalidRequest, UnknownModel
from local_stack.demo_model.requests import ChatRequest
from local_stack.demo_model.settings import Control, FaultRule

REMEMBERED_PROMPTS: Final = 200_000
_FAULT: Final = re.compile(r"(once-)?(429|500|503|cut|stall|malformed|empty|refuse)(?:-(\d{1,6}))?")
_DEFAULT_AFTER: Final = {"cut": 5, "stall": 1}


@dataclass(frozen=True)
class Fault:
    """What goes wrong: `kind` at once, or `after_tokens` tokens; `retry_after` in seconds goes with an error status."""

    kind: str
    after_tokens: int | None = None
    retry_after: float | None = None
    once: bool = False

    @property
    def label(self) -> str:
        """The name as the ledger records it: `429`, `cut-5`, `stall`, `stall-0`."""
        if self.kind not in _DEFAULT_AFTER or (self.kind == "stall" and self.after_tokens == 1):
            return self.kind
        return f"{self.kind}-{self.after_tokens}"

    @property
    def status(self) -> int | None:
        """The HTTP status of a fault that answers with an error."""
        return int(self.kind) if self.kind.isdigit() else None


def parse_fault(name: str) -> Fault | None:
    """The fault of a name such as `429`, `cut-5`, `stall-0` or `once-500`; None when there is no such fault."""
    found = _FAULT.fullmatch(name.strip())
    if not found or (found[3] and found[2] not in _DEFAULT_AFTER):
        return None
    after = int(found[3]) if found[3] else _DEFAULT_AFTER.get(found[2])
    return Fault(found[2], after, 1.0 if found[2] == "429" else None, bool(found[1]))


def _from_header(value: str) -> Fault:
    name, *options = (part.strip() for part in value.split(";"))
    fault = parse_fault(name)
    if fault is None:
        raise InvalidRequest(f"X-Demo-Fault: there is no fault '{name}'.")
    for option in options:
        key, _, number = option.partition("=")
        try:
            if key == "retry-after":
                fault = replace(fault, retry_after=float(number))
            elif key == "after-tokens":
                fault = replace(fault, after_tokens=int(number))
            else:
                raise InvalidRequest(f"X-Demo-Fault: '{key}' is neither retry-after nor after-tokens.")
        except ValueError as error:
            raise InvalidRequest(f"X-Demo-Fault: '{number}' is no number for {key}.") from error
    if (fault.after_tokens or 0) < 0 or (fault.retry_after or 0) < 0:
        raise InvalidRequest("X-Demo-Fault: after-tokens and retry-after must not be negative.")
    return fault


def _from_rule(rule: FaultRule) -> Fault:
    fault = parse_fault(rule.fault)
    if fault is None:  # The rule was checked when it was set.
        raise InvalidRequest(f"There is no fault '{rule.fault}'.")
    after = fault.after_tokens if rule.after_tokens is None else rule.after_tokens
    retry_after = fault.retry_after if rule.retry_after_seconds is None else rule.retry_after_seconds
    return replace(fault, after_tokens=after, retry_after=retry_after)


class FaultChooser:
    """Decides for each call whether something goes wrong. Order: header, model name, rules of /control.

    Deterministic: a rate is compared with a hash of the seed, the prompt and how often that prompt came.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()

    def choose(self, request: ChatRequest, header: str | None, control: Control) -> Fault | None:
        """The fault of this call, if any.

        Raises `UnknownModel` for an unknown suffix of the model and `InvalidRequest` for an unknown header.
        """
        seen = self._count(request)
        if header is not None:
            return self._unless_spent(_from_header(header), seen)
        if request.fault_name is not None:
            fault = parse_fault(request.fault_name)
            if fault is None:
                raise UnknownModel(request.model)
            return self._unless_spent(fault, seen)
        for index, rule in enumerate(control.faults):
            if self._applies(index, rule, request, seen):
                return self._unless_spent(_from_rule(rule), seen)
        return None

    def _applies(self, index: int, rule: FaultRule, request: ChatRequest, seen: int) -> bool:
        if rule.model not in (None, request.model, request.base_model) or rule.role not in (None, request.role):
            return False
        if rule.contains is not None and rule.contains not in request.asked:
            return False
        return unit(self._seed, "fault", index, rule.fault, request.prompt_sha256, seen) < rule.rate

    def _count(self, request: ChatRequest) -> int:
        """How often this prompt came to this model before."""
        key = (request.model, request.prompt_sha256)
        seen = self._seen.pop(key, 0)
        self._seen[key] = seen + 1
        if len(self._seen) > REMEMBERED_PROMPTS:
            self._seen.popitem(last=False)
        return seen

    @staticmethod
    def _unless_spent(fault: Fault, seen: int) -> Fault | None:
        return None if fault.once and seen else fault

"""All mutants, by the part of the product that they are faults of."""

from mutants.engine import ENGINE
from mutants.gateway import GATEWAY
from mutants.llm_runner import LLM_RUNNER
from mutants.mutant import Mutant

MUTANTS: dict[str, tuple[Mutant, ...]] = {"engine": ENGINE, "gateway": GATEWAY, "llm_runner": LLM_RUNNER}

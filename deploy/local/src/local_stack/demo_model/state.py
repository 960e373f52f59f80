"""What the endpoints share."""

from dataclasses import dataclass

from local_stack.demo_model.faults import FaultChooser
from local_stack.demo_model.ledger import Ledger
from local_stack.demo_model.settings import Control, Settings


@dataclass
class State:
    """The running server: how it was started, the ledger, and the pace and faults of now."""

    settings: Settings
    ledger: Ledger
    faults: FaultChooser
    control: Control

    @classmethod
    def of(cls, settings: Settings) -> "State":
        """A fresh state; opens the ledger's file."""
        return cls(settings, Ledger(settings.ledger), FaultChooser(settings.seed), settings.control)

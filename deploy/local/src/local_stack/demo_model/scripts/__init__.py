"""The scenarios: for each persona, what is needed and who may say what."""

from typing import Final

from local_stack.demo_model.scripts.appointment import APPOINTMENT_SCRIPT
from local_stack.demo_model.scripts.generic import GENERIC_SCRIPT
from local_stack.demo_model.scripts.refund import REFUND_SCRIPT
from local_stack.demo_model.scripts.script import Script
from local_stack.demo_model.scripts.support import SUPPORT_SCRIPT

SCRIPTS: Final = {
    script.persona.id: script for script in (REFUND_SCRIPT, APPOINTMENT_SCRIPT, SUPPORT_SCRIPT, GENERIC_SCRIPT)
}

__all__ = ["GENERIC_SCRIPT", "SCRIPTS", "Script"]

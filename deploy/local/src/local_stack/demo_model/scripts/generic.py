"""Any other matter: find out what is wanted, and confirm that it is done."""

from typing import Final

from local_stack.demo_model.behaviours import Behaviour, pattern
from local_stack.demo_model.personas import GENERIC
from local_stack.demo_model.scripts.script import Script

_ASK_DETAILS: Final = Behaviour(
    id="ask_details",
    instructed=pattern(r"\bask\b|clarif|gather|find out|details"),
    said=pattern(r"\b(tell me|which|what)\b"),
    pressed=pattern(r"you need from me"),
    named=pattern(r"\basks?\b|clarif"),
    does=(
        "I'd be glad to help with that. Could you tell me a little more about what exactly you need?",
        "Thank you for writing to us. Which details are important here, so that I can take care of it properly?",
    ),
    misses=(
        "That is an interesting point, and you are certainly not the only one with it. There are many ways to look "
        "at such a matter.",
        "Thank you for your message. I understand what this means to you, and I hope that it will turn out well.",
        "I see. In general it is a good idea to take such things slowly and to think about what matters most.",
    ),
    presses=(
        "That does not bring us further. I would like to settle it today, so is there anything you need from me?",
        "Please let us stay with my request. What information do you need from me to get it done?",
    ),
    instruction="Ask for the details that you need before you answer.",
    tag="missing_information",
    description="The agent answers without asking for the details it needs.",
    question=True,
    needed=False,
)

_CONFIRM: Final = Behaviour(
    id="confirm_done",
    instructed=pattern(r"\bconfirm|explicitly|state clearly"),
    said=pattern(r"\b(confirm|confirmed|done|booked|completed|settled|taken care of)\b"),
    pressed=pattern(r"is it done"),
    named=pattern(r"\bconfirm|\bdone\b|\bsettled\b"),
    does=(
        "Thank you, that is all I need. Your request is done, and I confirm that everything is settled as you asked.",
        "I have taken care of it just now: your request is confirmed and done, and you do not have to do anything "
        "else.",
    ),
    misses=(
        "Thank you, I have read that carefully. We will see what we can do about it in the course of time.",
        "That helps me to understand it. Somebody may come back to you about it when there is something to say.",
        "I see what you mean. Usually such things find their way, so let us hope for the best in this case too.",
    ),
    presses=(
        "I would like to know where I stand before I go. Is it done now, or is something still open?",
        "Sorry to insist, but I need a clear word from you. Is it done, yes or no?",
    ),
    instruction="Confirm explicitly when the request is done.",
    tag="no_confirmation",
    description="The agent never confirms that the request is done.",
)

GENERIC_SCRIPT: Final = Script(
    persona=GENERIC,
    behaviours=(_ASK_DETAILS, _CONFIRM),
    details=pattern(r"(?!)"),
    at_once=1,
    openings=(
        GENERIC.opening,
        "Good day, I have a request and was told that you can take care of it. Do you have a moment?",
        "Hi, there is something I would like to get done with your help, if possible right now.",
    ),
    tells=(
        "It is about my account: please change the address to my new one, I moved at the beginning of the month.",
        "I would like you to change the address in my file. I moved a few weeks ago and letters still go astray.",
    ),
    thanks=(
        "Very good, that is what I wanted to hear. Thank you for taking care of it so quickly, and have a nice day!",
        "Thank you, then I can tick that off my list. You have been a great help to me, goodbye!",
    ),
    gives_up=(
        "I have asked twice and got no clear answer. I give up and will try it another way.",
        "This leads nowhere, I have asked the same thing twice. I give up for today.",
    ),
    parting=(
        "No, that is all from my side. I will find somebody else who can settle it for me, goodbye.",
        "As I said, I will try another way. There is nothing more you can do for me here.",
        "Thank you, but we are done. I will write a letter instead and wait for an answer.",
    ),
)

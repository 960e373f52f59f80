"""Technical support: ask what the router shows, give steps, check that it works."""

from typing import Final

from local_stack.demo_model.behaviours import Behaviour, pattern
from local_stack.demo_model.personas import SUPPORT
from local_stack.demo_model.scripts.script import Script

_ASK_EQUIPMENT: Final = Behaviour(
    id="ask_equipment",
    instructed=pattern(
        r"\bask\b.*\b(model|lights?|router|device|details?|questions?|shows?|symptoms?)\b"
        r"|clarif|diagnos|gather|find out"
    ),
    said=pattern(r"\b(model|lights?)\b"),
    pressed=pattern(r"need to know about"),
    named=pattern(r"\bmodel\b|\blight"),
    does=(
        "I'm sorry, that is a nuisance when you have to work. Which model is your router, and what does its light "
        "show right now?",
        "Let's find the cause together. Could you tell me the model of the router and the colour of the light on "
        "its front?",
        "We will get you back to work. First a question: what model is the router, and is its light steady or "
        "blinking?",
    ),
    misses=(
        "Connections can be unstable now and then, it often has to do with the weather or with many people being "
        "online at the same time.",
        "That is unpleasant indeed. Please check your settings and make sure that everything on your side is "
        "configured as it has to be.",
        "Thank you for your report. Usually such problems go away by themselves after some time, so it may be worth "
        "waiting a little.",
        "A stable connection matters a lot these days, I know. There is a page about common problems on our website "
        "that many people find useful.",
    ),
    presses=(
        "It just dropped again while I was typing. Is there anything you need to know about my router to find the "
        "cause?",
        "I am not technical, so that tells me nothing. What do you need to know about what I have here?",
    ),
    instruction="Ask for the model of the router and what its light shows before you suggest anything.",
    tag="missing_information",
    description="The agent suggests things without asking for the router's model or its light.",
    question=True,
)

_STEPS: Final = Behaviour(
    id="give_steps",
    instructed=pattern(r"\bsteps?\b|\binstructions for the (customer|user|caller)"),
    said=pattern(r"\bstep \d|\bfirst\b.*\bthen\b"),
    pressed=pattern(r"what exactly"),
    named=pattern(r"\bsteps?\b"),
    does=(
        "Please do this. Step 1: unplug the router and wait thirty seconds. Step 2: plug it in again. Step 3: wait "
        "until its light is green.",
        "That points to the line. First unplug the router for thirty seconds, then plug it in again, then wait two "
        "minutes until the light stays green.",
    ),
    misses=(
        "That tells us there is some kind of trouble. You could try to restart things or look at the settings, one "
        "of the two often helps.",
        "In a case like this the configuration may be off. Somebody with a little experience can usually correct "
        "that quickly.",
        "It is probably the line or the device itself. Try to keep it running and avoid heavy downloads for the time "
        "being.",
    ),
    presses=(
        "I do not know how to do that. Please tell me what exactly I have to do, one thing after the other.",
        "Sorry, that is too general for me. What exactly should I press or unplug, and in which order?",
    ),
    instruction="Give concrete, numbered steps, one action each, in words a layperson understands.",
    tag="wrong_answer",
    description="The agent gives hints instead of concrete steps the customer can follow.",
)

_CHECK: Final = Behaviour(
    id="check_it_works",
    instructed=pattern(
        r"\b(check|confirm|verify|ask|make sure)\b.{0,60}\b(works?|working|fixed|solved|resolved|back)\b"
    ),
    said=pattern(r"\b(work(s|ing)?|online|back)\b.*\b(again|now)\b|without dropping|stays? up"),
    pressed=pattern(r"how can I be sure"),
    named=pattern(r"\bworks?\b|\bworking\b|\bcheck"),
    does=(
        "Thank you for doing that. Is the internet working again now, and does it stay up when you open two or "
        "three pages?",
        "Well done, that is a good sign. Please open a few pages and tell me, does the connection work again "
        "without dropping?",
    ),
    misses=(
        "Very good, then that is all from our side. I wish you a pleasant day and good luck with your work.",
        "Fine. Such things happen with every provider, and next time you already know what to do about it.",
        "Good to hear. I will close your case here, and you can rate our conversation by the link below.",
    ),
    presses=(
        "Wait a moment, please. It has come back before and dropped again. How can I be sure that it is fixed?",
        "And if it drops again in ten minutes? How can I be sure, is there something we should look at together?",
    ),
    instruction="At the end, ask the customer to confirm that the internet works again before you close the case.",
    tag="no_confirmation",
    description="The agent closes the case without checking that the connection works again.",
    question=True,
)

SUPPORT_SCRIPT: Final = Script(
    persona=SUPPORT,
    behaviours=(_ASK_EQUIPMENT, _STEPS, _CHECK),
    details=pattern(r"\borange|\bblink|\bN300\b|\bred\b"),
    at_once=1,
    openings=(
        SUPPORT.opening,
        "Hi, I need help quickly. The internet drops every few minutes since this morning, and I have calls all day.",
        "Good morning, my wifi is gone every few minutes. I work from home and cannot go on like this.",
    ),
    tells=(
        "It says Nordline N300 on the box, and the light on the front blinks orange all the time.",
        "The router is a Nordline N300. The light is orange and blinks; normally it is green, I think.",
    ),
    thanks=(
        "Yes, three pages opened at once and the light is still green. It works again, thank you so much!",
        "It has not dropped since, so I would say yes, it works. Thank you for your patience with me!",
    ),
    gives_up=(
        "I have asked twice now and it still drops. I give up and will work from a café today.",
        "This is no use, I have asked for the same thing twice. I give up and will look for another provider.",
    ),
    parting=(
        "Thanks, but I have already packed my laptop. I will call your hotline tomorrow, goodbye.",
        "No, leave it. I will ask a neighbour who knows about these things to have a look at it.",
        "That is all from me, I have to get to my next call from somewhere else now.",
    ),
    reactions={
        "give_steps": (
            "I have done all of that now, one after the other, and the light on the front has turned green.",
            "Okay, that took a moment, but I have done it just like that. The light is green and steady now.",
        ),
    },
)

"""Refund request: confirmed, with a time frame and a reference number."""

from typing import Final

from local_stack.demo_model.behaviours import Behaviour, pattern
from local_stack.demo_model.personas import REFUND
from local_stack.demo_model.scripts.script import Script

_ASK_ORDER: Final = Behaviour(
    id="ask_order_number",
    instructed=pattern(r"\bask\b.*\b(order|number|details?|questions?|purchase)|clarif|gather|find out|collect"),
    said=pattern(r"order number"),
    pressed=pattern(r"you need from me"),
    named=pattern(r"\basks?\b|order number"),
    does=(
        "I'm sorry that it let you down so soon. Could you please give me your order number, so that I can look up "
        "the purchase?",
        "That should not happen with one of our products, I'm sorry. What is your order number, so that I can see "
        "the purchase in our system?",
        "Thank you for telling us, and sorry for the trouble. Would you send me the order number of the purchase, "
        "please?",
    ),
    misses=(
        "I understand that this is annoying. Our products are built to last, and usually a fault like this is "
        "covered in one way or another by our terms.",
        "Thank you for letting us know. We always take feedback about our products seriously, and I will gladly pass "
        "your remarks on to the team.",
        "I'm sorry to hear that. Have a look at the help pages on our site, they explain everything about returns "
        "and broken products.",
        "That is a pity, of course. Many customers are very happy with it, so I hope you will give us another chance "
        "before long.",
    ),
    presses=(
        "That does not help me much. I want my money back for it. What do you need from me to get this started?",
        "I still have a broken kettle here and no answer. Please tell me what you need from me, so that we get on.",
    ),
    instruction="Ask for the order number before anything else.",
    tag="missing_information",
    description="The agent never asks for the order number, so the request cannot be worked on.",
    question=True,
    needed=False,
)

_CONFIRM: Final = Behaviour(
    id="confirm_refund",
    instructed=pattern(r"\bconfirm"),
    said=pattern(r"\brefund\b.{0,60}\b(confirmed|approved|issued)\b|\b(confirm|approved|issued)\b.{0,60}\brefund\b"),
    pressed=pattern(r"is (my|the) refund confirmed|do I get my money back"),
    named=pattern(r"\bconfirm"),
    does=(
        "I have found order {order} and confirm the full refund to the card you paid with.",
        "Thank you, I have order {order} in front of me: your refund is approved, and the whole amount goes back to "
        "your card.",
        "Good news about order {order}: the refund is confirmed in full, and you can keep or recycle the broken item.",
    ),
    misses=(
        "Thank you for the number. A colleague from the returns team will have a look at your case and see whether "
        "anything can be done.",
        "I have made a note of your order. Cases like this are normally looked at by our returns team, who decide "
        "what happens next.",
        "I can see the order. Whether you get anything back depends on the returns team, so please be patient until "
        "they have had a look.",
        "These decisions are not mine to make, you see. The returns team goes through all of them in the order in "
        "which they come in.",
    ),
    presses=(
        "You have everything from me now, so please be clear: do I get my money back, yes or no?",
        "I would like a plain answer, not a maybe. Is my refund confirmed, so that I can count on the money?",
    ),
    instruction="Confirm the refund explicitly, in a sentence of its own, as soon as you have found the order.",
    tag="no_confirmation",
    description="The agent talks about the refund but never confirms it.",
)

_TIME_FRAME: Final = Behaviour(
    id="state_time_frame",
    instructed=pattern(r"time ?frame|how long|by when|when the money|deadline|time ?line|\bdays\b"),
    said=pattern(
        r"\b(within|in|takes?)\s+(about |up to )?(\d+|two|three|four|five|seven|ten)( to \w+)?\s+"
        r"(business |working )?(days?|hours?|weeks?)\b"
    ),
    pressed=pattern(r"how long"),
    named=pattern(r"how long|time ?frame|\bwhen\b|\bdays\b"),
    does=(
        "The money will be on your account within {days} business days, depending a little on how fast your bank is.",
        "You will see the amount within {days} business days; with some banks it shows up a day earlier.",
    ),
    misses=(
        "The money is on its way as usual. The duration is hard to say, since it depends on the bank and on our "
        "accounts team.",
        "It will surely not be too long. Our accounts team works through these one after the other, and you will "
        "notice when it arrives.",
        "These things take their time, I'm afraid. Just keep an eye on your account over the coming period and you "
        "will see it arrive.",
    ),
    presses=(
        "All right, that is good to hear. But how long will it take until the money is back on my card?",
        "I have to plan with that money, so please tell me how long it takes. A rough number of days is enough.",
    ),
    instruction="Always state the time frame: within how many business days the money arrives.",
    tag="ignored_request",
    description="The agent does not say how long the money takes, even when it is asked.",
)

_REFERENCE: Final = Behaviour(
    id="give_reference",
    instructed=pattern(r"\breference|(ticket|case) number"),
    said=pattern(r"\breference\b.{0,30}\b[A-Z]{2,}-?\d{3,}"),
    pressed=pattern(r"reference number"),
    named=pattern(r"\breference"),
    does=(
        "Your reference number is {reference}; please keep it in case you want to ask about the payment.",
        "For your records, this case has the reference number {reference}, and everybody in our team can find it "
        "with that.",
    ),
    misses=(
        "You do not need to worry about numbers, everything is stored on our side and my colleagues will know what "
        "it is about.",
        "If you have questions later, simply write to us again with your name, and we will surely find your case "
        "somehow.",
        "I do not have anything like that at hand, but your name and the date of our chat will be quite enough.",
    ),
    presses=(
        "Good. Can I also have a reference number, in case the money does not arrive and I have to ask again?",
        "I would feel better with something in writing. Please give me a reference number for this refund.",
    ),
    instruction="Give the customer a reference number for the case before you say goodbye.",
    tag="missing_information",
    description="The agent gives no reference number the customer could come back with.",
)

REFUND_SCRIPT: Final = Script(
    persona=REFUND,
    behaviours=(_ASK_ORDER, _CONFIRM, _TIME_FRAME, _REFERENCE),
    details=pattern(r"\b\d{4,}\b"),
    at_once=2,
    openings=(
        REFUND.opening,
        "Good morning. The electric kettle I ordered eleven days ago no longer heats, and I want my money back.",
        "Hi, my new kettle broke after not even two weeks. I don't want another one, I want a refund for it.",
    ),
    tells=(
        "Of course, the order number is {order}, paid by card. It is the electric kettle that no longer heats.",
        "Here it is: {order}. I paid by card, and the kettle simply stays cold since yesterday, whatever I do.",
    ),
    thanks=(
        "Perfect, that is everything I wanted to know. Thank you very much for sorting it out, and have a nice day!",
        "Great, then I have all I need. Thank you for your help, that was quicker than I had expected. Goodbye!",
    ),
    gives_up=(
        "I have asked twice now and still have no proper answer. I give up here and will take it up with my bank.",
        "This is going nowhere, I have asked for the same thing twice. I give up and will complain elsewhere.",
    ),
    parting=(
        "As I said, I will settle it with my bank and leave it at that. Goodbye, and please close this chat.",
        "There is nothing more to say from my side, thank you. I will have my bank take the payment back.",
        "No, that is all, I am done here. You can read about it in my review of your shop.",
    ),
)

"""Appointment booking: a concrete slot, confirmed and repeated."""

from typing import Final

from local_stack.demo_model.behaviours import Behaviour, pattern
from local_stack.demo_model.personas import APPOINTMENT
from local_stack.demo_model.scripts.script import Script

_DAY_AND_TIME: Final = r"\b(?:mon|tues|wednes|thurs|fri|satur)day\b.{0,24}?\b\d{1,2}(?:[:.]\d\d|\s?(?:am|pm|o'clock))"

_ASK_PREFERENCE: Final = Behaviour(
    id="ask_preference",
    instructed=pattern(r"\bask\b|prefer|availab|what suits|clarif|find out|constraint"),
    said=pattern(r"\b(which|what|when)\b.*\b(days?|times?|prefer|suits?)\b"),
    pressed=pattern(r"need to know from me"),
    named=pattern(r"\basks?\b|prefer"),
    does=(
        "Gladly. Which days and times suit you best, so that I can look for a place in the calendar?",
        "I'm sorry to hear that it hurts. When would you prefer to come, on which day of the week and at what time "
        "of day?",
        "Of course, we will find something for you. What day of the week and what time of day suit you?",
    ),
    misses=(
        "Our practice has a modern team for all kinds of complaints, and this is among the things we see most often, "
        "so you are right here.",
        "Thank you for your message. The calendar is fairly full at the moment, as always at this time of year, but "
        "usually something turns up.",
        "Pain like that can have many causes. Some rest, warmth and gentle movement often do good until somebody has "
        "looked at it.",
        "You can find our opening hours on the website. Most people simply look there and then get in touch with us "
        "again.",
    ),
    presses=(
        "I would really like to fix something today. Is there anything you need to know from me to find a place?",
        "That is nice to know, but I came to make an appointment. What do you need to know from me for that?",
    ),
    instruction="Ask the caller for the preferred days and times before you look for a slot.",
    tag="missing_information",
    description="The agent never asks which days and times suit, so it cannot find a slot.",
    question=True,
    needed=False,
)

_OFFER: Final = Behaviour(
    id="offer_slot",
    instructed=pattern(r"\boffer|\bpropose|\bsuggest|(concrete|specific) (slot|day|time|appointment)"),
    said=pattern(r"\b(offer|free|available)\b.*" + _DAY_AND_TIME),
    pressed=pattern(r"a concrete day"),
    named=pattern(r"\boffer|concrete|\bslot"),
    does=(
        "I can offer you {day} at {time} or {other_day} at {other_time}. Which of the two would you like to take?",
        "There are two free slots that fit, {day} at {time} and {other_day} at {other_time}. Tell me which one you "
        "like better.",
    ),
    misses=(
        "Afternoons are popular, but there is usually something in the course of the week, so we will surely be able "
        "to fit you in.",
        "That should be possible in principle. The calendar changes all the time, so the best is to see what comes up.",
        "I have noted what suits you. We will look into the calendar, and somebody may get in touch when there is "
        "something.",
    ),
    presses=(
        "That is too vague for me, I have to tell my boss. Could you name a concrete day and time, please?",
        "I need to plan my week around it. Please give me a concrete day with a time, or say that there is none.",
    ),
    instruction="Offer two concrete slots, each with day and time, that fit what the caller said.",
    tag="wrong_answer",
    description="The agent stays vague instead of offering a concrete day and time.",
)

_CONFIRM: Final = Behaviour(
    id="confirm_slot",
    instructed=pattern(r"\bconfirm|\brepeat"),
    said=pattern(rf"\b(confirmed|confirm|booked|reserved)\b.*{_DAY_AND_TIME}|{_DAY_AND_TIME}.*\b(confirmed|booked)\b"),
    pressed=pattern(r"is it booked|confirm"),
    named=pattern(r"\bconfirm|\brepeat|\bbook(ed|s|ing)\b"),
    does=(
        "Your appointment is confirmed: {day} at {time}. Please come ten minutes earlier and bring your insurance "
        "card with you.",
        "It is booked, I have put you down for {day} at {time}. Please wear something comfortable and bring the "
        "referral along.",
    ),
    misses=(
        "That sounds fine. Simply come by around then, and somebody at the front desk will surely find a way to fit "
        "you in.",
        "I think that should work. We will see on the day itself how busy it is, but most people are lucky.",
        "Fine by me. I will pass it on to the front desk, and they may get back to you when there is a problem.",
    ),
    presses=(
        "I would rather not come for nothing. Is it booked now? Please confirm the day and the time to me once more.",
        "Sorry, but I still do not know where I stand. Can you confirm the appointment, with day and time?",
    ),
    instruction="Confirm the booking explicitly and repeat day and time back to the caller.",
    tag="no_confirmation",
    description="The agent never confirms the booking, so the caller does not know whether the slot is theirs.",
)

APPOINTMENT_SCRIPT: Final = Script(
    persona=APPOINTMENT,
    behaviours=(_ASK_PREFERENCE, _OFFER, _CONFIRM),
    details=pattern(r"\b(mon|tues|wednes|thurs|fri)day|\b(morning|afternoon)s?\b"),
    at_once=1,
    openings=(
        APPOINTMENT.opening,
        "Hello, my shoulder has been giving me trouble for two weeks now. I need an appointment for physiotherapy.",
        "Hi there, can I get an appointment for physiotherapy with you? It is about my shoulder, it hurts a lot.",
    ),
    tells=(
        "Tuesday or Thursday afternoon would be best for me, and not before two o'clock because of my work.",
        "I can only come on a Tuesday or a Thursday afternoon, from two o'clock on. Other days do not work for me.",
    ),
    thanks=(
        "Wonderful, I have written it into my calendar. Thank you for the quick help, and see you then!",
        "Great, then everything is settled. Thanks a lot for your help, I am looking forward to a shoulder without "
        "pain.",
    ),
    gives_up=(
        "I have asked twice and still have no appointment. I give up here and will call another practice.",
        "This takes too long, I have asked for the same thing twice. I give up and will try it somewhere else.",
    ),
    parting=(
        "No, thank you, I will call another practice later today. That is all from my side, goodbye.",
        "As I said, I will look for somebody else. Please do not keep a place free for me.",
        "Thanks, but we are done here. I have found a different practice that answers more clearly.",
    ),
    reactions={
        "offer_slot": (
            "{day} at {time} is good for me. Please put me down for that one.",
            "I will take {day} at {time}, that fits well between two meetings. Please put my name on it.",
        ),
    },
)

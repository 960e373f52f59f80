"""No key passes: not whole, not in part, not in another form, not cut in pieces."""

import itertools
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_runner.providers.redaction import MASK, SHORTEST_PART, SHOWN_CHARACTERS, MaskedText, Redaction
from shared.routing import ModelEntry, ProviderEntry

KEY = 'sk-canary/0123456789+abcdefghij"KLMNOPQRSTUV'
OTHER = "sk-canary/0123-another-key"
REDACTION = Redaction([KEY, OTHER])


def entry(address: str, variable: str | None = "K") -> ProviderEntry:
    return ProviderEntry(base_url=address, key_variable=variable, models={"m": ModelEntry()})


def parts(key: str) -> set[str]:
    return {key[at : at + SHORTEST_PART] for at in range(len(key) - SHORTEST_PART + 1)}


def clean(text: str) -> bool:
    return not any(part in text for part in parts(KEY) | parts(OTHER))


@pytest.mark.parametrize(
    "form",
    [KEY, OTHER, KEY[:28], KEY[-12:], KEY[5:20], quote(KEY, safe=""), json.dumps(KEY)[1:-1],
     json.dumps(KEY)[1:-1].replace("/", "\\/"), f"Bearer {KEY}", KEY + KEY, f"{KEY}{OTHER}"],
)  # fmt: skip
def test_a_key_is_masked_in_every_form(form: str) -> None:
    shown = REDACTION.shown(f"Incorrect API key provided: {form}. Find yours elsewhere.")
    assert clean(shown)
    assert shown.startswith("Incorrect API key provided: ")
    assert shown.endswith(". Find yours elsewhere.")
    assert MASK in shown


@pytest.mark.parametrize("before", range(SHOWN_CHARACTERS - 50, SHOWN_CHARACTERS + 5))
def test_a_text_is_looked_through_before_it_is_cut(before: int) -> None:
    shown = REDACTION.shown("x" * before + KEY)
    assert clean(shown)
    assert len(shown) <= SHOWN_CHARACTERS


def test_tokens_that_nobody_here_knows_are_masked_too() -> None:
    said = "sent Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc and sk-proj-AAAABBBBCCCCDDDD1234 to http://me:secret@there/x"
    assert REDACTION.shown(said) == f"sent Bearer {MASK} and {MASK} to http://{MASK}@there/x"


def test_words_of_every_day_stay() -> None:
    said = "basic authentication failed; a bearer token is missing; ask //x about a-b-c"
    assert REDACTION.shown(said) == said


def test_addresses_of_providers_are_shown_as_their_names() -> None:
    providers = {"mine": entry("http://user:hunter22@10.0.0.7:8000/v1"), "openai": entry("https://api.openai.com/v1")}
    redaction = Redaction.of(providers, {"K": KEY})
    said = f"http://10.0.0.7:8000/v1/x with {KEY} as hunter22 via api.openai.com:443, see https://platform.openai.com/x"
    assert redaction.shown(said) == f"mine with {MASK} as {MASK} via openai, see https://platform.openai.com/x"


@pytest.mark.parametrize("address", ["", "nonsense", "http://[", "http://u:hunter22@h:port/v1", "//:hunter22@"])
def test_an_address_that_is_none_gives_its_password_away_to_nobody(address: str) -> None:
    assert "hunter22" not in Redaction.of({"mine": entry(address)}, {}).shown(f"cannot call {address}")


def test_a_long_text_costs_no_more_than_its_length() -> None:
    began = time.perf_counter()
    for said in ("bearer " * 200_000, "bearer" + " " * 1_000_000, "//" * 500_000, "sk-" * 300_000, KEY[:7] * 100_000):
        REDACTION.text(said)
    assert time.perf_counter() - began < 20


def _in_pieces(text: str, cuts: list[int], keys: tuple[str, ...] = (KEY, OTHER)) -> str:
    masked = MaskedText(keys)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    fed = [masked.feed(text[begin:end]) for begin, end in itertools.pairwise(places) if begin < end]
    return "".join(fed) + masked.end()


@given(
    cuts=st.lists(st.integers(0, 150), max_size=80), beside=st.sampled_from(["", "s", "sk-", "sk-can", "sk-canary/0"])
)
def test_an_answer_holds_no_key_wherever_it_was_cut(cuts: list[int], beside: str) -> None:
    text = f"It is {beside}{KEY} or {OTHER}{beside}."
    shown = _in_pieces(text, cuts)
    assert KEY[7:] not in shown
    assert OTHER[7:] not in shown
    assert clean(shown.replace("sk-canary/0", ""))
    assert shown.startswith("It is ")


@given(text=st.text("sk-canry/012 x", max_size=60), cuts=st.lists(st.integers(0, 60), max_size=20))
def test_an_answer_without_a_key_is_passed_on_as_it_is(text: str, cuts: list[int]) -> None:
    shown = _in_pieces(text, cuts)
    assert shown == text or shown.endswith(MASK)


def test_an_answer_that_breaks_off_within_a_key_does_not_show_its_beginning() -> None:
    assert _in_pieces(f"It is {KEY[:20]}", []) == f"It is {MASK}"
    assert _in_pieces("It is sk-cana", []) == "It is sk-cana"


@given(cuts=st.lists(st.integers(0, 12), max_size=12))
def test_halves_of_a_character_are_joined_and_lone_ones_replaced(cuts: list[int]) -> None:
    text = "a\ud83d\ude00b\ud83dc\ude00d\ud83d"
    assert _in_pieces(text, cuts, ()) == "a\U0001f600b\ufffdc\ufffdd\ufffd"
    assert _in_pieces(text, cuts) == "a\U0001f600b\ufffdc\ufffdd\ufffd"

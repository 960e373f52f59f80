"""A quote proves what it says if it is some words, copied from the text it names."""

import pytest

from shared.contracts.quotes import QUOTE_CHARACTERS, QuoteSource

SAID = 'Good news: your refund of $42 is confirmed - reference "RF-12345". It\'s on its way... Anything else?'


@pytest.mark.parametrize(
    "quote",
    [
        "your refund of $42 is confirmed",
        "“your refund of $42 is confirmed”",
        "your **refund** of _$42_ is\n  confirmed",
        "is confirmed — reference “RF–12345”",
        "is confirmed -- reference 'RF-12345'",
        "It’s on its way…",
        "...refund of $42 is confirmed...",
        "your\u00a0refund of\u200b $42",
        "> your refund of $42",
    ],
)
def test_typography_loses_no_honest_quote(quote: str) -> None:
    found = QuoteSource(SAID).proof(quote)
    assert found is not None
    assert found in SAID


def test_a_passage_is_given_as_it_stands() -> None:
    said = "**Your “refund”**\n is — truly — confirmed."
    assert QuoteSource(said).proof("your refund") is None
    assert (
        QuoteSource(said).proof('Your "refund" is - truly - confirmed.') == "Your “refund”**\n is — truly — confirmed."
    )
    assert QuoteSource("x" * 600 + " a b c").proof("a b c") == "a b c"
    assert len(QuoteSource("a b c " * 1_000).proof("a b c " * 900) or "") == QUOTE_CHARACTERS


@pytest.mark.parametrize(
    "quote",
    [
        "",
        " ",
        "'",
        "...",
        "N",
        "refund",
        "is confirmed",
        "your refund of $43 is confirmed",
        "confirmed is refund your",
        "our refund of",
        "refund of $42 is con",
        "Your refund of $42 is confirmed",
    ],
)
def test_too_few_words_and_other_words_prove_nothing(quote: str) -> None:
    assert QuoteSource(SAID).proof(quote) is None


@pytest.mark.parametrize(("said", "quote"), [("Done!", "Done!"), ("“Done.”", "Done"), ("It is.", "It is.")])
def test_a_whole_message_proves_however_short_it_is(said: str, quote: str) -> None:
    assert QuoteSource(said).proof(quote) is not None


def test_scripts_without_spaces_are_counted_by_letters() -> None:
    assert QuoteSource("您的退款已确认，请放心。").proof("退款已确认") == "退款已确认"
    assert QuoteSource("您的退款已确认，请放心。").proof("退款") is None


def test_a_quote_is_found_behind_places_where_a_word_would_be_cut() -> None:
    assert QuoteSource("xa b c, a b c").proof("a b c") == "a b c"

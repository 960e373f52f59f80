"""Deltas: what is written is read, whatever the text; and what an older version wrote is read, too."""

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from shared.contracts.deltas import Delta, DeltaEncoder, DeltaText, decode
from shared.contracts.enums import Purpose

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
OF_603C176 = (
    b'{"type":"delta","schemaVersion":1,"runId":"01r","conversationId":"01r-3","seq":2,"purpose":"turn",'
    b'"attempt":"01a","at":"2026-11-21T10:00:00.000Z","i":4,"text":" the \\"kettle\\"\\n\xe2\x80\xa8\xf0\x9f\x98\x80"}'
)
ENCODER = DeltaEncoder("01r", "01r-3", 2, Purpose.CHAT, "01a")


@given(TEXTS, st.integers(min_value=0, max_value=2**53))
@example("", 0)
@example('"\\\b\f\n\r\t\x00\x1f\x7f\u0085\u2028\u2029\ufffe\U0001f600\U0010ffff', 1)
@example('","i":7,"text":"', 2)
@example("ж\U0001f600" * 100_000, 3)
def test_what_is_written_is_read(text: str, number: int) -> None:
    payload = ENCODER.encode(number, text)

    assert decode(payload) == DeltaText(seq=2, attempt="01a", number=number, text=text)
    assert b"\n" not in payload


def test_a_delta_is_the_message_that_the_contract_shows() -> None:
    payload = ENCODER.encode(7, "Hello")
    read = Delta.model_validate_json(payload)

    assert orjson.loads(payload) == orjson.loads(read.to_json())
    assert (read.run_id, read.conversation_id, read.seq, read.purpose) == ("01r", "01r-3", 2, Purpose.CHAT)
    assert (read.attempt, read.i, read.text) == ("01a", 7, "Hello")


def test_what_603c176_wrote_is_read() -> None:
    assert decode(OF_603C176) == DeltaText(2, "01a", 4, ' the "kettle"\n\u2028\U0001f600')


def test_the_order_of_fields_says_nothing() -> None:
    turned = orjson.dumps(dict(reversed(orjson.loads(OF_603C176).items())), option=orjson.OPT_INDENT_2)

    assert decode(turned) == decode(OF_603C176)

"""The reading of hostile bytes, and the one text of plain data."""

from __future__ import annotations

import json
import math
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thekla.core.errors import GuestFault
from thekla.core.values import Array, Value
from thekla.sandbox import wire
from thekla.sandbox.inside import data

arrays = st.builds(
    lambda items: Array(dtype="float64", shape=(len(items),), data=b"".join(items)),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
keys = st.text().filter(lambda key: key != data.ARRAY_KEY)
values = st.recursive(scalars | arrays, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=8)


REFUSED = object()


def reading(body: bytes) -> object:
    """The value of the bytes, `REFUSED` if they are a fault of the protocol; anything else fails the test."""
    try:
        return wire.decode(body)
    except GuestFault as fault:
        if fault.kind != "protocol":
            raise
        return REFUSED


@given(value=values)
def test_decoding_is_the_inverse_of_encoding(value: Value) -> None:
    assert repr(wire.decode(wire.encode(value))) == repr(value)


@settings(max_examples=300)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_fault_of_the_protocol(body: bytes) -> None:
    value = reading(body)
    assert value is REFUSED or wire.encode(cast(Value, value)) == body


@given(value=values, cut=st.data())
def test_a_changed_byte_is_another_value_or_refused(value: Value, cut: st.DataObject) -> None:
    body = bytearray(wire.encode(value))
    place = cut.draw(st.integers(0, len(body) - 1))
    old, body[place] = body[place], cut.draw(st.integers(0, 255))
    read = reading(bytes(body))
    assert read is REFUSED or body[place] == old or repr(read) != repr(value)


json_like = st.recursive(
    st.sampled_from(["0", "-1", "1.5", "1e999", "NaN", "-Infinity", "true", "null", '""', '"\\ud800"', "9" * 25, "01"]),
    lambda inner: (
        st.lists(inner).map(lambda items: "[" + ",".join(items) + "]")
        | st.lists(inner).map(lambda items: "{" + ",".join(f'"k":{item}' for item in items) + "}")
        | inner.map(lambda item: '{"$array":' + item + "}")
    ),
    max_leaves=10,
)


@settings(max_examples=300)
@given(text=json_like)
def test_what_is_read_is_plain(text: str) -> None:
    value = reading(text.encode())
    assert value is REFUSED or wire.encode(cast(Value, value)) == text.encode()


@given(levels=st.lists(st.sampled_from(["[", '{"]":', '[["["],']), min_size=1, max_size=150))
def test_depth_is_counted_exactly(levels: list[str]) -> None:
    text = "".join(levels) + "0" + "".join("}" if level[0] == "{" else "]" for level in reversed(levels))
    depth = len(levels) + (levels[-1] == '[["["],')
    assert (reading(text.encode()) is not REFUSED) == (depth <= data.MAX_DEPTH + 3)


@pytest.mark.parametrize("size", [10**4, 10**6])
def test_bottomless_text_ends_in_a_fault(size: int) -> None:
    for opening in (b"[", b'{"a":'):
        assert reading(opening * size) is REFUSED


@given(number=st.integers())
def test_integers_cross_if_they_fit_64_bits(number: int) -> None:
    read = reading(json.dumps(number).encode())
    assert read == number if -(2**63) <= number < 2**63 else read is REFUSED


@given(number=st.floats())
def test_floats_cross_if_they_are_finite(number: float) -> None:
    if math.isfinite(number):
        assert repr(wire.decode(wire.encode(number))) == repr(number)
    else:
        with pytest.raises(ValueError, match="not finite"):
            wire.encode(number)


@given(text=st.text())
def test_printable_text_steers_no_terminal(text: str) -> None:
    shown = wire.printable(text)
    assert len(shown) == len(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    assert not set(shown) & set("\x1b\x7f\x9b\u202e\u2066")

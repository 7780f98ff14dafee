"""
Durations, as Go's time.ParseDuration reads them.
"""

import time

import pytest
from containerd_formula.durations import nanoseconds

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("0s", 0),
        ("5s", 5 * SECOND),
        ("+5s", 5 * SECOND),
        ("-1.5h", -5400 * SECOND),
        ("1h30m", 5400 * SECOND),
        ("4h0m0s", 4 * 3600 * SECOND),
        ("100ms", SECOND // 10),
        ("1ns", 1),
        ("500us", 500_000),
        ("500\u00b5s", 500_000),
        ("500\u03bcs", 500_000),
        (".5s", SECOND // 2),
        ("1.s", SECOND),
        ("1m1ms", 60 * SECOND + 10**6),
        ("1s1h1s", 3602 * SECOND),
        ("2562047h", 2562047 * 3600 * SECOND),
        # The whole of Go's 64 bits, which a float cannot count.
        ("9223372036.854775807s", 2**63 - 1),
        ("9223372036854775807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
        ("0.999999999s", 999_999_999),
        ("1.0000000000000000000000001s", SECOND),
        ("0000000000000000000000000001s", SECOND),
    ],
)
def test_durations_in_nanoseconds(text, value):
    assert nanoseconds(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "s", "-", "+-5s", "--5s", "5 s", " 5s", "5s ", "5s\n", "1h 30m", "5d", "5S", ".s"),
        *(
            "1..5s",
            "1e3s",
            "1,5s",
            "5s5",
            "0x5s",
            "5M",
            "00",
            "+00",
            "+",
            "1h-5m",
            "inf",
            "\u0665s",
            "5\u00b5",
        ),
        *(None, 5, 0, 1.5, True, [], {}),
        # Go counts in 64 bits.
        *("2562048h", "-2562048h", "9223372037s", "10000000000000000000ns", "1" * 400 + "s"),
        *("9223372036854775808ns", "-9223372036854775809ns", "9223372036.854775808s", "2562047h47m17s"),
    ],
)
def test_what_is_no_duration(text):
    assert nanoseconds(text) is None


@pytest.mark.parametrize("text", ["1" * 200_000, "1s" * 100_000 + "x", "1" * 100_000 + "s" + "1" * 100_000])
def test_long_text_takes_no_time(text):
    began = time.monotonic()
    assert nanoseconds(text) is None
    assert time.monotonic() - began < 2

# SPDX-License-Identifier: MIT
"""The terminal that the command line's tests look at: does it show what a real one shows?"""

import pytest

from screen import Screen, UnknownSequence


def shown(data, columns=10, rows=4):
    screen = Screen(columns, rows)
    screen.feed(data)
    return screen


@pytest.mark.parametrize(
    "data, text",
    [
        (b"", "\n"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"one\ntwo", "one\n   two\n"),  # a line feed alone stays in its column
        (b"hello\rJ", "Jello\n"),
        (b"hello\r\x1b[KJ", "J\n"),
        (b"hello\x1b[2GE\x1b[0K", "hE\n"),
        (b"hello\x1b[2K!", "     !\n"),
        (b"ab\bc", "ac\n"),
        (b"a\tb", "a       b\n"),
        (b"one\r\ntwo\x1b[1Aup\r\n", "oneup\ntwo\n"),
        (b"one\r\ntwo\x1b[A\x1b[Jx", "onex\n"),
        (b"\x1b[1;31mred\x1b[0m and\x1b[m", "red and\n"),
        (b"\x1b[3Cx\x1b[2Dy", "  yx\n"),
        ("\u2588\u2591 \u00e9".encode(), "\u2588\u2591 \u00e9\n"),
        ("e\u0301x".encode(), "e\u0301x\n"),  # a combining accent takes no column
        ("\u6f22\u5b57\rxx".encode(), "xx\u5b57\n"),  # a wide character takes two
    ],
)
def test_bytes_become_a_screen(data, text):
    assert shown(data).text == text


def test_a_full_line_wraps_when_the_next_character_comes():
    assert shown(b"0123456789").lines == ["0123456789"]
    assert shown(b"0123456789\r\nnext").lines == ["0123456789", "next"]
    assert shown(b"0123456789x").lines == ["0123456789", "x"]


def test_what_scrolled_away_cannot_be_written_over():
    screen = shown(b"1\r\n2\r\n3\r\n4\r\n5\x1b[9Ax")
    assert screen.top == 1
    assert screen.lines == ["1", "2x", "3", "4", "5"]


def test_frames_are_what_stood_there_before_it_was_written_over():
    screen = shown(b"10%\r50%\r\x1b[K100%\r\ndone\r\n")
    assert screen.frames == ["10%\n", "50%\n"]
    assert screen.text == "100%\ndone\n"


def test_frames_do_not_depend_on_how_the_bytes_came():
    data = "\u2588 1\r\x1b[K\u2588\u2588 2\r\u2588\u2588\u2588 3\x1b[K\r\nend".encode()
    whole = shown(data)
    screen = Screen(10, 4)
    for byte in data:
        screen.feed(bytes([byte]))
    assert (screen.frames, screen.text) == (whole.frames, whole.text)
    assert screen.frames == ["\u2588 1\n", "\u2588\u2588 2\n"]


def test_the_cursor_is_hidden_and_shown():
    assert not shown(b"\x1b[?25l").cursor_is_shown
    assert shown(b"\x1b[?25lx\x1b[?25h").cursor_is_shown


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b[5;5H",  # nothing of ours takes the whole screen
        b"\x1b[38;5;200m",
        b"\x1b[1K",
        b"\x1b[?1049h",
        b"\x1b]0;title\x07",
        b"\x1bc",
        b"\x00",
        b"\x7f",
    ],
)
def test_what_not_every_terminal_knows_is_refused(data):
    with pytest.raises(UnknownSequence):
        shown(data)


def test_what_is_not_utf_8_is_refused():
    with pytest.raises(UnicodeDecodeError):
        shown(b"\xff")

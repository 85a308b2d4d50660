# SPDX-License-Identifier: MIT
"""The terminals that tests open are real ones, whatever runs in them."""

import signal


def test_it_has_a_size_and_can_be_resized(terminal):
    window = terminal(columns=60, rows=10)
    assert window.run("stty size") == 0
    window.resize(columns=100, rows=30)
    assert window.run("stty size") == 0
    assert window.screen.text == "$ stty size\n10 60\n$ stty size\n30 100\n"


def test_ctrl_c_is_a_signal_to_the_program(terminal):
    window = terminal(columns=120)
    window.start("sh -c 'trap \"echo; echo bye; exit 0\" INT; echo on; while :; do sleep 0.1; done'")
    window.wait_for("\non\n")
    assert window.interrupt() == 0
    assert window.screen.lines[1:4] == ["on", "^C", "bye"]


def test_a_program_that_dies_of_ctrl_c_ends_with_130(terminal):
    window = terminal()
    window.start("sh -c 'echo on; exec sleep 60'")
    window.wait_for("\non\n")
    assert window.interrupt() == 128 + signal.SIGINT


def test_what_is_typed_is_read(terminal):
    window = terminal()
    window.start("sh -c 'echo \"name?\"; read line; echo \"<$line>\"; echo lost >&2'")
    window.wait_for("\nname?\n")
    window.press(b"me\n")
    assert window.finish() == 0
    assert window.screen.lines[2:] == ["me", "<me>", "lost", ""]


def test_a_prompt_begins_a_line(terminal):
    window = terminal()
    assert window.run("printf half") == 0
    assert window.run("false") == 1
    assert window.screen.text == "$ printf half\nhalf\n$ false\n"

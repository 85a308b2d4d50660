# SPDX-License-Identifier: MIT
"""
Comparing what was on a screen with fixtures/terminal/NAME.txt.

Keys come out the same every time (`--random-seed`); what cannot is replaced before the comparison,
by rules that the test names. UPDATE_GOLDEN=1 writes the files anew: then read the difference.
"""

import os
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "fixtures/terminal"

# Each keeps its width, so that tables stay tables: 2026-11-21T10:00:00Z -> tttt-tt-ttTtt:tt:ttZ.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?")
CLOCK = re.compile(r"\b\d\d:\d\d:\d\d(?:\.\d+)?\b")


def masked(pattern, mask):
    """A rule: digits within what `pattern` finds become `mask`, a character."""
    return lambda text: pattern.sub(lambda match: re.sub(r"\d", mask, match.group()), text)


def replaced(pattern, replacement):
    """A rule: what `pattern` finds becomes `replacement`, which may be shorter or longer."""
    return lambda text: re.sub(pattern, replacement, text)


TIMES = (masked(TIME, "t"), masked(CLOCK, "t"))


def check(text, name, rules=TIMES):
    for rule in rules:
        text = rule(text)
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    wanted = path.read_text() if path.exists() else ""
    assert text == wanted, f"{path.name} shows something else:\n{text}"

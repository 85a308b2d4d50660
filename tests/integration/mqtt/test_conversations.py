# SPDX-License-Identifier: MIT
"""Runs every conversation of fixtures/conversations, beside a device that must not notice."""

import pytest

from conversation import FOLDER, conversations


@pytest.mark.parametrize("one", conversations(), ids=lambda one: one.path.stem)
def test_conversation(one, d1, dial, witness, journal, log):
    client = dial()
    one.run(client)
    if one.lines[-1] == "C leaves":
        log.line("closed by the peer")
    for device, code, words in one.refusals:
        row = journal.row("refused")
        assert (row.get("deviceId", "-"), row["code"]) == (device, int(code))
        assert words in row["why"]
        assert words in log.line(f"refused code={code}")
    if not one.refusals:
        assert (journal.rows("refused"), log.lines("refused")) == ([], [])


def test_the_folder_was_found():
    assert len(list(FOLDER.glob("*.txt"))) > 50

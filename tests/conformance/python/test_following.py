# SPDX-License-Identifier: MIT
"""That following a page finds what is wrong with it: small pages, each of which must surprise or must not."""

import os

import pytest

import terminal
from test_pages import Reader, Surprise, pages

FINE = {
    "what is shown is what is printed": "```sh\necho one; echo two\n```\n```text\none\ntwo\n```\n",
    "dots stand for a part of a line": "```sh\necho a1b2c\n```\n```text\na...c\n```\n",
    "dots stand for any lines": "```sh\nseq 5\n```\n```text\n...\n4\n...\n```\n",
    "dots stand for no lines": "```sh\necho 1\n```\n```text\n...\n1\n...\n```\n",
    "variables live on": "```sh\nX=7\n```\n```sh\necho $X\n```\n```text\n7\n```\n",
    "what must fail fails": "```sh fails\nfalse\n```\n",
    "a file is there under its name": "```json a.json\n{}\n```\n```sh\ncat a.json\n```\n```text\n{}\n```\n",
    "a progress bar leaves nothing": "```sh\nprintf '\\rhalf\\033[K\\rall\\033[K\\r\\033[Kdone\\n'\n```\n```text\ndone\n```\n",
    "what stays is heard again": "```sh stays a\necho 1; read -r _ <fifo; echo 2; sleep 60\n```\n```text a\n1\n```\n"
                                 "```sh\necho >fifo\n```\n```text a\n2\n```\n",
    "versions that are tested": "```sh install\npip install azure-iot-device==2.14.0\nnpm install azure-iothub@1.16.6\n```\n",
}
WRONG = {
    "another line is printed": "```sh\necho one\n```\n```text\ntwo\n```\n",
    "one more line is printed": "```sh\necho one; echo two\n```\n```text\none\n```\n",
    "a line is missing": "```sh\necho one\n```\n```text\none\ntwo\n```\n",
    "the first of two commands fails": "```sh\nfalse\ntrue\n```\n",
    "what must fail succeeds": "```sh fails\ntrue\n```\n",
    "what stays never says it": "```sh stays\necho one; sleep 60\n```\n```text\ntwo\n```\n",
    "it does not end": "```sh\nsleep 60\n```\n",
    "Python's version is another": "```sh install\npip install azure-iot-device==2.13.0\n```\n",
    "Node's version is missing": "```sh install\nnpm install azure-iothub\n```\n",
    "Java's version is another": "```xml part\n<artifactId>iot-device-client</artifactId>\n<version>2.4.0</version>\n</dep>\n```\n",
}


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.setattr(terminal, "DONE_S_MAX", 3)
    monkeypatch.setattr(terminal, "END_S_MAX", 2)
    os.mkfifo(tmp_path / "fifo")
    return Reader(tmp_path, {"PATH": os.environ["PATH"]})


def follow(reader, page):
    for block in pages.blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", FINE.values(), ids=FINE)
def test_a_page_that_is_right_is_followed_to_its_end(reader, page):
    try:
        follow(reader, page)
    finally:
        assert reader.leave()


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG)
def test_a_page_that_is_wrong_is_found_out(reader, page):
    try:
        with pytest.raises(Surprise):
            follow(reader, page)
    finally:
        reader.leave()


def test_what_does_not_end_on_ctrl_c_is_found_out(reader):
    follow(reader, "```sh stays\ntrap '' INT; echo here; sleep 60\n```\n```text\nhere\n```\n")
    assert not reader.leave()

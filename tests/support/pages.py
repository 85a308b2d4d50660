# SPDX-License-Identifier: MIT
"""
Pages as a reader follows them. The words behind a fence's language say what becomes of the block:

    ```python device.py     save it as device.py; likewise js, java, c, json
    ```sh                   type it; every line must succeed
    ```sh fails             type it; it must end with an exit code that is not 0
    ```sh stays [NAME]      type it into a terminal of its own, and leave it running
    ```sh start [OPTION...] how the emulator is started; the tests do that themselves, with those options
    ```sh install           packages, which the tests have: the versions must be those that are pinned
    ```xml part             of a pom.xml; versions likewise
    ```text [NAME]          what the block above prints, or what terminal NAME prints next;
                            `...` stands for anything, alone on its line for any lines
    ```sh elsewhere FOLDER  what the tests in FOLDER do
    ```csharp not-run       a toolchain that the tests do not have; the words above the block must say so

Readers of the rendered page see none of these words but what the text around them says.
"""

import re
from pathlib import Path
from typing import Iterator, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"python", "js", "java", "c", "cpp", "csharp", "fsharp", "powershell", "pwsh", "go", "rust"}
SAVED = {"json"}
SHELL_WORDS = {"", "fails", "stays", "start", "install", "elsewhere", "not-run"}
LINES_MAX = 30
NOT_RUN = "not run by our tests"

FENCE = re.compile(r"^```(\S*)[ \t]*(.*)\n((?:(?!^```).*\n)*?)^```[ \t]*$", re.M)


class Block(NamedTuple):
    line: int  # of the opening fence
    language: str
    words: list[str]
    text: str
    above: str  # the paragraph before it

    @property
    def verb(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def is_program(self) -> bool:
        return self.language in PROGRAMS

    @property
    def file(self) -> str:
        """What it is saved as; "" when it is not."""
        saved = self.is_program or self.language in SAVED
        return self.verb if saved and self.verb != "not-run" else ""

    @property
    def is_typed(self) -> bool:
        return self.language == "sh" and self.verb in ("", "fails", "stays")


def blocks(page: str) -> list[Block]:
    found = []
    for match in FENCE.finditer(page):
        above = page[: match.start()].rstrip().rpartition("\n\n")[2]
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(line, match[1], match[2].split(), match[3], above))
    return found


def problems(page: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a page before anybody runs it: line and reason."""
    every = blocks(page)
    typed = "\n".join(block.text for block in every if block.is_typed)
    before = None
    for block in every:
        yield from ((block.line, reason) for reason in _problems_of(block, before, typed))
        before = block


def _problems_of(block: Block, before, typed: str) -> Iterator[str]:
    if block.verb == "not-run":
        if NOT_RUN not in " ".join(block.above.lower().split()):
            yield f"the words above it do not say '{NOT_RUN}'"
    elif block.is_program:
        if not block.file:
            yield "a program must be saved under a name and run, or be marked not-run"
        elif block.file not in typed:
            yield f"no shell block runs {block.file}"
    elif block.language == "sh" and block.verb not in SHELL_WORDS:
        yield f"'{block.verb}' is no word for a shell block"
    elif block.verb == "elsewhere" and not (len(block.words) == 2 and (ROOT / block.words[1]).is_dir()):
        yield "the folder whose tests do this is missing"
    elif block.language in ("bash", "shell", "console"):
        yield "commands stand in a block of sh"
    elif block.language == "text" and not block.words and not (before and before.is_typed):
        yield "it stands behind no shell block that could have printed it"
    if block.is_program and block.text.count("\n") > LINES_MAX:
        yield f"a program of {block.text.count(chr(10))} lines; {LINES_MAX} is the limit"


CODE = re.compile(r"`([^`]+)`")


def quoted_messages(page: str) -> Iterator[tuple[int, str]]:
    """What the first cells of tables headed "what is printed" quote: line and text."""
    inside = False
    for line, text in enumerate(page.splitlines(), 1):
        if not text.startswith("|"):
            inside = False
        elif text.startswith("| what is printed |"):
            inside = True
        elif inside:
            yield from ((line, match[1]) for match in CODE.finditer(text.split("|")[1]))


def shown(page: str) -> str:
    """All that the page's programs are seen to print."""
    return "".join(block.text for block in blocks(page) if block.language == "text")

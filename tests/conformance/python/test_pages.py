# SPDX-License-Identifier: MIT
"""
The pages, followed as a reader follows them: programs saved under the names they have there, commands typed as they
stand, from top to bottom, in front of an emulator of the page's own. tests/support/pages.py says what the words mean.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import PublicEmulator
from emulator import DEFAULT_BINARY
from terminal import Terminal, shown_as

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))

import pages  # noqa: E402

PAGES = [page for page in ("README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")))
         if any(block.is_typed for block in pages.blocks((ROOT / page).read_text()))]
# What is in a reader's folder: the packages that pages have installed there, and what was built.
HAS = {"node_modules": "tests/conformance/node/node_modules", "lib": "build/java/lib", "build": "build"}
# What a page says or the machine has set must not help one page or hinder another.
FORGOTTEN = re.compile(r"IOTHUB_|EVENTHUB_|SSL_CERT|REQUESTS_CA|NODE_|JAVA_|HUB_|PYTEST|VIRTUAL_ENV")


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """Where `./dev install --prefix` would put all of it, from what is built."""
    folder = tmp_path_factory.mktemp("prefix")
    build = Path(os.environ.get("EMULATOR_BIN", DEFAULT_BINARY)).resolve().parents[1]
    subprocess.run(["cmake", "--install", build, "--prefix", folder], check=True, capture_output=True)
    return folder


def environment(emulator, prefix):
    """What a reader's shell has who installed the emulator and the packages that the page names."""
    kept = {name: value for name, value in os.environ.items() if not FORGOTTEN.match(name)}
    libraries = str(next(prefix.glob("lib/**/pkgconfig")).parent)
    path = [str(Path(sys.executable).parent), str(prefix / "bin"), kept["PATH"]]
    return {**kept, "PATH": ":".join(path), "LD_LIBRARY_PATH": libraries,
            "PKG_CONFIG_PATH": f"{libraries}/pkgconfig", "IOTHUB_READY_FILE": str(emulator.ready_path), "NO_COLOR": "1",
            "PYTHONWARNINGS": "ignore", "HOME": str(emulator.folder)}


class Surprise(Exception):
    """What a reader did not expect."""


def expect(condition, text):
    if not condition:
        raise Surprise(text)


class Reader:
    """Follows one page."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = environment
        self.terminals = {"": Terminal(folder, self.environment)}
        self.showed = None  # what the last block showed that has ended; None: a terminal that stays open

    def follow(self, block):
        if block.language == "xml":
            dependencies_are_pinned(block.text)
        elif block.file:
            (self.folder / block.file).write_text(block.text)
        elif block.language == "sh" and block.verb == "stays":
            name = block.words[1] if len(block.words) > 1 else ""
            self.terminals["last"] = self.terminals[name or f"line {block.line}"] = Terminal(self.folder, self.environment)
            self.terminals["last"].type(block.text)
            self.showed = None
        elif block.is_typed:
            terminal = self.terminals[""]
            terminal.type(block.text, may_fail=block.verb == "fails")
            self.showed, code = terminal.finish()
            expect(code is not None, f"it does not end; so far it shows:\n{self.showed}")
            expect((code != 0) == (block.verb == "fails"), f"it ended with {code}:\n{self.showed}")
        elif block.language == "sh" and block.verb == "install":
            versions_are_pinned(block.text)
        elif block.language == "text":
            self.compare(block)

    def compare(self, block):
        if self.showed is not None and not block.words:
            as_shown = shown_as(block.text).fullmatch(self.showed.rstrip("\n") + "\n")
            expect(as_shown, f"it shows:\n{self.showed}")
        else:
            shows = self.terminals[block.verb or "last"].expect(block.text)
            expect(shows is None, f"it shows:\n{shows}")

    def leave(self):
        """Ctrl-C in each terminal; what does not end is a failure."""
        terminals = {id(terminal): terminal for terminal in self.terminals.values()}.values()
        return all([terminal.interrupt() for terminal in terminals])


def versions_are_pinned(text):
    """Each package with a version is one that the tests have, in that version; each has one."""
    node = json.loads((ROOT / "tests/conformance/node/package.json").read_text())["dependencies"]
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        packages = [word for word in words[2:] if not word.startswith("-")]
        if words[:2] == ["npm", "install"]:
            same = [node.get(name.rpartition("@")[0]) == name.rpartition("@")[2] for name in packages]
            expect(all(same), f"other versions are tested than: {line}")
        elif words[:2] == ["pip", "install"]:
            same = [importlib.metadata.version(name.partition("==")[0]) == name.partition("==")[2] for name in packages]
            expect(all(same), f"other versions are tested than: {line}")


def dependencies_are_pinned(text):
    """Likewise Maven's."""
    pinned = (ROOT / "tests/conformance/java/pom.xml").read_text()
    for artifact, version in re.findall(r"<artifactId>([^<]*)</artifactId>\s*<version>([^<]*)</version>\s*</dep", text):
        same = re.search(rf"<artifactId>{artifact}</artifactId>\s*<version>{re.escape(version)}</version>", pinned)
        expect(same, f"other versions are tested than: {artifact} {version}")


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_of_the_page_sees_what_it_says(page, tmp_path, prefix):
    blocks = pages.blocks((ROOT / page).read_text())
    options = [option for block in blocks if block.verb == "start" for option in block.words[1:]]
    folder = tmp_path / "reader"
    folder.mkdir()
    for name, target in HAS.items():
        (folder / name).symlink_to(ROOT / target)
    emulator = PublicEmulator(tmp_path / "emulator", ("--memory", *options))
    reader = Reader(folder, environment(emulator, prefix))
    try:
        for block in blocks:
            try:
                reader.follow(block)
            except Surprise as problem:
                pytest.fail(f"{page}:{block.line}: {problem}\n\nthe emulator said:\n{emulator.log()[-3000:]}",
                            pytrace=False)
    finally:
        ended = reader.leave()
        emulator.stop()
    assert ended, "a program that the page leaves running does not end on Ctrl-C"


def test_the_table_of_az_s_commands_is_that_of_the_program(prefix):
    table = json.loads(subprocess.run([prefix / "bin/iothub", "--commands"], check=True, capture_output=True).stdout)
    names = {" ".join(filter(None, (one.get("group"), one["name"]))): one.get("az") for one in table["commands"]}
    rows = re.findall(r"^\| `(?:az iot )?([^`]*)`[^|]* \| `([^`]*)` \|", (ROOT / "docs/sdk/az-cli.md").read_text(), re.M)
    told = {}
    for az, iothub in rows:
        (name,) = [name for name in sorted(names, key=len)[::-1] if f"{iothub} ".startswith(f"{name} ")][:1]
        told[name] = az
        assert f"{az} ".startswith(f"{names[name]} "), f"{name} is az's {names[name]}"
    missing = {name for name, az in names.items() if az and not name.startswith("module ")} - set(told)
    assert not missing, f"the page does not tell of {missing}"

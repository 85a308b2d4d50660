# SPDX-License-Identifier: MIT
"""
Is each command, and each option, run by some test? The program itself tells what there is
(`iothub --commands`); what was run, the tests' only way to run it has noted (programs.remember). So
this is the last of them: CTest runs it after all that may run `iothub` (see CMakeLists.txt).
"""

import json
import os
from pathlib import Path

import pytest

import programs

# A run counts when the program understood it: 2 means that it did not.
MISUSED = 2


class Command:
    def __init__(self, described, everywhere):
        self.words = [described[key] for key in ("group", "name") if key in described]
        self.name = " ".join(self.words)
        self.own = [option["name"] for option in described["options"]]
        self.options = described["options"] + everywhere
        self.runs_a_program = described.get("runsAProgram", False)

    def find(self, spelling):
        for option in self.options:
            names = [f"--{name}" for name in [option["name"], *option["aliases"]]]
            if spelling in [*names, f"-{option.get('letter', '-')}"]:
                return option
        raise AssertionError(f"{self.name} understood {spelling}, which it does not tell of")

    def given(self, arguments):
        """The names of the options that were given, by whatever spelling, or plainly."""
        named, plain, rest = [], 0, list(arguments)
        while rest:
            argument = rest.pop(0)
            if argument == "--":
                plain += len(rest)
                break
            if not argument.startswith("-") or argument == "-":
                plain += 1
                if self.runs_a_program:
                    break
                continue
            spelling, _, value = argument.partition("=")
            if not spelling.startswith("--") and len(spelling) > 2:
                spelling, value = spelling[:2], spelling[2:]
            option = self.find(spelling)
            named.append(option["name"])
            if "value" in option and not value and rest:
                rest.pop(0)
        for option in self.options:
            if plain > 0 and option.get("plain") and option["name"] not in named:
                named.append(option["name"])
                plain -= len(arguments) if option.get("repeats") else 1
        return named


def listing():
    code, out, err = programs.run("iothub", "--commands")
    assert (code, err) == (0, "")
    return json.loads(out)


def all_runs():
    notes = os.environ.get("PROGRAM_RUNS")
    if notes is None:
        pytest.skip("only CTest knows what all the tests have run")
    tests = Path(__file__).resolve().parents[1]
    for path in sorted(Path(notes).parent.glob("*.jsonl")):
        folder, thing = path.stem.split(".", 1)
        if not (tests / folder / f"test_{thing}.py").exists():
            continue  # left over
        for line in path.read_text().splitlines():
            run = json.loads(line)
            if run["program"] == "iothub" and run["code"] != MISUSED:
                yield run


def split(arguments, commands):
    """The command's words are the first that are no options; the rest is its own."""
    arguments, words = list(arguments), []
    for argument in arguments:
        if not argument.startswith("-"):
            words.append(argument)
    for command in commands:
        if words[: len(command.words)] == command.words:
            rest = list(arguments)
            for word in command.words:
                rest.remove(word)
            return command, rest
    return None, arguments


def test_each_command_and_each_option_is_run_by_a_test():
    described = listing()
    everywhere = described["options"]
    commands = [Command(one, everywhere) for one in described["commands"]]
    assert len(commands) > 5

    succeeded, given = set(), set()
    for run in all_runs():
        command, rest = split(run["arguments"], commands)
        if command is None:
            continue  # `iothub --version` and the like
        options = command.given(rest)
        given.update((command.name, name) for name in options)
        given.update(("", name) for name in options)
        if run["code"] == 0 and "help" not in options:
            succeeded.add(command.name)

    missing = [f"no test has a good end of `iothub {c.name}`" for c in commands if c.name not in succeeded]
    missing += [
        f"no test gives `iothub {command.name}` its option --{name}"
        for command in commands
        for name in command.own
        if (command.name, name) not in given
    ]
    missing += [
        f"no test gives any command the option --{option['name']}"
        for option in everywhere
        if ("", option["name"]) not in given
    ]
    assert not missing, "\n" + "\n".join(missing)


def test_each_command_has_a_page_of_help():
    described = listing()
    for one in described["commands"]:
        command = Command(one, described["options"])
        code, out, err = programs.run("iothub", *command.words, "--help")
        assert (code, err) == (0, ""), command.name
        for option in command.options:
            assert f"--{option['name']}" in out
            assert all(f"--{alias}" in out for alias in option["aliases"])

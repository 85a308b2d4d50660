# SPDX-License-Identifier: MIT
"""What holds of each command: the program itself tells which there are (`iothub --commands`)."""

import json

import programs

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


def test_each_command_has_a_page_of_help():
    described = listing()
    for one in described["commands"]:
        command = Command(one, described["options"])
        code, out, err = programs.run("iothub", *command.words, "--help")
        assert (code, err) == (0, ""), command.name
        for option in command.options:
            assert f"--{option['name']}" in out
            assert all(f"--{alias}" in out for alias in option["aliases"])

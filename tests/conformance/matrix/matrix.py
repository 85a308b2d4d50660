#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The SDK matrix: result rows in, tables out.

    matrix.py RESULTS                  prints the tables of what ran
    matrix.py RESULTS --check PAGE     ... and fails where they differ from those kept in PAGE
    matrix.py RESULTS --write PAGE     ... and keeps them in PAGE

README.md, one folder up, describes the rows. Exit code 1: something failed, nothing ran, or the page
says otherwise.
"""

import argparse
import difflib
import re
import sys
from collections import namedtuple
from pathlib import Path

Row = namedtuple("Row", "role language package version transport feature result")

# The tables, in this order, and the columns of each. A feature that is not named here is refused: a
# misspelt one would otherwise become a column of its own.
TABLES = {
    "device": ("Devices", ("telemetry", "twin", "method", "C2D")),
    "module": ("Modules", ("telemetry", "twin", "method")),
    "service": (
        "Back ends",
        ("registry", "twin", "query", "method", "C2D", "feedback", "file notifications"),
    ),
    "reader": (
        "Readers of the Event Hubs-compatible endpoint",
        ("properties", "earliest", "latest", "sequence", "time", "epoch", "redirect"),
    ),
}
RESULTS = {"passed": "yes", "failed": "**FAILED**", "unsupported": "not in the SDK"}
NOT_RUN = ""
BEGIN = "<!-- matrix: tests/conformance/matrix/matrix.py writes from here -->\n"
END = "<!-- matrix: to here -->\n"


class Malformed(Exception):
    """A row that no program should have written."""


def parse(text):
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != len(Row._fields):
            raise Malformed(f"line {number} has {len(fields)} fields, not {len(Row._fields)}: {line!r}")
        row = Row(*fields)
        if row.role not in TABLES:
            raise Malformed(f"line {number}: there is no role {row.role!r}")
        if row.feature not in TABLES[row.role][1]:
            raise Malformed(f"line {number}: a {row.role} has no feature {row.feature!r}")
        if row.result not in RESULTS:
            raise Malformed(f"line {number}: {row.result!r} is not a result")
        if not all(fields):
            raise Malformed(f"line {number} has an empty field: {line!r}")
        rows.append(row)
    return rows


def cells_of(rows):
    """(role, language, package, version, transport) -> feature -> result; the worst of several wins."""
    worst_first = ("failed", "unsupported", "passed")
    cells = {}
    for row in rows:
        features = cells.setdefault(row[:5], {})
        known = features.get(row.feature, "passed")
        features[row.feature] = min(known, row.result, key=worst_first.index)
    return cells


def table(header, lines):
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    rule = ["-" * width for width in widths]
    return "".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |\n"
        for line in [header, rule, *lines]
    )


def render(rows):
    cells = cells_of(rows)
    parts = []
    for role, (title, features) in TABLES.items():
        lines = [
            [language, f"{package} {version}", transport]
            + [RESULTS.get(cells[key].get(feature), NOT_RUN) for feature in features]
            for key in sorted(cells)
            if key[0] == role
            for _, language, package, version, transport in [key]
        ]
        if lines:
            parts.append(f"**{title}**\n\n" + table(["language", "SDK", "transport", *features], lines))
    return "\n".join(parts)


def kept_in(page):
    """The page before, between and after the marks."""
    found = re.fullmatch(f"(.*{re.escape(BEGIN)}\n)(.*)(\n{re.escape(END)}.*)", page, re.S)
    if found is None:
        raise Malformed("the page has no place for the tables: the two marks are missing")
    return found.groups()


def write(path, tables):
    before, _, after = kept_in(path.read_text())
    path.write_text(before + tables + after)


def differences(path, tables):
    _, kept, _ = kept_in(path.read_text())
    return list(
        difflib.unified_diff(
            kept.splitlines(True), tables.splitlines(True), f"kept in {path}", "what ran", n=0
        )
    )


def verdict(rows):
    """Closing line in the words that every runner here ends with."""
    counts = {result: sum(row.result == result for row in rows) for result in RESULTS}
    return f"matrix: {counts['passed']} passed, {counts['failed']} failed, {counts['unsupported']} skipped"


def main(arguments):
    parser = argparse.ArgumentParser(description="the SDK matrix")
    parser.add_argument("results", type=Path, help="the file that the programs wrote their rows to")
    parser.add_argument("--check", type=Path, metavar="PAGE")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)

    rows = parse(options.results.read_text()) if options.results.exists() else []
    tables = render(rows)
    print(tables)
    if options.write:
        write(options.write, tables)
    changed = differences(options.check, tables) if options.check else []
    if changed:
        sys.stdout.writelines(changed)
        print(f"\n{options.check} keeps other tables; where these are right, run:")
        print(f"  {sys.argv[0]} {options.results} --write {options.check}\n")
    print(verdict(rows))
    return 1 if not rows or changed or any(row.result == "failed" for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Malformed as problem:
        sys.exit(f"matrix: {problem}")

# SPDX-License-Identifier: MIT
"""
A terminal's screen, as text: what somebody sees after a program has written its bytes.

It knows what our programs may send and refuses everything else, so that a sequence that only some
terminals understand is found here and not by a user.
"""

import codecs
import re
import unicodedata

# SGR: bold, faint, underlined, reversed, their ends, and the sixteen colours.
STYLES = {0, 1, 2, 4, 7, 22, 24, 27, 39, 49, *range(30, 38), *range(40, 48), *range(90, 98)}
SEQUENCE = re.compile(r"\x1b(?:\[(?P<private>\??)(?P<numbers>[0-9;]*)(?P<verb>[@-~]))")
UNFINISHED = re.compile(r"\x1b(?:\[\??[0-9;]*)?$")
TAB = 8


class UnknownSequence(Exception):
    """The program sent something that is not every terminal's."""


def cells(character):
    """How many columns a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """
    `lines` are all that was ever on it, the scrolled-away first. `frames` are the states that
    somebody could have seen: each is kept at the moment when the program turns to write over it, so
    they depend on the bytes alone, never on when they were read.
    """

    def __init__(self, columns=80, rows=24):
        self.columns = columns
        self.rows = rows
        self.grid = [[]]
        self.row = 0
        self.column = 0
        self.cursor_is_shown = True
        self.style = set()
        self.frames = []
        self.is_drawn = False  # something was written since the last frame
        self.is_back = False  # the cursor went back since then: what comes is the next one
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.pending = ""

    # ---- what is seen ----

    @property
    def lines(self):
        return ["".join(line).rstrip() for line in self.grid]

    @property
    def text(self):
        return "\n".join(self.lines).rstrip("\n") + "\n"

    @property
    def line(self):
        """The one the cursor is on."""
        return self.lines[self.row]

    @property
    def top(self):
        """The first line that is still on the screen: what is above it cannot be changed."""
        return max(0, len(self.grid) - self.rows)

    # ---- what is written ----

    def feed(self, data):
        text = self.pending + self.decoder.decode(data)
        self.pending = ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                if UNFINISHED.match(text, at):
                    self.pending = text[at:]
                    return
                at = self.sequence(text, at)
            else:
                self.character(text[at])
                at += 1

    def sequence(self, text, at):
        match = SEQUENCE.match(text, at)
        if match is None:
            raise UnknownSequence(repr(text[at : at + 8]))
        numbers = [int(number) if number else None for number in match["numbers"].split(";")]
        verb = match["private"] + match["verb"]
        actions = {
            "m": self.set_style,
            "K": self.erase_line,
            "J": self.erase_below,
            "A": lambda n: self.move(self.row - (n or 1), self.column),
            "B": lambda n: self.move(self.row + (n or 1), self.column),
            "C": lambda n: self.move(self.row, self.column + (n or 1)),
            "D": lambda n: self.move(self.row, self.column - (n or 1)),
            "G": lambda n: self.move(self.row, (n or 1) - 1),
            "?l": lambda n: self.show_cursor(n, False),
            "?h": lambda n: self.show_cursor(n, True),
        }
        if verb not in actions or (verb != "m" and len(numbers) > 1):
            raise UnknownSequence(repr(match.group()))
        if verb == "m":
            self.set_style(numbers)
        else:
            actions[verb](numbers[0])
        return match.end()

    def character(self, character):
        if character == "\n":
            self.new_line()
        elif character == "\r":
            self.column = 0
            self.is_back = True
        elif character == "\b":
            self.column = max(0, min(self.column, self.columns) - 1)
            self.is_back = True
        elif character == "\t":
            self.column = min(self.columns - 1, (self.column // TAB + 1) * TAB)
        elif character == "\a":
            pass
        elif unicodedata.category(character) == "Cc":
            raise UnknownSequence(f"the control character {character!r}")
        else:
            self.put(character)

    def put(self, character):
        width = cells(character)
        if width == 0:
            if self.column > 0 and self.grid[self.row]:
                self.grid[self.row][min(self.column, len(self.grid[self.row])) - 1] += character
            return
        if self.column + width > self.columns:  # as terminals do: only now, not when it was filled
            self.column = 0
            self.new_line()
        line = self.grid[self.row]
        if self.column < len(line):
            self.keep_frame()
        line.extend(" " * (self.column + width - len(line)))
        line[self.column : self.column + width] = [character] + [""] * (width - 1)
        self.column += width
        self.is_drawn = True

    def new_line(self):
        self.row += 1
        if self.row == len(self.grid):
            self.grid.append([])

    def keep_frame(self):
        if self.is_drawn and self.is_back:
            self.frames.append(self.text)
            self.is_drawn = False
        self.is_back = False

    # ---- sequences ----

    def set_style(self, numbers):
        for number in numbers:
            if (number or 0) not in STYLES:
                raise UnknownSequence(f"SGR {number}")
            if number in (None, 0):
                self.style.clear()
            else:
                self.style.add(number)

    def erase_line(self, which):
        if which not in (None, 0, 2):
            raise UnknownSequence(f"ESC[{which}K")
        line = self.grid[self.row]
        start = 0 if which == 2 else min(self.column, self.columns - 1)
        if line[start:]:
            self.keep_frame()
        del line[start:]

    def erase_below(self, which):
        if which not in (None, 0):
            raise UnknownSequence(f"ESC[{which}J")
        self.erase_line(0)
        if self.grid[self.row + 1 :]:
            self.keep_frame()
        del self.grid[self.row + 1 :]

    def move(self, row, column):
        self.is_back = self.is_back or row < self.row or column < self.column
        self.row = max(self.top, min(row, self.top + self.rows - 1))
        self.column = max(0, min(column, self.columns - 1))
        while self.row >= len(self.grid):
            self.grid.append([])

    def show_cursor(self, number, shown):
        if number != 25:
            raise UnknownSequence(f"ESC[?{number}{'h' if shown else 'l'}")
        self.cursor_is_shown = shown

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house rules that a machine can check.

usage: lint.py RULE | --all

A rule is a function from the tree, a dict of path to text, to the problems it finds. lint_test.py
feeds each of them a bad tree and a good one.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import pages  # noqa: E402

LINES_MAX = 600
FUNCTION_LINES_WANTED, FUNCTION_LINES_MAX = 40, 70

Tree = dict[str, str]


class Problem(NamedTuple):
    path: str
    line: int
    text: str


Rule = Callable[[Tree], Iterator[Problem]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


# ---- reading ---------------------------------------------------------------------------------


def tracked_tree() -> Tree:
    """What git tracks or would track, as far as it is text and still there."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    tree = {}
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file():
            try:
                tree[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                pass  # a corpus file: bytes, not prose
    return tree


LEXEME = re.compile(r'(//[^\n]*|/\*.*?\*/)|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)


def blanked(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text: str) -> str:
    return LEXEME.sub(lambda m: blanked(m) if m.group(1) else m.group(), text)


def code_only(text: str) -> str:
    """Comments and literals become blanks; every line and column stays where it was."""
    return LEXEME.sub(blanked, text)


def c_files(tree: Tree, suffixes: tuple[str, ...] = (".c", ".h")) -> Iterator[tuple[str, str]]:
    return ((path, text) for path, text in tree.items() if path.endswith(suffixes))


def found(path: str, text: str, pattern: str, message: str) -> Iterator[Problem]:
    for match in re.finditer(pattern, text):
        yield Problem(path, text.count("\n", 0, match.start()) + 1,
                      message.format(*match.groups(), match=match.group()))


def is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


# ---- who may include whom --------------------------------------------------------------------


def arrows(tree: Tree, kind: str) -> dict[str, list[str]]:
    """The `left -> right, right` lines of a fenced block of docs/architecture.md."""
    block = re.search(rf"^```{kind}\n(.*?)^```", tree.get("docs/architecture.md", ""), re.S | re.M)
    if block is None:
        raise SystemExit(f"docs/architecture.md has no block named {kind}")
    table = {}
    for line in block.group(1).splitlines():
        left, _, right = line.partition("->")
        table[left.strip()] = [name.strip() for name in right.split(",") if name.strip()]
    return table


def folder_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2] if parts[0] in ("emulator", "clients") else parts[:1])


def included_folder(path: str, name: str, table: dict[str, list[str]]) -> str:
    """The folder that an include means: names start at the root or, in emulator/, there."""
    if folder_of("emulator/" + name) in table and path.startswith("emulator/"):
        return folder_of("emulator/" + name)
    return folder_of(name)


QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
ANGLED = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>]+)>", re.M)


@rule
def include_table(tree: Tree) -> Iterator[Problem]:
    """includes follow the arrows of docs/architecture.md"""
    table = arrows(tree, "includes")
    for path, text in c_files(tree):
        folder = folder_of(path)
        if is_under(path, "tests"):
            continue
        if folder not in table:
            yield Problem(path, 1, f"{folder} is not in the include table")
            continue
        text = without_comments(text)
        for match in QUOTED.finditer(text):
            name = match.group(1)
            line = text.count("\n", 0, match.start(1)) + 1
            target = included_folder(path, name, table)
            if "/" not in name:
                yield Problem(path, line, f'"{name}" must name its folder: "{folder}/{name}"')
            elif target != folder and target not in table[folder]:
                yield Problem(path, line, f"{folder} must not include {target} ({name})")
            elif target != folder and name.endswith("_internal.h"):
                yield Problem(path, line, f"{name} is internal to {target}")


@rule
def system_headers(tree: Tree) -> Iterator[Problem]:
    """each library's headers are included behind its own door only"""
    table = arrows(tree, "headers")
    for path, text in c_files(tree):
        text = without_comments(text)
        for match in ANGLED.finditer(text):
            name = match.group(1)
            for header, doors in table.items():
                if name == header or (header.endswith("/") and name.startswith(header)):
                    if not any(is_under(path, door) for door in [*doors, "tests"]):
                        yield Problem(path, text.count("\n", 0, match.start(1)) + 1,
                                      f"<{name}> belongs to {', '.join(doors)}")


# ---- words -----------------------------------------------------------------------------------

BANNED = [  # words, where they may stand all the same, what to use instead
    ("strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|atoll|atof|strtol"
     "|strtoll|strtoul|strtoull|strtod|gets|scanf|sscanf|fscanf", ["base"], "use base/str.h or base/buf.h"),
    ("malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf|free|alloca",
     ["base/alloc.c"], "use base/alloc.h, a buf or an arena"),
    ("time|gettimeofday|clock_gettime|timespec_get", ["base/clock.c", "clients/tutorials"],
     "use base/clock.h"),  # the tutorials stand on public headers only
    ("rand|srand|random|srandom", ["base/random.c"], "use base/random.h"),
    ("gmtime|localtime|mktime|strftime|ctime|asctime", ["base", "clients/tutorials"],
     "use base/clock.h"),
    (r"sqlite3_\w+", ["storage", "tests/unit/storage"], "SQLite stays behind storage/storage.h"),
]


@rule
def banned_words(tree: Tree) -> Iterator[Problem]:
    """functions that have a safer or an injectable equal"""
    for path, text in c_files(tree):
        code = code_only(text)
        for words, allowed, instead in BANNED:
            if not any(is_under(path, folder) for folder in allowed):
                yield from found(path, code, rf"(?<![\w.>])({words})\s*\(", "{0}() is banned: " + instead)


@rule
def line_comments(tree: Tree) -> Iterator[Problem]:
    """comments are written /* so */"""
    for path, text in c_files(tree):
        for match in LEXEME.finditer(text):
            if match.group().startswith("//"):
                yield Problem(path, text.count("\n", 0, match.start()) + 1, "a line comment")


@rule
def struct_typedefs(tree: Tree) -> Iterator[Problem]:
    """a struct is called struct"""
    for path, text in c_files(tree):
        yield from found(path, code_only(text), r"\btypedef\s+(struct|union)\b", "a typedef of a {0}")


@rule
def backward_goto(tree: Tree) -> Iterator[Problem]:
    """goto only goes forward, to out:"""
    for path, text in c_files(tree):
        yield from found(path, code_only(text), r"\bgoto\s+(?!out\s*;)(\w+)", "goto {0}: only `goto out` is wanted")


@rule
def licence_line(tree: Tree) -> Iterator[Problem]:
    """every C file names its licence first"""
    for path, text in c_files(tree):
        if not text.startswith("/* SPDX-License-Identifier: MIT */\n"):
            yield Problem(path, 1, "the first line must be /* SPDX-License-Identifier: MIT */")


# Spelt so that this file does not hold what it looks for.
MARKERS = r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|not implemented" + r" yet"


@rule
def unfinished(tree: Tree) -> Iterator[Problem]:
    """nothing is left for later in the source"""
    suffixes = (".c", ".h", ".py", ".js", ".sh", ".cmake", ".txt", ".md", ".yaml", "Dockerfile", "dev")
    for path, text in tree.items():
        if path.endswith(suffixes) and not is_under(path, "fixtures"):
            yield from found(path, text, MARKERS, "left unfinished: {match}")


@rule
def download_addresses(tree: Tree) -> Iterator[Problem]:
    """lock files pin versions and hashes, not the registry they came from"""
    for path, text in tree.items():
        if path.endswith("package-lock.json"):
            yield from found(path, text, r'"resolved"\s*:\s*"http[^"]*"', "a download address: {match}")


# ---- sizes -----------------------------------------------------------------------------------


@rule
def long_files(tree: Tree) -> Iterator[Problem]:
    """a file over 600 lines needs a line, with its reason, in tests/lint/long_files.txt"""
    allow_list = "tests/lint/long_files.txt"
    excused = {}
    for number, line in enumerate(tree.get(allow_list, "").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            path, _, reason = line.partition(" ")
            excused[path] = number
            if not reason.strip():
                yield Problem(allow_list, number, f"{path} has no reason")
    for path, text in tree.items():
        if path.endswith((".c", ".h", ".py", ".js")) and text.count("\n") > LINES_MAX:
            if excused.pop(path, None) is None:
                yield Problem(path, LINES_MAX, f"{text.count(chr(10))} lines: split it by idea")
    for path, number in excused.items():
        yield Problem(allow_list, number, f"{path} needs no excuse any more")


class Function(NamedTuple):
    path: str
    line: int
    name: str
    lines: int


def functions(path: str, text: str) -> Iterator[Function]:
    """clang-format puts a function's braces, and only those, alone in the first column."""
    lines = code_only(text).split("\n")
    opened = None
    for i, line in enumerate(lines):
        if line == "{":
            opened = i
        elif line == "}" and opened is not None:
            head = re.findall(r"(\w+)\(", " ".join(lines[max(0, opened - 6):opened]).rpartition(";")[2])
            yield Function(path, opened, head[0] if head else "?", i - opened - 1)
            opened = None


@rule
def function_length(tree: Tree) -> Iterator[Problem]:
    """functions of 70 lines at most; what they measure is printed"""
    every = [f for path, text in c_files(tree) for f in functions(path, text)]
    for f in every:
        if f.lines > FUNCTION_LINES_MAX:
            yield Problem(f.path, f.line, f"{f.name}() has {f.lines} lines; {FUNCTION_LINES_MAX} is the limit")
    if every:
        sizes = sorted(f.lines for f in every)
        over = sum(size > FUNCTION_LINES_WANTED for size in sizes)
        print(f"{len(sizes)} functions: median {sizes[len(sizes) // 2]} lines, "
              f"p90 {sizes[len(sizes) * 9 // 10]}, longest {sizes[-1]}, {over} over {FUNCTION_LINES_WANTED}")
        for f in sorted(every, key=lambda f: -f.lines)[:5]:
            print(f"  {f.lines:4} {f.path}:{f.line} {f.name}")


# ---- pages -----------------------------------------------------------------------------------


@rule
def readmes(tree: Tree) -> Iterator[Problem]:
    """every folder that holds code says what it is"""
    folders = {folder_of(path) for path, _ in c_files(tree)}
    folders |= {path.split("/")[0] for path in tree if "/" in path and path[0] != "."}
    for folder in sorted(folders - {"cmake", "docs"}):
        if folder + "/README.md" not in tree:
            yield Problem(folder + "/README.md", 1, "is missing")


@rule
def links(tree: Tree) -> Iterator[Problem]:
    """what a page points at is there"""
    folders = {parent.as_posix() for path in tree for parent in Path(path).parents}
    for path, text in tree.items():
        if not path.endswith(".md"):
            continue
        for match in re.finditer(r"\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)", text):
            target = os.path.normpath(os.path.join(os.path.dirname(path), match.group(1)))
            if target not in tree and target not in folders:
                yield Problem(path, text.count("\n", 0, match.start()) + 1, f"{match.group(1)} is not there")


@rule
def tested_blocks(tree: Tree) -> Iterator[Problem]:
    """programs on the pages for users are run by the tests, or say that they are not, and are short"""
    for path, text in tree.items():
        if path.endswith(".md") and (path == "README.md" or is_under(path, "docs")):
            yield from (Problem(path, line, reason) for line, reason in pages.problems(text))


@rule
def true_pages(tree: Tree) -> Iterator[Problem]:
    """messages on the page about trouble were seen by a test; the page about differences knows all there are"""
    printed = "".join(pages.shown(text) for path, text in tree.items() if is_under(path, "docs") and path.endswith(".md"))
    trouble, differences = "docs/troubleshooting.md", "docs/differences.md"
    for line, message in pages.quoted_messages(tree.get(trouble, "")):
        if message not in printed:
            yield Problem(trouble, line, f"no page shows a program that prints: {message}")
    rows = set(re.findall(r"^\| `?([^|`]*?)`? \|", tree.get(differences, ""), re.M))
    for path, pattern in [("emulator/https/router.c", r'MISSING\([^)]*?"([^"]*)"\)'),
                          ("emulator/https/router.c", r'#define ON_A_USED_CONNECTION\s+"([^"]*)"'),
                          ("emulator/main/options_text.c", r'^    \{"([a-z0-9-]+)", "", ?$|^    \{"([a-z][a-z0-9-]+)", "",')]:
        for match in re.finditer(pattern, tree.get(path, ""), re.M):
            what = match[1] or match[match.lastindex]
            if what not in rows:
                yield Problem(differences, 1, f"has no row for: {what} ({path})")


# ---- what other tools see --------------------------------------------------------------------


def in_parallel(check: Callable[[str], str], paths: list[str]) -> Iterator[Problem]:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, complaint in zip(paths, pool.map(check, paths)):
            if complaint:
                yield Problem(path, 1, complaint)


def complaint_of(command: list[str], text: str) -> str:
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode != 0 else ""


@rule
def headers_alone(tree: Tree) -> Iterator[Problem]:
    """every header compiles by itself, and twice"""
    compiler = ["cc", "-std=c17", "-fsyntax-only", "-Wall", "-Werror", "-D_POSIX_C_SOURCE=200809L", "-I.",
                "-Iemulator", "-Iclients/include", "-Itests/support", "-x", "c", "-"]

    def check(path: str) -> str:
        if not (ROOT / path).is_file():  # the self-test's
            return complaint_of(compiler, tree[path])
        return complaint_of(compiler, f'#include "{path}"\n' * 2)

    yield from in_parallel(check, [path for path, _ in c_files(tree, (".h",))])


@rule
def formatting(tree: Tree) -> Iterator[Problem]:
    """clang-format 14 has nothing to change: ./dev format"""
    formatter = ["clang-format-14", "--dry-run", "-Werror"]
    paths = [path for path, _ in c_files(tree)]
    there = [path for path in paths if (ROOT / path).is_file()]
    for path in set(paths) - set(there):  # the self-test's
        complaint = complaint_of([*formatter, f"--assume-filename={path}"], tree[path])
        if complaint:
            yield Problem(path, 1, complaint)
    bunches = [bunch for i in range(8) if (bunch := there[i::8])]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for complaints in pool.map(lambda bunch: complaint_of([*formatter, *bunch], ""), bunches):
            places = re.findall(r"^(\S+?):(\d+):\d+: error: (.*)$", complaints, re.M)
            for path, line, text in places or ([("clang-format-14", 0, complaints)] if complaints else []):
                yield Problem(path, int(line), text)


# ---- running ---------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in [*RULES, "--all"]:
        print(__doc__, "rules:", sep="\n", file=sys.stderr)
        for name, check in RULES.items():
            print(f"  {name:20} {check.__doc__}", file=sys.stderr)
        return 2
    tree = tracked_tree()
    count = 0
    for name in RULES if arguments[0] == "--all" else arguments:
        for problem in RULES[name](tree):
            print(f"{problem.path}:{problem.line}: {problem.text} [{name}]", file=sys.stderr)
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

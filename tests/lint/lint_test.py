#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each rule of lint.py finds what it looks for, where it is, and leaves good code alone."""
import contextlib
import io
import re
import sys
import unittest
from pathlib import Path

import lint

MIT = "/* SPDX-License-Identifier: MIT */\n"
PAGE = Path(lint.ROOT, "docs/architecture.md").read_text(encoding="utf-8")
LATER = "TO" + "DO"
ADDRESS = "http" + "s://x/x.tgz"

# rule, path, text, the line the problem is on (None: there is no problem)
TROUBLE = "| what is printed | why |\n|---|---|\n"
CASES = [
    ("include_table", "query/a.c", '#include "storage/storage.h"\n', 1),
    ("include_table", "query/a.c", '\n#include "base/str.h"\n#include "query/b.h"\n', None),
    ("include_table", "storage/a.c", '#include "query/query.h"\n', None),
    ("include_table", "emulator/hub/a.c", '#include "storage/storage.h"\n', None),
    ("include_table", "emulator/hub/a.c", '\n#include "net/net.h"\n', 2),
    ("include_table", "emulator/net/a.c", '#include "hub/hub.h"\n', 1),
    ("include_table", "emulator/mqtt/a.c", '#include "hub/hub.h"\n#include "net/net.h"\n', None),
    ("include_table", "emulator/mqtt/a.c", '#include "https/router.h"\n', 1),
    ("include_table", "emulator/mqtt/a.c", '#include "storage/storage.h"\n', 1),
    ("include_table", "emulator/https/a.c", '#include "mqtt/packet.h"\n', 1),
    ("include_table", "emulator/mqtt/a.c", '#include "hub/twin_internal.h"\n', 1),
    ("include_table", "emulator/hub/a.c", '#include "hub/twin_internal.h"\n', None),
    ("include_table", "emulator/hub/a.c", '#include "twin.h"\n', 1),
    ("include_table", "emulator/hub/a.c", '/*\n#include "net/net.h"\n*/\n', None),
    ("include_table", "emulator/main/a.c", '#include "mqtt/server.h"\n', None),
    ("include_table", "clients/cli/a.c", '#include "clients/device/device.h"\n', None),
    ("include_table", "clients/tutorials/a.c", '#include "base/str.h"\n', 1),
    ("include_table", "clients/tutorials/a.c", "#include <iothub/device.h>\n", None),
    ("include_table", "clients/device/a.c", '#include "emulator/hub/hub.h"\n', 1),
    ("include_table", "base/a.c", '#include "query/query.h"\n', 1),
    ("include_table", "cellar/a.c", "int a;\n", 1),
    ("include_table", "tests/unit/query/a_test.c", '#include "storage/storage.h"\n', None),
    ("system_headers", "emulator/hub/a.c", "#include <sqlite3.h>\n", 1),
    ("system_headers", "storage/a.c", "#include <sqlite3.h>\n", None),
    ("system_headers", "emulator/https/a.c", "#include <microhttpd.h>\n", 1),
    ("system_headers", "emulator/net/a.c", "#include <microhttpd.h>\n#include <uv.h>\n", None),
    ("system_headers", "emulator/mqtt/a.c", "\n\n#include <uv.h>\n", 3),
    ("system_headers", "emulator/hub/a.c", "#include <openssl/hmac.h>\n", 1),
    ("system_headers", "clients/device/a.c", "#include <mosquitto.h>\n", None),
    ("system_headers", "emulator/mqtt/a.c", "#include <mosquitto.h>\n", 1),
    ("system_headers", "emulator/https/a.c", "#include <curl/curl.h>\n", 1),
    ("system_headers", "emulator/hub/a.c", "#include <sys/socket.h>\n", 1),
    ("system_headers", "base/a.c", "#include <cmocka.h>\n", 1),
    ("system_headers", "tests/bench/a.c", "#include <sys/socket.h>\n", None),
    ("banned_words", "query/a.c", "\nstrcpy(a, b);\n", 2),
    ("banned_words", "query/a.c", "x = strtol(a, b, 10);\n", 1),
    ("banned_words", "base/a.c", "x = strtol(a, b, 10);\n", None),
    ("banned_words", "base/a.c", "x = malloc(1);\n", 1),
    ("banned_words", "base/alloc.c", "x = malloc(1);\n", None),
    ("banned_words", "query/a.c", "free(x);\n", 1),
    ("banned_words", "query/a.c", "mem_free(x);\n", None),
    ("banned_words", "query/a.c", "x->free(x);\n", None),
    ("banned_words", "query/a.c", "/* malloc(1) */ f(\"malloc(1)\");\n", None),
    ("banned_words", "emulator/hub/a.c", "x = time(NULL);\n", 1),
    ("banned_words", "emulator/hub/a.c", "clock_gettime(a, b);\n", 1),
    ("banned_words", "emulator/hub/a.c", "x = clock_time(NULL);\n", None),
    ("banned_words", "base/clock.c", "clock_gettime(a, b);\n", None),
    ("banned_words", "emulator/hub/a.c", "sqlite3_step(s);\n", 1),
    ("line_comments", "query/a.c", "int a; // so\n", 1),
    ("line_comments", "query/a.c", 'f("https://localhost"); /* // */\n', None),
    ("struct_typedefs", "query/a.h", "\ntypedef struct a {\n} a;\n", 2),
    ("struct_typedefs", "query/a.h", "typedef void (*a_fn)(struct a *);\n", None),
    ("backward_goto", "query/a.c", "goto again;\n", 1),
    ("backward_goto", "query/a.c", "goto out;\n", None),
    ("licence_line", "query/a.c", "int a;\n", 1),
    ("licence_line", "query/a.c", MIT + "int a;\n", None),
    ("unfinished", "query/a.c", f"\n/* {LATER}: more */\n", 2),
    ("unfinished", "docs/a.md", f"{LATER}\n", 1),
    ("unfinished", "query/a.c", "/* nothing to do */\n", None),
    ("download_addresses", "a/package-lock.json", f'{{\n"resolved": "{ADDRESS}"}}', 2),
    ("download_addresses", "a/package-lock.json", '{"integrity": "sha512-x"}', None),
    ("long_files", "query/a.c", "int a;\n" * 601, 600),
    ("long_files", "query/a.c", "int a;\n" * 600, None),
    ("function_length", "query/a.c", "int f(int a)\n{\n" + "    a++;\n" * 71 + "}\n", 1),
    ("function_length", "query/a.c", "int f(int a)\n{\n" + "    a++;\n" * 70 + "}\n", None),
    ("readmes", "docs/a.md", "\n", None),
    ("readmes", "query/a.c", "int a;\n", 1),
    ("links", "docs/a.md", "\n[there](nowhere.md)\n", 2),
    ("links", "docs/a.md", "[there](architecture.md#the-tick) [out](https://example.org) [up](../docs)\n", None),
    ("tested_blocks", "docs/a.md", "\n```python\npass\n```\n", 2),
    ("tested_blocks", "docs/a.md", "\n```python a.py\npass\n```\n", 2),
    ("tested_blocks", "docs/a.md", "```python a.py\n" + "pass\n" * 31 + "```\n```sh\npython3 a.py\n```\n", 1),
    ("tested_blocks", "docs/a.md", "```python a.py\n" + "pass\n" * 30 + "```\n```sh\npython3 a.py\n```\n", None),
    ("tested_blocks", "docs/a.md", "It runs.\n\n```csharp not-run\nreturn;\n```\n", 3),
    ("tested_blocks", "docs/a.md", "*Not run\nby our tests*:\n\n```csharp not-run\nreturn;\n```\n", None),
    ("tested_blocks", "docs/a.md", "```sh later\ntrue\n```\n", 1),
    ("tested_blocks", "docs/a.md", "```sh fails\nfalse\n```\n\n```text\n...\n```\n", None),
    ("tested_blocks", "docs/a.md", "```text\n...\n```\n", 1),
    ("tested_blocks", "query/README.md", "```python\npass\n```\n", None),
    ("true_pages", "docs/troubleshooting.md", TROUBLE + "| `it burns` | fire |\n", 3),
    ("true_pages", "docs/troubleshooting.md", TROUBLE + "| `it burns` | fire |\n\n```text\nit burns ...\n```\n", None),
    ("true_pages", "docs/troubleshooting.md", "| who | why |\n|---|---|\n| `it burns` | fire |\n", None),
    ("true_pages", "emulator/https/router.c", 'MISSING("GET", "jobs/{}", READ, "tea"),\n', 1),
    ("true_pages", "emulator/main/options_text.c", '    {"tea-hot", "", "how hot, 100"},\n', 1),
    ("true_pages", "emulator/main/options_text.c", '    {"--tea", "", "make some"},\n', None),
    ("headers_alone", "query/a.h", "struct str a(void);\nsize_t b(void);\n", 1),
    ("headers_alone", "query/a.h", "#include <stddef.h>\nsize_t b(void);\n", None),
    ("formatting", "query/a.c", "int  a;\n", 1),
    ("formatting", "query/a.c", "int a;\n", None),
]


def problems(rule: str, tree: lint.Tree) -> list[lint.Problem]:
    with contextlib.redirect_stdout(io.StringIO()):
        return list(lint.RULES[rule]({"docs/architecture.md": PAGE, **tree}))


class RulesBite(unittest.TestCase):
    def test_each_case_is_judged_as_it_says(self):
        for rule, path, text, line in CASES:
            with self.subTest(rule=rule, path=path, text=text[:60]):
                lines = [problem.line for problem in problems(rule, {path: text})]
                self.assertEqual(lines, [] if line is None else [line])

    def test_each_rule_has_a_case_that_it_refuses_and_one_that_it_lets_pass(self):
        for rule in lint.RULES:
            with self.subTest(rule=rule):
                verdicts = {line is None for name, _, _, line in CASES if name == rule}
                self.assertEqual(verdicts, {True, False})

    def test_each_rule_is_a_test_of_ctest(self):
        page = Path(lint.ROOT, "tests/lint/CMakeLists.txt").read_text(encoding="utf-8")
        listed = re.search(r"foreach\(rule ([^)]*)\)", page).group(1).split()
        self.assertEqual(listed, list(lint.RULES))

    def test_an_excused_file_may_be_long_and_an_idle_excuse_is_refused(self):
        excuse = {"tests/lint/long_files.txt": "query/a.c the whole grammar on one page\n"}
        self.assertEqual(problems("long_files", {"query/a.c": "int a;\n" * 601, **excuse}), [])
        self.assertEqual(len(problems("long_files", {"query/a.c": "int a;\n", **excuse})), 1)
        self.assertEqual(len(problems("long_files", {"query/a.c": "int a;\n" * 601,
                                                     "tests/lint/long_files.txt": "query/a.c\n"})), 1)


if __name__ == "__main__":
    sys.exit(unittest.main())

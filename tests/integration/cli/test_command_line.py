# SPDX-License-Identifier: MIT
"""What all commands share: help, slips, formats, exit codes, pipes and Ctrl-C."""

import json
import re
import shutil
import signal
import subprocess

import pytest

import programs
from conftest import far_away


@pytest.fixture(scope="session")
def commands():
    """("device", "create"), ("query",) ...: every command that the help lists."""
    _, text, _ = programs.run("iothub", "--help", HOME="/", COLUMNS="10000")
    listed = text.split("\nWith every command\n")[0].split("\n\n", 2)[2]
    found = [tuple(line[2:28].split()) for line in listed.splitlines() if re.match(r"  [a-z]", line)]
    assert len(found) >= 20 and ("query",) in found and ("device", "create") in found
    return found


# ---- help ----


def test_every_command_has_help_and_the_ways_to_it_are_the_same(iothub, commands):
    for command in commands:
        text = iothub(*command, "--help").out
        assert text.startswith(f"usage: iothub {' '.join(command)}")
        assert "--output FORMAT" in text
        assert iothub("help", *command).out == text
        assert iothub(*command, "-h").out == text
        assert iothub("--help", *command).out == text


def test_groups_have_help(iothub, commands):
    for group in sorted({command[0] for command in commands if len(command) == 2}):
        text = iothub(group, "--help").out
        for command in commands:
            if command[0] == group:
                assert f"  {' '.join(command)}" in text
        assert iothub("help", group).out == text
        done = iothub(group)
        assert (done.code, done.out) == (2, "")
        assert f"iothub {group} --help" in done.err


def test_help_fits_the_terminal(iothub, commands):
    for command in [(), *commands]:
        for columns in (80, 100):
            lines = iothub("help", *command, COLUMNS=str(columns)).lines
            examples = lines.index("Examples") if "Examples" in lines else len(lines)
            wide = [line for line in lines[1:examples] if len(line) > columns]
            assert wide == [], (command, wide)


def test_commands_for_an_emulator_alone_say_so(iothub):
    assert "(emulator only)" in iothub("--help").out
    assert "Azure has nothing like it" in iothub("hub", "reset", "--help").out


def test_its_version(iothub):
    assert re.fullmatch(r"iothub \d+\.\d+\.\d+\n", iothub("--version").out)


@pytest.mark.parametrize(
    "arguments, told",
    [
        ((), "a command is missing"),
        (("device",), "a command is missing after 'device'"),
        (("devise", "list"), "did you mean 'device'?"),
        (("qeury", "x"), "did you mean 'query'?"),
        (("device", "creat", "x"), "did you mean 'device create'?"),
        (("device", "xyzzy"), "iothub device --help lists them"),
        (("xyzzy",), "iothub --help lists them"),
        (("device-identity", "create", "-d", "x"), "az's `iot hub device-identity create` is called `iothub device create`"),
        (("device-identity", "connection-string", "show"), "`iothub device connection-string`"),
        (("device-twin", "show"), "`iothub twin show`"),
        (("invoke-device-method",), "`iothub method invoke`"),
        (("--nope",), "a command is missing"),
        (("device", "list", "--outptu", "json"), "did you mean --output?"),
        (("device", "list", "-x"), "there is no option -x"),
        (("device", "list", "-o"), "a value is missing after -o"),
    ],
)
def test_slips(iothub, arguments, told):
    done = iothub(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert told in done.err
    assert done.err.startswith("iothub: ")


# ---- formats ----


def test_options_of_all_commands_may_stand_anywhere(iothub, owner):
    owner.create_device("d1")
    for arguments in (("-o", "tsv", "device", "list"), ("device", "-o", "tsv", "list"), ("device", "list", "-otsv")):
        assert iothub(*arguments).out.startswith("d1\t")


def test_json_into_pipes_and_a_table_on_a_terminal(iothub, owner, terminal):
    owner.create_device("d1")
    assert iothub("device", "list").json[0]["deviceId"] == "d1"
    window = terminal(columns=120)
    assert window.run("iothub device list") == 0
    assert "Device  Status   Connection" in window.screen.text
    assert window.run("iothub device list -o tsv") == 0
    assert "d1" in window.screen.text


def test_a_table_fits_the_terminal_and_keeps_to_its_columns(iothub, owner, terminal):
    owner.create_device("d1")
    owner.create_device("d2")
    wide = {"city": "\u6771\u4eac\u90fd\u65b0\u5bbf\u533a", "note": "e\u0301te\u0301", "long": "x" * 200}
    owner.patch("/twins/d1", {"tags": wide})
    query = "SELECT deviceId, tags.city, tags.note, tags.long FROM devices"
    lines = iothub("query", query, "-o", "table").lines
    assert lines[2].endswith("x" * 200)  # nothing is cut where nobody looks
    window = terminal(columns=60)
    assert window.run(f"iothub query '{query}'") == 0
    assert "\u2026" in window.screen.text
    assert max(len(line) for line in window.screen.text.splitlines()[1:5]) <= 60


def test_control_characters_do_not_reach_the_terminal(iothub, owner, terminal):
    owner.create_device("d1")
    owner.patch("/twins/d1", {"tags": {"evil": "\u001b[31mred\ttab\nline\\\u009b"}})
    query = "SELECT tags.evil FROM devices"
    assert iothub("query", query, "-o", "tsv").out == "\\u001b[31mred\\ttab\\nline\\\\\\u009b\n"
    window = terminal()
    assert window.run(f"iothub query '{query}'") == 0
    assert "\\u001b[31mred\\ttab\\nline\\\\\\u009b" in window.screen.text
    assert b"\x1b[31m" not in window.raw


# ---- pipes ----


def run_piped(iothub, *arguments, **options):
    environment = {**programs.kept_environment(), **iothub.environment}
    return subprocess.Popen([programs.FOLDER / "iothub", *arguments], env=environment,
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def test_a_reader_that_leaves_is_no_complaint(iothub, emulator):
    assert iothub("device", "create", "--count", "3000").code == 0
    process = run_piped(iothub, "device", "list", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_is_a_failure(iothub, owner):
    owner.create_device("d1")
    with open("/dev/full", "w") as full:
        process = run_piped(iothub, "device", "list", stdout=full)
        assert process.wait(60) == 1
    assert b"could not be written: No space left on device" in process.stderr.read()
    process.stderr.close()


def test_an_array_that_was_cut_off_is_not_closed(iothub, owner, emulator_factory, tmp_path):
    """Half an answer is not taken for the whole: neither by its exit code nor by a JSON parser."""
    emulator = emulator_factory("--memory", "--generate-fleet", "20000")
    iothub.environment["IOTHUB_READY_FILE"] = str(emulator.ready_path)
    process = run_piped(iothub, "query", "SELECT * FROM devices", stdout=subprocess.PIPE)
    start = process.stdout.read(200000)
    emulator.kill()
    out = (start + process.stdout.read()).decode()
    assert process.wait(120) == 1
    process.stderr.close()
    process.stdout.close()
    with pytest.raises(json.JSONDecodeError):
        json.loads(out)


# ---- Ctrl-C and the bar ----


@pytest.fixture
def far(emulator, iothub, tmp_path):
    """The hub is far away: what takes more than eight requests takes more than a second."""
    with far_away(emulator, tmp_path) as ready_path:
        iothub.environment["IOTHUB_READY_FILE"] = str(ready_path)
        yield


def test_a_bar_tells_how_far_it_is_and_goes_away(far, terminal):
    window = terminal(columns=90)
    window.start("iothub device create --count 2000 --prefix p")
    window.wait_for(" of 2,000  ")
    window.wait_for("creating [#")
    assert window.finish() == 0
    lines = window.screen.text.splitlines()
    assert lines[1] == "iothub: created 2000 of 2000"
    assert "[#" not in window.screen.text
    assert re.search(rb"creating \[#+-*\]  [\d,]+ of 2,000  \d+ %  [\d,]+/s  \d+ s left", window.raw)


def test_there_is_no_bar_in_pipes(far, iothub):
    done = iothub("device", "create", "--count", "2000", "-o", "table")
    assert done.err == "iothub: created 2000 of 2000\n"


def test_there_is_no_bar_for_what_is_quick(terminal):
    window = terminal()
    assert window.run("iothub device create d1 d2") == 0
    assert b"creating" not in window.raw


def test_ctrl_c_ends_it_and_clears_the_bar(far, terminal):
    window = terminal(columns=90)
    window.start("iothub device create --count 10000 --prefix q")
    window.wait_for("creating [")
    assert window.interrupt() == 130
    assert "creating [" not in window.screen.text


# ---- completion ----


def completed(iothub, line, tmp_path):
    """What bash would offer at the end of the line."""
    script = tmp_path / "completion.bash"
    script.write_text(iothub("completion", "bash").out)
    program = f"""
        source {script}
        COMP_LINE={json.dumps(line)}
        COMP_POINT=${{#COMP_LINE}}
        # As readline splits it: at blanks and at '='.
        words=${{COMP_LINE//=/ = }}
        read -ra COMP_WORDS <<< "$words"
        [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _iothub
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-uec", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    "line, offered",
    [
        ("iothub dev", ["device"]),
        ("iothub device cre", ["create"]),
        ("iothub device con", ["connection-string"]),
        ("iothub help de", ["device"]),
        ("iothub help device sh", ["show"]),
        ("iothub device create --pre", ["--prefix"]),
        ("iothub device create --st", ["--status", "--sta", "--status-reason", "--star", "--stp"]),
        ("iothub device create d1 --status ", ["enabled", "disabled"]),
        ("iothub device create --status=dis", ["disabled"]),
        ("iothub device create --sta ", ["enabled", "disabled"]),
        ("iothub device list -o t", ["table", "tsv"]),
        ("iothub device list --output=", ["json", "table", "tsv"]),
        ("iothub query --expl", ["--explain"]),
        ("iothub completion ", ["bash", "zsh"]),
        ("iothub device show ", []),
        ("iothub device show --device-id ", []),
        ("iothub device import fl", ["fleet.json"]),
        ("iothub xyzzy ", []),
        ("iothub xyzzy --", []),
    ],
)
def test_bash_completes(iothub, tmp_path, line, offered):
    (tmp_path / "fleet.json").write_text("")
    assert sorted(completed(iothub, line, tmp_path)) == sorted(offered)


def test_bash_completes_every_command_and_each_of_its_options(iothub, commands, tmp_path):
    script = iothub("completion", "bash").out
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    for command in commands:
        page = iothub(*command, "--help").out
        options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", page, re.M)
        offered = completed(iothub, f"iothub {' '.join(command)} --", tmp_path)
        assert set(options) <= set(offered), command


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_its_script(iothub, tmp_path):
    script = tmp_path / "_iothub"
    script.write_text(iothub("completion", "zsh").out)
    assert script.read_text().startswith("#compdef iothub\n")
    done = subprocess.run(["zsh", "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    # Loaded as a function and through `source`, after compinit.
    program = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -D; source {script}; print $_comps[iothub]"
    done = subprocess.run(["zsh", "-fc", program], capture_output=True, text=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "_iothub\n", "")


# ---- the man page ----


def test_the_man_page_is_in_order(iothub, commands, tmp_path):
    page = tmp_path / "iothub.1"
    page.write_text(iothub("--man").out)
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
        assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", page], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    text = page.read_text().replace("\\-", "-")
    for command in commands:
        assert f".SS iothub {' '.join(command)}" in text
    for word in ("IOTHUB_CONNECTION_STRING", "IOTHUB_CA_FILE", "EXIT STATUS", "130"):
        assert word in text

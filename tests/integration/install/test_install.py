# SPDX-License-Identifier: MIT
"""Into a folder of one's own: what is there, and that programs of strangers are made with it."""

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

import rest
from installed import BUILD, ROOT, ran
from programs import device_string

STRANGER = Path(__file__).with_name("stranger.c")
STRANGER_CMAKE = """\
cmake_minimum_required(VERSION 3.18)
project(stranger LANGUAGES C)
find_package(iothub 0.1 REQUIRED COMPONENTS device service)
add_executable(stranger stranger.c)
target_link_libraries(stranger PRIVATE iothub::device iothub::service)
"""
SYSTEM_UNITS = ("iothub-emulator.service", "iothub-emulator.socket")


def environment(installed, **more):
    return {**os.environ, **installed.environment, **more}


def test_everything_is_in_its_standard_place(installed):
    libraries = str(installed.libraries.relative_to(installed.prefix))
    wanted = {
        "bin/iothub",
        "bin/iothub-emulator",
        f"{libraries}/cmake/iothub/iothubConfig.cmake",
        f"{libraries}/cmake/iothub/iothubConfigVersion.cmake",
        "lib/systemd/system/iothub-emulator.service",
        "lib/systemd/system/iothub-emulator.socket",
        "share/bash-completion/completions/iothub",
        "share/doc/iothub/LICENSE",
        "share/doc/iothub/examples/CMakeLists.txt",
        "share/man/man1/iothub.1.gz",
        "share/man/man1/iothub-emulator.1.gz",
        "share/zsh/site-functions/_iothub",
    }
    for header in (ROOT / "clients/include/iothub").glob("*.h"):
        wanted.add(f"include/iothub/{header.name}")
    for name in installed.library_names():
        wanted |= {f"{libraries}/libiothub-{name}.so", f"{libraries}/libiothub-{name}.so.0"}
    files = installed.files()
    assert wanted <= set(files)
    assert {"device", "service"} <= set(installed.library_names())
    assert not [name for name in files if name.endswith((".a", ".cmake.in", ".py"))]


def test_nothing_installed_knows_where_it_was_made(installed):
    for name in installed.files():
        path = installed.prefix / name
        if path.is_symlink() or name.startswith("bin/") or ".so" in name:
            continue  # the debugger's own notes are stripped by ./dev install
        text = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
        for here in (ROOT, installed.prefix):
            assert str(here).encode() not in text, name


def test_what_asserts_say_names_no_folder_of_the_build(installed):
    """In a release, that is: a path in a stripped program can only be one that the program prints."""
    if not re.search(r"^CMAKE_C_FLAGS:\w+=.*-fmacro-prefix-map", (BUILD / "CMakeCache.txt").read_text(), re.M):
        pytest.skip("not a release")
    for path in [*(installed.prefix / "bin").iterdir(), *installed.libraries.glob("*.so")]:
        ran("strip", path)
        assert str(ROOT).encode() not in path.read_bytes(), path.name


def test_programs_and_libraries_look_for_nothing_in_the_build_folder(installed):
    for path in [*(installed.prefix / "bin").iterdir(), *installed.libraries.glob("*.so")]:
        assert not re.search("R(UN)?PATH", ran("readelf", "-d", path)), path.name


def test_the_libraries_show_nothing_but_what_is_public(installed):
    for name in installed.library_names():
        symbols = ran("nm", "-D", "--defined-only", installed.libraries / f"libiothub-{name}.so").splitlines()
        names = {line.split()[-1].split("@")[0] for line in symbols}
        assert names and all(symbol.startswith("iothub_") for symbol in names), names


# ---- a stranger's program ----


@pytest.fixture
def greeted(installed_emulator):
    """Runs a stranger's program against the installed emulator and holds it to what it must say."""
    installed_emulator.reset()
    with rest.service(installed_emulator) as owner:
        identity = owner.put("/devices/stranger", {"deviceId": "stranger"}).json

    def greet(program, **environment):
        said = ran(
            program, installed_emulator.service_connection_string, device_string(installed_emulator, identity),
            env={**environment, "IOTHUB_CA_FILE": installed_emulator.ca_path},
        )  # fmt: skip
        assert said == "devices: 1\nconnected: stranger\n"

    return greet


@pytest.mark.parametrize("compiler", [("cc", "-std=c11"), ("c++", "-std=c++11", "-x", "c++")], ids=["C", "C++"])
def test_pkg_config_is_all_a_compiler_needs(installed, greeted, compiler, tmp_path):
    flags = ran("pkg-config", "--cflags", "--libs", "iothub-device", "iothub-messaging", "iothub-service", env=environment(installed)).split()
    program = tmp_path / "stranger"
    ran(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", STRANGER, "-o", program, *flags)
    greeted(program, LD_LIBRARY_PATH=str(installed.libraries))


def test_find_package_is_all_cmake_needs(installed, greeted, tmp_path):
    (tmp_path / "stranger.c").write_text(STRANGER.read_text())
    (tmp_path / "CMakeLists.txt").write_text(STRANGER_CMAKE)
    ran("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed.prefix}")
    ran("cmake", "--build", tmp_path / "build")
    greeted(tmp_path / "build/stranger")


@pytest.mark.parametrize(
    "wanted, said",
    [
        ("find_package(iothub 0.1 REQUIRED COMPONENTS teleport)", "no component teleport"),
        ("find_package(iothub 9.0 REQUIRED)", "compatible with requested version"),
    ],
)
def test_find_package_says_what_is_not_there(installed, tmp_path, wanted, said):
    (tmp_path / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.18)\nproject(x LANGUAGES C)\n{wanted}\n")
    done = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={installed.prefix}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0 and said in " ".join(done.stderr.split())


def test_each_header_compiles_alone_in_c_and_cpp(installed, tmp_path):
    for header in (installed.prefix / "include/iothub").glob("*.h"):
        (tmp_path / "alone.c").write_text(f"#include <iothub/{header.name}>\n" * 2)
        for compiler in (("cc", "-std=c11"), ("c++", "-std=c++11", "-x", "c++")):
            ran(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                "-I", installed.prefix / "include", tmp_path / "alone.c")  # fmt: skip


def test_the_tutorials_are_made_with_what_is_installed(installed, installed_emulator, tmp_path):
    installed_emulator.reset()
    ran("cmake", "-G", "Ninja", "-S", installed.examples, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={installed.prefix}",
        "-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror")  # fmt: skip
    ran("cmake", "--build", tmp_path)
    sources = {path.stem for path in (ROOT / "clients/tutorials").glob("*.c")} - {"program"}
    assert sources and all((tmp_path / name).exists() for name in sources)
    trust = {"IOTHUB_CA_FILE": installed_emulator.ca_path}
    said = ran(tmp_path / "create_identities", installed_emulator.service_connection_string, env=trust)
    assert "Primary key of device myFirstDevice" in said


# ---- what else is installed ----


def test_the_command_line_is_found_and_finds_the_emulator(installed, installed_emulator):
    found = environment(installed, IOTHUB_READY_FILE=str(installed_emulator.ready_path))
    installed_emulator.reset()
    assert ran("iothub", "query", "SELECT * FROM devices", "--output", "json", env=found).strip() == "[]"


@pytest.mark.parametrize("name", ["iothub", "iothub-emulator"])
def test_manuals_are_drawn_without_a_complaint(installed, name):
    page = installed.prefix / f"share/man/man1/{name}.1.gz"
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", page],
        capture_output=True, text=True, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANROFFOPT": ""},
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"{name.upper()}(1)") and "EXIT STATUS" in done.stdout


def test_a_manual_tells_of_every_option_that_help_lists(installed):
    program = installed.prefix / "bin/iothub-emulator"
    listed = re.findall(r"^  (\S+)", ran(program, "--help"), re.M)
    manual = ran(program, "--man").replace("\\-", "-")
    assert len(listed) > 40
    assert [name for name in listed if f".B {name}" not in manual] == []


def test_bash_completes(installed):
    script = installed.prefix / "share/bash-completion/completions/iothub"
    assert "iothub" in ran("bash", "--norc", "-c", f"set -eu; source '{script}'; complete -p iothub")


def test_zsh_reads_its_completion(installed):
    script = installed.prefix / "share/zsh/site-functions/_iothub"
    assert script.read_text().startswith("#compdef iothub")
    ran("zsh", "--no-rcs", "-n", script)
    known = f"fpath=('{script.parent}' $fpath); autoload -U compinit; compinit -u -D; print $_comps[iothub]"
    assert ran("zsh", "--no-rcs", "-c", known).strip() == "_iothub"


def units_at(installed, folder):
    """The units with the program's path written out: systemd looks in its own folders only."""
    for name in SYSTEM_UNITS:
        text = (installed.prefix / "lib/systemd/system" / name).read_text()
        (folder / name).write_text(text.replace("=iothub-emulator ", f"={installed.prefix}/bin/iothub-emulator "))
    return [str(folder / name) for name in SYSTEM_UNITS]


def test_systemd_finds_nothing_wrong_with_the_units(installed, tmp_path):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units_at(installed, tmp_path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_is_exposed_to_little(installed, tmp_path):
    service, _ = units_at(installed, tmp_path)
    said = ran("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=10", service)
    assert "exposure level for iothub-emulator.service: 1.0 OK" in said


def test_the_units_options_are_the_programs(installed, tmp_path):
    """The service's own command line, with the folders that systemd would make."""
    service = (installed.prefix / "lib/systemd/system/iothub-emulator.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", service, re.M).group(1)
    folders = {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path / "run")}
    ended = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True,
        env=environment(installed, OPTIONS="--version", **folders),
    )  # fmt: skip
    assert ended.returncode == 0 and ended.stdout.startswith("iothub-emulator ")

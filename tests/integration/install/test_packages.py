# SPDX-License-Identifier: MIT
"""The Debian packages: what they hold, what they ask for, and that what is in them runs."""

import os
import re
import shutil
import subprocess

import pytest

from emulator import Emulator
from installed import ROOT, make_packages, ran

VERSION = re.search(r"project\(\S+ VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
WANTED = {
    "iothub-emulator": ("net", {"libsqlite3-0", "libmicrohttpd12", "libuv1", "libwslay1", "libssl3", "libqpid-proton11"}),
    "iothub-cli": ("net", {"libcurl4", "libssl3"}),
    "libiothub0": ("libs", {"libmosquitto1", "libcurl4", "libssl3"}),
    "libiothub-dev": ("libdevel", {"libiothub0", "libcjson-dev"}),
}


def field(package, name):
    return ran("dpkg-deb", "-f", package, name).strip()


def test_there_is_one_for_each_use(packages):
    assert set(packages) == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_its_fields_are_what_debian_wants(packages, name):
    section, needed = WANTED[name]
    package = packages[name]
    assert field(package, "Version") == VERSION
    assert field(package, "Section") == section
    depends = {part.split(" ")[0] for part in field(package, "Depends").split(", ")}
    assert needed <= depends
    assert f"{name}_{VERSION}_" in package.name


def test_no_two_hold_the_same_file(packages):
    seen = {}
    for name, package in packages.items():
        for line in ran("dpkg-deb", "-c", package).splitlines():
            mode, owner, *_ = line.split()
            path = line.split("./", 1)[1].split(" -> ")[0]
            assert owner == "root/root"
            if not mode.startswith("d"):
                assert path not in seen, (path, name, seen[path])
                seen[path] = name
    assert seen["usr/bin/iothub-emulator"] == "iothub-emulator" and seen["usr/bin/iothub"] == "iothub-cli"
    assert seen["usr/include/iothub/common.h"] == "libiothub-dev"
    assert seen["usr/share/zsh/vendor-completions/_iothub"] == "iothub-cli"
    assert not [path for path in seen if "site-functions" in path or "local" in path]


def test_what_is_in_them_runs(unpacked, tmp_path):
    emulator = Emulator(tmp_path / "run", binary=unpacked.prefix / "bin/iothub-emulator")
    try:
        said = subprocess.run(
            [unpacked.prefix / "bin/iothub", "query", "SELECT * FROM devices", "--output", "json"],
            capture_output=True, text=True, env={"PATH": os.environ["PATH"], "IOTHUB_READY_FILE": str(emulator.ready_path)},
        )  # fmt: skip
        assert (said.returncode, said.stdout.strip()) == (0, "[]"), said.stderr
    finally:
        emulator.stop()


def test_a_stranger_needs_what_is_in_them_and_nothing_else(unpacked, tmp_path):
    environment = {**os.environ, **unpacked.environment, "PKG_CONFIG_SYSROOT_DIR": ""}
    flags = ran("pkg-config", "--cflags", "--libs", "iothub-device", "iothub-service", env=environment).split()
    source = ROOT / "tests/integration/install/stranger.c"
    ran("cc", source, "-o", tmp_path / "stranger", *flags)
    assert str(unpacked.libraries) in ran("ldd", tmp_path / "stranger", env=environment)


def test_nothing_is_enabled_or_started_by_installing(packages, tmp_path):
    ran("dpkg-deb", "-e", packages["iothub-emulator"], tmp_path)
    scripts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {"postinst", "prerm", "postrm"} <= set(scripts)
    for name in ("postinst", "prerm", "postrm"):
        ran("sh", "-n", tmp_path / name)
        assert not re.search(r"\b(enable|start)\b", scripts[name]), name


def test_the_same_sources_make_the_same_packages(packages, tmp_path):
    again = make_packages(tmp_path)
    assert again.keys() == packages.keys()
    assert [name for name in again if again[name].read_bytes() != packages[name].read_bytes()] == []


def test_installing_leaves_the_sources_alone(installed, packages):
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    lines = ran("git", "status", "--porcelain", "--ignored", cwd=ROOT).splitlines()
    made = [line for line in lines if re.search(r"cpack|install_manifest|\.deb|_CPack", line, re.I)]
    assert made == []


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not installed")
def test_lintian_finds_no_error(packages):
    done = subprocess.run(
        ["lintian", "--fail-on", "error,warning", "--allow-root", "--tag-display-limit", "0", *packages.values()],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

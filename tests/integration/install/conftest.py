# SPDX-License-Identifier: MIT
"""What was built, installed into a folder of the tests' own and made into Debian packages."""

import pytest

from emulator import Emulator
from installed import BUILD, Installed, make_packages, ran


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix") / "anywhere"
    ran("cmake", "--install", BUILD, "--prefix", prefix)
    return Installed(prefix)


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The Debian packages, by name."""
    folder = tmp_path_factory.mktemp("packages")
    return make_packages(folder)


@pytest.fixture(scope="session")
def unpacked(packages, tmp_path_factory):
    """All packages as they lie on a disk."""
    root = tmp_path_factory.mktemp("root")
    for package in packages.values():
        ran("dpkg-deb", "-x", package, root)
    return Installed(root / "usr")


@pytest.fixture(scope="session")
def installed_emulator(installed, tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("run"), binary=installed.prefix / "bin/iothub-emulator")
    yield emulator
    emulator.stop()

# SPDX-License-Identifier: MIT
"""
Where what was built is installed, and how its parts are found there.

IOTHUB_BUILD names the build folder (default build/dev).
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("IOTHUB_BUILD", ROOT / "build/dev")).resolve()


def ran(*command, **how):
    """Its output; a failure shows all that it said."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240, **how)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Installed:
    """A tree of installed files, wherever it lies."""

    def __init__(self, prefix):
        self.prefix = Path(prefix)
        cache = (BUILD / "CMakeCache.txt").read_text()
        self.libraries = self.prefix / re.search(r"^CMAKE_INSTALL_LIBDIR:\w+=(.*)$", cache, re.M).group(1)
        self.examples = self.prefix / "share/doc/iothub/examples"
        self.environment = {
            "PATH": f"{self.prefix / 'bin'}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": str(self.libraries),
            "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"),
            "CMAKE_PREFIX_PATH": str(self.prefix),
        }

    def files(self):
        return sorted(str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if not path.is_dir())

    def library_names(self):
        """device, service ..."""
        return sorted(path.stem.removeprefix("iothub-") for path in (self.libraries / "pkgconfig").glob("*.pc"))


def make_packages(folder):
    """The Debian packages, by name; what is in them bears a date that stays the same."""
    ran("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder, cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1790000000"})  # fmt: skip
    return {path.name.split("_")[0]: path for path in Path(folder).glob("*.deb")}

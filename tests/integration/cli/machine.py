# SPDX-License-Identifier: MIT
"""
A machine of a test's own: a network with nothing but loopback, a hosts file, a home, a PATH. Faults
are planted there, and the commands that mend them are typed, without anything else noticing.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import programs

NETNS = Path(__file__).resolve().parents[2] / "support/netns"
NSENTER = shutil.which("nsenter")
BASH = shutil.which("bash")
WAIT_S_MAX = 40

# What takes long to tell its version is not asked.
RUNTIMES = {"node": "v20.1.2", "java": 'openjdk version "17.0.1"', "python3": "Python 3.11.2"}


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __repr__(self):
        return f"code {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}---"


class Machine:
    def __init__(self, folder, certificates=None):
        """`certificates`: a folder of some that an emulator made; making them takes its time."""
        self.folder = Path(folder)
        self.home = self.folder / "home"
        self.tools = self.folder / "tools"
        self.home.mkdir(parents=True)
        self.tools.mkdir()
        self.add_tool("sudo", '#!/bin/sh\nexec "$@"\n')
        for name, version in RUNTIMES.items():
            self.add_tool(name, f"#!/bin/sh\necho '{version}'\n")
        self.ready_path = self.home / ".local/share/iothub-emulator/ready.json"
        self.certificates = self.ready_path.parent / "certificates"
        # A copy, so that a privilege which a mend gives to the file goes with the test.
        shutil.copy2(programs.FOLDER / "iothub-emulator", self.tools / "iothub-emulator")
        if certificates is not None:
            shutil.copytree(certificates, self.certificates)
        self.started = []
        self.emulator = None
        self.root = subprocess.Popen(
            [NETNS, "sh", "-c", "echo; exec sleep 100000"], stdout=subprocess.PIPE
        )
        assert self.root.stdout.readline() == b"\n", "there is no network of its own"

    def close(self):
        self.stop()
        for process in [*self.started, self.root]:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.root.stdout.close()

    # ---- commands ----

    def inside(self, command):
        users = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
        enter = [NSENTER, "-t", str(self.root.pid), "-n", "-m", *users, "--"]
        return [*enter, *map(str, command)]

    def environment(self, **variables):
        path = f"{self.tools}:{programs.FOLDER}:{os.environ['PATH']}:/usr/sbin:/sbin"
        kept = {**programs.kept_environment(), "HOME": str(self.home), "LANG": "C.UTF-8"}
        return {**kept, "PATH": path, **variables}

    def start(self, *command, **variables):
        """Starts a program that runs on until the test ends."""
        log = open(self.folder / f"log{len(self.started)}.txt", "wb")
        with log:
            process = subprocess.Popen(
                self.inside(command), env=self.environment(**variables), stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def sh(self, script, **variables):
        """Types lines into a new shell."""
        process = subprocess.run(
            self.inside([BASH, "-c", script]),
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S_MAX,
        )
        return Result(process)

    def add_tool(self, name, script):
        """A program of this name, before all others."""
        (self.tools / name).write_text(script)
        (self.tools / name).chmod(0o755)

    # ---- the emulator ----

    def start_emulator(self, *options, command="iothub-emulator", prefix=()):
        """What `command` starts, as typed in another terminal; its pid."""
        self.ready_path.unlink(missing_ok=True)
        script = f"exec {command} {' '.join(options)}"
        self.emulator = self.start(*prefix, BASH, "-c", script)
        deadline = time.monotonic() + WAIT_S_MAX
        while not self.ready_path.exists():
            assert self.emulator.poll() is None and time.monotonic() < deadline, self.logs()
            time.sleep(0.01)
        return self.ready["pid"]

    def stop(self, how=signal.SIGTERM):
        if self.emulator is not None and self.emulator.poll() is None:
            self.emulator.send_signal(how)
            self.emulator.wait(WAIT_S_MAX)

    @property
    def ready(self):
        return json.loads(self.ready_path.read_text())

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.folder.glob("log*.txt")))

    # ---- the doctor ----

    def doctor(self, *options, before=":", **variables):
        """Its findings, after something else was typed into the same shell."""
        words = " ".join(["iothub doctor --output json", *options])
        result = self.sh(f"exec 3>&1 >/dev/null\n{before}\nexec >&3\n{words}", **variables)
        programs.remember(*shlex.split(words), code=result.code)
        assert result.code in (0, 1) and result.err == "", result
        return Findings(json.loads(result.out), result.code)

    def mended(self, finding, *options, **variables):
        """Types the command that a finding proposes, and asks again in that shell."""
        assert finding["mend"] is not None, finding
        return self.doctor(*options, before=finding["mend"], **variables)


class Findings:
    def __init__(self, rows, code):
        self.rows = rows
        self.code = code
        assert code == (1 if self.wrong else 0), self

    def __repr__(self):
        return f"code {self.code}\n{json.dumps(self.rows, indent=1)}"

    def of(self, check):
        return [row for row in self.rows if row["check"] == check]

    @property
    def wrong(self):
        return [row for row in self.rows if row["state"] == "wrong"]

    def the(self, check, state, *words):
        """The one finding of a check in that state, which must say the words."""
        found = [row for row in self.of(check) if row["state"] == state]
        found = [row for row in found if all(word in row["text"] for word in words)]
        assert len(found) == 1, (check, state, words, self)
        return found[0]

    def only_ok(self, check):
        assert self.of(check) and all(row["state"] == "ok" for row in self.of(check)), (check, self)

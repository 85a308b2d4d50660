#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long until the emulator is ready, what it weighs at rest, and what an idle connection adds."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import ROOT, Hub, Mosquitto, memory_kib

READY_MS_TARGET = 50
RESIDENT_MIB_TARGET = 15
FEW, MANY = 50, 1000
READY_S_MAX = 20
SETTLE_S = 2


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--runs", type=int, default=20)
    return parser.parse_args()


def start_once(binary, folder):
    """Milliseconds from before fork() until the ready file is there, and KiB resident then."""
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [str(binary), "--memory", "--home", str(folder / "home"), "--ready-file", str(ready)]
    for name in ("mqtt", "https", "https-alt", "amqp", "amqp-plain", "control"):
        command += [f"--{name}-port", "0"]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(ready):
        if process.poll() is not None or time.perf_counter() - begin > READY_S_MAX:
            process.kill()
            raise RuntimeError("the emulator did not start")
        time.sleep(0.0002)
    ready_ms = (time.perf_counter() - begin) * 1000
    resident_kib = memory_kib(process.pid)
    process.terminate()
    process.wait()
    return ready_ms, resident_kib


def start_up(arguments):
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        binary = arguments.bin / "iothub-emulator"
        first_ms, _ = start_once(binary, Path(folder))  # makes the certificates
        runs = [start_once(binary, Path(folder)) for _ in range(arguments.runs)]
    times = [ready_ms for ready_ms, _ in runs]
    ready_ms = statistics.median(times)
    print(f"--memory until ready: {ready_ms:.1f} ms ({min(times):.1f} to {max(times):.1f}, "
          f"{arguments.runs} runs), {statistics.median(kib for _, kib in runs) / 1024:.1f} MiB "
          f"resident then; the first start, which makes the certificates: {first_ms:.0f} ms")
    verdict("ready", ready_ms, READY_MS_TARGET, "ms")


def verdict(what, value, target, unit):
    print(f"  target: {what} in at most {target} {unit}: "
          f"{'reached' if value <= target else 'MISSED'}", flush=True)


def resident_kib(make, connections, arguments):
    """KiB resident of a fresh server, idle for a while, with so many idle connections."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = make(Path(folder) / "server")
        load = None
        try:
            if connections > 0:
                load = subprocess.Popen(
                    [str(arguments.bin / "telemetry_load"), *server.load_options(),
                     "--connections", str(connections), "--hold", "600"],
                    stdout=subprocess.PIPE, text=True)
                line = load.stdout.readline()
                if not line or json.loads(line)["connected"] != connections:
                    raise RuntimeError(f"{connections} connections could not be made")
            time.sleep(SETTLE_S)
            return memory_kib(server.pid)
        finally:
            if load is not None:
                load.terminate()
                load.wait()
            server.stop()


def print_connections(name, make, arguments):
    few, many = (resident_kib(make, count, arguments) for count in (FEW, MANY))
    print(f"{name}: {few / 1024:.1f} MiB with {FEW} idle TLS connections, {many / 1024:.1f} with "
          f"{MANY}: {(many - few) / (MANY - FEW):.1f} KiB each", flush=True)


def main():
    arguments = arguments_read()
    start_up(arguments)

    def hub(devices):
        binary = str(arguments.bin / "iothub-emulator")
        return lambda folder: Hub(folder, devices, ["--memory"], binary)

    rest_mib = resident_kib(hub(0), 0, arguments) / 1024
    print(f"--memory at rest, after {SETTLE_S} s: {rest_mib:.1f} MiB resident")
    verdict("rest", rest_mib, RESIDENT_MIB_TARGET, "MiB")
    print_connections(f"emulator, {MANY} devices registered", hub(MANY), arguments)
    print_connections("mosquitto", Mosquitto, arguments)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"start: {error}")

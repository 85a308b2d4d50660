#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Telemetry beside mosquitto: messages acknowledged per second and what each costs the server.

Both servers keep every message before they acknowledge it, and are measured in turn, A B A B, so
that whatever else this machine does hits both. README.md says what the figures mean.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import ROOT, Hub, Mosquitto, memory_kib

# What the emulator should reach, as a multiple of mosquitto's messages per second.
SCENARIOS = {
    "window 1": (["--window", "1"], 1.0),
    "window 16, batched": (["--window", "16"], 2.0),
    "window 16, per record": (["--window", "16", "--per-record"], None),
}


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=256)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", default=None)
    parser.add_argument("--emulator-only", action="store_true")
    parser.add_argument("--memory", action="store_true", help="the emulator without --data")
    return parser.parse_args()


def server_start(kind, folder, arguments):
    if kind is Mosquitto:
        return Mosquitto(folder)
    storage = ["--memory"] if arguments.memory else None
    return Hub(folder, arguments.connections, storage, str(arguments.bin / "iothub-emulator"))


def run(kind, options, arguments):
    """One server, one load: the generator's figures, and the server's memory at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = server_start(kind, Path(folder) / kind.name, arguments)
        try:
            load = subprocess.run(
                [str(arguments.bin / "telemetry_load"), *server.load_options(), *options,
                 "--connections", str(arguments.connections), "--bytes", str(arguments.bytes),
                 "--seconds", str(arguments.seconds), "--warm-up", str(arguments.warm_up)],
                capture_output=True, text=True)
            if load.returncode != 0:
                raise RuntimeError(f"{kind.name}: {load.stderr}")
            figures = json.loads(load.stdout)
            figures["memory_mib"] = memory_kib(server.pid, "VmHWM") / 1024
            server.check_kept(figures["acknowledged_total"])
            return figures
        finally:
            server.stop()


def median(runs, name):
    return statistics.median(figures[name] for figures in runs)


def print_row(name, runs):
    rates = [figures["messages_per_s"] for figures in runs]
    print(f"  {name:10} {median(runs, 'messages_per_s'):9,.0f}  ({min(rates):,.0f} to {max(rates):,.0f})"
          f"\t{median(runs, 'server_cpu_us_per_message'):6.2f}"
          f" {median(runs, 'p50_us'):8,.0f} {median(runs, 'p99_us'):8,.0f}"
          f" {median(runs, 'memory_mib'):8,.1f}"
          f" {median(runs, 'generator_cpu_us_per_message'):8.2f}", flush=True)


def ratio(results, name):
    """Of each round its own, then the median: what disturbs a round disturbs both of it."""
    return statistics.median(hub[name] / mosquitto[name]
                             for hub, mosquitto in zip(results[Hub], results[Mosquitto]))


def print_scenario(name, results, target):
    print(f"{name}\n  {'':10} {'messages/s':>9}  (least to most)\t us CPU  p50 us   p99 us  MiB"
          f" max  load us")
    for kind, runs in results.items():
        print_row(kind.name, runs)
    if Mosquitto in results:
        rate, cpu = ratio(results, "messages_per_s"), ratio(results, "server_cpu_us_per_message")
        verdict = "" if target is None else (
            f"; target {target} x: {'reached' if rate >= target else 'MISSED'}")
        print(f"  emulator / mosquitto: {rate:.2f} x messages/s, {cpu:.2f} x CPU per message{verdict}")
    print(flush=True)


def main():
    arguments = arguments_read()
    kinds = [Hub] if arguments.emulator_only else [Mosquitto, Hub]
    print(f"{arguments.connections} connections, QoS 1 over TLS, {arguments.bytes} bytes, "
          f"{arguments.rounds} rounds of {arguments.seconds} s for each server, in turn\n", flush=True)
    wanted = arguments.scenario or list(SCENARIOS)
    results = {name: {kind: [] for kind in kinds} for name in wanted}
    for number in range(arguments.rounds):
        for name in wanted:
            for kind in kinds:
                print(f"round {number + 1}: {name}: {kind.name} ...", file=sys.stderr, flush=True)
                results[name][kind].append(run(kind, SCENARIOS[name][0], arguments))
    for name in wanted:
        print_scenario(name, results[name], SCENARIOS[name][1])
    used = {figures["tls"] for runs in results[wanted[0]].values() for figures in runs}
    print(f"TLS: {', '.join(sorted(used))}. Every PUBACK came in order; every acknowledged message "
          "was found stored.")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"telemetry: {error}")

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
AMQP and cloud-to-device messages: telemetry beside our own MQTT, events to one reader, and the way
from a service to a device beside mosquitto's from a publisher to a subscriber.

What is compared takes turns, round by round. README.md says what the figures mean.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import DEVICE_KEY, ROOT, Hub, Mosquitto, memory_kib

PARTS = ("telemetry", "events", "c2d")
TELEMETRY = {
    "window 1": ["--window", "1"],
    "window 16": ["--window", "16"],
}
TELEMETRY_TARGET = 0.8  # of MQTT's messages/s
EVENTS_TARGET = 100_000  # a second
C2D_TARGET = 2.0  # of mosquitto's p50
TOPIC = "devices/bench-0000/messages/devicebound/"


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--part", choices=PARTS, action="append", default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=256)
    parser.add_argument("--emulator-only", action="store_true")
    return parser.parse_args()


def load(arguments, program, options):
    """Runs one of the generators; its line of figures."""
    done = subprocess.run([str(arguments.bin / program), *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{program} ended with {done.returncode}")
    return json.loads(done.stdout)


class Started:
    """A fresh server in a folder of its own, gone at the end."""

    def __init__(self, kind, arguments, devices):
        self.kind, self.arguments, self.devices = kind, arguments, devices

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bench-")
        place = Path(self.folder.name) / self.kind.name
        if self.kind is Mosquitto:
            self.server = Mosquitto(place)
        else:
            self.server = Hub(place, self.devices, None, str(self.arguments.bin / "iothub-emulator"))
        return self.server

    def __exit__(self, *_):
        self.server.stop()
        self.folder.cleanup()


def timing(arguments):
    return ["--seconds", str(arguments.seconds), "--warm-up", str(arguments.warm_up),
            "--bytes", str(arguments.bytes)]


def median(runs, name):
    return statistics.median(figures[name] for figures in runs)


def ratio(ours, others, name):
    """Of each round its own, then the median: what disturbs a round disturbs both of it."""
    return statistics.median(our[name] / other[name] for our, other in zip(ours, others))


def verdict(reached, target):
    return f"target {target}: {'reached' if reached else 'MISSED'}"


# ---- telemetry ----

def telemetry_run(arguments, protocol, options):
    with Started(Hub, arguments, arguments.connections) as hub:
        figures = load(arguments, "telemetry_load", [
            *hub.load_options(protocol), *options, *timing(arguments),
            "--connections", str(arguments.connections)])
        figures["memory_mib"] = memory_kib(hub.pid, "VmHWM") / 1024
        hub.check_kept(figures["acknowledged_total"])
        return figures


def telemetry(arguments):
    runs = {name: {"mqtt": [], "amqp": []} for name in TELEMETRY}
    for _ in range(arguments.rounds):
        for name, options in TELEMETRY.items():
            for protocol, results in runs[name].items():
                results.append(telemetry_run(arguments, protocol, options))
    print(f"telemetry: {arguments.connections} connections over TLS, {arguments.bytes} bytes")
    for name, of_protocol in runs.items():
        print(f"{name}\n  {'':6} messages/s  (least to most)\t us CPU  p50 us   p99 us  MiB max  load us")
        for protocol, results in of_protocol.items():
            rates = [figures["messages_per_s"] for figures in results]
            print(f"  {protocol:6} {statistics.median(rates):10,.0f}  ({min(rates):,.0f} to {max(rates):,.0f})"
                  f"\t{median(results, 'server_cpu_us_per_message'):7.2f}"
                  f" {median(results, 'p50_us'):7,.0f} {median(results, 'p99_us'):8,.0f}"
                  f" {median(results, 'memory_mib'):8,.1f}"
                  f" {median(results, 'generator_cpu_us_per_message'):8.2f}")
        rate = ratio(of_protocol["amqp"], of_protocol["mqtt"], "messages_per_s")
        cpu = ratio(of_protocol["amqp"], of_protocol["mqtt"], "server_cpu_us_per_message")
        print(f"  AMQP / MQTT: {rate:.2f} x messages/s, {cpu:.2f} x CPU per message; "
              f"{verdict(rate >= TELEMETRY_TARGET, f'{TELEMETRY_TARGET} x')}\n", flush=True)


# ---- events ----

def events_run(arguments):
    with Started(Hub, arguments, arguments.connections) as hub:
        kept = load(arguments, "telemetry_load", [
            *hub.load_options("mqtt"), "--window", "16", *timing(arguments),
            "--connections", str(arguments.connections)])["acknowledged_total"]
        return load(arguments, "events_read", [
            "--port", str(hub.emulator.ports["amqp"]), "--ca", hub.emulator.ca_path,
            "--hub", "localhost", "--entity", hub.emulator.hub_name, "--expect", str(kept),
            *hub.policy_options("--policy", "--key"), "--server-pid", str(hub.pid)])


def events(arguments):
    runs = [events_run(arguments) for _ in range(arguments.rounds)]
    rates = [figures["events_per_s"] for figures in runs]
    rate = statistics.median(rates)
    print(f"events: one Proton reader, {median(runs, 'events'):,.0f} events, "
          f"{median(runs, 'bytes_each'):.0f} bytes each with all that the hub says of them")
    print(f"  {rate:,.0f} events/s  ({min(rates):,.0f} to {max(rates):,.0f}), us CPU each: server "
          f"{median(runs, 'server_cpu_us_per_event'):.2f}, reader {median(runs, 'reader_cpu_us_per_event'):.2f}; "
          f"{verdict(rate >= EVENTS_TARGET, f'{EVENTS_TARGET:,}/s')}\n", flush=True)


# ---- cloud-to-device messages ----

def c2d_run(arguments, kind):
    with Started(kind, arguments, 1) as server:
        if kind is Mosquitto:
            options = [*server.load_options(), "--topic", TOPIC, "--filter", TOPIC]
        else:
            options = ["--port", str(server.port), "--ca", server.emulator.ca_path,
                       "--amqp-port", str(server.emulator.ports["amqp"]),
                       "--to", "/devices/bench-0000/messages/devicebound", "--filter", TOPIC + "#",
                       "--hub", "localhost", "--key", DEVICE_KEY,
                       *server.policy_options("--policy", "--policy-key"),
                       "--server-pid", str(server.pid)]
        return load(arguments, "round_trip", [*options, *timing(arguments)])


def c2d(arguments):
    kinds = [Hub] if arguments.emulator_only else [Mosquitto, Hub]
    runs = {kind: [] for kind in kinds}
    for _ in range(arguments.rounds):
        for kind, results in runs.items():
            results.append(c2d_run(arguments, kind))
    print("cloud to device: one message after the other, from handing it to TLS to having it")
    for kind, results in runs.items():
        print(f"  {kind.name:10} p50 {median(results, 'p50_us'):6,.0f} us  p99 {median(results, 'p99_us'):6,.0f} us"
              f"  {median(results, 'messages_per_s'):7,.0f} messages/s"
              f"  us CPU each {median(results, 'server_cpu_us_per_message'):.1f}")
    if Mosquitto in runs:
        p50 = ratio(runs[Hub], runs[Mosquitto], "p50_us")
        print(f"  emulator / mosquitto: p50 {p50:.2f} x; {verdict(p50 <= C2D_TARGET, f'{C2D_TARGET} x')}")
    print(flush=True)


def main():
    arguments = arguments_read()
    print(f"{arguments.rounds} rounds of {arguments.seconds} s, in turn\n", flush=True)
    for part in arguments.part or PARTS:
        {"telemetry": telemetry, "events": events, "c2d": c2d}[part](arguments)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"amqp: {error}")

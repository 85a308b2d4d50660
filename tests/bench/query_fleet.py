#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Queries over a million twins beside SQLite's shell with json_extract over the same twins.

The two take turns, query by query; a ratio is taken within each turn, and medians are printed.
README.md says what the figures mean.
"""

import argparse
import os
import random
import re
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from servers import ROOT, Hub, memory_kib

import emulator as emulator_module  # noqa: E402
import sas  # noqa: E402

emulator_module.START_S_MAX = 600  # a million twins take a while to make
DEVICES = 50  # that send telemetry

# Each path is asked for once: the second query on a path has an index.
EQUALITIES = [
    ("tags.owner = 'team-17'", "json_extract(tags, '$.owner') = 'team-17'"),
    ("tags.environment = 'dev'", "json_extract(tags, '$.environment') = 'dev'"),
    ("tags.location.floor = 3", "json_extract(tags, '$.location.floor') = 3"),
    ("properties.desired.telemetryConfig.configId = 'config-3'",
     "json_extract(desired, '$.telemetryConfig.configId') = 'config-3'"),
    ("properties.desired.firmware.version = '1.4.0'",
     "json_extract(desired, '$.firmware.version') = '1.4.0'"),
    ("properties.reported.telemetryConfig.status = 'Pending'",
     "json_extract(reported, '$.telemetryConfig.status') = 'Pending'"),
    ("properties.reported.connectivity.type = 'cellular'",
     "json_extract(reported, '$.connectivity.type') = 'cellular'"),
    ("properties.reported.battery = 55", "json_extract(reported, '$.battery') = 55"),
    ("properties.reported.serialNumber = 'SN-00000042'",
     "json_extract(reported, '$.serialNumber') = 'SN-00000042'"),
]
PAIRS = [
    ("tags.location.region IN ['US'] AND tags.location.plant < 'Redmond2'",
     "json_extract(tags, '$.location.region') = 'US'"
     " AND json_extract(tags, '$.location.plant') < 'Redmond2'"),
    ("tags.location.region IN ['US'] AND properties.reported.connectivity.type IN ['cellular']",
     "json_extract(tags, '$.location.region') = 'US'"
     " AND json_extract(reported, '$.connectivity.type') = 'cellular'"),
    ("tags.environment IN ['prod'] AND properties.reported.battery < 20",
     "json_extract(tags, '$.environment') = 'prod' AND json_extract(reported, '$.battery') < 20"),
]
GROUPS = [
    ("tags.location.region", "json_extract(tags, '$.location.region')"),
    ("properties.reported.telemetryConfig.status",
     "json_extract(reported, '$.telemetryConfig.status')"),
    ("properties.reported.firmware.version", "json_extract(reported, '$.firmware.version')"),
]
PLANT = "tags.location.plant = 'Redmond{}'"
PLANT_SQL = "json_extract(tags, '$.location.plant') = 'Redmond{}'"


class Shell:
    """One sqlite3 shell on a table of the twins alone, as narrow as can be, all of it in memory."""

    def __init__(self, path, state):
        self.process = subprocess.Popen(["sqlite3", "-batch", str(path)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.run("PRAGMA journal_mode = OFF; PRAGMA mmap_size = 8000000000;")
        self.run(f"ATTACH '{state}' AS state; CREATE TABLE twin(id INTEGER PRIMARY KEY, device_id TEXT"
                 " UNIQUE, tags TEXT, desired TEXT, reported TEXT) STRICT; INSERT INTO twin SELECT id,"
                 " device_id, tags, desired, reported FROM state.identity; DETACH state;")
        self.send(".timer on")

    def send(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def run(self, sql):
        """The lines that it prints."""
        self.send(sql + "\nSELECT 'the end';")
        lines = []
        while (line := self.process.stdout.readline().strip()) != "the end":
            if not line or line.startswith("Error"):
                raise RuntimeError(f"sqlite3: {line}")
            lines.append(line)
        return lines

    def ask(self, sql):
        """Rows, milliseconds by the clock, milliseconds of CPU."""
        self.send(sql + ";\nSELECT 'the end';")
        lines = []
        while (line := self.process.stdout.readline().strip()) != "the end":
            lines.append(line)
        self.process.stdout.readline()  # the time of the last line
        took = re.fullmatch(r"Run Time: real (\S+) user (\S+) sys (\S+)", lines.pop())
        if took is None:
            raise RuntimeError(f"sqlite3: {lines}")
        real, user, system = (1000 * float(part) for part in took.groups())
        return lines, real, user + system

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Asker:
    """One keep-alive connection that asks queries, with as little around them as can be."""

    def __init__(self, hub):
        self.pid = hub.pid
        self.token = sas.token(hub.emulator.policies["service"].primary_key, "localhost", "service")
        context = ssl.create_default_context(cafile=hub.emulator.ca_path)
        plain = socket.create_connection(("127.0.0.1", hub.emulator.ports["httpsAlt"]))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")

    def request(self, query, page, token):
        body = '{"query": "%s"}' % query
        extra = f"x-ms-continuation: {token}\r\n" if token else ""
        return (f"POST /devices/query?api-version=2021-04-12 HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: {self.token}\r\nx-ms-max-item-count: {page}\r\n{extra}"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()

    def ask(self, query, page=100, token=None):
        """The body, the next page's token, and milliseconds by the clock."""
        request = self.request(query, page, token)
        start = time.perf_counter()
        self.socket.sendall(request)
        data = self.socket.recv(262144)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.socket.recv(262144)
        head = data[:end].decode()
        size = end + 4 + int(re.search(r"(?i)content-length: (\d+)", head)[1])
        while len(data) < size:
            data += self.socket.recv(262144)
        took = 1000 * (time.perf_counter() - start)
        if not head.startswith("HTTP/1.1 200"):
            raise RuntimeError(f"{query}: {data.decode()}")
        token = re.search(r"(?i)x-ms-continuation: (\S+)", head)
        return data[end + 4:].decode(), token and token[1], took

    def cpu_ms(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask_timed(self, query):
        """The body, milliseconds by the clock, milliseconds of CPU."""
        before = self.cpu_ms()
        body, _, took = self.ask(query)
        return body, took, self.cpu_ms() - before


def verdict(value, most):
    return f"(target {most:g}: {'reached' if value <= most else 'MISSED'})"


def median(values):
    return statistics.median(values)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def numbers(text):
    return sorted(int(number) for number in re.findall(r"\d+", text))


def compare(name, asker, shell, pairs, rounds):
    """Each (query, SQL) in turn; both must count the same."""
    results = []
    for _ in range(rounds):
        for query, sql in pairs:
            rows, sqlite_ms, sqlite_cpu = shell.ask(sql)
            body, hub_ms, hub_cpu = asker.ask_timed(query)
            counted = numbers(" ".join(re.findall(r'"n":(\d+)', body)))
            expected = sorted(int(row.rpartition("|")[2]) for row in rows)
            if counted != expected:
                raise RuntimeError(f"{query}: {body} is not {rows}")
            results.append((sqlite_ms, hub_ms, sqlite_cpu, hub_cpu))
    ratio = median(hub / sqlite for sqlite, hub, _, _ in results)
    cpu_ratio = median(hub / sqlite for _, _, sqlite, hub in results)
    print(f"{name:38} sqlite3 {median(r[0] for r in results):7.0f} ms ({median(r[2] for r in results):5.0f}"
          f" CPU)   emulator {median(r[1] for r in results):6.0f} ms ({median(r[3] for r in results):4.0f}"
          f" CPU)   {ratio:.2f} x, {cpu_ratio:.2f} x CPU  {verdict(ratio, 0.4)}", flush=True)


def show(name, times, most=None):
    target = "" if most is None else verdict(median(times), most)
    print(f"{name:38} median {median(times):7.3f} ms   p99 {percentile(times, 0.99):7.3f} ms   "
          f"{target}", flush=True)


def measure_scans(asker, shell, rounds):
    count = "SELECT COUNT() AS n FROM devices WHERE "
    sql_count = "SELECT count(*) FROM twin WHERE "
    everything = count + "is_defined(tags.a) AND false OR is_defined(properties.desired.a)" \
        " OR is_defined(properties.reported.a)"
    _, took, cpu = asker.ask_timed(everything)
    print(f"{'the very first scan, into memory':38} {took:.0f} ms ({cpu:.0f} CPU)")
    compare("equality on a path never asked for", asker, shell,
            [(count + query, sql_count + sql) for query, sql in EQUALITIES], 1)
    compare("two predicates", asker, shell,
            [(count + query, sql_count + sql) for query, sql in PAIRS], rounds)
    compare("GROUP BY", asker, shell,
            [(f"SELECT {path} AS g, COUNT() AS n FROM devices GROUP BY {path}",
              f"SELECT {sql}, count(*) FROM twin GROUP BY 1") for path, sql in GROUPS], rounds)


def measure_selective(asker, shell, dice, devices):
    plants = [dice.randrange(1000) for _ in range(100)]
    sqlite = [shell.ask(f"SELECT * FROM twin WHERE {PLANT_SQL.format(plant)} LIMIT 100")[1]
              for plant in plants[:5]]
    text = "SELECT * FROM devices WHERE " + PLANT
    first = [asker.ask(text.format(plants[0]))[2] for _ in range(2)]
    asker.ask("SELECT COUNT() AS n FROM devices WHERE " + PLANT.format(1))  # to the end, once
    show("selective equality, first page", [asker.ask(text.format(plant))[2] for plant in plants], 2)
    print(f"{'  asked for the first two times':38} {first[0]:.1f} ms, {first[1]:.1f} ms; sqlite3 without"
          f" an index {median(sqlite):.1f} ms")
    text = "SELECT * FROM devices WHERE properties.reported.serialNumber = 'SN-{:08}'"
    for _ in range(2):
        asker.ask(text.format(0))
    show("one device by its serial number",
         [asker.ask(text.format(dice.randrange(devices)))[2] for _ in range(100)], 2)


def measure_keys(asker, shell, dice, devices):
    names = [f"device-{dice.randrange(devices):07}" for _ in range(500)]
    sqlite = [shell.ask(f"SELECT * FROM twin WHERE device_id = '{name}'")[1] for name in names[:100]]
    before = asker.cpu_ms()
    times = [asker.ask(f"SELECT * FROM devices WHERE deviceId = '{name}'")[2] for name in names]
    cpu = (asker.cpu_ms() - before) / len(names)
    show("deviceId by key, HTTPS and all", times, 0.2)
    print(f"{'':38} of which CPU of the emulator {cpu:.3f} ms; sqlite3 {median(sqlite):.3f} ms")


def measure_pages(asker, devices):
    pages = min(500, devices // 100 - 1)
    for name, query in (("SELECT *", "SELECT * FROM devices"),
                        ("a scan for four in ten", "SELECT * FROM devices WHERE tags.location.floor > 6")):
        times, token = [], None
        for _ in range(pages):
            body, token, took = asker.ask(query, token=token)
            times.append(took)
            if token is None:
                break
        show(f"{name}: pages 1 to 25", times[:25])
        show(f"{name}: the last 25 of {len(times)}", times[-25:])


def telemetry(hub, arguments):
    output = subprocess.run(
        [str(arguments.bin / "telemetry_load"), *hub.load_options(), "--connections", str(DEVICES),
         "--window", "64", "--rate", "2000", "--seconds", str(arguments.seconds)],
        capture_output=True, text=True, check=True).stdout
    return {name: float(re.search(rf'"{name}_us":(\d+)', output)[1]) / 1000
            for name in ("p50", "p99")}


def measure_pubacks(hub, arguments, rounds):
    """Telemetry at 2,000 messages a second, in turn alone and while somebody scans in a loop."""
    alone, beside, scans = [], [], []
    for _ in range(rounds):
        alone.append(telemetry(hub, arguments))
        stop = threading.Event()

        def scan():
            asker = Asker(hub)
            while not stop.is_set():
                scans.append(asker.ask("SELECT COUNT() AS n FROM devices"
                                       " WHERE properties.reported.battery > 200")[2])

        thread = threading.Thread(target=scan)
        thread.start()
        beside.append(telemetry(hub, arguments))
        stop.set()
        thread.join()
    for name in ("p50", "p99"):
        added = median(b[name] - a[name] for a, b in zip(alone, beside))
        print(f"PUBACK {name} at 2,000 messages/s{'':9} alone {median(a[name] for a in alone):.2f} ms   while"
              f" scanning {median(b[name] for b in beside):.2f} ms   {added:+.2f} ms"
              f"  {verdict(added, 5) if name == 'p99' else ''}")
    print(f"{'':38} {len(scans)} scans of {median(scans):.0f} ms each")


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--devices", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of telemetry at a time")
    arguments = parser.parse_args()
    dice = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        start = time.perf_counter()
        storage = ["--data", folder + "/data", "--generate-fleet", str(arguments.devices)]
        hub = Hub(folder, DEVICES, storage, str(arguments.bin / "iothub-emulator"))
        print(f"{arguments.devices} twins made in {time.perf_counter() - start:.1f} s, "
              f"{memory_kib(hub.pid, 'VmHWM') / 1024:.0f} MiB at most", flush=True)
        hub.stop()  # so that all is in state.db
        shell = Shell(Path(folder) / "twins.db", Path(folder) / "data/state.db")
        hub = Hub(folder, DEVICES, storage, str(arguments.bin / "iothub-emulator"))
        try:
            at_rest = memory_kib(hub.pid, "RssAnon")
            asker = Asker(hub)
            measure_scans(asker, shell, arguments.rounds)
            measure_selective(asker, shell, dice, arguments.devices)
            measure_keys(asker, shell, dice, arguments.devices)
            measure_pages(asker, arguments.devices)
            measure_pubacks(hub, arguments, arguments.rounds)
            each = (memory_kib(hub.pid, "RssAnon") - at_rest) * 1024 / arguments.devices
            print(f"{'memory after all that':38} {each:.0f} bytes a twin {verdict(each, 1024)}")
        finally:
            shell.stop()
            hub.stop()


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"query_fleet: {error}")

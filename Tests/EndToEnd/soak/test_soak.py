"""Mixed load with faults, for PODIUM_SOAK_SECONDS (20; `make soak` takes ten minutes): nothing grows, every request is accounted for.

Clients write down what they saw of each request, endpoints what they got; afterwards that is held against the access log line by
line, and the log against the metrics.
"""

import asyncio
import collections
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import ledger
import operators
import pytest
from clients import Clients
from conftest import Podium, eventually, free_port

SECONDS = float(os.environ.get("PODIUM_SOAK_SECONDS", "20"))
SEED = int(os.environ.get("PODIUM_SOAK_SEED", "1"))
# Leave the logs and journals where they are, to look into a finding.
KEEP = "PODIUM_SOAK_KEEP" in os.environ
WORKERS = {
    "plain": 24, "old": 2, "download": 3, "upload": 3, "long_upload": 1, "slow_upload": 2, "stream": 16, "broken": 3, "patient": 6, "slow": 2,
    "pipelined": 3, "half_closing": 2, "leaving": 5, "refused": 2, "silent": 2}
NAMES = {"faulty-1", "faulty-2", "faulty-tls", "refusing", "denied", "swapped", "steady", "spare", ""}
# How much resident memory may grow from the median of the first half to that of the second: histories of events, saves and actions
# fill meanwhile, and the allocator keeps what large bodies needed. And from the third quarter to the fourth, when both are done.
GROWTH_KIB = (16384, 2048)


class Process:
    """What the kernel says of a process."""

    def __init__(self, pid, ports):
        self.pid, self.ports = pid, ports

    def look(self):
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return {
            "resident KiB": int(status["VmRSS"].split()[0]), "anonymous KiB": int(status["RssAnon"].split()[0]),
            "descriptors": self.descriptors(), "threads": int(status["Threads"]),
            "pooled": self.connections()}

    def descriptors(self):
        return len(self.open_files())

    def open_files(self):
        """Without the history's files: they are opened with the first write and stay open."""
        found = []
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            try:
                target = os.readlink(entry.path)
            except FileNotFoundError:
                continue
            if ".db" not in target and not target.endswith(".history.lock"):
                found.append(target)
        return found

    def connections(self):
        """Established connections to the endpoints."""
        count = 0
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, _, remote, state = line.split()[:4]
            count += state == "01" and int(remote.split(":")[1], 16) in self.ports
        return count


class Watch(threading.Thread):
    """Looks every half second, whatever else goes on."""

    def __init__(self, process):
        super().__init__()
        self.process, self.looks, self.ends = process, [], threading.Event()

    def run(self):
        while not self.ends.wait(0.5):
            self.looks.append(self.process.look())

    def stop(self):
        self.ends.set()
        self.join()


@pytest.fixture
def folder():
    """Short: the control socket's path has to fit into its address."""
    path = tempfile.mkdtemp(prefix="soak-", dir="/tmp")
    yield pathlib.Path(path)
    if not KEEP:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def endpoints(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=soak", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    ports = {free_port(): role for role in ("denied", "faulty", "faulty", "faulty_tls", "steady", "steady")}
    process = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).parent / "faulty_endpoint.py", folder / "cert.pem", folder / "key.pem",
         *(f"{port}={role}" for port, role in ports.items())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    yield process, ports
    process.kill()
    process.wait()


def metrics_page(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"authorization": f"Bearer {operators.ADMIN}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def parts(looks, key, count):
    """Medians over parts of the time."""
    length = len(looks) // count
    return [statistics.median(look[key] for look in looks[number * length:(number + 1) * length]) for number in range(count)]


def test_nothing_grows_and_every_request_is_accounted_for(folder, endpoints):
    server, ports = endpoints
    denied, *faulty, faulty_tls, calm, spare = ports
    port = free_port()
    path = folder / "config.yaml"
    path.write_text(operators.config(port, free_port(), denied, faulty, faulty_tls, (calm, spare), folder / "cert.pem"))
    path.chmod(0o600)
    podium = Podium(path, port, {"RUNTIME_DIRECTORY": str(folder / "run")})
    try:
        eventually(lambda: "control socket at" in podium.text, what="the control socket")
        (control,) = (folder / "run").glob("*.sock")
        process = Process(podium.process.pid, set(ports))
        before = process.look()
        watch = Watch(process)
        clients = Clients(port, SEED)
        crew = operators.Operators(podium, str(control), [calm, spare], ["refusing", "denied", "swapped", "steady"], SEED)
        watch.start()
        crew.thread.start()
        try:
            asyncio.run(run(clients))
        finally:
            crew.stop()
            watch.stop()
        settle(port, process)
        # A probe of an endpoint may be under way at any moment; what has leaked stays.
        eventually(lambda: is_given_back(process.look(), before), seconds=30, what="connections and descriptors to be given back")
        after = process.look()
        page = metrics_page(port)
        print(podium_says(before, after, watch.looks, clients, crew))
        assert podium.stop() == 0
        server.stdin.write("journal\n")
        server.stdin.flush()
        journals = json.loads(server.stdout.readline())
        if KEEP:
            (folder / "journals.json").write_text(json.dumps(journals))
            (folder / "seen.json").write_text(json.dumps({identity: str(seen) for identity, seen in clients.seen.items()}))
            print("kept in", folder)
        judge(before, after, watch, clients, crew, podium, page)
        lines = ledger.read_log(folder / "access.log")
        findings = ledger.unexplained(clients.seen, lines) + ledger.miscounted(page, lines, NAMES)
        # Endpoints that were added all lead to the two sound ports.
        added = {f"added-{number}" for number in range(crew.number + 1)}
        by_port = {
            str(denied): {"denied"}, str(faulty[0]): {"faulty-1"}, str(faulty[1]): {"faulty-2"}, str(faulty_tls): {"faulty-tls"},
            str(calm): {"swapped", "steady"} | added, str(spare): {"spare"} | added}
        findings += ledger.unrequited(journals, lines, by_port)
        print(told(lines))
        assert findings == [], f"{len(findings)} findings:\n" + "\n".join(findings[:20])
    except BaseException:
        print("last words:", podium.text[-3000:])
        if podium.process.poll() is None:
            print("open:", sorted(process.open_files()), "at first:", before)
        raise
    finally:
        podium.kill()


async def run(clients):
    asyncio.get_running_loop().call_later(SECONDS, clients.ends.set)
    await clients.run(WORKERS)


def settle(port, process):
    """Until nothing runs, nothing rests and the pools are empty (`idle_connection` is 3 s)."""
    def is_quiet():
        page = ledger.metrics(metrics_page(port))
        # The connection that asks is one.
        return page["podium_requests_in_flight"][()] == 0 and page["podium_client_connections"][()] <= 1 and process.connections() == 0

    eventually(is_quiet, seconds=60, what="quiet")
    # Buffers that are given back after a while, lingering closes, the log's last batch.
    time.sleep(3)


def is_given_back(now, before):
    return now["pooled"] == 0 and now["descriptors"] <= before["descriptors"] + 1


def podium_says(before, after, looks, clients, crew):
    kinds = collections.Counter(f"{seen.kind}: {seen.ending} {seen.status or '-'}" for seen in clients.seen.values())
    rows = [f"{'':16}{'before':>10}{'quarters':>40}{'most':>10}{'after':>10}"]
    for key in before:
        medians = "".join(f"{median:>10.0f}" for median in parts(looks, key, 4))
        rows.append(f"{key:16}{before[key]:>10}{medians}{max(look[key] for look in looks):>10}{after[key]:>10}")
    saw = "\n".join(f"{count:>8} {kind}" for kind, count in sorted(kinds.items()))
    return "\n".join([f"\n{SECONDS:g} s, seed {SEED}, {len(clients.seen)} requests, {clients.garbage} that were none", *rows, saw, f"operators: {crew.done}"])


def told(lines):
    endings = collections.Counter(line[0]["ending"] for line in lines.values())
    outcomes = collections.Counter(attempt["outcome"] for line in lines.values() for attempt in line[0]["attempts"])
    return f"log: {dict(endings)}\nattempts: {dict(outcomes)}"


def judge(before, after, watch, clients, crew, podium, page):
    assert clients.wrong == [], "\n".join(clients.wrong[:20])
    assert crew.strange == [], "\n".join(crew.strange[:20])
    gauges = ledger.metrics(page)
    assert gauges["podium_requests_in_flight"] == {(): 0}
    assert set(gauges["podium_endpoint_requests_in_flight"].values()) == {0}
    # Repeats are folded: a line says how many more there were.
    refusals = re.findall(r"refused 127\.0\.0\.1: 400[^\n(]*(?:\((\d+) more in [^)\n]*\))?", podium.text)
    assert sum(int(more) if more else 1 for more in refusals) == clients.garbage, refusals
    if len(watch.looks) > 240:
        for key in ("resident KiB", "anonymous KiB"):
            for count, growth in zip((2, 4), GROWTH_KIB):
                *_, first, second = parts(watch.looks, key, count)
                assert second <= first + growth, f"{key} grew from {first} to {second}"

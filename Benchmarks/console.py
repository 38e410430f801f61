#!/usr/bin/env python3
"""What the console costs on the wire and in time, beside htop and btop in the same run.

The program is the real one on a pseudo-terminal of 80x24 that answers as xterm does. For frames with a known number of
changing rows, `podium attach` is fed by a control socket of this script's, with a snapshot of the real program in which
six of twelve endpoints change each second.

usage: console.py PODIUM [--seconds 8] [--json FILE]
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import random
import select
import shutil
import signal
import socket
import socketserver
import statistics
import struct
import subprocess
import tempfile
import termios
import threading
import time

LIMITS = {
    "bytes per frame, 6 of 12 rows changing": 600, "the same in true colour": 600, "bytes while nothing changes": 0, "idle CPU, %": 0.3,
    "key to screen with 10,000 endpoints, ms": 16, "first frame, ms": 50,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Screen:
    """A program on a pseudo-terminal."""

    def __init__(self, command, columns=80, lines=24, colorterm=""):
        self.began = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM=colorterm, NO_COLOR="", LANG="C.UTF-8",
                              SWIFT_BACKTRACE="enable=no")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvp(command[0], command)
        self.seen = self.asked = b""

    def read(self, seconds):
        """What comes within the time; a terminal answers what it is asked."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return b""
        # A question may come in two pieces.
        asked = self.asked + data
        for _ in range(asked.count(b"\x1b[5n")):
            os.write(self.fd, b"\x1b[0n")
        self.asked = asked[-3:]
        self.seen = (self.seen + data)[-1_000_000:]
        return data

    def wait_for(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > deadline:
                raise SystemExit(f"{text!r} never came; last: {self.seen[-400:]!r}")
            self.read(0.1)
        return (time.monotonic() - self.began) * 1_000

    def frames(self, seconds, gap=0.05):
        """Sizes of the bursts of output that come within the time."""
        sizes, size, deadline = [], 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            data = self.read(gap)
            if data:
                size += len(data)
            elif size:
                sizes.append(size)
                size = 0
        return sizes

    def keys(self, count):
        """Milliseconds from a key to the first of what it changes, sorted."""
        times = []
        for number in range(count):
            # Between keys and pictures that come by themselves.
            self.frames(0.3 + number % 7 * 0.05, gap=0.02)
            sent = time.monotonic()
            os.write(self.fd, [b"j", b"k", b"G", b"g", b"\x1b[6~", b"S", b"<"][number % 7])
            while not self.read(5):
                pass
            times.append((time.monotonic() - sent) * 1_000)
        return sorted(times)

    def cpu(self):
        # Its CPU clock, in nanoseconds: /proc counts in hundredths of a second, of which an idle one uses a few a minute.
        return time.clock_gettime((~self.pid << 3) | 2)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def configuration(folder, count, extra=""):
    path = pathlib.Path(folder) / f"config-{count}.yaml"
    entries = "".join(
        f"  - name: endpoint-{n:05}\n    url: http://127.0.0.1:1/{n}\n    priority: {n}\n" for n in range(1, count + 1))
    path.write_text(
        f"server:\n  port: {free_port()}\n  on_hangup: exit\ntimeouts:\n  check_interval: 24h\n{extra}endpoints:\n{entries}")
    path.chmod(0o600)
    return path


class Source(threading.Thread):
    """A control socket with the snapshot of a Podium, made to change."""

    def __init__(self, folder, snapshot):
        super().__init__(daemon=True)
        self.path = str(pathlib.Path(folder) / "control.sock")
        self.snapshot, self.changing, self.random = snapshot, 0, random.Random(7)
        self.snapshot["persister"].pop("next_deadline", None)
        for number, endpoint in enumerate(snapshot["endpoints"]):
            endpoint["state"] = "up"
            endpoint.pop("last_error", None)
            endpoint["traffic"].update(
                total=1000, per_second=2.5, p50_seconds=0.41, p95_seconds=0.78, success_ratio=0.998,
                per_second_series=[2] * 60, first_byte_milliseconds_series=[300.0 + number * 10] * 60)
        source = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while True:
                    line = self.rfile.readline().decode()
                    while self.rfile.readline().strip():
                        pass
                    if not line:
                        return
                    if "/snapshot" in line:
                        body = source.answer(line)
                        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                        self.wfile.write(head.encode() + body)
                    elif "/events" in line:
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                        self.wfile.flush()
                        time.sleep(3600)
                    else:
                        body = json.dumps(source.snapshot["persister"]).encode()
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                                         % len(body) + body)
                    self.wfile.flush()

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(self.path, Handler)
        self.turn = 0

    def run(self):
        self.server.serve_forever()

    def answer(self, line):
        second = int(time.monotonic())
        if second != self.turn and self.changing:
            self.turn = second
            for endpoint in self.snapshot["endpoints"][:self.changing]:
                traffic, roll = endpoint["traffic"], self.random
                traffic["p50_seconds"] = roll.uniform(0.2, 0.9)
                traffic["p95_seconds"] = roll.uniform(0.9, 3)
                traffic["per_second"] = roll.uniform(1, 9)
                traffic["success_ratio"] = roll.uniform(0.95, 1)
                traffic["first_byte_milliseconds_series"] = (
                    traffic["first_byte_milliseconds_series"][1:] + [roll.uniform(200, 900)])
                endpoint["traffic"]["in_flight"] = roll.randrange(5)
        answer = dict(self.snapshot)
        if "since" in line:
            answer.update(events=[], flushes=[])
        return json.dumps(answer).encode()


@contextlib.contextmanager
def serving(podium, config):
    """A headless Podium, once it answers."""
    server = subprocess.Popen([podium, "run", "--headless", "--config", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            status = subprocess.run([podium, "status", "--config", config], capture_output=True, check=False)
            if status.returncode == 0:
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"no answer: {status.stderr.decode()}")
        yield config
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def snapshot_of(podium, config):
    with serving(podium, config):
        return json.loads(subprocess.run([podium, "status", "--json", "--config", config], capture_output=True,
                                         check=True).stdout)


def snapshots(podium, config):
    """How long a whole snapshot takes over the control socket, and how large it is."""
    log = subprocess.run([podium, "status", "--json", "--config", config, "--events", "1000"], capture_output=True,
                         check=True).stdout
    path = next(event["text"].split(" at ", 1)[1] for event in json.loads(log)["events"]
                if event["text"].startswith("control socket at "))
    times = []
    for _ in range(9):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            began = time.monotonic()
            connection.sendall(b"GET /admin/api/snapshot HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n")
            size = 0
            while data := connection.recv(1 << 20):
                size += len(data)
            times.append((time.monotonic() - began) * 1_000)
    return times, size


def measure(podium, seconds, folder):
    results = {}
    twelve = configuration(folder, 12)

    source = Source(folder, snapshot_of(podium, twelve))
    source.start()
    results["bytes while nothing changes"] = 0
    for name, colorterm in ("bytes per frame, 6 of 12 rows changing", ""), ("the same in true colour", "truecolor"):
        source.changing = 0
        attached = Screen([podium, "attach", "--socket", source.path], colorterm=colorterm)
        attached.wait_for(b"Persister")
        attached.frames(3)
        results["bytes while nothing changes"] += sum(attached.frames(seconds / 3))
        source.changing = 6
        attached.frames(3)
        results[name] = statistics.median(attached.frames(seconds) or [0])
        attached.close()

    idle = Screen([podium, "run", "--config", str(twelve)])
    idle.wait_for(b"Persister")
    idle.frames(5)
    before = idle.cpu()
    began = time.monotonic()
    results["bytes while nothing changes"] += sum(idle.frames(seconds))
    results["idle CPU, %"] = round((idle.cpu() - before) / (time.monotonic() - began) * 100, 2)
    idle.close()

    starts = []
    for number in range(6):
        # Every other one in true colour, for which a description of the terminal is made first.
        screen = Screen([podium, "run", "--config", str(twelve)], colorterm="truecolor" if number % 2 else "")
        starts.append(screen.wait_for(b"Persister"))
        screen.close()
    results["first frame, ms"] = round(statistics.median(starts), 1)

    many = Screen([podium, "run", "--config", str(configuration(folder, 10_000))])
    many.wait_for(b"endpoint-00001", 120)
    many.frames(5)
    times = many.keys(42)
    results["key to screen with 10,000 endpoints, ms"] = round(statistics.median(times), 1)
    results["the same, 95th percentile"] = round(times[len(times) * 95 // 100], 1)
    results["the same, worst"] = round(times[-1], 1)
    many.close()

    with serving(podium, configuration(folder, 10_000)) as config:
        attached = Screen([podium, "attach", "--config", config])
        attached.wait_for(b"endpoint-00001", 120)
        attached.frames(5)
        times = attached.keys(42)
        results["key to screen, attached, 10,000 endpoints, ms"] = round(statistics.median(times), 1)
        results["the same attached, 95th percentile"] = round(times[len(times) * 95 // 100], 1)
        attached.close()
        times, size = snapshots(podium, config)
        results["snapshot of 10,000 endpoints by the control API, ms"] = round(statistics.median(times))
        results["its size, MB"] = round(size / 1e6, 1)

    for peer, command in ("htop", ["htop", "-d", "10"]), ("btop", ["btop"]):
        if shutil.which(peer):
            screen = Screen(command)
            screen.frames(4)
            results[f"bytes per frame, {peer}"] = statistics.median(screen.frames(seconds) or [0])
            screen.close()
    return results


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("podium")
    options.add_argument("--seconds", type=float, default=8)
    options.add_argument("--json")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(options.podium, options.seconds, folder)
    width = max(map(len, results))
    for name, value in results.items():
        limit = LIMITS.get(name)
        verdict = "" if limit is None else f"  (at most {limit}{': MISSED' if value > limit else ''})"
        print(f"{name:{width}}  {value:>8}{verdict}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

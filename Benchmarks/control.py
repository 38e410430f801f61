#!/usr/bin/env python3
"""What looking at a Podium with many endpoints costs: CPU of the serving process per question, and of an attached console.

The endpoints are made up and get no traffic; the first 500 explain their rank, so that they are different in each picture.

usage: control.py PODIUM [--endpoints 10000] [--rounds 20] [--json FILE]
"""

import argparse
import fcntl
import json
import os
import pathlib
import pty
import re
import socket
import statistics
import struct
import subprocess
import tempfile
import termios
import threading
import time

# Of what Python's C library takes to write the same snapshot as JSON, on the same machine at the same time.
LIMITS = {"snapshot": 2, "snapshot, what changed": 2}


def cpu(pid):
    """Milliseconds of processor time, by the scheduler's own account."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6


def written_by_python(document, rounds):
    """Milliseconds of processor time for writing it once, the median."""
    spent = []
    for _ in range(rounds):
        began = time.process_time()
        json.dumps(document)
        spent.append((time.process_time() - began) * 1e3)
    return statistics.median(spent)


def ask(path, target):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: podium\r\nConnection: close\r\n\r\n".encode())
        pieces = []
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    head, body = b"".join(pieces).split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    return body


def resting(pid, seconds=4):
    before = cpu(pid)
    time.sleep(seconds)
    return (cpu(pid) - before) / seconds


def measure(pid, path, target, rounds):
    idle = resting(pid)
    walls, before, began = [], cpu(pid), time.monotonic()
    for _ in range(rounds):
        asked = time.monotonic()
        body = ask(path, target)
        walls.append((time.monotonic() - asked) * 1e3)
    used = cpu(pid) - before - idle * (time.monotonic() - began)
    return {"CPU ms": used / rounds, "wall ms, median": statistics.median(walls), "bytes": len(body)}


def attached(podium, config, server, environment, seconds=10):
    """CPU of a console that nobody touches, and of the process it looks at; milliseconds per second."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(podium, [podium, "attach", "--config", str(config)], {**environment, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    time.sleep(4)
    before = cpu(pid), cpu(server)
    time.sleep(seconds)
    after = cpu(pid), cpu(server)
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    return [(later - earlier) / seconds for earlier, later in zip(before, after)]


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("podium")
    arguments.add_argument("--endpoints", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--json")
    options = arguments.parse_args()
    podium = os.path.abspath(options.podium)
    with tempfile.TemporaryDirectory(prefix="podium-") as name:
        folder = pathlib.Path(name)
        config = folder / "config.yaml"
        entries = "".join(
            f"  - name: endpoint-{number:05}\n    url_anthropic: https://e{number:05}.example/v1\n    auth_type: api_key\n"
            f"    auth_value: ${{KEY}}\n    priority: {number + 1}\n    tags: [prod, t{number % 7}]\n"
            for number in range(options.endpoints))
        config.write_text(f"server: {{ port: 0 }}\ntimeouts: {{ check_interval: 24h }}\nendpoints:\n{entries}")
        config.chmod(0o600)
        environment = {**os.environ, "KEY": "sk", "RUNTIME_DIRECTORY": str(folder / "run")}
        log = folder / "log"
        server = subprocess.Popen(
            [podium, "run", "--headless", "--config", config, "--log-file", log], env=environment,
            stdin=subprocess.DEVNULL)
        try:
            found = None
            while not found:
                time.sleep(0.1)
                found = re.search(r"control socket at (\S+)", log.read_text()) if log.exists() else None
            path = found.group(1)
            ask(path, "/admin/api/snapshot")
            results = {}
            for title, target in {
                    "snapshot": "/admin/api/snapshot", "snapshot, what changed": "/admin/api/snapshot?endpoints_since=",
                    "endpoints": "/admin/api/endpoints", "one endpoint": "/admin/api/endpoints/endpoint-00777",
                    "persister": "/admin/api/config/stats", "metrics": "/metrics"}.items():
                if target.endswith("="):
                    target += str(json.loads(ask(path, "/admin/api/snapshot"))["endpoints_version"])
                results[title] = measure(server.pid, path, target, options.rounds)
            python = written_by_python(json.loads(ask(path, "/admin/api/snapshot")), options.rounds)
            console, looked_at = attached(podium, config, server.pid, environment)
            began = os.times()
            subprocess.run(
                [podium, "status", "--json", "--config", config], env=environment, check=True, stdout=subprocess.DEVNULL)
            ended = os.times()
        finally:
            server.terminate()
            server.wait()
    print(f"{options.endpoints} endpoints\n\n| question | CPU ms | wall ms, median | KB |\n|---|---|---|---|")
    for title, result in results.items():
        print(f"| {title} | {result['CPU ms']:.1f} | {result['wall ms, median']:.0f} | {result['bytes'] / 1e3:,.1f} |")
    print(f"\nPython writes the same snapshot in {python:.0f} ms of CPU")
    own = (ended.children_user + ended.children_system - began.children_user - began.children_system) * 1e3
    print(f"attached console: {console:.0f} ms of CPU a second, {looked_at:.0f} in the process it looks at")
    print(f"podium status --json: {own:.0f} ms of CPU of its own")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({**results, "console": console, "looked at": looked_at}))
    over = [title for title, limit in LIMITS.items() if results[title]["CPU ms"] > limit * python]
    raise SystemExit(f"over the limit: {', '.join(over)}" if over else 0)


if __name__ == "__main__":
    main()

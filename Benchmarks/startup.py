#!/usr/bin/env python3
"""From a proxy's start to its first proxied answer, and its memory when idle, beside nginx, HAProxy and Caddy.

usage: startup.py PODIUM [--rounds 7]
"""

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

import peers

REQUEST = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def first_answer(port, began):
    while time.monotonic() < began + 10:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(REQUEST)
                if client.recv(64).startswith(b"HTTP/1.1 200"):
                    return (time.monotonic() - began) * 1_000
        except OSError:
            pass
    raise SystemExit(f"nothing answers on {port}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    peers.require("nginx", "haproxy", "caddy", "taskset")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)
    os.sched_setaffinity(0, {1})
    endpoint = peers.Endpoint(folder, 1_024)
    commands = [("podium", peers.podium(options.podium, endpoint.port)), ("haproxy", peers.haproxy(endpoint.port)),
                ("nginx", peers.nginx(endpoint.port)), ("caddy", peers.caddy(endpoint.port))]
    times = {name: [] for name, _ in commands}
    memory = {}
    try:
        for _ in range(options.rounds):
            for name, command in commands:
                place = folder / name
                place.mkdir(exist_ok=True)
                place.chmod(0o755)
                port = peers.free_port()
                arguments = [*peers.WORKER, *map(str, command(place, port))]
                began = time.monotonic()
                process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    times[name].append(first_answer(port, began))
                    time.sleep(0.1)
                    memory[name] = peers.resident_megabytes(process.pid)
                finally:
                    process.terminate()
                    process.wait()
        print("| | first answer after ms: median | best | idle, resident MB |\n|---|---|---|---|")
        for name, samples in times.items():
            print(f"| {name} | {statistics.median(samples):.0f} | {min(samples):.0f} | {memory[name]:.0f} |")
    finally:
        endpoint.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

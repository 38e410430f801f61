#!/usr/bin/env python3
"""Event streams beside nginx and HAProxy: CPU and delay per event, memory per stream, at 1,000 and 5,000 streams.

Each stream carries an event of some 160 bytes every 100 ms. The endpoint and the clients (streams.c) share core 1, the
proxy has core 0. Delay runs from the endpoint's send to the client's receive; `direct` is the same without a proxy.

usage: streams.py PODIUM [--streams 1000,5000] [--seconds 4]
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import peers

# Memory that a stream can have used: code that is used for the first time is mapped meanwhile as well.
OWN = "RssAnon"


def run(program, port, streams, seconds, proxy=None):
    """CPU seconds of the proxy while the events were counted, its memory at the end (all, and its own), and the counts."""
    process = subprocess.Popen(
        [*peers.OTHERS, program, "run", str(port), str(streams), str(seconds)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "BEGIN\n":
            raise SystemExit(f"{proxy.name if proxy else 'direct'}: not all of {streams} streams began")
        before = proxy.cpu() if proxy else 0
        process.stdout.readline()
        spent = proxy.cpu() - before if proxy else 0
        counts = json.loads(process.stdout.readline())
        return spent, (proxy.resident(), proxy.resident(OWN)) if proxy else (0, 0), counts
    finally:
        process.stdin.close()
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--streams", default="1000,5000")
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    peers.require("nginx", "haproxy", "taskset")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)
    program = peers.compile_c(folder, "streams")
    print("| streams | | CPU per event µs | of haproxy's | p50 delay more than direct µs | p99 | lost | ended "
          "| resident MB | KiB per stream |")
    print("|" + "---|" * 10)
    try:
        for streams in map(int, options.streams.split(",")):
            measure(folder, program, streams, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder, program, streams, options):
    port = peers.free_port()
    endpoint = subprocess.Popen([*peers.OTHERS, program, "serve", str(port)])
    try:
        peers.wait_for(port)
        _, _, direct = run(program, port, streams, options.seconds)
        print(f"| {streams} | direct | | | {direct['p50']} in all | {direct['p99']} in all | {direct['lost']} "
              f"| {direct['ended']} | | |", flush=True)
        costs = {}
        for name, command in (
                ("haproxy", peers.haproxy(port)), ("nginx", peers.nginx(port)),
                ("podium", peers.podium(options.podium, port))):
            # A fresh process each time: memory once used does not come back.
            proxy = peers.Proxy(name, folder, command)
            try:
                idle = proxy.resident(OWN)
                spent, (resident, own), counts = run(program, proxy.port, streams, options.seconds, proxy)
            finally:
                proxy.stop()
            costs[name] = spent / max(counts["events"], 1) * 1e6
            print(f"| {streams} | {name} | {costs[name]:.1f} | {costs[name] / costs['haproxy']:.2f} "
                  f"| {counts['p50'] - direct['p50']} | {counts['p99'] - direct['p99']} | {counts['lost']} "
                  f"| {counts['ended']} | {resident:.0f} | {(own - idle) * 1024 / streams:.1f} |", flush=True)
    finally:
        endpoint.kill()
        endpoint.wait()


if __name__ == "__main__":
    main()

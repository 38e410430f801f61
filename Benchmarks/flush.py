#!/usr/bin/env python3
"""Requests while the configuration is being saved onto a disk whose fsync takes a second, against requests without.

A preloaded library (slow_fsync.c) slows fsync down. In the rounds with saves an operator's command is always on its way,
and each one is answered when it is durable. Rounds alternate; medians count.

usage: flush.py PODIUM [--rounds 5] [--seconds 3]
"""

import argparse
import pathlib
import shutil
import statistics
import tempfile
import threading
import time
import urllib.request

import peers

TOKEN = "benchmark"


class Saving(threading.Thread):
    """Disables and enables the second endpoint, each time waiting until that is saved."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping, self.saves = port, threading.Event(), []
        self.start()

    def run(self):
        verbs = ("disable", "enable")
        while not self.stopping.is_set():
            began = time.monotonic()
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/admin/api/endpoints/second/{verbs[len(self.saves) % 2]}", data=b"{}",
                headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}, method="POST")
            with urllib.request.urlopen(request) as answer:
                answer.read()
            self.saves.append(time.monotonic() - began)

    def stop(self):
        self.stopping.set()
        self.join()
        return self.saves


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    peers.require("nginx", "wrk", "taskset")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)
    slow_fsync = peers.compile_c(folder, "slow_fsync", "-shared", "-fPIC", "-ldl")
    endpoint = peers.Endpoint(folder, 1_024)
    command = peers.podium(
        options.podium, endpoint.port, server=f", admin_token: {TOKEN}",
        more=f"  - name: second\n    url: http://127.0.0.1:{endpoint.port}\n    auth_type: none\n    pinned: true\n"
        "    priority: 2\n")
    proxy = peers.Proxy("podium", folder, command, {"LD_PRELOAD": str(slow_fsync)})
    try:
        peers.Load(folder, proxy.port, 64, 1)
        rows = {False: [], True: []}
        saves = []
        for number in range(2 * options.rounds):
            saves_now = number % 2 == 1
            saving = Saving(proxy.port) if saves_now else None
            load = peers.Load(folder, proxy.port, 64, options.seconds)
            if saving:
                saves += saving.stop()
            if load.errors:
                raise SystemExit(f"{load.errors} errors")
            rows[saves_now].append((load.requests / options.seconds, load.p50, load.p99))
        without, during = ([statistics.median(column) for column in zip(*rows[key])] for key in (False, True))
        print("| | requests/s | p50 µs | p99 µs |\n|---|---|---|---|")
        print(f"| no save | {without[0]:.0f} | {without[1]:.0f} | {without[2]:.0f} |")
        print(f"| saving all the time | {during[0]:.0f} | {during[1]:.0f} | {during[2]:.0f} |")
        print(f"| ratio | {during[0] / without[0]:.3f} | {during[1] / without[1]:.3f} | {during[2] / without[2]:.3f} |")
        print(f"\n{len(saves)} saves, each {min(saves):.1f} to {max(saves):.1f} s")
        if min(saves) < 1:
            raise SystemExit("a save was faster than its fsync: nothing was measured")
    finally:
        proxy.stop()
        endpoint.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

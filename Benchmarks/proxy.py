#!/usr/bin/env python3
"""CPU per proxied request and added latency, beside nginx, HAProxy and Caddy on the same work in the same run.

relay.c passes bytes and looks at none of them: it costs what the kernel takes for being woken for each message, and for
passing it on.

Every proxy runs one worker pinned to core 0; the client (wrk) and the endpoint (nginx) share core 1. Runs are
interleaved and medians are printed, because machines are noisy; only the ratios mean anything.

With --before, another build of Podium (the commit before) takes part, and each table says what a request costs of that.

usage: proxy.py PODIUM [--before PODIUM] [--seconds 1] [--rounds 5] [--connections 1,16,64,256] [--only plain,tls,large]
"""

import argparse
import pathlib
import shutil
import statistics
import tempfile
import time

import peers


def measure(folder, proxies, endpoint, connections, options, request_bytes=1_700):
    """Medians by proxy of µs per request, ratio to HAProxy's in the same round, p50 and p99; and p50, p99 without proxy."""
    rows = {proxy.name: [] for proxy in proxies}
    direct = []
    for number in range(options.rounds):
        load = peers.Load(folder, endpoint.port, connections, options.seconds, request_bytes) if endpoint else None
        direct.append((load.p50, load.p99) if load else (0, 0))
        costs = {}
        for proxy in proxies if number % 2 == 0 else proxies[::-1]:
            before = proxy.cpu()
            load = peers.Load(folder, proxy.port, connections, options.seconds, request_bytes)
            if load.errors:
                raise SystemExit(f"{proxy.name}: {load.errors} errors at {connections} connections")
            costs[proxy.name] = ((proxy.cpu() - before) / max(load.requests, 1) * 1e6, load.p50, load.p99)
        for name, (cost, p50, p99) in costs.items():
            rows[name].append((cost, cost / costs["haproxy"][0], cost / costs.get("caddy", (cost,))[0], p50, p99,
                               cost / costs.get("before", (cost,))[0]))
    medians = {name: [statistics.median(column) for column in zip(*row)] for name, row in rows.items()}
    return medians, [statistics.median(column) for column in zip(*direct)]


def plain(folder, options):
    endpoint = peers.Endpoint(folder, 1_024)
    proxies = []
    try:
        for name, command in (
                ("podium", peers.podium(options.podium, endpoint.port)), *before(options, endpoint.port),
                ("haproxy", peers.haproxy(endpoint.port)),
                ("nginx", peers.nginx(endpoint.port)), ("caddy", peers.caddy(endpoint.port)),
                ("relay", peers.relay(peers.compile_c(folder, "relay"), endpoint.port))):
            proxies.append(peers.Proxy(name, folder, command))
        time.sleep(0.5)
        idle = {proxy.name: proxy.resident() for proxy in proxies}
        for proxy in proxies:
            peers.Load(folder, proxy.port, 16, 1)
        print(f"| connections | {' | '.join(f'{proxy.name} µs' for proxy in proxies)} | of haproxy's | of caddy's "
              f"| relay's of caddy's | p50 more than direct: podium, haproxy µs | p99: podium, haproxy µs |{title(options)}")
        print("|" + "---|" * (len(proxies) + 6 + (options.before is not None)))
        for connections in map(int, options.connections.split(",")):
            row, direct = measure(folder, proxies, endpoint, connections, options)
            print(f"| {connections} | {' | '.join(f'{row[proxy.name][0]:.1f}' for proxy in proxies)} "
                  f"| {row['podium'][1]:.2f} | {row['podium'][2]:.2f} | {row['relay'][2]:.2f} "
                  f"| {row['podium'][3] - direct[0]:.0f}, {row['haproxy'][3] - direct[0]:.0f} "
                  f"| {row['podium'][4]:.0f}, {row['haproxy'][4]:.0f} |{ratio(options, row)}", flush=True)
        print("\nidle, resident MB: " + ", ".join(f"{name} {value:.0f}" for name, value in idle.items()))
    finally:
        stop(proxies, endpoint)


def tls(folder, options):
    authority, key = peers.certificate(folder)
    endpoint = peers.Endpoint(folder, 1_024, (authority, key))
    compare(folder, options, endpoint, authority, "TLS endpoint", [(16, 1_700), (64, 1_700)])


def large(folder, options):
    endpoint = peers.Endpoint(folder, 1 << 20)
    compare(folder, options, endpoint, None, "1 MiB answers", [(16, 1_700)])
    endpoint = peers.Endpoint(folder, 1_024, reads_first=True)
    compare(folder, options, endpoint, None, "1 MiB requests", [(16, 1 << 20)])


def compare(folder, options, endpoint, authority, what, loads):
    proxies = []
    folder = folder / what.replace(" ", "-")
    folder.mkdir()
    folder.chmod(0o755)
    try:
        for name, command in (
                ("podium", peers.podium(options.podium, endpoint.port, authority)),
                *before(options, endpoint.port, authority),
                ("haproxy", peers.haproxy(endpoint.port, authority)), ("nginx", peers.nginx(endpoint.port, authority))):
            proxies.append(peers.Proxy(name, folder, command))
        for proxy in proxies:
            peers.Load(folder, proxy.port, 16, 1, loads[0][1])
        print(f"\n| {what}: connections | {' | '.join(f'{proxy.name} µs' for proxy in proxies)} | of haproxy's |"
              f"{title(options)}")
        print("|" + "---|" * (len(proxies) + 2 + (options.before is not None)))
        for connections, request_bytes in loads:
            row, _ = measure(folder, proxies, None, connections, options, request_bytes)
            print(f"| {connections} | {' | '.join(f'{row[proxy.name][0]:.1f}' for proxy in proxies)} "
                  f"| {row['podium'][1]:.2f} |{ratio(options, row)}", flush=True)
    finally:
        stop(proxies, endpoint)


def before(options, *arguments):
    """The other build, where one takes part."""
    return [("before", peers.podium(options.before, *arguments))] if options.before else []


def title(options):
    return " of before |" if options.before else ""


def ratio(options, row):
    return f" {row['podium'][5]:.3f} |" if options.before else ""


def stop(proxies, endpoint):
    for proxy in proxies:
        proxy.stop()
    endpoint.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--before", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", default="1,16,64,256")
    parser.add_argument("--only", default="plain,tls,large")
    options = parser.parse_args()
    peers.require("nginx", "haproxy", "caddy", "wrk", "taskset", "openssl")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)  # nginx's workers may run as another user, and a 404 is not the answer to be measured
    try:
        for name, part in (("plain", plain), ("tls", tls), ("large", large)):
            if name in options.only.split(","):
                part(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

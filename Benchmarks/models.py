#!/usr/bin/env python3
"""CPU per request with `models` and `model_map` set, of what it is without them, in the same run: at most 1.08.

A request in JSON of some kilobytes whose model comes last goes to the second endpoint of two, since the first one is not asked for it; its
name is changed on the way there, and back in the answer.

usage: models.py PODIUM [--seconds 1] [--rounds 7] [--connections 16,64] [--bytes 1700,60000]
"""

import argparse
import json
import pathlib
import shutil
import statistics
import sys
import tempfile

import peers

LIMIT = 1.08
ANSWER = json.dumps({
    "id": "msg_1", "type": "message", "role": "assistant", "model": "gpt-5.6-sol",
    "content": [{"type": "text", "text": "word " * 150}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 100, "output_tokens": 150}}).encode()


def request(length):
    text = json.dumps({
        "max_tokens": 1000, "messages": [{"role": "user", "content": ""}], "model": "claude-sonnet-4-5"})
    return text.replace('"content": ""', f'"content": "{"word " * ((length - len(text)) // 5)}"')


def program(binary, upstream, other, rules):
    def command(folder, port):
        config = folder / "podium.yaml"
        first = 'models: ["gpt-*"]' if rules else "enabled: false"
        second = 'model_map: { "gpt-*": other, "claude-*": gpt-5.6-sol }' if rules else "enabled: true"
        config.write_text(f"""server: {{ port: {port}, config_flush_interval: 1h, config_max_dirty_time: 2h }}
endpoints:
  - {{ name: first, url: "http://127.0.0.1:{other}", priority: 1, {first} }}
  - {{ name: second, url: "http://127.0.0.1:{upstream}", priority: 2, {second} }}
""")
        config.chmod(0o600)
        return [binary, "run", "--headless", "--config", config]
    return command


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", default="16,64")
    parser.add_argument("--bytes", default="1700,60000")
    options = parser.parse_args()
    peers.require("nginx", "wrk", "taskset")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)
    # Endpoints read a request before they answer it; where nginx does not, it closes connections of which bytes are left.
    endpoint, proxies, worst = peers.Endpoint(folder, 0, answer=ANSWER, reads_first=True), [], 0
    try:
        for name, rules in (("without", False), ("with", True)):
            # Nothing listens at the first endpoint's port: a request that went there would fail over, and be seen to cost more.
            command = program(options.podium, endpoint.port, peers.free_port(), rules)
            proxies.append(peers.Proxy(name, folder, command))
        print("| bytes | connections | without µs | with µs | ratio |\n|---|---|---|---|---|")
        for length in map(int, options.bytes.split(",")):
            for connections in map(int, options.connections.split(",")):
                rounds = []
                for number in range(options.rounds):
                    costs = {}
                    for proxy in proxies if number % 2 == 0 else proxies[::-1]:
                        before = proxy.cpu()
                        load = peers.Load(folder, proxy.port, connections, options.seconds, body=request(length))
                        if load.errors:
                            raise SystemExit(f"{proxy.name}: {load.errors} errors")
                        costs[proxy.name] = (proxy.cpu() - before) / max(load.requests, 1) * 1e6
                    rounds.append((costs["without"], costs["with"], costs["with"] / costs["without"]))
                without, mapped, ratio = (statistics.median(column) for column in zip(*rounds))
                worst = max(worst, ratio)
                print(f"| {length:,} | {connections} | {without:.1f} | {mapped:.1f} | {ratio:.3f} |", flush=True)
    finally:
        for proxy in proxies:
            proxy.stop()
        endpoint.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"worst {worst:.3f}, limit {LIMIT}")
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""CPU per proxied request and added latency, beside nginx, HAProxy and Caddy on the same work in the same run.

Every proxy runs one worker pinned to core 0; the client (wrk) and the upstream (nginx) share core 1. Runs are
interleaved and medians are printed, because machines are noisy; only the ratios mean anything.

usage: proxy.py PODIUM [--seconds 3] [--rounds 3] [--connections 1,16,64,256] [--json FILE]
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

REQUEST_BYTES, RESPONSE_BYTES = 1_700, 1_024
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def cpu_seconds(root):
    """User and system time of a process and its children, from the kernel's own accounting."""
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                todo.extend(int(child) for child in (task / "children").read_text().split())
        except FileNotFoundError:
            pass
    return total / TICKS


def resident_megabytes(root):
    with open(f"/proc/{root}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0.0


class Proxy:
    def __init__(self, name, port, command):
        self.name, self.port = name, port
        began = time.monotonic()
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port)
        self.start_ms = (time.monotonic() - began) * 1_000

    def stop(self):
        self.process.terminate()
        self.process.wait()


def nginx_upstream(folder, port):
    body = folder / "answer"
    body.write_bytes(b"x" * RESPONSE_BYTES)
    (folder / "upstream.conf").write_text(f"""
        worker_processes 1; daemon off; pid {folder}/upstream.pid; error_log stderr crit;
        events {{ worker_connections 4096; }}
        http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
          server {{ listen 127.0.0.1:{port}; location / {{ error_page 405 =200 /answer; root {folder};
            try_files /answer =404; }} }} }}""")
    return ["taskset", "-c", "1", "nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "upstream.conf")]


def podium_command(binary, folder, port, upstream):
    config = folder / "podium.yaml"
    config.write_text(f"""server: {{ port: {port}, config_flush_interval: 1h, config_max_dirty_time: 2h }}
endpoints:
  - name: upstream
    url: http://127.0.0.1:{upstream}
    auth_type: none
""")
    config.chmod(0o600)
    return [binary, "run", "--headless", "--config", config]


def nginx_command(folder, port, upstream):
    (folder / "nginx.conf").write_text(f"""
        worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit;
        events {{ worker_connections 4096; }}
        http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 16k;
          upstream u {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
          server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://u; proxy_http_version 1.1;
            proxy_set_header Connection ""; proxy_request_buffering off; proxy_buffering off;
            proxy_set_header X-Forwarded-For $remote_addr; }} }} }}""")
    return ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]


def haproxy_command(folder, port, upstream):
    (folder / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option forwardfor
    http-reuse always
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server u 127.0.0.1:{upstream}
""")
    return ["haproxy", "-db", "-q", "-f", folder / "haproxy.cfg"]


def caddy_command(folder, port, upstream):
    (folder / "Caddyfile").write_text(f"""{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 512
        }}
    }}
}}
""")
    return ["env", "GOMAXPROCS=1", "caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def wrk(folder, port, connections, seconds):
    script = folder / "post.lua"
    script.write_text(f"""
wrk.method = "POST"
wrk.body = string.rep("x", {REQUEST_BYTES})
wrk.headers["content-type"] = "application/json"
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
""")
    output = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
         f"http://127.0.0.1:{port}/v1/messages"], capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, errors, p50, p99 = map(int, line.split()[1:])
    return requests, errors, p50, p99


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16,64,256")
    parser.add_argument("--json")
    options = parser.parse_args()
    for tool in ("nginx", "haproxy", "caddy", "wrk", "taskset"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: make bench installs it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)  # nginx's workers may run as another user, and a 404 is not the answer to be measured
    upstream = free_port()
    server = subprocess.Popen(nginx_upstream(folder, upstream), stderr=subprocess.DEVNULL)
    wait_for(upstream)
    proxies = []
    results = {}
    try:
        for name, command in (
                ("podium", lambda port: podium_command(options.podium, folder, port, upstream)),
                ("haproxy", lambda port: haproxy_command(folder, port, upstream)),
                ("nginx", lambda port: nginx_command(folder, port, upstream)),
                ("caddy", lambda port: caddy_command(folder, port, upstream))):
            port = free_port()
            proxies.append(Proxy(name, port, command(port)))
        time.sleep(0.5)
        idle = {proxy.name: resident_megabytes(proxy.process.pid) for proxy in proxies}
        for connections in map(int, options.connections.split(",")):
            samples = {proxy.name: [] for proxy in proxies}
            direct = []
            for _ in range(options.rounds):
                direct.append(wrk(folder, upstream, connections, options.seconds)[2:])
                for proxy in proxies:
                    before = cpu_seconds(proxy.process.pid)
                    requests, errors, p50, p99 = wrk(folder, proxy.port, connections, options.seconds)
                    spent = cpu_seconds(proxy.process.pid) - before
                    if errors:
                        raise SystemExit(f"{proxy.name}: {errors} errors at {connections} connections")
                    samples[proxy.name].append((spent / max(requests, 1) * 1e6, p50, p99, requests))
            results[connections] = {
                name: [statistics.median(sample[column] for sample in rows) for column in range(4)]
                for name, rows in samples.items()}
            results[connections]["direct"] = [
                0, statistics.median(row[0] for row in direct), statistics.median(row[1] for row in direct), 0]
        print(f"| connections | {' | '.join(f'{p.name} µs CPU' for p in proxies)} | podium / haproxy | podium / caddy "
              "| added p50 podium, haproxy µs | p99 podium, haproxy µs |")
        print("|" + "---|" * (len(proxies) + 5))
        for connections, row in results.items():
            base = row["direct"]
            print(f"| {connections} | {' | '.join(f'{row[p.name][0]:.1f}' for p in proxies)} "
                  f"| {row['podium'][0] / row['haproxy'][0]:.2f} | {row['podium'][0] / row['caddy'][0]:.2f} "
                  f"| {row['podium'][1] - base[1]:.0f}, {row['haproxy'][1] - base[1]:.0f} "
                  f"| {row['podium'][2]:.0f}, {row['haproxy'][2]:.0f} |")
        print("\nidle resident MB: " + ", ".join(f"{name} {value:.0f}" for name, value in idle.items()))
        print("start to accepting, ms: " + ", ".join(f"{p.name} {p.start_ms:.0f}" for p in proxies))
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(results, indent=1))
    finally:
        for proxy in proxies:
            proxy.stop()
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

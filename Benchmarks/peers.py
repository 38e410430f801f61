"""The proxies that are measured beside each other, each with one worker on core 0, and what the kernel knows of them."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

WORKER = ["taskset", "-c", "0"]
OTHERS = ["taskset", "-c", "1"]


def require(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is missing: make bench installs it")


def compile_c(folder, name, *options):
    """Builds NAME.c of this directory."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if not compiler:
        raise SystemExit("no C compiler: make bench installs one")
    source = pathlib.Path(__file__).with_name(f"{name}.c")
    target = folder / f"{name}-program"
    subprocess.run([compiler, "-O2", "-o", target, source, *options], check=True)
    return target


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, timeout=15):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.001)
    raise SystemExit(f"nothing listens on {port}")


def processes(root):
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                todo.extend(int(child) for child in (task / "children").read_text().split())
        except FileNotFoundError:
            pass
    return found


def cpu_seconds(root):
    """Time on a processor of a process, its threads and its children, to the nanosecond."""
    total = 0
    for pid in processes(root):
        try:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def resident_megabytes(root, kind="VmRSS"):
    """Of all processes; with "RssAnon" without the files that are mapped, such as the program itself."""
    total = 0
    for pid in processes(root):
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(kind))
        except FileNotFoundError:
            pass
    return total / 1024


class Proxy:
    def __init__(self, name, folder, command, environment=None, worker=WORKER, timeout=15):
        self.name, self.port, self.folder = name, free_port(), folder / name
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)  # nginx's workers may run as another user
        self.process = subprocess.Popen(
            [*worker, *map(str, command(self.folder, self.port))], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        wait_for(self.port, timeout)

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def resident(self, kind="VmRSS"):
        return resident_megabytes(self.process.pid, kind)

    def stop(self):
        # Asked before the first of them dies: its children are then another process's.
        for pid in processes(self.process.pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()


def certificate(folder):
    """A self-signed certificate for this machine, its own authority."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"], check=True, capture_output=True)
    return folder / "certificate.pem", folder / "key.pem"


def podium(binary, upstream, tls=None, server="", more=""):
    def command(folder, port):
        config = folder / "podium.yaml"
        authority = f"\n    ca_file: {tls}" if tls else ""
        config.write_text(f"""server: {{ port: {port}, config_flush_interval: 1h, config_max_dirty_time: 2h{server} }}
endpoints:
  - name: upstream
    url: {"https" if tls else "http"}://127.0.0.1:{upstream}
    auth_type: none{authority}
{more}""")
        config.chmod(0o600)
        return [binary, "run", "--headless", "--config", config]
    return command


def nginx(upstream, tls=None):
    def command(folder, port):
        trust = (f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {tls}; proxy_ssl_name localhost; "
                 "proxy_ssl_session_reuse on;" if tls else "")
        (folder / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit; worker_rlimit_nofile 16384;
            events {{ worker_connections 16000; }}
            http {{ access_log off; keepalive_requests 100000000; client_body_buffer_size 16k; client_max_body_size 0;
              client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
              upstream u {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 100000000; }}
              server {{ listen 127.0.0.1:{port} backlog=4096;
                location / {{ proxy_pass {"https" if tls else "http"}://u; proxy_http_version 1.1; {trust}
                  proxy_set_header Connection ""; proxy_request_buffering off; proxy_buffering off;
                  proxy_set_header X-Forwarded-For $remote_addr; }} }} }}""")
        return ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    return command


def haproxy(upstream, tls=None):
    def command(folder, port):
        trust = f" ssl ca-file {tls} verify required" if tls else ""
        (folder / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    maxconn 8000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option forwardfor
    option http-no-delay
    http-reuse always
frontend f
    bind 127.0.0.1:{port} backlog 4096
    default_backend b
backend b
    server u 127.0.0.1:{upstream}{trust}
""")
        return ["haproxy", "-db", "-q", "-f", folder / "haproxy.cfg"]
    return command


def relay(program, upstream):
    """The limit: passes bytes and looks at none of them."""
    return lambda folder, port: [program, str(port), str(upstream)]


def caddy(upstream):
    def command(folder, port):
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
    return command


class Endpoint:
    """nginx as the endpoint: answers everything with the same bytes, when it has read the whole request where that is
    asked for."""

    def __init__(self, folder, answer_bytes, tls=None, reads_first=False, answer=None):
        self.port, self.folder = free_port(), folder / f"endpoint-{answer_bytes}-{bool(tls)}-{reads_first}"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        (self.folder / "answer").write_bytes(answer or b"x" * answer_bytes)
        secure = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else ""
        media = "default_type application/json;" if answer else ""
        answer = f"{media} error_page 405 =200 /answer; root {self.folder}; try_files /answer =404;"
        first = (f"location / {{ rewrite ^ /answer break; proxy_pass http://127.0.0.1:{self.port}; proxy_method GET; "
                 "proxy_pass_request_body off; proxy_set_header Content-Length ''; }" if reads_first else
                 f"location / {{ {answer} }}")
        (self.folder / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {self.folder}/nginx.pid; error_log stderr crit;
            events {{ worker_connections 4096; }}
            http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
              client_body_temp_path {self.folder}/body; client_body_buffer_size 2m;
              server {{ listen 127.0.0.1:{self.port}{" ssl" if tls else ""}; {secure}
                {first} location = /answer {{ {answer} }} }} }}""")
        self.process = subprocess.Popen(
            [*OTHERS, "nginx", "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")],
            stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Load:
    """What wrk counted: requests, errors, and the percentiles in microseconds."""

    def __init__(self, folder, port, connections, seconds, request_bytes=1_700, body=None):
        script = folder / f"post-{len(body) if body else request_bytes}.lua"
        text = f"[==[{body}]==]" if body else f'string.rep("x", {request_bytes})'
        script.write_text(f"""
wrk.method = "POST"
wrk.body = {text}
wrk.headers["content-type"] = "application/json"
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
""")
        output = subprocess.run(
            [*OTHERS, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script,
             f"http://127.0.0.1:{port}/v1/messages"], capture_output=True, text=True, check=True).stdout
        line = next(line for line in output.splitlines() if line.startswith("RESULT"))
        self.requests, self.errors, self.p50, self.p99 = map(int, line.split()[1:])

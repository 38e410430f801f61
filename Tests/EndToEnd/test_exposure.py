"""What leaks out, what gets in: secrets in anything Podium says, floods of connections, too few descriptors, connections cut anywhere."""

import json
import os
import random
import re
import resource
import socket
import struct
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import PODIUM, Podium, eventually, free_port, run_podium

SECONDS = float(os.environ.get("PODIUM_CUTS_SECONDS", "6"))
SECRETS = {
    name: f"sk-{name}-secret" for name in ("endpoint", "header", "proxy", "token", "admin", "query", "body", "wrong", "client", "answer")}


def raw(port, data, timeout=20):
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def post(headers="", body="{}", path="/v1/messages"):
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}").encode()


def test_no_secret_is_in_anything_that_is_said(upstream, podium):
    """Whatever goes wrong on the way: refused, unreachable, wrong credentials, no TLS there, garbage that holds a secret."""
    refusing = upstream(SECRETS["answer"], "--status", "401")
    port = free_port()
    process = podium(
        f"""server:
  port: {port}
  access_log: access.log
  admin_token: {SECRETS['admin']}
  client_tokens: [{SECRETS['token']}]
endpoints:
  - name: refusing
    url: {refusing.url}
    auth_type: api_key
    auth_value: {SECRETS['endpoint']}
    headers: {{ X-Org: {SECRETS['header']} }}
  - name: no-tls
    url: https://127.0.0.1:{refusing.port}
    auth_type: auth_token
    auth_value: {SECRETS['endpoint']}
  - name: behind-a-proxy
    url: http://127.0.0.1:1
    auth_type: auth_token
    auth_value: {SECRETS['endpoint']}
    proxy: http://user:{SECRETS['proxy']}@127.0.0.1:{free_port()}
""", port)
    known, wrong = f"x-api-key: {SECRETS['token']}\r\n", f"authorization: Bearer {SECRETS['wrong']}\r\n"
    query, body = f"/v1/messages?key={SECRETS['query']}", json.dumps({"text": SECRETS["body"]})
    more = f"cookie: {SECRETS['client']}\r\n"
    told = [
        raw(port, data) for data in (
            post(known + more, body, query), post(wrong + more, body, query), post(more, body, query),
            post(known + f"X {SECRETS['client']}: 1\r\n", body, query), post(known + f"X: \x01{SECRETS['client']}\r\n"),
            f"{SECRETS['client']} / HTTP/9\r\n\r\n".encode(), post(known + "Transfer-Encoding: chunked\r\n", SECRETS["body"]))]
    assert [answer.split()[1] for answer in told] == [b"503", b"401", b"401", b"400", b"400", b"400", b"400"]
    assert refusing.requests[0]["headers"]["x-api-key"] == SECRETS["endpoint"]

    def ask(path, method="GET"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", method=method, data=b"{}" if method == "POST" else None,
            headers={"authorization": f"Bearer {SECRETS['admin']}", "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error.read()

    shown = [ask(path) for path in ("/admin/api/snapshot", "/admin/api/endpoints", "/admin/api/config/stats", "/metrics")]
    shown += [ask(f"/admin/api/endpoints/{name}/test", "POST") for name in ("refusing", "no-tls", "behind-a-proxy")]
    for verb in (["status", "--json"], ["status", "--events", "100"], ["endpoint", "show", "refusing"], ["endpoint", "show", "behind-a-proxy", "--json"]):
        shown.append(subprocess.run(
            [PODIUM, *verb, "--config", process.config], capture_output=True, timeout=30, check=True, env=process.environment).stdout)
    log = process.config.with_name("access.log")
    eventually(lambda: log.exists() and log.read_text().count("\n") == 3, what="the access log")
    assert process.stop() == 0
    told += [log.read_bytes(), process.text.encode()]
    for name, secret in SECRETS.items():
        # The name of an endpoint is said, and operators see and edit its headers.
        said = [] if name == "answer" else told if name == "header" else told + shown
        assert not [text for text in said if secret.encode() in text], name


def test_names_that_need_escapes_break_no_answer_and_no_log(podium):
    """An endpoint's name and a client's request id go into JSON; neither adds a line or a field to it."""
    port = free_port()
    name = 'a "b" \\c </script> é'
    process = podium(
        f"server: {{ port: {port}, access_log: access.log }}\nendpoints:\n  - name: '{name}'\n    url: http://127.0.0.1:1\n", port)
    identity = '"},"x":"\\'
    head, _, body = raw(port, post(f"X-Request-ID: {identity}\r\n")).decode().partition("\r\n\r\n")
    error = json.loads(body)
    assert error["request_id"] == identity and name in error["error"]["message"]
    assert f"X-Request-ID: {identity}" in head.split("\r\n")
    log = process.config.with_name("access.log")
    eventually(lambda: log.exists() and log.read_text().count("\n") == 1, what="the access log")
    line = json.loads(log.read_text())
    assert (line["request"], line["attempts"][0]["endpoint"]) == (identity, name)


def processor_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def narrow(tmp_path, monkeypatch):
    """A Podium that may have 64 descriptors only."""
    started = []

    def start(text, port):
        config = tmp_path / "config.yaml"
        config.write_text(text)
        config.chmod(0o600)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        # The soft limit alone: Podium raises it as far as the hard one lets it.
        popen = subprocess.Popen

        def limited(*arguments, **options):
            return popen(*arguments, **options, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))

        monkeypatch.setattr(subprocess, "Popen", limited)
        started.append(Podium(config, port))
        monkeypatch.undo()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
        return started[0]

    yield start
    for process in started:
        process.kill()


def test_too_few_descriptors_are_refusals_and_no_spin(upstream, narrow):
    server = upstream("server", "--chunk-delay", "0.3", "--words", "3")
    port = free_port()
    process = narrow(f"server: {{ port: {port} }}\nendpoints:\n  - name: server\n    url: {server.url}\n", port)
    crowd = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(100)]
    time.sleep(0.5)
    began, spent = time.monotonic(), processor_seconds(process.process.pid)
    # Half the limit is for clients, the other half for endpoints; who comes beyond that is told, or waits in the kernel.
    refused = 0
    for connection in crowd:
        connection.settimeout(0.05)
        try:
            refused += b"503" in connection.recv(4096)
        except TimeoutError:
            pass
    assert refused >= 30
    time.sleep(max(0, began + 3 - time.monotonic()))
    assert processor_seconds(process.process.pid) - spent < 1, "it spins"
    for connection in crowd:
        connection.close()
    # More streams than there are descriptors for their endpoint: those that get none are answered, the rest is served.
    answers = []

    def stream():
        try:
            answers.append(raw(port, post(body='{"stream": true}')))
        except OSError as error:
            answers.append(error)

    eventually(lambda: raw(port, post()).startswith(b"HTTP/1.1 200"), what="room again")
    threads = [threading.Thread(target=stream) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(answer, bytes) and answer.split()[1] in (b"200", b"503") for answer in answers), answers
    assert sum(b"message_stop" in answer for answer in answers) >= 5
    eventually(lambda: raw(port, post()).startswith(b"HTTP/1.1 200"), seconds=40, what="service as before")


def test_thousands_of_connections_that_drip_do_not_disturb_the_others(upstream, podium):
    server = upstream("server")
    port = free_port()
    process = podium(f"server: {{ port: {port}, access_log: access.log }}\nendpoints:\n  - name: server\n    url: {server.url}\n", port)
    request = post("X-Padding: " + "x" * 200 + "\r\n")
    crowd = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(2_000)]
    times = []
    for position in range(60):
        for connection in crowd:
            connection.send(request[position:position + 1])
        began = time.monotonic()
        assert raw(port, post()).startswith(b"HTTP/1.1 200")
        times.append(time.monotonic() - began)
    assert sorted(times)[len(times) // 2] < 0.5
    resident = int(open(f"/proc/{process.process.pid}/statm", encoding="ascii").read().split()[1]) * 4
    assert resident < 22_000 + 2_000 * 16, f"{resident} KiB"
    # They have not been forgotten either.
    for connection in crowd[::100]:
        connection.sendall(request[60:])
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    for connection in crowd:
        connection.close()
    eventually(lambda: len(os.listdir(f"/proc/{process.process.pid}/fd")) < 60, what="descriptors closed")


class Cutter:
    """One client after the other whose bytes come in random pieces, and whose connection ends at a random place in a random way."""

    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.whole, self.cut, self.wrong = 0, 0, []

    def run(self, until):
        while time.monotonic() < until:
            try:
                self.one()
            except OSError:
                self.cut += 1

    def one(self):
        count = self.random.randint(1, 4)
        bodies = [json.dumps({"n": self.random.random(), "x": "y" * self.random.choice([0, 10, 5_000, 90_000])}) for _ in range(count)]
        stream = b"".join(self.request(body, last=number == count - 1) for number, body in enumerate(bodies))
        ending = self.random.choice(["whole", "whole", "fin", "reset", "half"])
        end = len(stream) if ending in ("whole", "half") else self.random.randrange(len(stream))
        with socket.socket() as connection:
            if self.random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            offset = 0
            while offset < end:
                step = self.random.choice([1, 2, 7, 100, 1_000, 1 << 20])
                offset += connection.send(stream[offset:min(end, offset + step)])
                if self.random.random() < 0.05:
                    time.sleep(0.001)
            if ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.cut += 1
                return
            if ending in ("half", "fin"):
                connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(self.random.choice([1, 100, 65536])):
                received += piece
            answers = received.count(b"HTTP/1.1 200 OK\r\n")
            if ending == "fin":
                self.cut += 1
                if answers > count:
                    self.wrong.append(received[:500])
            elif answers != count:
                self.wrong.append((ending, count, received[:500]))
            else:
                self.whole += 1

    def request(self, body, last):
        connection = "Connection: close\r\n" if last else ""
        if self.random.random() < 0.5:
            return f"POST /v1/messages HTTP/1.1\r\nHost: x\r\n{connection}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        parts, offset = "", 0
        while offset < len(body):
            step = self.random.choice([1, 10, 20_000])
            parts += f"{len(body[offset:offset + step]):x}\r\n{body[offset:offset + step]}\r\n"
            offset += step if len(parts) < 50_000 else len(body)
        if len(parts) >= 50_000:
            parts = f"{len(body):x}\r\n{body}\r\n"
        return f"POST /v1/messages HTTP/1.1\r\nHost: x\r\n{connection}Transfer-Encoding: chunked\r\n\r\n{parts}0\r\n\r\n".encode()


def test_connections_may_come_in_pieces_and_end_anywhere(upstream, podium):
    """PODIUM_CUTS_SECONDS=60 for longer."""
    server = upstream("server")
    port = free_port()
    process = podium(f"server: {{ port: {port}, access_log: access.log }}\nendpoints:\n  - name: server\n    url: {server.url}\n", port)
    before = len(os.listdir(f"/proc/{process.process.pid}/fd"))
    cutters = [Cutter(port, seed) for seed in range(8)]
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=cutter.run, args=(until,)) for cutter in cutters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(cutter.whole for cutter in cutters), "whole,", sum(cutter.cut for cutter in cutters), "cut")
    assert [cutter.wrong for cutter in cutters if cutter.wrong] == []
    assert all(cutter.whole and cutter.cut for cutter in cutters)
    assert raw(port, post()).startswith(b"HTTP/1.1 200")
    # What is left are connections to the endpoint that rest.
    eventually(lambda: len(os.listdir(f"/proc/{process.process.pid}/fd")) <= before + 2 * 8 + 4, what="descriptors closed")


def test_thousands_of_bad_requests_push_nothing_out_of_the_event_log(upstream, podium):
    """What led to an outage is still there afterwards, in Podium and in what it writes out, and the flood is one event with a count."""
    port = free_port()
    good = upstream("good")
    process = podium(f"""\
server:
  port: {port}
endpoints:
  - name: dead
    url: http://127.0.0.1:1
    priority: 1
  - name: good
    url: {good.url}
    priority: 2
""", port)
    for number in range(40):
        with urllib.request.urlopen(urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/messages", data=b'{"model": "m", "messages": []}',
                headers={"Content-Type": "application/json"}), timeout=20) as answer:
            answer.read()
    for number in range(2_100):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"BAD\x00REQUEST\r\n\r\n")
            connection.recv(4_096)
    snapshot = json.loads(run_podium("status", "--json", "--config", process.config).stdout)
    events = snapshot["events"]
    down = [event for event in events if event.get("endpoint") == "dead" and event["level"] == "error"]
    assert down and down[0]["text"].startswith("down for"), events
    refused = [event for event in events if event["text"].startswith("refused ")]
    assert [event.get("count") for event in refused] == [2_100], refused
    assert refused[0]["first_time"] <= refused[0]["time"]
    assert len(events) < 60, events
    assert process.stop() == 0
    lines = [line for line in process.text.splitlines() if " proxy refused " in line]
    assert len(lines) <= 12, lines
    counted = sum(int((re.search(r"\((\d+) more in", line) or [0, 1])[1]) for line in lines)
    assert counted == 2_100, lines
    assert any(" endpoint dead down for " in line for line in process.text.splitlines()), process.text


def test_an_outage_keeps_its_own_cause(podium):
    """With no endpoint left every request is an event; those that say which endpoint went down, and why, stay all the same."""
    port = free_port()
    process = podium(f"""\
server:
  port: {port}
failover: {{ max_wait: 0s }}
endpoints:
  - name: refusing
    url: http://127.0.0.1:1
    priority: 1
  - name: nameless
    url: http://name.invalid
    priority: 2
""", port)
    for number in range(2_100):
        answer = raw(port, post())
        assert answer.startswith(b"HTTP/1.1 503 ") or number == 0 and answer.startswith(b"HTTP/1.1 502 "), answer
    events = json.loads(run_podium("status", "--json", "--config", process.config).stdout)["events"]
    for name in ("refusing", "nameless"):
        down = [event for event in events if event.get("endpoint") == name and event["level"] == "error"]
        assert down and down[0]["text"].startswith("down for"), events
    assert len(events) < 60, events
    assert sum(event.get("count", 1) for event in events) >= 2_100, events

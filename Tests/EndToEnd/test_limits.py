"""Limits of endpoints, as clients and endpoints see them: how many requests run at once, and what waits for a place."""

import concurrent.futures
import http.server
import json
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from conftest import PODIUM, eventually, free_port

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
ANSWER = {"type": "message", "model": "m", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
          "usage": {"input_tokens": 100, "output_tokens": 7}}


class Counting:
    """An endpoint that counts how many requests run at it."""

    def __init__(self, seconds=0.02):
        self.seconds = seconds
        self.lock = threading.Lock()
        self.now = self.most = self.total = 0
        self.hold = threading.Event()
        self.began = []
        counting = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                with counting.lock:
                    counting.now += 1
                    counting.total += 1
                    counting.most = max(counting.most, counting.now)
                    counting.began.append(time.monotonic())
                if self.headers.get("X-Hold"):
                    counting.hold.wait(60)
                time.sleep(counting.seconds * random.random())
                body = json.dumps(ANSWER).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[:-1])
                    self.wfile.flush()
                    time.sleep(counting.seconds * random.random())
                finally:
                    # Before the last byte: once that has gone, Podium may send the next request.
                    with counting.lock:
                        counting.now -= 1
                self.wfile.write(body[-1:])

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def counting():
    servers = []

    def start(seconds=0.02):
        servers.append(Counting(seconds))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def ask(process, *arguments):
    return subprocess.run(
        [PODIUM, *map(str, arguments), "--config", str(process.config)], capture_output=True, text=True, timeout=30,
        check=False, env=process.environment)


def serve(podium, tmp_path, endpoints, failover="", server=""):
    port = free_port()
    text = f"server: {{ port: {port}, {server} }}\nfailover: {{ {failover} }}\nendpoints:\n" + "".join(
        f'  - {{ name: {name}, url: "http://127.0.0.1:{endpoint.port}", auth_type: none, {fields} }}\n'
        for name, endpoint, fields in endpoints)
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    process = podium(text, port, {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(state)})
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    return process


def post(process, **headers):
    """The status and the body."""
    request = urllib.request.Request(
        process.url + "/v1/messages", BODY, {"Content-Type": "application/json", **headers}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def endpoint(process, name):
    snapshot = json.loads(ask(process, "status", "--json").stdout)
    return next(found for found in snapshot["endpoints"] if found["name"] == name)


def test_a_hundred_clients_on_four_places(podium, tmp_path, counting):
    relay = counting()
    process = serve(podium, tmp_path, [("relay", relay, "max_in_flight: 4")], "queue: { length: 100, wait: 60s }")
    with concurrent.futures.ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(lambda _: post(process), range(400)))
    assert [status for status, _, _ in answers] == [200] * 400
    assert all(json.loads(body) == ANSWER for _, body, _ in answers)
    assert relay.total == 400 and relay.most == 4
    # It was full all the time, which is neither slow nor a failure.
    shown = endpoint(process, "relay")
    assert shown["traffic"]["failures"] == 0 and shown["state"] == "up"


def test_the_next_endpoint_takes_what_is_beyond_and_nothing_is_refused_while_any_has_room(podium, tmp_path, counting):
    first, second = counting(), counting()
    process = serve(
        podium, tmp_path, [("first", first, "max_in_flight: 2, pinned: true"), ("second", second, "max_in_flight: 3")],
        "queue: { length: 40, wait: 60s }")
    with concurrent.futures.ThreadPoolExecutor(40) as clients:
        answers = list(clients.map(lambda _: post(process), range(200)))
    assert [status for status, _, _ in answers] == [200] * 200
    assert first.most == 2 and second.most == 3 and first.total + second.total == 200


def test_a_place_is_free_within_100_ms_of_a_clients_abort(podium, tmp_path, counting):
    relay = counting(0)
    process = serve(podium, tmp_path, [("relay", relay, "max_in_flight: 1")], "queue: { length: 4, wait: 60s }")
    delays = []
    for _ in range(5):
        before = relay.total
        holder = socket.create_connection(("127.0.0.1", process.port))
        head = f"POST /v1/messages HTTP/1.1\r\nHost: h\r\nX-Hold: 1\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        holder.sendall(head + BODY)
        eventually(lambda: relay.total == before + 1)
        with concurrent.futures.ThreadPoolExecutor(1) as clients:
            waiting = clients.submit(post, process)
            eventually(lambda: endpoint(process, "relay")["traffic"].get("queued") == 1)
            aborted = time.monotonic()
            holder.close()
            assert waiting.result()[0] == 200
        delays.append(relay.began[-1] - aborted)
    # The first is the machine's, the best is Podium's.
    assert min(delays) < 0.1, delays
    relay.hold.set()


def test_with_the_queue_full_the_client_is_told_and_the_limit_is_edited_live(podium, tmp_path, counting):
    relay = counting(0)
    process = serve(podium, tmp_path, [("relay", relay, "max_in_flight: 1")], "queue: { length: 0 }")
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        holder = clients.submit(post, process, **{"X-Hold": "1"})
        eventually(lambda: relay.total == 1)
        status, body, headers = post(process, **{"X-Request-ID": "turned-away"})
        assert status == 503 and headers["Retry-After"] == "1"
        assert json.loads(body)["error"]["type"] == "overloaded_error", body
        assert "full: 1 of 1" in ask(process, "explain", "turned-away").stdout
        # The rest of the file stays as it is, byte for byte.
        before = process.config.read_text()
        done = ask(process, "endpoint", "set", "relay", "--max-in-flight", "2")
        assert done.returncode == 0, done.stderr + done.stdout
        assert process.config.read_text() == before.replace("max_in_flight: 1", "max_in_flight: 2")
        assert post(process)[0] == 200
        relay.hold.set()
        assert holder.result()[0] == 200


def used(process, name="relay"):
    return {limit["name"]: limit for limit in endpoint(process, name).get("used_limits", [])}


def test_budgets_survive_a_kill_and_all_used_up_is_a_429_until_the_reset(podium, tmp_path, counting):
    relay = counting(0)
    # A request costs 0.000135: 100 tokens at 1 and 7 at 5 dollars for a million.
    limits = 'limits: { tokens_per_day: 100k, spend: { amount: 0.001, per: day, reset: "00:00 UTC" }, reserve: 10% }'
    ANSWER["model"] = "claude-haiku-4-5-20251001"
    process = serve(podium, tmp_path, [("relay", relay, limits)], "max_wait: 0s")
    for _ in range(5):
        assert post(process)[0] == 200
    # Killed at once: at most the request that ended in this moment is not counted.
    process.kill()
    process.start()
    before = eventually(lambda: used(process))
    assert before["tokens_per_day"]["used"] in (4 * 107, 5 * 107), before
    assert before["spend"]["used"] == pytest.approx(before["tokens_per_day"]["used"] / 107 * 0.000135)
    assert before["spend"]["usable"] == pytest.approx(0.0009)
    # Orderly, nothing is lost.
    assert post(process)[0] == 200
    process.stop()
    process.start()
    after = eventually(lambda: used(process))
    assert after["tokens_per_day"]["used"] == before["tokens_per_day"]["used"] + 107

    statuses = []
    while len(statuses) < 5 and (not statuses or statuses[-1][0] == 200):
        statuses.append(post(process))
    status, body, headers = statuses[-1]
    assert status == 429 and json.loads(body)["error"]["type"] == "rate_limit_error", body
    midnight = 86_400 - time.time() % 86_400
    assert abs(int(headers["Retry-After"]) - midnight) < 30
    shown = endpoint(process, "relay")
    assert shown["state"] == "cooling" and shown["availability"]["reason"] == "limit", shown["availability"]
    events = json.loads(ask(process, "status", "--json").stdout)["events"]
    assert any("limit spend used up" in event["text"] for event in events), events
    assert relay.total == 5 + 1 + len(statuses) - 1
    # Raised while it runs, in the file as in memory; the budget's rest is there at once.
    done = ask(process, "endpoint", "set", "relay", "--limits", "tokens_per_day 100k, spend 1 per day reset 00:00 UTC")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "spend 1 per day reset 00:00 UTC" in process.config.read_text()
    assert post(process)[0] == 200
    assert ask(process, "endpoint", "set", "relay", "--limits", "spend 1 per year").returncode != 0
    assert ask(process, "endpoint", "set", "relay", "--active", "08:00-08:00").returncode != 0


def test_requests_per_minute_are_never_passed(podium, tmp_path, counting):
    first, second = counting(), counting()
    process = serve(
        podium, tmp_path, [("first", first, "limits: { requests_per_minute: 30 }, pinned: true"), ("second", second, "")])
    with concurrent.futures.ThreadPoolExecutor(20) as clients:
        answers = list(clients.map(lambda _: post(process), range(100)))
    assert [status for status, _, _ in answers] == [200] * 100
    assert first.total == 30 and second.total == 70

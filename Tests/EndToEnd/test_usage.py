"""What requests used, asked of a running Podium and of what it has left."""

import csv
import http.server
import io
import json
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import PODIUM, eventually, free_port

ANSWER = {
    "type": "message", "model": "claude-haiku-4-5-20251001", "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn", "usage": {"input_tokens": 100, "output_tokens": 7, "cache_read_input_tokens": 3}}
SECRET = "planted-secret-4711"


@pytest.fixture
def json_server():
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(process, *arguments):
    return subprocess.run(
        [PODIUM, *map(str, arguments), "--config", str(process.config)], capture_output=True, text=True, timeout=30,
        check=False, env=process.environment)


def served(podium, tmp_path, answering):
    port = free_port()
    text = f"""\
server: {{ port: {port} }}
endpoints:
  - {{ name: only, url: "http://127.0.0.1:{answering}", auth_type: api_key, auth_value: {SECRET} }}
"""
    state = tmp_path / "state"
    state.mkdir()
    process = podium(text, port, {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(state)})
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    return process, state / "podium"


def send(process, count=1):
    for _ in range(count):
        curl = ["curl", "-sS", process.url + "/v1/messages", "-H", "content-type: application/json", "-d",
                json.dumps({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": SECRET}]})]
        subprocess.run(curl, capture_output=True, check=True, timeout=30)


def total(process):
    return json.loads(ask(process, "usage", "--json", "--by", "").stdout)["total"]


def test_usage_is_said_while_it_runs_after_a_stop_and_after_a_kill(json_server, podium, tmp_path):
    process, state = served(podium, tmp_path, json_server)
    send(process, 3)
    while_running = total(process)
    assert (while_running["requests"], while_running["input"], while_running["output"]) == (3, 300, 21)
    # 100 at 1, 3 at 0.1 and 7 at 5 dollars for a million, three times.
    assert while_running["cost"] == "0.0004059" and while_running["cost_complete"]
    table = ask(process, "usage", "--by", "endpoint,model").stdout
    assert "claude-haiku-4-5-20251001" in table and "0.0004059" in table, table

    process.stop()
    assert total(process) == while_running, "the same from the file"
    rows = list(csv.DictReader(io.StringIO(ask(process, "usage", "--csv", "--by", "model").stdout)))
    assert rows[0]["input"] == "300" and rows[0]["cost"] == "0.0004059"
    assert ask(process, "usage", "--since", "soon").returncode == 1

    process.start()
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    send(process, 2)
    assert total(process)["requests"] == 5
    # Killed within the ten seconds: what was committed before is there, the two are lost.
    process.kill()
    assert total(process)["requests"] in (3, 5)

    # Only the owner can read it, SQLite can open it, and what never is to be kept is in none of the files.
    files = list(state.iterdir())
    assert files and state.stat().st_mode & 0o777 == 0o700
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert SECRET.encode() not in file.read_bytes(), file
    database, = (file for file in files if file.name.endswith(".history.db"))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as shell:
        assert shell.execute("select sum(input) from day").fetchone()[0] in (300, 500)


def test_no_request_waits_for_a_reader_or_a_writer_of_the_file(json_server, podium, tmp_path):
    process, state = served(podium, tmp_path, json_server)
    send(process)
    process.stop()
    file, = state.glob("*.history.db")
    process.start()
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    held = sqlite3.connect(file, timeout=1, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    send(process, 20)
    assert time.monotonic() - started < 10
    assert total(process)["requests"] == 21
    held.execute("ROLLBACK")
    held.close()
    process.stop()
    assert total(process)["requests"] == 21

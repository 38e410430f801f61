"""Podium as a service: its log, its signals, and what it tells the service manager."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import PODIUM, eventually, free_port, run_podium

CONFIG = """\
server:
  port: {port}
endpoints:
  - name: one
    url: http://127.0.0.1:9
    priority: 1
  - name: two
    url: http://127.0.0.1:9
    priority: 2
# Neither is there: requests are refused at once, which is the answer here.
failover:
  max_wait: 0s
"""


@pytest.fixture
def service(tmp_path):
    """Podium as a service manager starts it: no terminal, no pipe to a person, options and environment as given."""
    started = []

    def start(*options, environment=None, stderr=subprocess.DEVNULL, text=CONFIG):
        port = free_port()
        config = tmp_path / "config.yaml"
        config.write_text(text.format(port=port))
        config.chmod(0o600)
        process = subprocess.Popen(
            [PODIUM, "run", "--headless", "--config", config, *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, **(environment or {})},
            start_new_session=True)
        process.config = config
        process.port = port
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def answers(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/messages", b"{}", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_json_lines_have_their_parts_apart(service, tmp_path):
    log = tmp_path / "podium.log"
    process = service("--log-format", "json", "--log-file", log, "--log-level", "debug")
    eventually(lambda: answers(process.port) == 503)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "source", "message"} <= line.keys() for line in lines)
    assert any(line["source"] == "proxy" and "listening" in line["message"] for line in lines)
    assert any(line.get("endpoint") == "one" for line in lines)
    assert lines[-1]["source"] in ("service", "persist")


def test_the_level_is_a_threshold(service, tmp_path):
    log = tmp_path / "podium.log"
    process = service("--log-level", "error", "--log-file", log)
    eventually(lambda: answers(process.port) == 503)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert " info " not in log.read_text() and " warning " not in log.read_text()


@pytest.mark.skipif(not shutil.which("logrotate", path="/usr/sbin:/usr/bin"), reason="no logrotate")
def test_the_log_survives_logrotate(service, tmp_path):
    log = tmp_path / "podium.log"
    process = service("--log-file", log)
    eventually(lambda: log.exists() and "listening" in log.read_text())
    rules = tmp_path / "rotate.conf"
    rules.write_text(f"{log} {{\n  rotate 3\n  missingok\n  nocreate\n}}\n")
    rules.chmod(0o600)
    subprocess.run(
        ["/usr/sbin/logrotate", "--force", "--state", tmp_path / "state", rules], check=True, capture_output=True)
    assert "listening" in (tmp_path / "podium.log.1").read_text()
    process.send_signal(signal.SIGHUP)
    eventually(lambda: log.exists() and "SIGHUP" in log.read_text())
    assert "SIGHUP" not in (tmp_path / "podium.log.1").read_text()


def test_a_log_that_cannot_be_opened_is_said_at_once(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    result = run_podium("run", "--headless", "--config", config, "--log-file", tmp_path / "no" / "such" / "folder")
    assert result.returncode == 73
    assert "no/such/folder" in result.stderr


def test_a_reader_that_does_not_read_holds_up_neither_requests_nor_the_end(service):
    reading, writing = os.pipe()
    process = service("--log-level", "debug", stderr=writing)
    os.close(writing)
    try:
        eventually(lambda: answers(process.port) == 503)
        began = time.monotonic()
        # A line or two each: far more than a pipe takes (64 KiB).
        for _ in range(2_000):
            assert answers(process.port) == 503
        assert time.monotonic() - began < 60
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        os.close(reading)


def test_hang_up_without_a_terminal_reloads(service, tmp_path):
    log = tmp_path / "podium.log"
    process = service("--log-file", log)
    eventually(lambda: answers(process.port))
    process.config.write_text(process.config.read_text().replace("name: two", "name: renamed"))
    process.send_signal(signal.SIGHUP)
    eventually(lambda: "SIGHUP: the file was read again" in log.read_text(), what=log.read_text())
    assert answers(process.port) == 503
    process.config.write_text("endpoints: [\n")
    process.send_signal(signal.SIGHUP)
    eventually(lambda: log.read_text().count("SIGHUP: ") == 2, what=log.read_text())
    assert answers(process.port) == 503


def test_no_moment_of_the_start_ignores_a_signal(service):
    """Each attempt sends the signal a little later; none may survive it."""
    for step in range(40):
        process = service()
        time.sleep(step * 0.002)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), step


def test_the_service_manager_hears_of_every_turn(service, tmp_path):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind("\0podium-end-to-end-" + str(os.getpid()))
    manager.settimeout(20)
    process = service(environment={
        "NOTIFY_SOCKET": "@podium-end-to-end-" + str(os.getpid()), "WATCHDOG_USEC": "400000"})

    def hear(what):
        while True:
            message = manager.recv(4096).decode()
            if what in message.splitlines():
                return message

    assert f"127.0.0.1:{process.port}" in hear("READY=1")
    assert answers(process.port) == 503
    hear("WATCHDOG=1")
    hear("WATCHDOG=1")
    process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in hear("RELOADING=1")
    hear("READY=1")
    process.send_signal(signal.SIGTERM)
    hear("STOPPING=1")
    assert process.wait(20) == 0
    manager.close()


def test_a_credential_file_is_what_a_variable_would_be(service, tmp_path, upstream):
    server = upstream("server")
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "ONE_KEY").write_text("sk-from-a-file\n")
    text = f"""\
server: {{{{ port: {{port}} }}}}
endpoints:
  - name: one
    url: {server.url}
    auth_type: api_key
    auth_value: ${{{{ONE_KEY}}}}
"""
    process = service(environment={"CREDENTIALS_DIRECTORY": str(folder)}, text=text)
    eventually(lambda: server.requests or answers(process.port) or server.requests)
    assert server.requests[0]["headers"]["x-api-key"] == "sk-from-a-file"
    assert "sk-from-a-file" not in process.config.read_text()

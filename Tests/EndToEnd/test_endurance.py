"""What a Podium on a server has to live through: lost terminals and restarts, under load.

PODIUM_RESTARTS says how often it is restarted; the suite does it a few times, a release a hundred.
"""

import fcntl
import http.client
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from conftest import PODIUM, eventually, free_port
from test_console_terminals import host, processes  # noqa: F401 (a fixture)

STREAMS = 50
WORDS = 40
RESTARTS = int(os.environ.get("PODIUM_RESTARTS", "10"))


class Pty:
    """A terminal like that of an SSH session: a session of its own that is hung up when the link drops."""

    def __init__(self, arguments, environment):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvpe(arguments[0], [str(argument) for argument in arguments], {
                **os.environ, **environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"})
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.shown = b""

    def wait_for(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            if select.select([self.master], [], [], 0.2)[0]:
                self.shown += os.read(self.master, 65536)

    def drop(self):
        os.close(self.master)


def stream(port, words, results, index):
    """One SSE answer to its end; the result is how many pieces came and whether the end did."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/v1/messages", json.dumps({"stream": True}), {"content-type": "application/json"})
        body = connection.getresponse().read().decode()
        results[index] = (body.count("event: content_block_delta"), "event: message_stop" in body)
    except (OSError, http.client.HTTPException) as error:
        results[index] = error


def test_no_stream_breaks_when_the_terminal_goes_away(upstream, terminal, tmp_path):
    server = upstream("server", "--chunk-delay", "0.1", "--words", str(WORDS))
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(f"server: {{ port: {port} }}\nendpoints:\n  - name: server\n    url: {server.url}\n")
    config.chmod(0o600)
    link = Pty([PODIUM, "run", config], {"XDG_RUNTIME_DIR": str(tmp_path)})
    try:
        link.wait_for(b"LIVE")
        results = [None] * STREAMS
        threads = [
            threading.Thread(target=stream, args=(port, WORDS, results, index)) for index in range(STREAMS)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(server.requests) == STREAMS, what="all streams under way")
        link.drop()
        again = terminal(100, 30)
        again.run(f"XDG_RUNTIME_DIR={tmp_path} {PODIUM} run {config}")
        again.wait_for("ATTACHED")
        # The picture that the new terminal shows is of the same process, in the middle of its work.
        assert all(result is None for result in results)
        again.wait_for(f"process {link.pid}")
        for thread in threads:
            thread.join(60)
        # "hello from server" and the words after it.
        assert results == [(WORDS + 3, True)] * STREAMS
    finally:
        os.kill(link.pid, signal.SIGTERM)
        os.waitpid(link.pid, 0)


def test_no_stream_breaks_when_a_real_ssh_is_cut(upstream, terminal, host, tmp_path):
    """The same through sshd: the client dies without a word in the middle of 50 streams, a new login attaches."""
    server = upstream("server", "--chunk-delay", "0.1", "--words", str(WORDS * 2))
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(f"server: {{ port: {port} }}\nendpoints:\n  - name: server\n    url: {server.url}\n")
    config.chmod(0o600)
    podium = f"XDG_RUNTIME_DIR={tmp_path} {PODIUM} run {config}"
    first = terminal(100, 30)
    first.run(host.command(podium))
    first.wait_for("LIVE", 60)
    pid = int(re.match(r"\d+", (tmp_path / ".config.yaml.lock").read_text()).group())
    try:
        results = [None] * STREAMS
        threads = [
            threading.Thread(target=stream, args=(port, WORDS * 2, results, index)) for index in range(STREAMS)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(server.requests) == STREAMS, what="all streams under way")
        client, = processes(f"^ssh -tt -F none -p {host.port}")
        os.kill(client, signal.SIGKILL)
        second = terminal(100, 30)
        second.run(host.command(podium))
        second.wait_for("ATTACHED", 60)
        assert all(result is None for result in results)
        assert f"process {pid}" in second.screen
        for thread in threads:
            thread.join(60)
        assert results == [(WORDS * 2 + 3, True)] * STREAMS
        # Who did it, and from where.
        second.type("m")
        eventually(lambda: "pinned: true" in config.read_text(), what="pinned on disk")
        second.wait_for("@127.0.0.1 pinned server")
        second.type("q")
        second.wait_gone("ATTACHED")
    finally:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: pid not in processes(f"^{PODIUM} run {config}"), what="the end")


class Load:
    """Clients that never stop asking. While Podium is down they are refused, which is no failure of it."""

    def __init__(self, port, count=4):
        self.port = port
        self.ends = threading.Event()
        self.answered = 0
        self.strange = []
        self.threads = [threading.Thread(target=self.run) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ends.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                while not self.ends.is_set():
                    connection.request("POST", "/v1/messages", "{}", {"content-type": "application/json"})
                    response = connection.getresponse()
                    response.read()
                    if response.status != 200:
                        self.strange.append(response.status)
                    self.answered += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join(20)


def test_restarts_under_load_lose_no_acknowledged_change_and_no_port(upstream, podium, tmp_path):
    servers = [upstream(name) for name in ("one", "two", "three")]
    port = free_port()
    text = f"server: {{ port: {port}, drain_timeout: 1s, config_flush_interval: 100ms }}\nranking: {{ min_dwell: 0s }}\nendpoints:\n"
    for server in servers:
        text += f"  - name: {server.name}   # {server.name} stays\n    url: {server.url}\n    tags: []\n"
    process = podium(text, port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    load = Load(port)
    try:
        for number in range(RESTARTS):
            eventually(lambda: ask(process, "status").returncode == 0, what=process.text[-500:])
            acknowledged = f"change-{number}"
            result = ask(process, "endpoint", "set", servers[number % 3].name, "--tag", acknowledged)
            assert result.returncode == 0, result.stderr
            if number % 2:
                # As a power cut would end it: nothing can be saved any more.
                process.kill()
            else:
                assert process.stop() == 0
            assert acknowledged in process.config.read_text(), number
            process.start()
        answered = load.answered
        eventually(lambda: load.answered > answered, what="requests are served after the last start")
        assert process.stop() == 0
    finally:
        load.stop()
    assert load.answered > RESTARTS and not load.strange
    # Nobody holds the port, and nothing but the intended values has changed in the file.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    saved = process.config.read_text()
    for server in servers:
        assert f"- name: {server.name}   # {server.name} stays" in saved
    assert not [name for name in os.listdir(tmp_path) if ".tmp" in name]


def ask(process, *arguments):
    return subprocess.run(
        [PODIUM, *arguments, "--config", process.config], capture_output=True, text=True, timeout=30, check=False,
        env=process.environment, stdin=subprocess.DEVNULL)


def test_without_a_console_a_lost_terminal_is_no_end_either(upstream, tmp_path):
    server = upstream("server")
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(f"server: {{ port: {port} }}\nendpoints:\n  - name: server\n    url: {server.url}\n")
    log = tmp_path / "podium.log"
    link = Pty([PODIUM, "run", "--headless", "--log-file", log, config], {"XDG_RUNTIME_DIR": str(tmp_path)})
    try:
        eventually(lambda: log.exists() and "listening" in log.read_text())
        link.drop()
        eventually(lambda: "terminal went away" in log.read_text())
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/v1/messages", "{}", {"content-type": "application/json"})
        assert connection.getresponse().status == 200
        # From now on a hang-up is what it is to every service.
        os.kill(link.pid, signal.SIGHUP)
        eventually(lambda: re.search("SIGHUP: the file was read again", log.read_text()))
    finally:
        os.kill(link.pid, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(link.pid, 0)[1]) == 0

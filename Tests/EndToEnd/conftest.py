"""Drives the real program: real processes, sockets, files and terminals."""

import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import pytest

# A crash on a terminal would start the runtime's interactive backtrace, which waits for an answer.
os.environ["SWIFT_BACKTRACE"] = "enable=no"
# Nothing of what tests leave for the next process goes into the user's directory.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="podium-state-")
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)

HERE = pathlib.Path(__file__).parent
PODIUM = os.environ.get("PODIUM") or "podium"
TMUX_KEYS = {"↑": "Up", "↓": "Down", "←": "Left", "→": "Right", "PgUp": "PageUp", "PgDn": "PageDown", "↵": "Enter",
             "space": "Space", "Esc": "Escape", "S-Tab": "BTab"}


def tmux_key(documented):
    """What tmux calls a key of docs/console.md."""
    return "C-" + documented[1].lower() if re.fullmatch(r"\^[A-Z]", documented) else TMUX_KEYS.get(documented, documented)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds=20.0, what=""):
    """Polls until the condition returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(0.05)


class Upstream:
    def __init__(self, name, folder, *options):
        self.name = name
        self.port = free_port()
        self.journal = folder / f"{name}.journal"
        self.journal.touch()
        self.options = options
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "upstream.py", self.name, str(self.port), self.journal, *self.options],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self):
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def kill(self):
        self.process.kill()
        self.process.wait()


class Podium:
    """A headless Podium on a config file."""

    def __init__(self, config, port, environment=None):
        self.config = config
        self.port = port
        self.log = config.with_suffix(".log")
        self.environment = {**os.environ, **(environment or {})}
        self.start()

    def start(self, ready=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [PODIUM, "run", "--headless", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=self.environment)
        if ready:
            eventually(self.accepts, what=f"podium listening; log:\n{self.text}")

    def accepts(self):
        if self.process.poll() is not None:
            raise AssertionError(f"podium exited {self.process.returncode}: {self.text}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    @property
    def text(self):
        return self.log.read_text() if self.log.exists() else ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, sig=signal.SIGTERM, timeout=20):
        self.process.send_signal(sig)
        return self.process.wait(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Terminal:
    """A real terminal (tmux) with a shell in it."""

    def __init__(self, folder, width=80, height=24):
        self.socket = f"podium-test-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(width), "-y", str(height),
                  "-c", str(folder), "env", "-u", "TMUX", "-u", "NO_COLOR", "-u", "COLORTERM", "PS1=$ ", "LANG=C.UTF-8", "bash", "--norc", "--noprofile")
        self.tmux("set-option", "-g", "escape-time", "0")

    def tmux(self, *arguments):
        result = subprocess.run(["tmux", "-L", self.socket, *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def type(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def run(self, line):
        self.tmux("send-keys", "-t", "t", "-l", line)
        self.type("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    @property
    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "t")

    def wait_for(self, text, seconds=20.0):
        try:
            eventually(lambda: text in self.screen, seconds)
        except AssertionError:
            raise AssertionError(f"{text!r} not on screen:\n{self.screen}") from None
        return self.screen

    def wait_gone(self, text, seconds=20.0):
        try:
            eventually(lambda: text not in self.screen, seconds)
        except AssertionError:
            raise AssertionError(f"{text!r} still on screen:\n{self.screen}") from None

    def close(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def upstream(tmp_path):
    started = []

    def start(name, *options):
        server = Upstream(name, tmp_path, *options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def podium(tmp_path):
    started = []

    def start(text, port, environment=None):
        config = tmp_path / "config.yaml"
        config.write_text(text)
        config.chmod(0o600)
        process = Podium(config, port, environment)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def terminal(tmp_path):
    opened = []

    def open_terminal(width=80, height=24):
        opened.append(Terminal(tmp_path, width, height))
        return opened[-1]

    yield open_terminal
    for window in opened:
        window.close()


def run_podium(*arguments, **options):
    return subprocess.run(
        [PODIUM, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False,
        stdin=subprocess.DEVNULL, **options)

"""The real command lines of Claude Code and Codex, on Podium between them and simulated endpoints."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).parent
PODIUM = os.environ.get("PODIUM") or "podium"
NAMES = ("first", "second")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, seconds=20.0, what=""):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Endpoints:
    """llmsim.py with two endpoints; what they answer is decided by the prompt and by `fault`."""

    def __init__(self, folder):
        self.admin = free_port()
        self.ports = {name: free_port() for name in NAMES}
        self.process = subprocess.Popen(
            [sys.executable, HERE / "llmsim.py", "--admin", str(self.admin), "--log", folder,
             *(f"{name}={port}" for name, port in self.ports.items())],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: all(listens(port) for port in (self.admin, *self.ports.values())), what="llmsim listens")

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or b"{}")

    def fault(self, name, **fault):
        self.ask(f"/{name}", "POST", {"fault": fault})

    def heal(self, name):
        self.ask(f"/{name}", "POST", {"fault": None})

    def requests(self, name, path=""):
        return [entry for entry in self.ask(f"/{name}")[name]["log"] if path in entry["path"]]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Podium:
    def __init__(self, folder, endpoints, converting=()):
        """`converting` names endpoints that speak Chat Completions alone, and are asked for all else as well."""
        self.port = free_port()
        self.log = folder / "podium.log"
        self.access = folder / "access.log"
        config = folder / "config.yaml"
        entries = "".join(
            f"  - name: {name}\n    url: http://127.0.0.1:{endpoints.ports[name]}\n    auth_type: api_key\n"
            f"    auth_value: key-of-{name}\n"
            + ("    speaks: chat_completions\n    convert: true\n" if name in converting else "") for name in NAMES)
        config.write_text(f"server:\n  port: {self.port}\n  access_log: {self.access}\n  auto_sort_endpoints: false\n"
                          f"endpoints:\n{entries}")
        config.chmod(0o600)
        self.config, self.environment = config, {**os.environ, "XDG_STATE_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
        self.process = subprocess.Popen([PODIUM, "run", "--headless", "--config", config], stdin=subprocess.DEVNULL,
                                        stderr=self.log.open("w"), env=self.environment)
        eventually(lambda: listens(self.port), what="podium listens")

    def lines(self):
        return [json.loads(line) for line in self.access.read_text().splitlines()] if self.access.exists() else []

    def usage(self):
        """By endpoint, as `podium usage` says it."""
        said = subprocess.run([PODIUM, "usage", "--json", "--by", "endpoint", "--config", self.config], capture_output=True, check=True,
                              env=self.environment).stdout
        return {row["values"][0]: row for row in json.loads(said)["rows"]}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log.read_text()


@pytest.fixture
def endpoints(tmp_path):
    started = Endpoints(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def podium(tmp_path, endpoints):
    started = Podium(tmp_path, endpoints)
    yield started
    started.stop()


class Client:
    """A command line client with a home of its own, so that no setting of this machine's user takes part."""

    def __init__(self, command, resume, environment, home):
        self.command, self.resume, self.home = command, resume, home
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **environment}

    def start(self, prompt, resume=False):
        """With `resume` the last session of this home goes on."""
        return subprocess.Popen([*self.command, *(self.resume if resume else []), prompt], cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def ask(self, prompt, seconds=90, resume=False):
        process = self.start(prompt, resume)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == 0, output
        return output


def claude(home, port):
    sdk = next(pathlib.Path(folder) / "claude_agent_sdk/_bundled/claude" for folder in sys.path
               if (pathlib.Path(folder) / "claude_agent_sdk/_bundled/claude").exists())
    return Client([sdk, "-p"], ["--continue"], {
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "key-of-the-client",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}, home)


def codex(home, port):
    (home / ".codex").mkdir()
    (home / ".codex/config.toml").write_text(
        'model = "gpt-5.1-codex"\nmodel_provider = "podium"\n[model_providers.podium]\nname = "podium"\n'
        f'base_url = "http://127.0.0.1:{port}/v1"\nwire_api = "responses"\nenv_key = "OPENAI_API_KEY"\n')
    program = pathlib.Path(sys.executable).with_name("codex")
    return Client([program if program.exists() else shutil.which("codex"), "exec", "--skip-git-repo-check"], ["resume", "--last"],
                  {"OPENAI_API_KEY": "key-of-the-client"}, home)


@pytest.fixture(params=[claude, codex], ids=["claude", "codex"])
def kind(request):
    return request.param


@pytest.fixture
def client(kind, tmp_path, podium):
    return made(kind, tmp_path, podium.port)


@pytest.fixture
def direct(kind, tmp_path, endpoints):
    """The same client without Podium."""
    return made(kind, tmp_path, endpoints.ports["first"])


def made(kind, folder, port):
    home = folder / f"home-{port}"
    home.mkdir()
    return kind(home, port)

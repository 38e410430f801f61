"""Claude Code and Codex at endpoints that speak Chat Completions alone."""

import os
import signal

import pytest

from conftest import NAMES, Podium, eventually, made
from test_clients import FAULTS


@pytest.fixture
def converting():
    return NAMES


@pytest.fixture
def podium(tmp_path, endpoints, converting):
    for name in converting:
        endpoints.ask(f"/{name}", "POST", {"set": {"apis": ["chat"]}})
    started = Podium(tmp_path, endpoints, converting)
    yield started
    started.stop()


@pytest.fixture
def client(kind, tmp_path, podium):
    return made(kind, tmp_path, podium.port)


def asked(endpoints, name):
    return [entry for entry in endpoints.requests(name) if entry["path"].endswith("/chat/completions")]


def test_an_answer(client, endpoints):
    assert "from first" in client.ask("say hello [sim tokens=20]")
    assert asked(endpoints, "first") and not asked(endpoints, "second")


@pytest.mark.parametrize("directives", ["tool=2", "tool=2 para=2", "tool=1 think=1"])
def test_a_task_with_tools(client, podium, endpoints, directives):
    rounds = int(directives[5])
    assert "from first" in client.ask(f"use a tool [sim tokens=20 {directives}]")
    assert len(asked(endpoints, "first")) >= rounds + 1
    # No client had a reason to try again.
    lines = [line for line in podium.lines() if line["path"].endswith(("/messages", "/responses"))]
    assert lines and {line["status"] for line in lines} == {200}
    assert all(line["attempts"][-1]["converted"] for line in lines)


@pytest.mark.parametrize("fault", ["503", "429", "401", "overloaded-inside-a-stream", "html-200", "empty-stream", "closed-before-content"])
def test_a_fault_at_the_first_endpoint_is_not_seen(client, endpoints, fault):
    endpoints.fault("first", **FAULTS[fault])
    output = client.ask("use a tool [sim tokens=20 tool=1]")
    assert "from second" in output
    assert "error" not in output.lower().replace("0 errors", "")


@pytest.mark.parametrize("fault", ["error_mid", "die_mid"])
def test_what_breaks_in_mid_stream_is_tried_again_by_the_client(client, endpoints, fault):
    endpoints.fault("first", kind=fault, after=6, count=1)
    assert "from " in client.ask("say hello [sim tokens=60]")


def test_an_interrupted_client_is_not_served_on(client, endpoints):
    process = client.start("a long one [sim tokens=2000 secs=60]")
    eventually(lambda: any(entry.get("events", 0) > 8 for entry in asked(endpoints, "first")), 30, "the answer begins")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    eventually(lambda: any("gone_at" in entry for entry in asked(endpoints, "first")), 5, "the endpoint sees it")
    assert not asked(endpoints, "second")


class TestBesideANativeEndpoint:
    @pytest.fixture
    def converting(self):
        return ("first",)

    def test_a_session_moves_to_the_native_endpoint_and_back(self, client, podium, endpoints):
        assert "from second" in client.ask("say hello [sim tokens=5 think=1]")
        endpoints.fault("second", kind="status", status=503)
        assert "from first" in client.ask("use a tool [sim tokens=5 tool=1 think=1]", resume=True)
        endpoints.heal("second")
        endpoints.fault("first", kind="refuse")
        assert "from second" in client.ask("and once more [sim tokens=5]", resume=True)

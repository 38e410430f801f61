"""What a user of Claude Code or Codex sees. Each test asks once; the answer names the endpoint that it came from."""

import os
import signal

import pytest

from conftest import eventually

# What happens at the first endpoint before an answer has begun: the user sees the second one's answer and no error.
FAULTS = [
    {"kind": "refuse"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 529},
    {"kind": "status", "status": 429, "headers": [["retry-after", "60"]]},
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 402},
    {"kind": "die_before_head"},
    {"kind": "rst_before_head"},
    {"kind": "die_after_headers"},
    {"kind": "die_before_event"},
    {"kind": "comments_then_die"},
]
MODEL_PATHS = ("/messages", "/responses")


def asked(endpoints, name):
    """Requests for an answer of the model, without those that clients make besides."""
    return [entry for entry in endpoints.requests(name) if entry["method"] == "POST" and entry["path"].endswith(MODEL_PATHS)]


def test_an_answer(client, podium, endpoints):
    assert "from first" in client.ask("say hello [sim tokens=20]")
    assert asked(endpoints, "first") and not asked(endpoints, "second")


def test_tools(client, endpoints):
    assert "from first" in client.ask("use a tool [sim tokens=20 tool=2]")
    assert len(asked(endpoints, "first")) >= 3


def test_a_client_brings_no_credential_and_no_trace_of_itself(client, endpoints):
    client.ask("say hello [sim tokens=5]")
    for entry in endpoints.requests("first"):
        headers = [(name.lower(), value) for name, value in entry["headers"]]
        assert not [value for _, value in headers if "key-of-the-client" in value]
        assert ("x-api-key", "key-of-first") in headers
        assert not [name for name, _ in headers if name in ("cookie", "proxy-authorization")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values())[:40])
def test_a_fault_at_the_first_endpoint_is_not_seen(client, endpoints, fault):
    endpoints.fault("first", **fault)
    output = client.ask("say hello [sim tokens=20]")
    assert "from second" in output
    assert "error" not in output.lower().replace("0 errors", "")


def test_an_interrupted_client_is_not_served_on(client, podium, endpoints):
    process = client.start("a long one [sim tokens=2000 secs=60]")
    eventually(lambda: any(entry.get("events", 0) > 3 for entry in asked(endpoints, "first")), 30, "the answer begins")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    # The endpoint saw it leave, nobody else was asked, and the log says how it ended.
    eventually(lambda: asked(endpoints, "first")[-1].get("outcome") == "client_gone", 5, "the endpoint sees it")
    assert not asked(endpoints, "second")
    eventually(lambda: any(line["ending"] == "client_closed" for line in podium.lines()), 5, "the access log")

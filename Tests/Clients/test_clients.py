"""What a user of Claude Code or Codex sees. Each test asks once; the answer names the endpoint that it came from."""

import os
import signal
import time

import pytest

from conftest import eventually

# What happens at the first endpoint before an answer has begun: the user sees the second one's answer and no error.
FAULTS = {
    "refused": {"kind": "refuse"},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "529": {"kind": "status", "status": 529},
    "429": {"kind": "status", "status": 429, "headers": {"retry-after": "60"}},
    "401": {"kind": "status", "status": 401},
    "402": {"kind": "status", "status": 402},
    "400-no-money": {"kind": "status", "status": 400, "message": "Your credit balance is too low to access the Anthropic API."},
    "400-model": {"kind": "status", "status": 400, "message": "The model `any` does not exist or you do not have access to it."},
    "404-model": {"kind": "status", "status": 404, "message": "model: any-of-them"},
    "html-200": {"kind": "html", "status": 200},
    "html-502": {"kind": "html", "status": 502},
    "error-object-in-a-200": {"kind": "err200"},
    "overloaded-as-the-first-event": {"kind": "err200_sse"},
    "overloaded-inside-a-stream": {"kind": "error_mid", "after": 1},
    "empty-body": {"kind": "empty200"},
    "empty-stream": {"kind": "empty_sse"},
    "end-without-content": {"kind": "end_empty"},
    "closed": {"kind": "die_before_head"},
    "reset": {"kind": "rst_before_head"},
    "closed-behind-the-head": {"kind": "die_after_headers"},
    "closed-within-the-first-event": {"kind": "die_before_event"},
    "comments-and-closed": {"kind": "comments_then_die"},
    "closed-before-content": {"kind": "die_mid", "after": 1},
    "reset-before-content": {"kind": "rst_mid", "after": 1},
    "ended-before-content": {"kind": "end_mid", "after": 1},
}
MODEL_PATHS = ("/messages", "/responses")
# Seconds that an endpoint is silent within a stream. Longer than every limit that was once two minutes.
SILENCE = float(os.environ.get("PODIUM_SILENCE") or 130)


def asked(endpoints, name):
    """Requests for an answer of the model, without those that clients make besides."""
    return [entry for entry in endpoints.requests(name) if entry["method"] == "POST" and entry["path"].endswith(MODEL_PATHS)]


def answered(podium):
    """Status and endpoint of each request for an answer, by Podium's own account. A client that tried again by itself shows here."""
    lines = eventually(lambda: [line for line in podium.lines() if line["path"].endswith(MODEL_PATHS)], 5, "the access log")
    # A client may close as soon as it has the last event.
    assert {line["ending"] for line in lines} <= {"completed", "client_closed"}, lines
    return {(line["status"], line["endpoint"]) for line in lines}


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


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_at_the_first_endpoint_is_not_seen(client, podium, endpoints, fault):
    endpoints.fault("first", **fault)
    output = client.ask("say hello [sim tokens=20]")
    assert "from second" in output
    assert "error" not in output.lower().replace("0 errors", "")
    # Clients try again by themselves and hide it. Here they had no reason to.
    assert answered(podium) == {(200, "second")}


@pytest.mark.parametrize("fault", ["402", "404-model", "overloaded-inside-a-stream", "closed-before-content"])
def test_tools_are_used_although_the_first_endpoint_fails(client, podium, endpoints, fault):
    endpoints.fault("first", **FAULTS[fault])
    assert "from second" in client.ask("use a tool [sim tokens=20 tool=2]")
    assert len(asked(endpoints, "second")) >= 3
    assert answered(podium) == {(200, "second")}


def test_a_session_goes_on_after_its_endpoint_failed_and_after_it_came_back(client, endpoints):
    assert "from first" in client.ask("say hello [sim tokens=5]")
    endpoints.fault("first", kind="status", status=503)
    assert "from second" in client.ask("say it again [sim tokens=5]", resume=True)
    assert asked(endpoints, "second")[-1]["turns"] == 1, "the answer of the first endpoint was sent along"
    endpoints.heal("first")
    endpoints.fault("second", kind="refuse")
    assert "from first" in client.ask("and once more [sim tokens=5]", resume=True)
    assert asked(endpoints, "first")[-1]["turns"] == 2


def test_an_interrupted_client_is_not_served_on(client, podium, endpoints):
    process = client.start("a long one [sim tokens=2000 secs=60]")
    eventually(lambda: any(entry.get("events", 0) > 8 for entry in asked(endpoints, "first")), 30, "the answer begins")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    left = time.time()
    # The endpoint saw it leave within a second, no other was asked, and the log says how it ended.
    entry = eventually(lambda: next((entry for entry in asked(endpoints, "first") if "gone_at" in entry), None), 5, "the endpoint sees it")
    assert entry["t"] + entry["gone_at"] < left + 1
    assert not asked(endpoints, "second")
    eventually(lambda: any(line["ending"] == "client_closed" for line in podium.lines()), 5, "the access log")


def test_what_endpoints_bill_is_what_is_counted(client, podium, endpoints):
    client.ask("say hello [sim tokens=20]")
    client.ask("use a tool [sim tokens=20 tool=2]")
    endpoints.fault("first", **FAULTS["overloaded-inside-a-stream"])
    assert "from second" in client.ask("say it again [sim tokens=30]")
    endpoints.heal("first")
    process = client.start("a long one [sim tokens=2000 secs=60]")
    eventually(lambda: any(entry.get("events", 0) > 8 and entry["outcome"] == "running" for name in ("first", "second") for entry in asked(endpoints, name)),
               30, "the answer begins")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    eventually(lambda: any(line["ending"] == "client_closed" for line in podium.lines()), 5, "the access log")

    used = podium.usage()
    for name in ("first", "second"):
        # Attempts that another endpoint answered for are not the client's.
        bills = [entry["billed"] for entry in asked(endpoints, name) if entry.get("billed") and "fault" not in entry]

        def sum_of(*names):
            return sum(bill.get(one) or 0 for bill in bills for one in names)
        said = used[name]
        assert bills and (said["input"], said["output"]) == (sum_of("input_tokens"), sum_of("output_tokens")), (said, bills)
        assert (said["cache_read"], said["cache_write_5m"]) == (sum_of("cache_read_input_tokens"), sum_of("cache_creation_input_tokens"))


def test_a_client_that_is_interrupted_before_content_is_not_served_on(client, podium, endpoints):
    process = client.start("a long one [sim silent=60]")
    eventually(lambda: any(entry.get("events", 0) >= 1 for entry in asked(endpoints, "first")), 30, "the answer begins")
    os.killpg(process.pid, signal.SIGINT)
    process.wait(30)
    left = time.time()
    entry = eventually(lambda: next((entry for entry in asked(endpoints, "first") if "gone_at" in entry), None), 5, "the endpoint sees it")
    assert entry["t"] + entry["gone_at"] < left + 1
    assert not asked(endpoints, "second")


def test_a_silence_that_the_client_bears_is_borne(client, direct, podium, endpoints):
    prompt = f"think for long [sim silent={SILENCE:g} tokens=5]"
    processes = [direct.start(prompt), client.start(prompt)]
    deadline = time.monotonic() + SILENCE + 45
    try:
        without, through = (process.communicate(timeout=deadline - time.monotonic())[0] for process in processes)
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if processes[0].returncode or "from first" not in without:
        pytest.skip(f"the client does not wait so long for the endpoint itself: {without[-300:]}")
    assert processes[1].returncode == 0 and "from first" in through
    assert not asked(endpoints, "second")
    assert answered(podium) == {(200, "first")}

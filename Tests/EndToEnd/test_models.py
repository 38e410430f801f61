"""Endpoints that are asked for some models alone, and by names of their own."""

import http.client
import http.server
import json
import subprocess
import threading

import anthropic
import openai
import pytest

from conftest import PODIUM, eventually, free_port


class Relay:
    """Answers in the shape of the API that was asked, with the model that it was sent and a date; keeps the bodies."""

    def __init__(self):
        self.bodies, self.status = [], 200
        self.models, self.lists = [], 0
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                relay.bodies.append(body)
                request = json.loads(body)
                model = request["model"] + "-2026"
                if relay.status != 200:
                    return self.reply("application/json", b"{}")
                if request.get("stream"):
                    return self.reply("text/event-stream", self.stream(model).encode())
                message = {"role": "assistant", "content": "hello"}
                self.reply("application/json", json.dumps({
                    "id": "1", "object": "chat.completion", "model": model, "choices": [{"index": 0, "message": message}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}).encode())

            def do_GET(self):
                relay.lists += 1
                data = [{"id": model, "object": "model", "created": 1754073600, "owned_by": "relay"} for model in relay.models]
                self.reply("application/json", json.dumps({"object": "list", "data": data, "relays": True}).encode())

            def stream(self, model):
                if "messages" in self.path:
                    start = {"type": "message_start", "message": {"id": "m", "model": model, "usage": {"input_tokens": 1}}}
                    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "model"}}
                    events = [start, delta, {"type": "message_stop"}]
                    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
                chunk = {"object": "chat.completion.chunk", "model": model, "choices": [{"delta": {"content": "x"}}]}
                return f"data: {json.dumps(chunk)}\n\n" * 3 + "data: [DONE]\n\n"

            def reply(self, media, body):
                self.send_response(relay.status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def relays():
    started = [Relay(), Relay()]
    yield started
    for relay in started:
        relay.stop()


@pytest.fixture
def serving(podium, tmp_path, relays):
    port = free_port()
    log = tmp_path / "access.log"
    process = podium(f"""\
server: {{ port: {port}, access_log: "{log}" }}
endpoints:
  - name: first
    url: {relays[0].url}
    priority: 1
    models: ["gpt-*", "!gpt-4*"]
  - name: second
    url: {relays[1].url}
    priority: 2
    models: ["gpt-*", "claude-*"]
    model_map: {{ claude-sonnet-*: "sol \\"6\\"", "*": "vendor/*" }}
""", port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    process.access_log = log
    return process


def post(process, body, path="/v1/chat/completions", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_each_endpoint_gets_its_models_by_its_names(serving, relays):
    status, body = post(serving, {"model": "gpt-5", "messages": []})
    assert (status, json.loads(body)["model"]) == (200, "gpt-5-2026")
    raw = b'{ "messages" : [ {"model":"inner"} ],\n"model":"claude-sonnet-4-5" , "x":"\\u00e9" }'
    status, body = post(serving, raw)
    assert (status, json.loads(body)["model"]) == (200, "claude-sonnet-4-5")
    assert relays[1].bodies == [raw.replace(b"claude-sonnet-4-5", b'sol \\"6\\"')]
    status, body = post(serving, {"model": "gpt-4o", "messages": []})
    assert json.loads(body)["model"] == "gpt-4o"
    assert json.loads(relays[1].bodies[-1])["model"] == "vendor/gpt-4o"
    assert len(relays[0].bodies) == 1
    lines = eventually(lambda: [json.loads(line) for line in serving.access_log.read_text().splitlines()][2:]) and [
        json.loads(line) for line in serving.access_log.read_text().splitlines()]
    assert [line["model_asked"] for line in lines] == ["gpt-5", "claude-sonnet-4-5", "gpt-4o"]
    assert [line["attempts"][-1].get("model_sent") for line in lines] == [None, 'sol "6"', "vendor/gpt-4o"]
    assert [line["model"] for line in lines] == ["gpt-5-2026", 'sol "6"-2026', "vendor/gpt-4o-2026"]


def test_streams_name_the_model_that_was_asked_for(serving):
    for path, count in (("/v1/chat/completions", 3), ("/v1/messages", 1)):
        status, body = post(serving, {"stream": True, "messages": [], "model": "claude-sonnet-4-5"}, path)
        assert status == 200
        assert body.count(b'"model": "claude-sonnet-4-5"') == count
        assert b"sol" not in body


def test_after_a_failure_the_next_endpoint_is_asked_with_the_clients_name(serving, relays):
    relays[0].status = 500
    status, body = post(serving, {"model": "gpt-5", "messages": []})
    assert (status, json.loads(body)["model"]) == (200, "gpt-5")
    assert [json.loads(relay.bodies[0])["model"] for relay in relays] == ["gpt-5", "vendor/gpt-5"]


def test_a_model_that_no_endpoint_has_is_named(serving, relays):
    status, body = post(serving, {"model": "o3", "messages": []})
    assert (status, json.loads(body)["error"]["code"]) == (404, "model_not_found")
    assert "'o3'" in json.loads(body)["error"]["message"]
    status, body = post(serving, {"model": "o3", "messages": []}, "/v1/messages")
    assert (status, json.loads(body)["error"]["type"]) == (404, "not_found_error")
    assert relays[0].bodies == relays[1].bodies == []


def ask(serving, *arguments):
    return subprocess.run(
        [PODIUM, *arguments, "--config", str(serving.config)], capture_output=True, text=True, timeout=30,
        check=False, env=serving.environment)


def test_an_explanation_says_who_was_passed_over(serving):
    post(serving, {"model": "claude-opus-4", "messages": []}, **{"X-Request-ID": "mine"})
    told = eventually(lambda: next((t for t in [ask(serving, "explain", "mine")] if t.returncode == 0), None)).stdout
    assert "is not asked for the model" in told, told


def test_the_rules_change_while_it_runs(serving, relays):
    def run(*arguments):
        return ask(serving, *arguments)

    eventually(lambda: run("status").returncode == 0)
    result = run("endpoint", "set", "first", "--model", "o3", "--model-map", "o3=o3-mini", "--no-restore-model")
    assert result.returncode == 0, result.stderr
    status, body = post(serving, {"model": "o3", "messages": []})
    assert (status, json.loads(body)["model"]) == (200, "o3-mini-2026")
    text = serving.config.read_text()
    assert "models: [ o3 ]" in text or "models: [o3]" in text, text
    assert "o3: o3-mini" in text and "restore_model: false" in text, text
    shown = run("endpoint", "show", "first").stdout
    assert "o3=o3-mini" in shown, shown
    result = run("endpoint", "set", "first", "--model-map", "o3", "--model", "")
    assert result.returncode != 0 and "pattern or a name" in result.stderr, result.stderr


def test_the_vendors_clients_list_the_models_of_all_endpoints(serving, relays):
    relays[0].models = ["gpt-5", "gpt-4o", "o3"]
    relays[1].models = ["vendor/claude-opus-4", "vendor/gpt-5", "claude-x"]
    other = openai.OpenAI(base_url=serving.url + "/v1", api_key="x", max_retries=0)
    client = anthropic.Anthropic(base_url=serving.url, api_key="x", max_retries=0)
    # Nothing is known at first; the lists are fetched while clients ask.
    wanted = ["gpt-5", "claude-opus-4"]
    eventually(lambda: [model.id for model in other.models.list()] == wanted)
    asked = [relay.lists for relay in relays]
    assert [model.id for model in client.models.list()] == wanted
    assert [model.id for model in client.models.list(limit=1)] == wanted
    assert other.models.retrieve("gpt-5").created == 1754073600
    assert client.models.retrieve("claude-opus-4").display_name == "claude-opus-4"
    assert client.models.retrieve("claude-opus-4").created_at.year == 2025
    with pytest.raises(openai.NotFoundError, match="no endpoint here serves the model 'o3'"):
        other.models.retrieve("o3")
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("gpt-4o-mini")
    assert [relay.lists for relay in relays] == asked

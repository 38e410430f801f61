"""Clients of Messages and Responses, served by an endpoint that speaks Chat Completions alone."""

import http.client
import http.server
import json
import socket
import subprocess
import threading

import anthropic
import openai
import pytest

from conftest import PODIUM, eventually, free_port


def chunk(delta, finish=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [choice], **more}


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
HELLO = [chunk({"role": "assistant", "content": ""}), chunk({"content": "hel"}), chunk({"content": "lo"}), chunk({}, "stop"),
         {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [],
          "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
                    "prompt_tokens_details": {"cached_tokens": 4}}}]
LOOK = [chunk({"role": "assistant", "content": None, "reasoning_content": "hm"}), chunk({"tool_calls": [CALL]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"at":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"x"}'}}]}), chunk({}, "tool_calls")]


class ChatServer:
    """Plays streams and documents of Chat Completions, and keeps what it was sent."""

    def __init__(self):
        self.requests, self.status, self.error = [], 200, None
        self.events, self.tail = HELLO, b"data: [DONE]\n\n"
        # Where it is set, the tail of a stream waits until the client has read what comes before.
        self.pause = None
        chat = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.requests.append((self.path, dict(self.headers.items()), body))
                if not self.path.endswith("/chat/completions"):
                    return self.reply(404, "application/json", b'{"error":{"message":"no such path"}}')
                if chat.status != 200:
                    return self.reply(chat.status, "application/json", json.dumps(chat.error).encode())
                if body.get("stream"):
                    data = "".join(f"data: {json.dumps(event)}\n\n" for event in chat.events).encode()
                    return self.stream(data)
                message = {"role": "assistant", "content": "hello"}
                self.reply(200, "application/json", json.dumps({
                    "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}).encode())

            def stream(self, data):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", str(len(data) + len(chat.tail)))
                self.end_headers()
                self.wfile.write(data)
                if chat.pause:
                    chat.pause.wait(30)
                self.wfile.write(chat.tail)

            def reply(self, status, media, body):
                self.send_response(status)
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


class NativeServer(http.server.ThreadingHTTPServer):
    """A server of Messages, which answers or refuses."""

    def __init__(self):
        self.status, self.requests = 200, 0
        native = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                native.requests += 1
                body = json.dumps({"id": "m", "type": "message", "role": "assistant", "model": "n", "stop_reason": "end_turn",
                                   "content": [{"type": "text", "text": "native"}],
                                   "usage": {"input_tokens": 1, "output_tokens": 1}}).encode()
                self.send_response(native.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def chat():
    server = ChatServer()
    yield server
    server.stop()


@pytest.fixture
def native():
    server = NativeServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def serving(podium, tmp_path, chat):
    return start(podium, tmp_path, chat)


def start(podium, tmp_path, chat, more="", others=""):
    port = free_port()
    log = tmp_path / "access.log"
    process = podium(f"""\
server: {{ port: {port}, access_log: "{log}" }}
endpoints:
  - name: vendor
    url: {chat.url}/v1
    auth_type: auth_token
    auth_value: key-of-the-vendor
    priority: 1
    speaks: chat_completions
    convert: true
    model_map: {{ "*": vendor-model }}
{more}{others}
""", port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    process.access_log = log
    return process


def lines(serving, count):
    return eventually(lambda: (found := [json.loads(line) for line in serving.access_log.read_text().splitlines()])
                      and len(found) >= count and found)


def post(process, body, path="/v1/messages", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    connection.request("POST", path, json.dumps(body).encode(), headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def claude(serving):
    return anthropic.Anthropic(base_url=serving.url, api_key="of-the-client", max_retries=0)


def codex(serving):
    return openai.OpenAI(base_url=serving.url + "/v1", api_key="of-the-client", max_retries=0)


ASK = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}


def test_the_anthropic_client_reads_streams_and_documents(serving, chat):
    with claude(serving).messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "hello"
        message = stream.get_final_message()
    assert (message.stop_reason, message.model) == ("end_turn", "claude-sonnet-5")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (5, 4, 2)
    whole = claude(serving).messages.create(**ASK)
    assert (whole.content[0].text, whole.usage.input_tokens) == ("hello", 9)
    path, head, body = chat.requests[0]
    assert path == "/v1/chat/completions"
    assert head["Authorization"] == "Bearer key-of-the-vendor"
    assert "of-the-client" not in str(head) and not any(name.lower().startswith("anthropic-") for name in head)
    assert body == {"model": "vendor-model", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 50,
                    "messages": [{"role": "user", "content": "hi"}]}


def test_tools_come_and_go(serving, chat):
    chat.events = LOOK
    with claude(serving).messages.stream(**ASK, tools=[TOOL]) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "tool_use"]
    assert (message.stop_reason, message.content[1].input) == ("tool_use", {"at": "x"})
    chat.events = HELLO
    turns = ASK["messages"] + [
        {"role": "assistant", "content": [block.model_dump(include={"type", "thinking", "signature", "id", "name", "input"})
                                          for block in message.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": message.content[1].id, "content": "seen"}]}]
    claude(serving).messages.create(**{**ASK, "messages": turns}, tools=[TOOL])
    sent = chat.requests[-1][2]["messages"]
    assert sent[1] == {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at":"x"}'}}]} or \
        json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"at": "x"}
    assert sent[2] == {"role": "tool", "tool_call_id": "call_1", "content": "seen"}


def test_the_openai_client_reads_responses(serving, chat):
    with codex(serving).responses.stream(model="gpt-5.6", input="hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert (final.output_text, final.model) == ("hello", "gpt-5.6")
    assert (final.usage.input_tokens, final.usage.input_tokens_details.cached_tokens) == (9, 4)
    assert codex(serving).responses.create(model="gpt-5.6", input="hi").output_text == "hello"
    chat.events = LOOK
    patch = {"type": "custom", "name": "look", "description": "looks"}
    with codex(serving).responses.stream(model="gpt-5.6", input="hi", tools=[patch]) as stream:
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "custom_tool_call"]
    assert final.output[1].input == "x"


def test_the_log_and_the_explanation_say_converted(serving):
    post(serving, ASK, **{"X-Request-ID": "mine"})
    line = lines(serving, 1)[0]
    attempt = line["attempts"][0]
    assert attempt["converted"] is True and attempt["model_sent"] == "vendor-model"
    assert line["usage"] == {"input": 9, "output": 2}
    told = eventually(lambda: next((t for t in [subprocess.run(
        [PODIUM, "explain", "mine", "--config", str(serving.config)], capture_output=True, text=True, timeout=30, check=False,
        env=serving.environment)] if t.returncode == 0), None)).stdout
    assert "converted" in told, told


def test_what_cannot_be_carried_is_a_400_with_the_field(serving, chat):
    with pytest.raises(anthropic.BadRequestError, match="container: there is no container"):
        claude(serving).messages.create(**ASK, extra_body={"container": "c"})
    status, _, body = post(serving, {"model": "m", "input": "x", "background": True}, "/v1/responses")
    assert status == 400 and json.loads(body)["error"]["message"].startswith("background: ")
    status, _, body = post(serving, ["x"])
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
    assert chat.requests == []


def test_tokens_are_not_counted(serving, chat):
    with pytest.raises(anthropic.InternalServerError) as caught:
        claude(serving).messages.count_tokens(model="m", messages=ASK["messages"])
    assert caught.value.status_code == 501
    assert chat.requests == []


def test_refusals_have_the_clients_shape(serving, chat):
    chat.status = 400
    chat.error = {"error": {"message": "too many tokens", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    status, _, body = post(serving, ASK)
    error = json.loads(body)
    assert (status, error["type"], error["error"]["type"]) == (400, "error", "invalid_request_error")
    assert error["error"]["message"] == "prompt is too long: too many tokens"
    chat.status, chat.error = 429, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    with pytest.raises(anthropic.RateLimitError, match="slow down"):
        claude(serving).messages.create(**ASK)


def broken(serving, chat, tail, body, path="/v1/messages"):
    """What a client gets whose stream has begun before it breaks."""
    chat.events, chat.tail, chat.pause = HELLO[:3], tail, threading.Event()
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    connection.request("POST", path, json.dumps({**body, "stream": True}).encode())
    answer = connection.getresponse()
    assert answer.status == 200
    text = b""
    while b"lo" not in text.split(b"hel")[-1]:
        text += answer.read1()
    chat.pause.set()
    try:
        return text + answer.read()
    except http.client.IncompleteRead as error:
        return text + error.partial


def test_errors_within_a_stream_have_the_clients_shape(serving, chat):
    named = b'data: {"error":{"message":"too much","code":503}}\n\n'
    body = broken(serving, chat, named, ASK)
    assert body.count(b"event: error") == 1 and b'"type":"overloaded_error","message":"too much"' in body
    for tail in (b"data: <html>\n\n", b""):
        body = broken(serving, chat, tail, ASK)
        assert body.count(b"event: error") == 1 and b"message_stop" not in body
    body = broken(serving, chat, b"", {"model": "m", "input": "x"}, "/v1/responses")
    assert b"response.completed" not in body and b'"type":"error"' in body
    body = broken(serving, chat, named, {"model": "m", "input": "x"}, "/v1/responses")
    assert body.count(b'"type":"response.failed"') == 1 and b"server_error" in body


def test_native_endpoints_go_first_and_converting_ones_stand_in(podium, tmp_path, chat, native):
    serving = start(podium, tmp_path, chat, others=f"""\
  - name: native
    url_anthropic: {native.url}
    priority: 2
    auth_type: none
""")
    assert json.loads(post(serving, ASK)[2])["content"][0]["text"] == "native"
    assert chat.requests == []
    native.status = 500
    assert json.loads(post(serving, ASK)[2])["content"][0]["text"] == "hello"
    attempts = lines(serving, 2)[1]["attempts"]
    assert [(attempt["endpoint"], attempt.get("converted")) for attempt in attempts] == [("native", None), ("vendor", True)]
    # An error before any content makes the next one answer, whatever is converted.
    native.status = 200
    # What only converts cannot do goes to the native one all the same.
    assert json.loads(post(serving, {**ASK, "container": "c"})[2])["content"][0]["text"] == "native"


def test_what_an_operator_sets_goes_into_the_request(podium, tmp_path, chat):
    serving = start(podium, tmp_path, chat, more="""\
    max_tokens_field_name: max_completion_tokens
    unknown_fields: refuse
    parameter_overrides: { temperature: 0.2, top_p: "", user: me }
""")
    post(serving, {**ASK, "temperature": 1, "top_p": 0.5})
    body = chat.requests[-1][2]
    assert (body["max_completion_tokens"], body["temperature"], body["user"]) == (50, 0.2, "me")
    assert "top_p" not in body and "max_tokens" not in body
    status, _, answer = post(serving, {**ASK, "novel": 1})
    assert status == 400 and "novel: " in json.loads(answer)["error"]["message"]


def test_chat_completions_pass_as_they_are(serving, chat):
    body = {"model": "x", "messages": [{"role": "user", "content": "hi"}], "novel": [1]}
    status, _, answer = post(serving, body, "/v1/chat/completions")
    assert (status, json.loads(answer)["object"]) == (200, "chat.completion")
    assert chat.requests[-1][2] == {**body, "model": "vendor-model"}


def test_encoded_bodies_and_large_ones_are_read(serving, chat):
    import gzip
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    large = {**ASK, "messages": [{"role": "user", "content": "x" * 3_000_000}]}
    connection.request("POST", "/v1/messages", gzip.compress(json.dumps(large).encode()),
                       {"Content-Encoding": "gzip", "Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["content"][0]["text"] == "hello"
    assert len(chat.requests[-1][2]["messages"][0]["content"]) == 3_000_000
    assert "Content-Encoding" not in chat.requests[-1][1]
    connection.request("POST", "/v1/messages", iter([json.dumps(ASK).encode()]), {"Transfer-Encoding": "chunked"},
                       encode_chunked=True)
    assert connection.getresponse().status == 200


class RawServer:
    """Answers each request with the same bytes, and closes."""

    def __init__(self, answer):
        self.answer, self.requests = answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as reader:
                length = 0
                while (line := reader.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if not line:
                    continue
                reader.read(length)
                self.requests += 1
                peer.sendall(self.answer)

    def stop(self):
        self.socket.close()


def raw(media, body, length=True):
    size = f"Content-Length: {len(body)}\r\n" if length else "Connection: close\r\n"
    return f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n{size}\r\n".encode() + body


def event(value):
    return f"data: {json.dumps(value)}\n\n".encode()


CUT = [
    # A stream where none was asked for, which ends without its end.
    raw("text/event-stream", event(chunk({"content": "hel"}))),
    # A document that the end of the connection cuts off.
    raw("application/json", b'{"choices":[{"message":{"content":"abc', length=False),
    raw("application/json", b'{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}x'),
]


@pytest.mark.parametrize("answer", CUT)
def test_half_an_answer_is_another_endpoints_turn(podium, tmp_path, chat, answer):
    half = RawServer(answer)
    serving = start(podium, tmp_path, half, others=f"""\
  - name: second
    url: {chat.url}/v1
    auth_type: none
    priority: 2
    speaks: chat_completions
    convert: true
""")
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    # Twice on one connection: nothing of the half answer may stand before the next one.
    for _ in range(2):
        connection.request("POST", "/v1/messages", json.dumps(ASK).encode())
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["content"][0]["text"] == "hello"
    assert half.requests > 0
    half.stop()


@pytest.mark.parametrize("answer", CUT[:2])
def test_half_an_answer_of_the_only_endpoint_is_an_error(podium, tmp_path, answer):
    half = RawServer(answer)
    serving = start(podium, tmp_path, half)
    status, _, body = post(serving, ASK)
    assert status in (502, 503) and json.loads(body)["type"] == "error"
    half.stop()


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_that_is_named_first_is_judged_by_what_it_says(podium, tmp_path, stream):
    named = {"error": {"message": "too many tokens", "type": "invalid_request_error", "code": "context_length_exceeded"}}
    server = RawServer(raw("text/event-stream", event(named)))
    serving = start(podium, tmp_path, server)
    status, _, body = post(serving, {**ASK, "stream": stream})
    error = json.loads(body)
    assert (status, error["error"]["type"]) == (400, "invalid_request_error"), body
    assert "too many tokens" in error["error"]["message"]
    # It says nothing of the endpoint.
    assert server.requests == 1
    assert post(serving, {**ASK, "stream": stream})[0] == 400
    server.stop()

"""How fast an endpoint is: first byte, first content, whole answers and tokens per second, each apart."""

import http.client
import json
import socket
import threading
import time
import urllib.request

from conftest import eventually, free_port, run_podium

THINKING, WRITING = 0.4, 0.8
TOKENS = 81


def event(data):
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


class Thinker:
    """Sends its head at once, thinks, and writes then: a stream, or where none is asked for the whole."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as requests:
            length = 0
            while (line := requests.readline().strip()) or not length:
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = json.loads(requests.read(length))
            usage = {"input_tokens": 1, "output_tokens": TOKENS}
            message = {"type": "message", "model": "thinker-1", "content": [{"type": "text", "text": "a"}], "usage": usage}
            if not body.get("stream"):
                text = json.dumps(message).encode()
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(text))
                time.sleep(THINKING)
                client.sendall(text)
                return
            delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            client.sendall(event({"type": "message_start", "message": {"model": "thinker-1", "content": []}}))
            time.sleep(THINKING)
            client.sendall(event(delta))
            time.sleep(WRITING)
            client.sendall(event(delta))
            client.sendall(event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}))
            client.sendall(event({"type": "message_stop"}))


def ask(port, stream):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/v1/messages", json.dumps({"model": "thinker-1", "stream": stream}))
    assert connection.getresponse().read()
    connection.close()


def test_first_byte_first_content_and_speed_stand_apart(podium):
    thinker = Thinker()
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, access_log: access.json, admin_token: token-of-the-test }}
endpoints:
  - name: thinker
    url: http://127.0.0.1:{thinker.port}
""", port)
    ask(port, stream=True)
    ask(port, stream=False)
    log = process.config.parent / "access.json"
    eventually(lambda: log.exists() and log.read_text().count("\n") == 2, what="two lines")
    stream, whole = [json.loads(line) for line in log.read_text().splitlines()]
    # A machine under load may take longer, and never shorter.
    assert stream["first_byte_ms"] < THINKING * 1_000 <= stream["first_content_ms"] < stream["total_ms"]
    assert stream["attempts"][0]["first_content_ms"] >= THINKING * 1_000
    assert 0 < stream["tokens_per_second"] <= (TOKENS - 1) / WRITING * 1.05
    assert whole["first_content_ms"] >= THINKING * 1_000
    assert whole["tokens_per_second"] is None

    shown = json.loads(run_podium("endpoint", "show", "thinker", "--json", "--config", str(process.config)).stdout)
    traffic, explanation = shown["traffic"], shown["explanation"]
    assert traffic["first_content_p50_seconds"] >= THINKING * 15 / 16
    assert traffic["whole_answer_p50_seconds"] >= THINKING * 15 / 16
    assert 0 < traffic["tokens_per_second_p50"] <= (TOKENS - 1) / WRITING * 17 / 16 * 1.05
    assert explanation["response_time"]["kind"] == "stream" and explanation["response_time"]["samples"] == 1
    assert explanation["other_time"]["kind"] == "whole" and explanation["other_time"]["samples"] == 1
    text = run_podium("endpoint", "show", "thinker", "--config", str(process.config)).stdout
    for label in ["first byte", "first content", "whole answer", "speed"]:
        assert f"\n{label} " in text

    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/metrics", headers={"Authorization": "Bearer token-of-the-test"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        metrics = answer.read().decode()
    for sample in [
        'podium_first_token_seconds_count{endpoint="thinker"} 1', 'podium_whole_answer_seconds_count{endpoint="thinker"} 1',
        'podium_stream_speed_tokens_per_second_count{endpoint="thinker"} 1', "podium_request_first_content_seconds_count 2",
    ]:
        assert sample in metrics

"""A small real API server: Anthropic messages and OpenAI chat completions, plain and streaming.

Runs as a process of its own, so that a test can kill it. Answers carry the server's name, so that a test
sees who answered; every request is appended to the journal file as one JSON line.

usage: upstream.py NAME PORT JOURNAL [--status N [--times N] [--retry-after N]] [--flap SECONDS] [--delay SECONDS] [--words N]
                   [--break-after EVENTS]
"""

import argparse
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def anthropic_events(text):
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "test", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 0},
    }
    yield "message_start", {"type": "message_start", "message": message}
    yield "content_block_start", {
        "type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in text.split(" "):
        yield "content_block_delta", {
            "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word + " "}}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    yield "message_delta", {
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 3}}
    yield "message_stop", {"type": "message_stop"}


def openai_chunks(text):
    for word in text.split(" "):
        yield {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test",
            "choices": [{"index": 0, "delta": {"content": word + " "}, "finish_reason": None}]}
    yield {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options = None
    began = time.monotonic()

    def log_message(self, *_):
        pass

    def log_error(self, format, *arguments):
        print(self.options.name, format % arguments, file=sys.stderr, flush=True)

    def do_GET(self):
        self.note(b"")
        self.send_json(200, {"object": "list", "data": [], "served_by": self.options.name})

    def do_POST(self):
        body = self.read_body()
        self.note(body)
        if self.options.delay:
            time.sleep(self.options.delay)
        if self.options.status and self.options.times > 0:
            self.options.times -= 1
            self.send_json(self.options.status, {"error": {"type": "api_error", "message": "scripted"}})
            return
        if self.options.flap:
            # Every other period this server is slow or failing, so that the ranking has something to do.
            period = int((time.monotonic() - self.began) / self.options.flap)
            if period % 2:
                self.send_json(503, {"error": {"type": "overloaded_error", "message": "flapping"}})
                return
        request = json.loads(body or b"{}")
        text = f"hello from {self.options.name}" + " word" * self.options.words
        if self.path.startswith("/v1/messages"):
            self.answer_anthropic(request, text)
        elif self.path.startswith("/v1/chat/completions"):
            self.answer_openai(request, text)
        else:
            self.send_json(404, {"error": {"type": "not_found_error", "message": self.path}})

    def read_body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer_anthropic(self, request, text):
        if request.get("stream"):
            self.stream(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in anthropic_events(text))
            return
        self.send_json(200, {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "test",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 3}})

    def answer_openai(self, request, text):
        if request.get("stream"):
            lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in openai_chunks(text)]
            self.stream(lines + ["data: [DONE]\n\n"])
            return
        self.send_json(200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "test",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}})

    def stream(self, pieces):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, piece in enumerate(pieces):
            if number == self.options.break_after:
                self.close_connection = True
                return
            data = piece.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            time.sleep(self.options.chunk_delay)
        self.wfile.write(b"0\r\n\r\n")

    def send_json(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if status >= 400 and self.options.retry_after:
            self.send_header("retry-after", str(self.options.retry_after))
        self.end_headers()
        self.wfile.write(data)

    def note(self, body):
        line = json.dumps({
            "path": self.path, "method": self.command, "headers": {k.lower(): v for k, v in self.headers.items()},
            "body": body.decode(errors="replace")})
        with open(self.options.journal, "a", encoding="utf-8") as journal:
            journal.write(line + "\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """Clients that leave in the middle are part of the tests."""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("journal")
    parser.add_argument("--status", type=int, default=0)
    parser.add_argument("--times", type=int, default=1 << 60)
    parser.add_argument("--retry-after", type=int, default=0)
    parser.add_argument("--break-after", type=int, default=-1)
    parser.add_argument("--flap", type=float, default=0)
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--words", type=int, default=0)
    parser.add_argument("--chunk-delay", type=float, default=0)
    Handler.options = parser.parse_args()
    server = Server(("127.0.0.1", Handler.options.port), Handler)
    print("ready", flush=True)
    server.serve_forever()

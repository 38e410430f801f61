"""A set-up as a user has it: Claude Code, Codex and a Python service against three relays with different models, names and limits.

One relay after the other fails for a while, in changing ways, and the other two are well meanwhile; so every request has an endpoint that could
serve it. Afterwards: no relay got a model by another name than its own, or more at a time or in a minute than it allows, and no client saw an error.

PODIUM_MIXED_SECONDS (75) says for how long; with 3600 it is the hour that it stands for. PODIUM_MIXED_PAUSE (0) is what a client waits between two
turns, in seconds: with 0.5 the hour takes little of the machine, and requests still wait for each other's places.
"""

import asyncio
import collections
import gzip
import hashlib
import json
import os
import random
import struct
import threading
import time

import pytest

from conftest import eventually, free_port

SECONDS = float(os.environ.get("PODIUM_MIXED_SECONDS", "75"))
PAUSE = float(os.environ.get("PODIUM_MIXED_PAUSE", "0"))
SEED = int(os.environ.get("PODIUM_MIXED_SEED", "17"))
# Of each relay: what it calls models, how many requests at once, how many in a minute.
RELAYS = {
    "a": {"models": {"a/sonnet", "claude-haiku-4-5"}, "at_once": 3, "in_a_minute": 150},
    "b": {"models": {"b-claude", "gpt-5.6-b", "gpt-5-mini"}, "at_once": 5, "in_a_minute": None},
    "c": {"models": {"anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5", "gpt-5.6", "gpt-5-mini"}, "at_once": 6, "in_a_minute": None},
}
CONFIG = """\
server: {{ port: {port}, access_log: "{log}" }}
failover:
  repair: true
  queue: {{ length: 64, wait: 20s }}
endpoints:
  - name: a
    url_anthropic: {a}
    auth_type: api_key
    auth_value: key-a-000000
    models: ["claude-*"]
    model_map: {{ claude-sonnet-*: a/sonnet }}
    max_in_flight: 3
    limits: {{ requests_per_minute: 150 }}
  - name: b
    url: {b}
    auth_type: auth_token
    auth_value: key-b-000000
    models: ["claude-*", "gpt-*", "!gpt-4*"]
    model_map: {{ "claude-*": b-claude, gpt-5.6: gpt-5.6-b }}
    max_in_flight: 5
  - name: c
    url: {c}
    auth_type: auth_token
    auth_value: key-c-000000
    model_map: {{ "claude-*": "anthropic/claude-*" }}
    max_in_flight: 6
"""
FAULTS = ["500", "502", "503", "529", "429", "close", "reset", "close_in_head", "close_before_content", "error_in_stream"]
REFUSAL = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}}
JSON = "application/json"
STREAM = "text/event-stream"


# zstd (RFC 8878) in blocks that are not compressed: every decoder has to read them, and no library is needed to write them.

def zstd(data):
    frame = b"\x28\xb5\x2f\xfd\x00\x58"
    blocks = [data[place:place + 100_000] for place in range(0, len(data), 100_000)] or [b""]
    for number, block in enumerate(blocks):
        frame += struct.pack("<I", len(block) << 3 | (number == len(blocks) - 1))[:3] + block
    return frame


def unzstd(frame):
    assert frame[:6] == b"\x28\xb5\x2f\xfd\x00\x58"
    place, data, last = 6, b"", 0
    while not last:
        header = struct.unpack("<I", frame[place:place + 3] + b"\0")[0]
        last, size = header & 1, header >> 3
        data += frame[place + 3:place + 3 + size]
        place += 3 + size
    assert place == len(frame)
    return data


def checksum(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def unsigned(messages):
    """Without blocks of thinking, as the repair leaves them."""
    return [
        one if isinstance(one["content"], str) else {**one, "content": [block for block in one["content"] if block["type"] != "thinking"]}
        for one in messages]


async def read_message(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return head[0], headers, body


class Relay:
    """Serves its models by its own names, counts what runs, and fails when it is told to."""

    def __init__(self, name):
        self.name, self.models = name, RELAYS[name]["models"]
        self.random = random.Random(f"{SEED} {name}")
        self.port = free_port()
        self.share_of_faults = 0.0
        self.running, self.most = set(), 0
        self.began = []
        self.findings = []
        self.counts = collections.Counter()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, limit=1 << 20)

    async def serve(self, reader, writer):
        try:
            while True:
                line, headers, body = await read_message(reader)
                if not await self.answer(line.split(" "), headers, body, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:
            self.findings.append(f"{self.name}: {error!r}")
        writer.close()

    async def answer(self, line, headers, body, writer):
        if f"key-{self.name}-000000" not in headers.get("x-api-key", "") + headers.get("authorization", ""):
            self.findings.append(f"{self.name}: another endpoint's key")
        if line[0] == "GET":
            data = [{"id": model, "object": "model", "created": 1, "owned_by": self.name} for model in sorted(self.models)]
            return self.whole(writer, 200, {"object": "list", "data": data})
        self.running.add(writer)
        self.most = max(self.most, len(self.running))
        self.began.append(time.monotonic())
        try:
            return await self.reply(line[1].split("?")[0], headers, body, writer)
        finally:
            self.running.discard(writer)

    async def reply(self, path, headers, body, writer):
        coding = headers.get("content-encoding", "identity")
        self.counts[f"{path} {coding}"] += 1
        request = json.loads({"zstd": unzstd, "gzip": gzip.decompress, "identity": bytes}[coding](body))
        if request["model"] not in self.models:
            self.findings.append(f"{self.name}: asked for {request['model']}")
        messages = request.get("input") or request["messages"]
        if checksum(messages) not in request["check"]:
            self.findings.append(f"{self.name}: another body than was sent")
        await asyncio.sleep(self.random.uniform(0.002, 0.03))
        if self.random.random() < self.share_of_faults:
            return await self.fail(self.random.choice(FAULTS), request, writer)
        signatures = {block["signature"] for one in messages if isinstance(one.get("content"), list)
                      for block in one["content"] if block["type"] == "thinking"}
        if signatures - {self.name}:
            self.counts["refused signature"] += 1
            return self.whole(writer, 400, REFUSAL)
        if request.get("stream"):
            self.send(writer, 200, self.stream(path, request["model"]), STREAM)
        else:
            self.whole(writer, 200, self.message(path, request["model"]))
        await writer.drain()
        return True

    async def fail(self, fault, request, writer):
        self.counts[f"fault {fault}"] += 1
        self.running.discard(writer)
        if fault.isdigit():
            wait = {"429": "retry-after: 1\r\n", "503": "retry-after: 1\r\n"}.get(fault, "")
            return self.whole(writer, int(fault), {"error": {"type": "api_error", "message": "scripted"}}, wait)
        if fault == "close_in_head":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-ty")
        elif fault in ("close_before_content", "error_in_stream") and request.get("stream"):
            self.send(writer, 200, b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"scripted"}}\n\n'
                      if fault == "error_in_stream" else b": hello\n\n", STREAM)
        await writer.drain()
        if fault == "reset":
            writer.transport.abort()
        return False

    def send(self, writer, status, body, media, fields=""):
        # Before the last byte: once that has gone, the next request may come.
        self.running.discard(writer)
        writer.write(f"HTTP/1.1 {status} Whatever\r\ncontent-type: {media}\r\ncontent-length: {len(body)}\r\n{fields}\r\n".encode() + body)

    def whole(self, writer, status, body, fields=""):
        self.send(writer, status, json.dumps(body).encode(), JSON, fields)
        return True

    def message(self, path, model):
        if path.endswith("count_tokens"):
            return {"input_tokens": 7}
        return {"id": "c", "object": "chat.completion", "model": model, "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
                "choices": [{"index": 0, "message": {"role": "assistant", "content": self.name}, "finish_reason": "stop"}]}

    def stream(self, path, model):
        if path.endswith("/responses"):
            response = {"id": "resp", "object": "response", "model": model, "output": []}
            usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
            events = [
                {"type": "response.created", "response": response}, {"type": "response.output_text.delta", "delta": self.name},
                {"type": "response.completed", "response": {**response, "usage": usage}}]
        else:
            events = [
                {"type": "message_start", "message": {"id": "m", "type": "message", "model": model, "usage": {"input_tokens": 3}}},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": self.name}},
                {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": self.name}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}, {"type": "message_stop"}]
        return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()


class Client:
    """One conversation after another, each request a turn of it."""

    def __init__(self, port, number, ends):
        self.port, self.number, self.ends = port, number, ends
        self.random = random.Random(f"{SEED} {number}")
        self.errors, self.counts, self.served = [], collections.Counter(), collections.Counter()
        self.conversation = 0
        self.begin()

    def begin(self):
        self.conversation += 1
        self.messages = []

    async def run(self):
        reader = writer = None
        while time.monotonic() < self.ends:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            if len(self.messages) > 12:
                self.begin()
            try:
                closes = await asyncio.wait_for(self.turn(reader, writer), 60)
            except Exception as error:
                self.errors.append(f"{type(self).__name__} {self.number}: {error!r}")
                closes = True
            self.counts[type(self).__name__] += 1
            if closes:
                writer.close()
                writer = None
            if PAUSE:
                await asyncio.sleep(self.random.uniform(0, 2 * PAUSE))
        if writer is not None:
            writer.close()

    async def ask(self, reader, writer, path, body, headers):
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST {path} HTTP/1.1\r\nhost: here\r\ncontent-type: {JSON}\r\n{fields}content-length: {len(body)}\r\n\r\n".encode() + body)
        line, headers, body = await read_message(reader)
        assert line.split(" ")[1] == "200", f"{line} {body[:300]}"
        return headers, body

    def events(self, body):
        return [json.loads(block.split("data: ", 1)[1]) for block in body.decode().split("\n\n") if "data: " in block]

    def text(self):
        return f"{self.number} " + "wörd \"quoted\" " * self.random.choice([1, 30, 400, 2_000])

    def expect(self, found, wanted):
        assert found == wanted, f"the answer names {found}, asked was {wanted}"


class ClaudeCode(Client):
    async def turn(self, reader, writer):
        model = self.random.choice(["claude-sonnet-4-5", "claude-haiku-4-5"])
        self.messages.append({"role": "user", "content": self.text()})
        body = {"model": model, "max_tokens": 100, "stream": True, "messages": self.messages,
                "metadata": {"user_id": f"user_{self.number}_session_{self.conversation}"},
                # The second one is for a relay that cannot read the signatures of another.
                "check": [checksum(self.messages), checksum(unsigned(self.messages))]}
        headers = {"anthropic-version": "2023-06-01", "accept": STREAM, "x-claude-code-session-id": f"{self.number}-{self.conversation}"}
        headers, got = await self.ask(reader, writer, "/v1/messages?beta=true", json.dumps(body).encode(), headers)
        events = self.events(got)
        assert events[-1]["type"] == "message_stop", got[-300:]
        self.expect(events[0]["message"]["model"], model)
        relay = next(one["delta"]["signature"] for one in events if one.get("delta", {}).get("type") == "signature_delta")
        self.served[relay] += 1
        self.messages.append({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": relay}, {"type": "text", "text": relay}]})
        return headers.get("connection") == "close"


class Codex(Client):
    async def turn(self, reader, writer):
        model = "gpt-5.6"
        self.messages.append({"type": "message", "role": "user", "content": self.text()})
        body = json.dumps({"input": self.messages, "stream": True, "store": False, "check": [checksum(self.messages)], "model": model}).encode()
        headers = {"content-encoding": "zstd", "accept": STREAM, "session_id": f"codex-{self.number}-{self.conversation}"}
        headers, got = await self.ask(reader, writer, "/v1/responses", zstd(body), headers)
        events = self.events(got)
        assert events[-1]["type"] == "response.completed", got[-300:]
        self.expect({one["response"]["model"] for one in events if "response" in one}, {model})
        relay = next(one["delta"] for one in events if one["type"] == "response.output_text.delta")
        self.served[relay] += 1
        self.messages.append({"type": "message", "role": "assistant", "content": relay})
        return headers.get("connection") == "close"


class Service(Client):
    async def turn(self, reader, writer):
        if self.random.random() < 0.02:
            return await self.list_models(reader, writer)
        model = self.random.choice(["gpt-5-mini", "gpt-5.6"])
        self.messages.append({"role": "user", "content": self.text()})
        body = json.dumps({"messages": self.messages, "model": model, "check": [checksum(self.messages)]}).encode()
        packed = self.random.random() < 0.3
        headers, got = await self.ask(
            reader, writer, "/v1/chat/completions", gzip.compress(body, 1) if packed else body, {"content-encoding": "gzip"} if packed else {})
        answer = json.loads(got)
        self.expect(answer["model"], model)
        relay = answer["choices"][0]["message"]["content"]
        self.served[relay] += 1
        self.messages.append({"role": "assistant", "content": relay})
        return headers.get("connection") == "close"

    async def list_models(self, reader, writer):
        writer.write(b"GET /v1/models HTTP/1.1\r\nhost: here\r\n\r\n")
        line, headers, got = await read_message(reader)
        assert " 200 " in line, line
        models = {one["id"] for one in json.loads(got)["data"]}
        wrong = {model for model in models if model.startswith(("a/", "b-"))}
        # The relays' own names cannot be asked for, but for those of the third, which takes every name.
        assert not wrong, models
        self.counts["lists"] += 1
        return headers.get("connection") == "close"


async def fail_in_turn(relays, ends):
    """One relay after the other; a pause between lets those that were out come back."""
    relays = list(relays.values())
    number = 0
    while time.monotonic() < ends:
        relay = relays[number % len(relays)]
        for share, seconds in ((0.5, 6), (0.0, 4)):
            relay.share_of_faults = share
            await asyncio.sleep(min(seconds, max(0.0, ends - time.monotonic())))
        number += 1


async def traffic(relays, port, seconds):
    ends = time.monotonic() + seconds
    kinds = [ClaudeCode] * 4 + [Codex] * 4 + [Service] * 4
    clients = [kind(port, number, ends) for number, kind in enumerate(kinds)]
    await asyncio.gather(fail_in_turn(relays, ends), *(client.run() for client in clients))
    return clients


@pytest.fixture
def relays():
    """On an event loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = {name: Relay(name) for name in RELAYS}
    for relay in started.values():
        asyncio.run_coroutine_threadsafe(relay.start(), loop).result(10)
    yield started
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def most_within(times, seconds):
    times, most, first = sorted(times), 0, 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_nobody_gets_a_wrong_model_a_relay_too_much_or_a_client_an_error(podium, tmp_path, relays):
    port, log = free_port(), tmp_path / "access.json"
    urls = {name: f"http://127.0.0.1:{relay.port}" for name, relay in relays.items()}
    process = podium(CONFIG.format(port=port, log=log, **urls), port, {"XDG_STATE_HOME": str(tmp_path)})
    clients = asyncio.run(traffic(relays, port, SECONDS))
    process.stop()
    eventually(lambda: process.process.poll() is not None)

    served, counts = collections.Counter(), collections.Counter()
    for client in clients:
        served += client.served
        counts += client.counts
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    summary = {
        "clients": dict(counts), "served": dict(served), "attempts": sum(len(line["attempts"]) for line in lines),
        "repaired": sum("repaired" in line for line in lines), "relays": {name: dict(relay.counts) for name, relay in relays.items()},
        "at once": {name: relay.most for name, relay in relays.items()},
        "in a minute": {name: most_within(relay.began, 60) for name, relay in relays.items()}}
    print(json.dumps(summary, indent=1))

    findings = [finding for relay in relays.values() for finding in relay.findings]
    assert not findings, findings[:10]
    errors = [error for client in clients for error in client.errors]
    assert not errors, f"{len(errors)} errors: {errors[:10]}"
    for name, relay in relays.items():
        assert relay.most <= RELAYS[name]["at_once"], f"{name}: {relay.most} at once"
        if limit := RELAYS[name]["in_a_minute"]:
            # They begin at Podium: on the way here a few hundredths of a second may be lost between two of them.
            assert most_within(relay.began, 59.5) <= limit
    # What the test is about has happened.
    assert all(served[name] > 20 for name in RELAYS), served
    assert summary["repaired"] > 0 and summary["attempts"] > len(lines)
    assert all(any("zstd" in key or "gzip" in key for key in relay.counts) for name, relay in relays.items() if name == "c")

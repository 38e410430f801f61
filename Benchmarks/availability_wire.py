"""The endpoints that play a script, and the clients that ask: HTTP/1.1 over loopback, on one event loop."""

import asyncio
import collections
import json
import re
import socket
import time

from availability_scenes import NAMES, RATE
from availability_score import Answer, Outcome, judge

IDENTITY = re.compile(rb"request-(\d{6})")
# What a client waits for an answer. No scene needs a tenth of it.
PATIENCE = 60
TOKENS = 6


class Upstream:
    """One endpoint of one proxy. It keeps its port from the beginning, listening or not, so that no other program can get it."""

    def __init__(self, place):
        self.place = place
        self.holder = bound(0)
        self.port = self.holder.getsockname()[1]
        self.socket = None
        self.idle, self.tasks = set(), set()
        self.open(None, 0)

    def open(self, scene, began):
        self.scene, self.began = scene, began
        self.attempts, self.faults = collections.Counter(), 0

    @property
    def now(self):
        return time.monotonic() - self.began

    def listen(self):
        if not self.socket:
            self.socket = bound(self.port)
            self.socket.listen(512)
            asyncio.get_running_loop().add_reader(self.socket, self.accept)

    def stop_listening(self):
        """As a process that ends well: what it has begun it finishes."""
        if self.socket:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.close()
            self.socket = None
        for writer in list(self.idle):
            writer.transport.abort()

    def accept(self):
        try:
            connection, _ = self.socket.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.ensure_future(self.serve(connection))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def play(self):
        """Listens or not, as the script has it."""
        endpoint = self.scene.endpoints[self.place]
        for begin in endpoint.changes:
            await asyncio.sleep(max(0, begin - self.now))
            rule = endpoint.rule(begin)
            if getattr(rule, "kind", None) == "down":
                self.stop_listening()
            else:
                self.listen()

    async def serve(self, connection):
        reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 20)
        try:
            while await self.exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.idle.discard(writer)
            writer.close()

    async def exchange(self, reader, writer):
        self.idle.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        self.idle.discard(writer)
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if fields.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        patience = self.scene.endpoints[self.place].impatience if self.scene else None
        try:
            await asyncio.wait_for(read_body(reader, fields, body), patience)
        except TimeoutError:
            self.note(body)
            self.faults += 1
            writer.write(message(408, b'{"error":{"type":"timeout","message":"Request timeout"}}', [("Connection", "close")]))
            await writer.drain()
            return False
        number = self.note(body)
        if number is None:
            writer.write(message(200, b'{"data":[]}'))
            return True
        ask = self.scene.asks[number]
        reaction = self.scene.endpoints[self.place].reaction(ask, self.now)
        self.faults += reaction.kind != "good"
        if reaction.kind == "down":
            # Accepted before it stopped, sent only now.
            return False
        await asyncio.sleep(reaction.seconds)
        if reaction.kind == "status":
            writer.write(message(reaction.status, reaction.text.encode(), [("Content-Type", reaction.media), *reaction.headers]))
        elif ask.stream:
            await self.stream(writer, ask, reaction.kind)
        else:
            self.whole(writer, ask, reaction.kind)
        await writer.drain()
        keeps = "close" not in fields.get("connection", "").lower()
        return keeps and reaction.kind != "broken" and self.socket is not None

    def note(self, body):
        """Counts the attempt of the request that the body names."""
        found = IDENTITY.search(body)
        if not found or not self.scene:
            return None
        number = int(found[1])
        self.attempts[number] += 1
        return number

    def whole(self, writer, ask, kind):
        words = "" if kind == "empty" else "".join(self.words(ask))
        if kind == "error":
            value = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        elif ask.api == "messages":
            value = {"id": "msg_1", "type": "message", "role": "assistant", "model": f"model-{ask.model}", "stop_reason": "end_turn",
                     "stop_sequence": None, "content": [{"type": "text", "text": words}] if words else [],
                     "usage": {"input_tokens": 9, "output_tokens": TOKENS if words else 0}}
        else:
            value = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": f"model-{ask.model}",
                     "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": words}}],
                     "usage": {"prompt_tokens": 9, "completion_tokens": TOKENS, "total_tokens": 9 + TOKENS}}
        answer = message(200, json.dumps(value).encode())
        writer.write(answer[:-40] if kind == "broken" else answer)

    def words(self, ask):
        return ["I am ", "the answer ", f"to {ask.identity} ", f"from {NAMES[self.place]}", ". ", "Goodbye."]

    async def stream(self, writer, ask, kind):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n")
        begin, pieces, end = (messages_events if ask.api == "messages" else chat_events)(ask, self.words(ask))
        for event in begin:
            writer.write(chunk(event))
        if kind == "good":
            for event in pieces:
                writer.write(chunk(event))
                await asyncio.sleep(0.002)
        if kind == "error":
            await asyncio.sleep(0.002)
            error = {"type": "overloaded_error", "message": "Overloaded"}
            if ask.api == "messages":
                writer.write(chunk(f'event: error\ndata: {json.dumps({"type": "error", "error": error})}\n\n'))
            else:
                writer.write(chunk(f'data: {json.dumps({"error": error})}\n\n') + chunk("data: [DONE]\n\n"))
        elif kind != "broken":
            for event in end:
                writer.write(chunk(event))
        if kind != "broken":
            writer.write(b"0\r\n\r\n")

    def close(self):
        self.holder.close()


def bound(port):
    """Two sockets have the port: one that holds it all the time, and one that listens now and then."""
    made = socket.socket()
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    made.bind(("127.0.0.1", port))
    made.setblocking(False)
    return made


def message(status, body, fields=()):
    names = {name.lower() for name, _ in fields}
    lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not so'}", *(f"{name}: {value}" for name, value in fields),
             *([] if "content-type" in names else ["Content-Type: application/json"]), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunk(text):
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def messages_events(ask, words):
    def event(kind, **value):
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **value})}\n\n"
    begin = [event("message_start", message={"id": "msg_1", "type": "message", "role": "assistant", "model": f"model-{ask.model}",
                                             "content": [], "stop_reason": None, "stop_sequence": None,
                                             "usage": {"input_tokens": 9, "output_tokens": 0}})]
    pieces = [event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
              *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in words),
              event("content_block_stop", index=0)]
    end = [event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": TOKENS}),
           event("message_stop")]
    return begin, pieces, end


def chat_events(ask, words):
    def event(delta, reason=None):
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": f"model-{ask.model}",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        return f"data: {json.dumps(value)}\n\n"
    return [event({"role": "assistant", "content": ""})], [event({"content": word}) for word in words], [event({}, "stop"), "data: [DONE]\n\n"]


async def read_body(reader, fields, body):
    """Appends to BODY what comes, so that the beginning is known where the rest never comes."""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return
    left = int(fields.get("content-length") or 0)
    while left:
        piece = await reader.read(left)
        if not piece:
            raise ConnectionResetError
        body += piece
        left -= len(piece)


async def ask_once(port, ask, began, model=None):
    """Sends one request on a connection of its own and reads until it is closed."""
    begin = time.monotonic() - began
    received = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            sender = asyncio.ensure_future(send(writer, ask, model))
            try:
                while piece := await reader.read(65536):
                    received += piece
            finally:
                # A server may answer before it has everything.
                sender.cancel()
                writer.close()
        answer = judge(ask, bytes(received))
    except TimeoutError:
        answer = Answer(0, f"nothing within {PATIENCE} s")
    except OSError:
        # Refused or reset. What had come before a reset may still be a whole answer.
        answer = judge(ask, bytes(received))
    return Outcome(ask, answer, begin, time.monotonic() - began)


async def send(writer, ask, model):
    body = ask.body(model)
    version = "anthropic-version: 2023-06-01\r\n" if ask.api == "messages" else ""
    head = (f"POST {ask.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-ID: {ask.identity}\r\nAuthorization: Bearer key\r\nx-api-key: key\r\n{version}Connection: close\r\n\r\n")
    pieces = max(1, round(ask.upload * 10))
    size = -(-len(body) // pieces)
    try:
        for number in range(pieces):
            writer.write((head.encode() if number == 0 else b"") + body[number * size:(number + 1) * size])
            await writer.drain()
            if ask.upload and number + 1 < pieces:
                await asyncio.sleep(ask.upload / (pieces - 1))
    except OSError:
        # What the server said before it closed is read all the same.
        pass


async def load(port, scene, began, model=None):
    """The scene's requests at their times. Returns what came of each that was sent."""
    running = []
    for ask in scene.asks:
        await asyncio.sleep(max(0, began + ask.number / RATE - time.monotonic()))
        running.append(asyncio.ensure_future(ask_once(port, ask, began, model and model(ask))))
    return await asyncio.gather(*running)


"""Clients of every temper, each of whose requests ends in a record of what its client saw."""

import asyncio
import contextlib
import dataclasses
import json
import random
import socket
import struct
import zlib

from faulty_endpoint import LAST_EVENT, event, pattern

TOKEN = "soak-token"
PATIENCE = 30
FAULTS = [
    "close", "reset", "close_in_head", "reset_in_head", "garbage", "close_behind_head", "reset_behind_head", "unread", "429", "500",
    "502", "503", "504", "408", "529"]
EVENT_FAULTS = ["close_before_event", "reset_before_event"]
MEBIBYTE = 1 << 20


@dataclasses.dataclass(slots=True)
class Seen:
    """What a client saw of one request. `whole`: all of an answer; `cut`: its beginning; `left`: the client did not wait."""

    kind: str
    ending: str
    status: int | None = None
    body: int = 0
    # It went away in a way that may have taken the request along: the proxy need not have read it.
    unread: bool = False


class Wrong(Exception):
    """An answer that is nobody's, or not what was asked for."""


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port, small=False):
        plug = socket.socket()
        if small:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
        # What is read ahead of the one who reads slowly would not be slow.
        return cls(*await asyncio.open_connection(sock=plug, limit=8192 if small else 1 << 17))

    def vanish(self):
        """RST: also what was sent last may never be read."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, data):
        self.writer.write(data)
        with contextlib.suppress(OSError):
            # An answer may be there all the same.
            await self.writer.drain()


def head(identity, *fields, path="/v1/messages", version="1.1", length=2, token=TOKEN):
    lines = [f"POST {path} HTTP/{version}", "Host: soak", f"X-Request-ID: {identity}", f"X-API-Key: {token}", *fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_head(reader):
    while True:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status >= 200:
            return status, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}


async def read_pieces(reader, headers, status):
    """The body as it comes; ends by an exception where it is cut short."""
    if status in (204, 304):
        return
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            yield (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return
    if "content-length" not in headers:
        while piece := await reader.read(65536):
            yield piece
        return
    left = int(headers["content-length"])
    while left:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


async def read_answer(connection, kind, identity, sent=(2, zlib.crc32(b"{}")), expected=None, pause=0.0):
    """Reads one answer, holds it against what the endpoint must have said, and returns what was seen."""
    status, body = None, bytearray()
    headers = {}
    try:
        status, headers = await read_head(connection.reader)
        if headers.get("x-request-id") != identity:
            raise Wrong(f"{identity}: the answer is {headers.get('x-request-id')}'s")
        async for piece in read_pieces(connection.reader, headers, status):
            body += piece
            if pause:
                await asyncio.sleep(pause)
        ending = "whole"
    except (asyncio.IncompleteReadError, ConnectionError):
        ending = "cut"
    if status in (200, 204, 404) and "x-body" in headers:
        if headers["x-body"] != f"{sent[0]} {sent[1]}":
            raise Wrong(f"{identity}: the endpoint got a body of {headers['x-body']}, sent were {sent}")
        if expected is not None and not expected.startswith(bytes(body)):
            # An event stream that breaks off says so in the API's own words.
            words, _, error = bytes(body).partition(b"\nevent: error\ndata: ")
            if ending != "cut" or not expected.startswith(words) or json.loads(error)["type"] != "error":
                raise Wrong(f"{identity}: not its answer: {bytes(body[:200])} … {bytes(body[-300:])}")
        if ending == "whole" and expected is not None and len(body) != len(expected):
            raise Wrong(f"{identity}: {len(body)} of {len(expected)} bytes passed off as the whole")
    return Seen(kind, ending, status, len(body)), headers.get("connection") == "close"


def of_size(size):
    return lambda identity: pattern(identity, size)


def of_events(count):
    return lambda identity: b"".join(event(identity, number) for number in range(count)) + LAST_EVENT


class Clients:
    """Runs them until told to stop; `seen` is the book of what they saw."""

    def __init__(self, port, seed):
        self.port = port
        self.random = random.Random(seed)
        self.seen = {}
        self.wrong = []
        self.garbage = 0
        self.ends = asyncio.Event()
        self.number = 0

    def identity(self):
        self.number += 1
        return f"soak-{self.number}"

    def note(self, identity, seen):
        self.seen[identity] = seen

    # Seldom enough that the breakers, which open at three failures in a row, leave the faulty endpoints in use.
    def fault(self, chance=0.03, kinds=FAULTS):
        return [f"X-Fault: {self.random.choice(kinds)}"] if self.random.random() < chance else []

    async def run(self, workers):
        """`workers`: how many of each temper."""
        tasks = [self.work(getattr(self, name)) for name, count in workers.items() for _ in range(count)]
        await asyncio.gather(*tasks)

    async def work(self, temper):
        while not self.ends.is_set():
            try:
                await asyncio.wait_for(temper(), PATIENCE)
            except (Wrong, TimeoutError, OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
                self.wrong.append(f"{temper.__name__}: {error!r}")
                await asyncio.sleep(0.5)

    def pause(self, most):
        return asyncio.sleep(self.random.uniform(0, most))

    async def one(self, kind, *fields, expected, connection=None, version="1.1"):
        """A request on a connection of its own, or on the given one. `expected`: the body, made of the request's id."""
        identity = self.identity()
        own = connection is None
        connection = connection or await Connection.open(self.port)
        await connection.send(head(identity, *fields, version=version) + b"{}")
        seen, closes = await read_answer(connection, kind, identity, expected=expected(identity))
        self.note(identity, seen)
        if own or closes or seen.ending == "cut":
            await connection.close()
            return None
        return connection

    # Tempers

    async def plain(self):
        """Small requests on a kept connection, with every fault that the next endpoint makes good."""
        connection = None
        for _ in range(self.random.randrange(1, 60)):
            shape = self.random.choice(["plain"] * 6 + ["chunked", "dripped", "missing", "interim", "empty", "closing", "until_close", "too_much"])
            size = {"dripped": 200, "empty": 0, "too_much": 300}.get(shape, self.random.choice([1, 1, 300, 300, 4000, 20_000]))
            connection = connection or await Connection.open(self.port)
            connection = await self.one(
                "plain", f"X-Shape: {shape}", f"X-Size: {size}", *self.fault(), connection=connection, expected=of_size(size))
            if self.ends.is_set():
                break
            await self.pause(0.1)
        if connection:
            await connection.close()

    async def old(self):
        """HTTP/1.0: the end of the connection is the end of the answer."""
        await self.one("old", "X-Shape: chunked", "X-Size: 3000", *self.fault(), version="1.0", expected=of_size(3000))
        await self.pause(0.3)

    async def download(self):
        shape = self.random.choice(["plain", "chunked"])
        await self.one("download", f"X-Shape: {shape}", f"X-Size: {MEBIBYTE}", *self.fault(), expected=of_size(MEBIBYTE))
        await self.pause(0.5)

    async def upload(self, size=MEBIBYTE, step=65536, wait=0.0, fault_chance=0.03):
        """Up to `replay_limit` it is made good like everything else; what goes beyond may end in the endpoint's failure."""
        identity, in_chunks = self.identity(), self.random.random() < 0.5
        body = pattern(identity, size)
        fields = ["Transfer-Encoding: chunked"] if in_chunks else []
        connection = await Connection.open(self.port)
        await connection.send(head(identity, *fields, *self.fault(fault_chance), length=None if in_chunks else size))
        answer = asyncio.ensure_future(
            read_answer(connection, "upload" if size <= MEBIBYTE else "long upload", identity, (size, zlib.crc32(body)), pattern(identity, 300)))
        for start in range(0, size, step):
            if answer.done():
                break
            piece = body[start:start + step]
            await connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if in_chunks else piece)
            await asyncio.sleep(wait)
        if in_chunks:
            await connection.send(b"0\r\n\r\n")
        seen, _ = await answer
        self.note(identity, seen)
        await connection.close()
        await self.pause(0.5)

    async def long_upload(self):
        await self.upload(size=2 * MEBIBYTE + 12345, fault_chance=0.1)

    async def slow_upload(self):
        await self.upload(size=4000, step=50, wait=0.02)

    async def stream(self, kind="stream", pause=20, events=20, cut=None):
        await self.one(
            kind, "X-Shape: events", f"X-Events: {events}", f"X-Pause: {pause}", *([f"X-Cut: {cut}"] if cut else []),
            *self.fault(kinds=FAULTS + EVENT_FAULTS), expected=of_events(events))
        await self.pause(0.3)

    async def broken(self):
        """Answers that break off after their beginning: where a sound endpoint is met they are whole."""
        cut = self.random.choice(["close", "reset"])
        if self.random.random() < 0.5:
            await self.stream("broken", cut=cut, pause=1)
        else:
            shape = self.random.choice(["plain", "chunked"])
            await self.one("broken", f"X-Shape: {shape}", "X-Size: 120000", f"X-Cut: {cut}", expected=of_size(120_000))
        await self.pause(1)

    async def patient(self):
        """Silence, which takes an endpoint's whole timeout to find out."""
        fields, expected = self.random.choice([
            (["X-Fault: hang"], of_size(300)), (["X-Shape: events", "X-Fault: hang_before_event"], of_events(10)),
            (["X-Shape: events", "X-Cut: hang"], of_events(10))])
        await self.one("patient", *fields, expected=expected)
        await self.pause(10)

    async def slow(self):
        """Reads a mebibyte through a small window."""
        identity = self.identity()
        connection = await Connection.open(self.port, small=True)
        await connection.send(head(identity, f"X-Size: {MEBIBYTE}") + b"{}")
        seen, _ = await read_answer(connection, "slow", identity, expected=pattern(identity, MEBIBYTE), pause=0.005)
        self.note(identity, seen)
        await connection.close()

    async def pipelined(self):
        connection = await Connection.open(self.port)
        identities = [self.identity() for _ in range(8)]
        await connection.send(b"".join(head(identity, *self.fault(0.04)) + b"{}" for identity in identities))
        for identity in identities:
            seen, _ = await read_answer(connection, "pipelined", identity, expected=pattern(identity, 300))
            self.note(identity, seen)
        await connection.close()
        await self.pause(1)

    async def half_closing(self):
        """FIN behind the request: the answer is still wanted."""
        identity = self.identity()
        connection = await Connection.open(self.port)
        await connection.send(head(identity, "X-Shape: dripped", *self.fault()) + b"{}")
        connection.writer.write_eof()
        seen, _ = await read_answer(connection, "half-closing", identity, expected=pattern(identity, 300))
        self.note(identity, seen)
        await connection.close()
        await self.pause(0.5)

    async def leaving(self):
        """Goes away: in the head, in the body, before the answer, in it; by FIN or by RST."""
        identity = self.identity()
        connection = await Connection.open(self.port, small=True)
        by_reset = self.random.random() < 0.5
        moment = self.random.choice(["head", "body", "answer", "stream", "download"])
        status = None
        if moment == "head":
            await connection.send(head(identity)[:40])
        elif moment == "body":
            await connection.send(head(identity, length=1000) + b"x" * 300)
        elif moment == "answer":
            await connection.send(head(identity, "X-Shape: dripped", "X-Size: 2000") + b"{}")
        else:
            fields = ["X-Shape: events", "X-Events: 200", "X-Pause: 10"] if moment == "stream" else [f"X-Size: {MEBIBYTE}"]
            await connection.send(head(identity, *fields) + b"{}")
            status, _ = await read_head(connection.reader)
            await connection.reader.readexactly(200)
        await self.pause(0.05)
        if by_reset:
            connection.vanish()
        else:
            await connection.close()
        # A head that never ended is no request; one whose sender is gone at once may never have been read.
        if moment != "head":
            self.note(identity, Seen(f"leaving in {moment}", "left", status, unread=by_reset and status is None))
        await self.pause(0.3)

    async def refused(self):
        """What is no request gets a 400 and an end, what has no token a 401."""
        connection = await Connection.open(self.port)
        if self.random.random() < 0.5:
            identity = self.identity()
            await connection.send(head(identity, token="wrong") + b"{}")
            seen, _ = await read_answer(connection, "without token", identity)
            self.note(identity, seen)
        else:
            self.garbage += 1
            await connection.send(head(self.identity(), "Bad : field"))
            status, _ = await read_head(connection.reader)
            if status != 400:
                raise Wrong(f"garbage was answered {status}")
        await connection.close()
        await self.pause(1)

    async def silent(self):
        """Connects and says nothing."""
        connection = await Connection.open(self.port)
        await self.pause(2)
        await connection.close()

"""API servers that do what each request's headers ask for, right or wrong; each port has a role.

    x-fault NAME   what goes wrong before the answer has begun (ports of role `faulty`; `faulty_tls` speaks TLS)
    x-cut NAME     how the answer breaks off (both faulty roles)
    x-shape NAME   what a good answer looks like; x-size BYTES of body, or x-events of an event stream each x-pause ms

`denied` answers 401, `steady` knows no faults. A body is the request's id, again and again, so that a client sees whose answer it got;
`x-body` says the length and checksum of what arrived. On its standard input a line asks for the journal, which comes as a line of JSON:
port, request, and the connections that brought it.

usage: faulty_endpoint.py CERTIFICATE KEY PORT=ROLE ...
"""

import asyncio
import collections
import itertools
import json
import socket
import ssl
import struct
import sys
import zlib

journal = collections.defaultdict(lambda: collections.defaultdict(list))
connections = itertools.count()


class Gone(Exception):
    """The connection is to end."""


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise Gone


def pattern(identity, size):
    line = (identity + "\n").encode()
    return (line * (size // len(line) + 1))[:size]


def event(identity, number):
    data = json.dumps({"type": "content_block_delta", "delta": {"type": "text_delta", "text": f"{identity} {number}"}})
    return f"event: content_block_delta\ndata: {data}\n\n".encode()


# A stream without it is one that broke off.
LAST_EVENT = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return headers


async def read_body(reader, headers):
    """The length and checksum of a body, however long."""
    length, checksum = 0, 0
    if headers.get("transfer-encoding") == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            piece = (await reader.readexactly(size + 2))[:-2]
            length, checksum = length + size, zlib.crc32(piece, checksum)
        await reader.readuntil(b"\r\n")
        return length, checksum
    left = int(headers.get("content-length", 0))
    while left:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise Gone
        length, checksum, left = length + len(piece), zlib.crc32(piece, checksum), left - len(piece)
    return length, checksum


STATUSES = {
    "429": "retry-after-ms: 100\r\n", "500": "", "502": "", "503": "retry-after: 1\r\n", "504": "", "408": "",
    "529": "retry-after: 1\r\n"}


async def fail(name, writer):
    if name in STATUSES:
        body = b'{"error":{"type":"api_error","message":"scripted"}}'
        writer.write(f"HTTP/1.1 {name} Scripted\r\n{STATUSES[name]}content-length: {len(body)}\r\n\r\n".encode() + body)
        return
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
    stream = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    said = {
        "close": b"", "reset": b"", "hang": b"", "close_in_head": head[:30], "reset_in_head": head[:30], "garbage": b"\x15\x03\x01 no\r\n\r\n",
        "close_behind_head": head, "reset_behind_head": head, "close_before_event": stream + chunk(b": hello\n\nevent: message_st"),
        "reset_before_event": stream, "hang_before_event": stream + chunk(b": hello\n\n")}[name]
    writer.write(said)
    await writer.drain()
    if name.startswith("hang"):
        await asyncio.sleep(30)
    if name.startswith("reset"):
        await asyncio.sleep(0.02)
        reset(writer)
    raise Gone


async def answer(headers, identity, cut, received, writer):
    shape, size = headers.get("x-shape", "plain"), int(headers.get("x-size", 300))
    pause, events = float(headers.get("x-pause", 0)) / 1000, int(headers.get("x-events", 10))
    common = f"x-body: {received[0]} {received[1]}\r\n"
    if shape == "empty":
        writer.write(f"HTTP/1.1 204 No Content\r\n{common}\r\n".encode())
        return
    if shape == "interim":
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    if shape == "events":
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n{common}\r\n".encode())
        for number in range(events):
            if cut and number == events // 2 + 1:
                await break_off(cut, writer)
            writer.write(chunk(event(identity, number)))
            await writer.drain()
            await asyncio.sleep(pause)
        writer.write(chunk(LAST_EVENT) + b"0\r\n\r\n")
        return
    body = pattern(identity, size)
    status = 404 if shape == "missing" else 200
    framing = {"chunked": "transfer-encoding: chunked", "until_close": "connection: close"}.get(shape, f"content-length: {size}")
    ending = "connection: close\r\n" if shape == "closing" else ""
    writer.write(f"HTTP/1.1 {status} OK\r\n{framing}\r\n{ending}{common}\r\n".encode())
    step = 7 if shape == "dripped" else 50_000
    for start in range(0, size, step):
        piece = body[start:start + step]
        if shape == "too_much" and start + step >= size:
            # In the same write: what comes later can always be taken for the next answer.
            piece += b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nunsaid"
        if cut and start + step >= size // 2:
            writer.write(piece[:5] if shape != "chunked" else chunk(piece[:5]))
            await break_off(cut, writer)
        writer.write(chunk(piece) if shape == "chunked" else piece)
        await writer.drain()
        if shape == "dripped":
            await asyncio.sleep(0.002)
    if shape == "chunked":
        writer.write(b"0\r\n\r\n")
    if shape in ("until_close", "closing"):
        raise Gone


async def break_off(cut, writer):
    await writer.drain()
    await asyncio.sleep(0.05)
    if cut == "hang":
        await asyncio.sleep(30)
    if cut == "reset":
        reset(writer)
    raise Gone


async def serve(role, port, reader, writer):
    number = next(connections)
    try:
        while True:
            headers = await read_request(reader)
            identity = headers.get("x-request-id", "")
            journal[port][identity].append(number)
            faulty = role.startswith("faulty")
            if faulty and headers.get("x-fault") == "unread":
                reset(writer)
            received = await read_body(reader, headers)
            if role == "denied":
                writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            elif faulty and (fault := headers.get("x-fault")):
                await fail(fault, writer)
            else:
                await answer(headers, identity, headers.get("x-cut") if faulty else None, received, writer)
            await writer.drain()
    except (Gone, OSError, EOFError, asyncio.LimitOverrunError):
        pass
    finally:
        try:
            writer.close()
            await writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass


async def main(certificate, key, *ports):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    for given in ports:
        port, _, role = given.partition("=")
        await asyncio.start_server(
            lambda reader, writer, role=role, port=port: serve(role, port, reader, writer), "127.0.0.1", int(port),
            ssl=tls if role.endswith("tls") else None, backlog=1024)
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(journal), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

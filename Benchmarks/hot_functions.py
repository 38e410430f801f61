#!/usr/bin/env python3
"""Which functions a proxied request runs, the dearest first: the list by which `make release` links them side by side.

A request runs some 400 functions of the 60,000 in the program. Where the compiler leaves them they lie on more than a
hundred pages of memory among code that never runs, and the processor waits for them. Linked together they fill a third
of the pages (docs/performance.md has what that saves).

The program runs under callgrind while a client sends plain and streamed requests over kept connections. The list is only
an order: a name that the program no longer has is passed over, a function that is not in the list stays where it was. A
test says when too many names are gone (Tests/EndToEnd/test_hot_functions.py); then this script is run again.

usage: hot_functions.py PODIUM [--output Benchmarks/hot-functions.txt] [--requests 1500] [--share 0.997]
"""

import argparse
import collections
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import peers

HERE = pathlib.Path(__file__).parent
EVENTS = 8
REQUEST = (b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nx-api-key: client\r\n"
           b"anthropic-version: 2023-06-01\r\nUser-Agent: anthropic-sdk\r\nAccept: application/json\r\n"
           b"Content-Length: 1400\r\n\r\n")


def read_message(connection, buffer):
    """The bytes of one message with a Content-Length or chunks, and what came behind it."""
    while b"\r\n\r\n" not in buffer:
        buffer += receive(connection)
    head, body = buffer.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        end = int(length[1])
        while len(body) < end:
            body += receive(connection)
        return head, body[:end], body[end:]
    while not body.endswith(b"0\r\n\r\n"):
        body += receive(connection)
    return head, body, b""


def receive(connection):
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError
    return data


class Upstream:
    """Answers 1 KiB of JSON, or events in chunks where the request's body begins with an `s`."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        rest = b""
        # What is no answer of a model would be taken for a failure.
        event = (b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
                 b'"delta":{"type":"text_delta","text":"word"}}\n\n')
        end = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        answer = b'{"type":"message","content":[{"type":"text","text":"%s"}],"stop_reason":"end_turn"}' % (b"w" * 940)
        try:
            while True:
                _, body, rest = read_message(connection, rest)
                if not body.startswith(b"s"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                                       b"request-id: req_1\r\n\r\n%s" % (len(answer), answer))
                    continue
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n")
                for piece in [event] * EVENTS + [end]:
                    connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                connection.sendall(b"0\r\n\r\n")
        except (ConnectionError, OSError):
            connection.close()


def load(port, requests):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        rest = b""
        for number in range(requests):
            connection.sendall(REQUEST + (b"s" if number % 5 == 4 else b"x") * 1_400)
            head, _, rest = read_message(connection, rest)
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise SystemExit(f"Podium answered {head.decode()}")


def self_costs(path, program):
    """Instructions by function of the program, without those of what it calls, from callgrind's own format."""
    costs, names, objects = collections.Counter(), {}, {}
    object_name = function = None
    skip = False
    # With a `c` in front it is what the function calls: named there perhaps for the first time.
    entry = re.compile(r"(c?)(fn|ob)=\((\d+)\)(?: (.*))?")
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := entry.fullmatch(line):
            table = names if match[2] == "fn" else objects
            name = table.setdefault(match[3], match[4])
            if match[1]:
                continue
            if match[2] == "fn":
                function = name
            else:
                object_name = name
        elif line.startswith("calls="):
            skip = True  # the line after it has what the called function took
        elif line[:1] in "+-*0123456789" and line:
            if not skip and object_name == str(program) and not function.startswith(("0x", "???")):
                costs[re.sub(r"'\d+$", "", function)] += int(line.split()[1])
            skip = False
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("podium", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "hot-functions.txt")
    parser.add_argument("--requests", type=int, default=1_500)
    parser.add_argument("--share", type=float, default=0.997, help="of the instructions that the listed functions have")
    options = parser.parse_args()
    peers.require("valgrind", "callgrind_control", "strip")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-hot-"))
    try:
        program = folder / "podium"
        # Valgrind does not read all of Swift's debugging information; the names of functions stay.
        subprocess.run(["strip", "-g", "-o", program, options.podium], check=True)
        port, config = peers.free_port(), folder / "config.yaml"
        config.write_text(f"server:\n  host: 127.0.0.1\n  port: {port}\nendpoints:\n  - name: one\n"
                          f"    url: http://127.0.0.1:{Upstream().port}\n    auth_type: api_key\n    auth_value: secret\n")
        with subprocess.Popen(["valgrind", "--tool=callgrind", "--instr-atstart=no", "--demangle=no",
                               f"--callgrind-out-file={folder}/calls", program, "run", "--headless", "--config", config],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as podium:
            try:
                peers.wait_for(port, 120)
                load(port, 200)
                for switch in ["on", "off"]:
                    subprocess.run(["callgrind_control", "-i", switch, str(podium.pid)], check=True,
                                   stdout=subprocess.DEVNULL)
                    if switch == "on":
                        load(port, options.requests)
            finally:
                podium.send_signal(signal.SIGTERM)
        costs = self_costs(folder / "calls", program)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    total, shown, listed = sum(costs.values()), 0, []
    for name, cost in costs.most_common():
        if shown >= options.share * total:
            break
        shown += cost
        listed.append(name)
    if not listed:
        raise SystemExit("callgrind counted nothing in the program")
    options.output.write_text("\n".join(listed) + "\n", encoding="utf-8")
    print(f"{len(listed)} of {len(costs)} functions; {total / options.requests:,.0f} instructions a request outside libraries")


if __name__ == "__main__":
    main()

"""What has happened, asked of a running Podium and of the files that it has left."""

import asyncio
import fcntl
import json
import os
import random
import sqlite3
import threading
import time

from conftest import eventually
from test_usage import ANSWER, SECRET, ask, json_server, send, served, total  # noqa: F401  json_server is a fixture


def requests(process, *arguments):
    return json.loads(ask(process, "history", "requests", "--json", "--last", 10_000, *arguments).stdout)["requests"]


def test_requests_are_known_while_it_runs_after_a_stop_and_after_kills(json_server, podium, tmp_path):  # noqa: F811
    process, state = served(podium, tmp_path, json_server)
    send(process, 5)
    known = requests(process)
    assert len(known) == 5 and all(row["endpoint"] == "only" and row["output"] == 7 for row in known)
    process.stop()
    assert requests(process) == known, "the same from the file"
    lines = ask(process, "history", "requests").stdout.splitlines()
    assert len(lines) == 5 and known[0]["id"] in lines[-1] and "cost 0.0001353" in lines[-1], lines
    files = ask(process, "history", "path").stdout.split()
    assert [name.rsplit(".", 2)[-2] for name in files] == ["history", "requests"], files
    assert ask(process, "history", "check").returncode == 0
    copies = tmp_path / "copies"
    copies.mkdir()
    assert ask(process, "history", "export", copies).returncode == 0
    for copy in copies.iterdir():
        assert copy.stat().st_mode & 0o777 == 0o600
        assert SECRET.encode() not in copy.read_bytes()

    events = ask(process, "history", "events").stdout
    assert "listening on http://" in events, events
    flush = json.loads(ask(process, "history", "flushes", "--json").stdout)["flushes"][0]
    assert flush["trigger"] == "shutdown" and ask(process, "history", "flushes").stdout.count("shutdown") == 1
    assert ask(process, "history", "events", "--since", "soon").returncode == 1

    # Killed again and again: what was known before is there, and no row is half.
    for _ in range(3):
        process.start()
        eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
        send(process, 3)
        process.kill()
        left = requests(process)
        assert left[-len(known):] == known and all(row["input"] == 100 for row in left)
        known = left
    assert ask(process, "history", "check").returncode == 0

    # A bit that flips in a row is found, and the row is left out.
    file, = state.glob("*.requests.db")
    with sqlite3.connect(file) as shell:
        shell.execute("update request set output=output+1 where id=(select max(id) from request)")
    assert len(requests(process)) == len(known) - 1
    checked = ask(process, "history", "check")
    assert checked.returncode == 1 and "1 rows whose checksum" in checked.stdout, checked.stdout


def test_a_file_that_is_deleted_cut_or_overwritten_while_it_runs_costs_no_request(
        json_server, podium, tmp_path):  # noqa: F811
    process, state = served(podium, tmp_path, json_server)
    dice = random.Random(1)
    sent = 0
    for harm in ("delete", "cut", "overwrite"):
        process.stop()
        process.start()
        eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
        file, = [*state.glob("*.requests.db"), None][:1]
        if file is not None:
            if harm == "delete":
                file.unlink()
            elif harm == "cut":
                with open(file, "r+b") as handle:
                    handle.truncate(5_000)
            else:
                with open(file, "r+b") as handle:
                    handle.seek(4_096)
                    handle.write(dice.randbytes(file.stat().st_size - 4_096))
        started = time.monotonic()
        send(process, 4)
        sent += 4
        assert time.monotonic() - started < 10
        assert all(row["output"] == 7 and row["status"] == 200 for row in requests(process))
    process.stop()
    assert all(row["output"] == 7 for row in requests(process))
    total = json.loads(ask(process, "usage", "--json", "--by", "").stdout)["total"]
    assert total["requests"] == sent, "sums do not depend on the log"


def test_how_endpoints_did_is_known_while_it_runs_and_after_a_stop(json_server, podium, tmp_path):  # noqa: F811
    process, _ = served(podium, tmp_path, json_server)
    send(process, 3)
    lines = ask(process, "history").stdout.splitlines()
    assert lines[0].split()[:3] == ["ENDPOINT", "REQS", "OK%"] and lines[0].split()[-2:] == ["UP%", "RANK"], lines
    only = next(line.split() for line in lines if line.startswith("only"))
    assert only[1:3] == ["3", "100.0"] and only[-2:] == ["100.0", "1"], only
    hours = ask(process, "history", "only", "--since", "3h").stdout
    assert hours.startswith("TIME") and "first in the order and up for" in hours, hours
    assert ask(process, "endpoint", "disable", "only").returncode == 0
    known = json.loads(ask(process, "history", "availability", "--json").stdout)
    assert [(one["before"], one["after"]) for one in known["changes"]] == [("up", "off")], known
    process.stop()
    left = json.loads(ask(process, "history", "availability", "--json").stdout)
    assert left["changes"] == known["changes"]
    assert left["rows"][0]["up_seconds"] == known["rows"][0]["up_seconds"] > 0
    assert "up → off" in ask(process, "history", "availability", "--by", "hour").stdout
    assert ask(process, "history", "availability", "--by", "week").returncode == 1
    assert ask(process, "history", "nobody").returncode == 0

    # 100 at 2, 3 at 0.2 and 7 at 10 dollars for a million, three times; nothing that is kept changes.
    before = json.loads(ask(process, "usage", "--json").stdout)
    (tmp_path / "prices.json").write_text(json.dumps({
        "format": "podium-prices/1", "date": "2026-11-30", "currency": "USD",
        "models": [{"model": "claude-haiku-4-5", "input": "2", "output": "10", "cache_read": "0.2"}]}))
    process.config.write_text(process.config.read_text() + f"usage: {{ prices: {tmp_path}/prices.json }}\n")
    again = json.loads(ask(process, "usage", "--json", "--reprice").stdout)
    assert again["total"]["cost"] == "0.0008118" and again["repricing"]["left"] == [], again
    assert json.loads(ask(process, "usage", "--json").stdout)["total"] == before["total"]
    assert "reckoned anew" in ask(process, "usage", "--reprice").stdout


def test_two_podiums_do_not_write_into_one_history(json_server, podium, tmp_path):  # noqa: F811
    process, state = served(podium, tmp_path, json_server)
    send(process)
    process.stop()
    path, = state.glob("*.history.lock")
    with open(path, "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process.start()
        eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
        send(process, 4)
        eventually(lambda: "another Podium writes it" in ask(process, "history", "events").stdout, 30, what=process.text)
        assert json.loads(ask(process, "usage", "--json").stdout)["total"]["requests"] == 5
    send(process, 2)
    process.stop()
    assert json.loads(ask(process, "usage", "--json").stdout)["total"]["requests"] == 7
    assert len(requests(process)) == 7


READER_SECONDS = float(os.environ.get("PODIUM_READER_SECONDS", "3"))
READER_RATE = float(os.environ.get("PODIUM_READER_RATE", "100"))


class Exchange:
    """A server and a client in one event loop, so that an hour of a hundred requests a second costs a few hundredths of a processor."""

    def __init__(self):
        self.times = []
        self.answer = json.dumps(ANSWER).encode()

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(self.answer), self.answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def ask(self, port, until):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"model":"claude-haiku-4-5","messages":[]}'
        request = b"POST /v1/messages HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        while time.monotonic() < until:
            begun = time.monotonic()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            assert await reader.readexactly(len(self.answer)) == self.answer
            self.times.append(time.monotonic() - begun)
            await asyncio.sleep(4 / READER_RATE)
        writer.close()

    def start(self):
        """The server, on a loop of its own."""
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self.serve, "127.0.0.1", 0), self.loop).result(10)
        return server.sockets[0].getsockname()[1]

    def run(self, port, seconds):
        async def all_of():
            await asyncio.gather(*(self.ask(port, time.monotonic() + seconds) for _ in range(4)))
        asyncio.run_coroutine_threadsafe(all_of(), self.loop).result(seconds + 60)


def test_a_reader_that_is_left_open_holds_up_no_request_and_costs_no_sum(podium, tmp_path):
    """PODIUM_READER_SECONDS (3) says for how long; 3600 is the hour, in which the journal grows as long as it may."""
    exchange = Exchange()
    process, state = served(podium, tmp_path, exchange.start())
    exchange.run(process.port, 0.3)
    process.stop()
    process.start()
    files = [*state.glob("*.history.db"), *state.glob("*.requests.db")]
    assert len(files) == 2
    readers = [sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None) for file in files]
    for reader in readers:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    exchange.run(process.port, READER_SECONDS)
    journals = {file.name.split(".")[-2]: os.path.getsize(f"{file}-wal") >> 20 for file in files}
    for reader in readers:
        reader.execute("ROLLBACK")
        reader.close()
    count = len(exchange.times)
    used = total(process)
    assert (used["requests"], used["input"], used["output"]) == (count, 100 * count, 7 * count)
    known = len(json.loads(ask(process, "history", "requests", "--json", "--last", 10**9).stdout)["requests"])
    process.stop()
    assert total(process) == used
    slowest = sorted(exchange.times)
    print(f"{count} requests, p50 {slowest[count // 2] * 1e3:.2f} ms, p99 {slowest[count * 99 // 100] * 1e3:.2f} ms, "
          f"slowest {slowest[-1] * 1e3:.1f} ms; journals {journals} MiB; {known} in the log")
    print(*(line for line in process.text.splitlines() if "journal" in line or "history" in line), sep="\n")
    assert slowest[count * 99 // 100] < 0.5

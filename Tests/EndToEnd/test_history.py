"""What has happened, asked of a running Podium and of the files that it has left."""

import fcntl
import json
import random
import sqlite3
import time

from conftest import eventually
from test_usage import SECRET, ask, json_server, send, served  # noqa: F401  json_server is a fixture


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

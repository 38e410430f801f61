"""Three Podiums that share a real PostgreSQL, each behind a relay that cuts, delays and swallows."""

import glob
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import pytest

from conftest import Podium, eventually, free_port, run_podium

BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
pytestmark = pytest.mark.skipif(not BINARIES, reason="no PostgreSQL here (Debian: postgresql)")
TOKEN = "an-administrator-of-the-test"
SECRET = "sk-a-literal-secret-of-one-host-0123456789"
BODY = json.dumps({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}).encode()


class Postgres:
    """A server of its own, on loopback, in a temporary folder. It refuses to run as root."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-postgres-"))
        self.port = free_port()
        self.user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "nobody", "nogroup")
        self.run("initdb", "-D", self.folder / "data", "-A", "trust", "-U", "podium", "--no-sync")
        self.start()

    def run(self, program, *arguments):
        result = subprocess.run(
            [f"{BINARIES[-1]}/{program}", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60,
            cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self.user)
        assert result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    def start(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "start", "-o",
                 f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off")

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-w", "-m", "immediate", "stop")

    def sql(self, text):
        return self.run("psql", "-h", "127.0.0.1", "-p", self.port, "-U", "podium", "-d", "postgres", "-Atqc", text)


class Relay:
    """Between a Podium and the store."""

    def __init__(self, target):
        self.target, self.port = target, free_port()
        self.mode, self.delay, self.open = "pass", 0, []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            if self.mode == "cut":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    def copy(self, source, sink):
        try:
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                while self.mode == "swallow":
                    time.sleep(0.05)
                sink.sendall(data)
        except OSError:
            pass
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.mode = "cut"
        for side in self.open:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def heal(self):
        self.mode, self.delay = "pass", 0


class Endpoint:
    """Answers, or refuses with 429 for five minutes while it is limited."""

    def __init__(self):
        self.limited, self.served = False, 0
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.served += 1
                answer = {"type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                          "content": [{"type": "text", "text": "hello"}],
                          "usage": {"input_tokens": 1, "output_tokens": 1}}
                if endpoint.limited:
                    answer = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
                body = json.dumps(answer).encode()
                self.send_response(429 if endpoint.limited else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if endpoint.limited:
                    self.send_header("Retry-After", "300")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Host:
    """A Podium with a state directory of its own, as on a machine of its own."""

    def __init__(self, name, folder, relay, endpoints):
        self.name, self.relay = name, relay
        self.folder = folder / name
        (self.folder / "state").mkdir(parents=True)
        self.port = free_port()
        self.config = self.folder / "config.yaml"
        entries = "".join(
            f"  # {key} of host {name}\n  - name: {key}\n    url: {endpoint.url}\n    auth_type: api_key\n"
            f"    auth_value: {SECRET if (name, key) == ('a', 'second') else '${FLEET_KEY}'}\n"
            f"    enabled: true\n    priority: {place}\n"
            for place, (key, endpoint) in enumerate(endpoints.items(), 1))
        self.config.write_text(
            f"server:\n  port: {self.port}\n  admin_token: {TOKEN}\n  auto_sort_endpoints: false\n"
            f"cluster:\n  store: host=127.0.0.1 port={relay.port} dbname=postgres user=podium\n  instance: {name}\n"
            f"endpoints:\n{entries}")
        self.config.chmod(0o600)
        self.podium = None

    def start(self):
        environment = {"XDG_STATE_HOME": str(self.folder / "state"), "FLEET_KEY": f"key-of-{self.name}"}
        if self.podium:
            self.podium.start()
        else:
            self.podium = Podium(self.config, self.port, environment)
        eventually(self.administers, what="the control API on the proxy's port")

    def administers(self):
        """The proxy listens a moment before the control API is there."""
        try:
            return self.cluster
        except urllib.error.HTTPError:
            return None

    def ask(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def request(self):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/messages", BODY, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def run(self, *arguments):
        return run_podium(*arguments, "--config", self.config,
                          env={**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), "FLEET_KEY": "k"})

    def do(self, *arguments):
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        return result

    def endpoint(self, name):
        return next((one for one in self.ask("/admin/api/endpoints")["endpoints"] if one["name"] == name), None)

    def is_limited(self, name):
        """A rate limit is that of the model that was asked for, or of the endpoint."""
        endpoint = self.endpoint(name)
        return endpoint["availability"]["kind"] == "rate_limited" or bool(endpoint.get("limited_models"))

    def tags(self, name):
        return self.endpoint(name)["tags"]

    @property
    def cluster(self):
        return self.ask("/admin/api/cluster")

    @property
    def file(self):
        return self.config.read_text()


class Fleet:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="podium-cluster-"))
        self.store = Postgres()
        self.endpoints = {"first": Endpoint(), "second": Endpoint()}
        self.hosts = [Host(name, self.folder, Relay(self.store.port), self.endpoints) for name in "abc"]

    def begin(self):
        founded = self.hosts[0].run("cluster", "init")
        assert founded.returncode == 0 and "founded" in founded.stdout, founded.stderr
        for host in self.hosts:
            host.start()
            eventually(lambda: host.cluster["connected"], what=host.podium.text)
        eventually(lambda: all(len(host.cluster["instances"]) == 3 for host in self.hosts))

    def close(self):
        for host in self.hosts:
            if host.podium:
                host.podium.kill()
        try:
            self.store.stop()
        except AssertionError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.store.folder, ignore_errors=True)

    def agree(self, seconds=25):
        """All know the same newest change, have nothing to tell, and their files say it."""
        def settled():
            reports = [host.cluster for host in self.hosts]
            return (all(one["connected"] and one["pending"] == 0 for one in reports)
                    and len({one["revision"] for one in reports}) == 1
                    and len({json.dumps(self.shared(host)) for host in self.hosts}) == 1)
        eventually(settled, seconds, "the hosts agree")

    @staticmethod
    def shared(host):
        return sorted((one["name"], one["tags"], one["enabled"], one["pinned"])
                      for one in host.ask("/admin/api/endpoints")["endpoints"])


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet()
    try:
        fleet.begin()
        yield fleet
    finally:
        fleet.close()


@pytest.fixture(autouse=True)
def whole(fleet):
    """Each test begins with a fleet that agrees and an endpoint that answers."""
    fleet.endpoints["first"].limited = False
    for host in fleet.hosts:
        host.relay.heal()
    fleet.agree()


def within(condition, limit):
    """How long it took; it fails where that is longer."""
    began = time.monotonic()
    eventually(condition, limit)
    return time.monotonic() - began


def test_status_shows_the_instances_and_init_is_done_once(fleet):
    a, b, c = fleet.hosts
    assert "is there already" in a.do("cluster", "init").stdout
    status = b.do("cluster", "status").stdout
    assert all(f"\n{name} " in "\n" + status for name in "abc") and "b (this)" in status
    with urllib.request.urlopen(urllib.request.Request(
            f"http://127.0.0.1:{a.port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})) as answer:
        metrics = answer.read().decode()
    assert "podium_cluster_connected 1" in metrics and 'podium_cluster_instance_up{instance="c"} 1' in metrics


def test_a_time_out_is_everywhere_and_so_is_its_clear(fleet):
    a, b, c = fleet.hosts
    fleet.endpoints["first"].limited = True
    assert a.request() == 200
    took = within(lambda: all(host.is_limited("first") for host in (b, c)), 5)
    served = fleet.endpoints["first"].served
    assert [host.request() for host in (b, c)] == [200, 200] and fleet.endpoints["first"].served == served
    fleet.endpoints["first"].limited = False
    c.do("endpoint", "clear", "first")
    cleared = within(lambda: all(not host.is_limited("first") for host in (a, b)), 5)
    print(f"time out elsewhere after {took:.2f} s, clear after {cleared:.2f} s")
    assert max(took, cleared) < 2


def test_no_laggard_undoes_a_clear(fleet):
    a, b, c = fleet.hosts
    fleet.endpoints["first"].limited = True
    c.relay.cut()
    assert c.request() == 200
    assert c.is_limited("first")
    eventually(lambda: any((c.folder / "state").glob("*.podium-time-outs")))
    a.do("endpoint", "clear", "first")
    fleet.endpoints["first"].limited = False
    c.podium.kill()
    c.relay.heal()
    c.start()
    fleet.agree()
    eventually(lambda: not c.is_limited("first"))
    assert all(not host.is_limited("first") for host in (a, b))


def test_a_change_is_in_every_file(fleet):
    a, b, c = fleet.hosts
    a.do("endpoint", "set", "first", "--tag", "from-a")
    took = within(lambda: all(host.tags("first") == ["from-a"] for host in (b, c)), 5)
    within(lambda: all("from-a" in host.file for host in (b, c)), 5)
    print(f"a change elsewhere after {took:.2f} s")
    assert took < 2
    assert "# first of host b" in b.file and "# second of host c" in c.file
    eventually(lambda: "on a" in b.podium.text and "changed first" in b.podium.text)


def test_added_renamed_and_removed_endpoints(fleet):
    a, b, c = fleet.hosts
    b.do("endpoint", "add", "third", "--url", fleet.endpoints["first"].url, "--auth-type", "none")
    eventually(lambda: all("name: third" in host.file for host in fleet.hosts))
    c.do("endpoint", "set", "third", "--rename", "fourth")
    eventually(lambda: all("name: fourth" in host.file for host in fleet.hosts))
    a.do("endpoint", "remove", "fourth")
    eventually(lambda: all("fourth" not in host.file for host in fleet.hosts))


def test_an_edit_by_hand_is_everybodys(fleet):
    a, b, c = fleet.hosts
    b.config.write_text(b.file.replace("enabled: true\n    priority: 2", "enabled: false\n    priority: 2"))
    eventually(lambda: all(not host.endpoint("second")["enabled"] for host in (a, c)))
    a.do("endpoint", "enable", "second")
    fleet.agree()
    assert all(host.endpoint("second")["enabled"] for host in fleet.hosts)


def test_an_edit_by_hand_while_it_did_not_run_is_everybodys(fleet):
    a, b, c = fleet.hosts
    b.podium.stop()
    b.config.write_text(b.file.replace("priority: 2", "priority: 2\n    max_in_flight: 7"))
    b.start()
    eventually(lambda: all(host.endpoint("second")["max_in_flight"] == 7 for host in (a, c)))


def test_secrets_stay_where_they_are(fleet):
    a, b, c = fleet.hosts
    dump = fleet.store.run("pg_dump", "-h", "127.0.0.1", "-p", fleet.store.port, "-U", "podium", "postgres")
    assert "podium.edit" in dump and SECRET not in dump and "key-of-" not in dump and "${FLEET_KEY}" in dump
    a.do("endpoint", "set", "second", "--tag", "kept")
    fleet.agree()
    assert SECRET in a.file and SECRET not in b.file + c.file and "${FLEET_KEY}" in b.file


def test_a_store_that_is_away_fails_no_request(fleet):
    a, b, c = fleet.hosts
    fleet.store.stop()
    assert [host.request() for _ in range(10) for host in fleet.hosts] == [200] * 30
    a.do("endpoint", "set", "first", "--tag", "alone")
    assert "alone" in a.file and a.run("cluster", "status").returncode == 1
    eventually(lambda: all(not host.cluster["connected"] for host in fleet.hosts))
    assert "the store is away" in a.podium.text
    fleet.store.start()
    fleet.agree()
    assert all(host.tags("first") == ["alone"] for host in fleet.hosts)


def test_a_store_that_swallows_everything_fails_no_request(fleet):
    a, b, c = fleet.hosts
    b.relay.mode = "swallow"
    began = time.monotonic()
    b.do("endpoint", "set", "first", "--tag", "swallowed")
    assert time.monotonic() - began < 12
    assert [b.request() for _ in range(5)] == [200] * 5
    b.relay.heal()
    fleet.agree()
    assert all(host.tags("first") == ["swallowed"] for host in fleet.hosts)


def test_what_two_changed_meanwhile_is_told(fleet):
    a, b, c = fleet.hosts
    c.relay.cut()
    eventually(lambda: not c.cluster["connected"])
    c.do("endpoint", "set", "first", "--tag", "of-c")
    a.do("endpoint", "set", "first", "--tag", "of-a")
    c.relay.heal()
    fleet.agree()
    assert all(host.tags("first") == ["of-a"] for host in fleet.hosts)
    eventually(lambda: all("not done of a change by" in host.podium.text for host in fleet.hosts))


def test_what_a_killed_instance_acknowledged_is_there(fleet):
    a, b, c = fleet.hosts
    c.relay.cut()
    eventually(lambda: not c.cluster["connected"])
    c.do("endpoint", "set", "second", "--tag", "acknowledged")
    c.podium.kill()
    a.do("endpoint", "set", "first", "--tag", "meanwhile")
    c.relay.heal()
    c.start()
    fleet.agree()
    assert all((host.tags("first"), host.tags("second")) == (["meanwhile"], ["acknowledged"]) for host in fleet.hosts)


def test_changes_of_three_at_once_are_done_or_refused(fleet):
    tried, refused, wrong = [], [], []

    def operator(host):
        for number in range(8):
            tag = f"{host.name}{number}"
            result = host.run("endpoint", "set", "first", "--tag", tag)
            (tried if result.returncode == 0 else refused if result.returncode == 75 else wrong).append(
                (tag, result.stderr))

    threads = [threading.Thread(target=operator, args=(host,)) for host in fleet.hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fleet.agree()
    assert not wrong
    log = fleet.store.sql("SELECT body FROM podium.edit ORDER BY revision")
    assert all(f'\\"{tag}\\"' in log or f"{tag}" in log for tag, _ in tried)
    # Nothing was overwritten by an author who had not seen it.
    previous = None
    for line in log.splitlines():
        for change in json.loads(line)["effective"]:
            if step := change.get("set"):
                if step["field"] == "tags" and json.loads(step["new"])[0][0] in "abc" and len(json.loads(step["new"])[0]) == 2:
                    assert previous is None or step["old"] == previous
                    previous = step["new"]
    print(f"{len(tried)} done, {len(refused)} refused")


def test_an_older_backup_is_told_again_what_it_lost(fleet):
    a, b, c = fleet.hosts
    fleet.store.sql("CREATE TABLE e AS TABLE podium.edit; CREATE TABLE p AS TABLE podium.endpoint")
    b.do("endpoint", "set", "second", "--tag", "newer-than-the-backup")
    fleet.agree()
    for host in fleet.hosts:
        host.relay.cut()
    fleet.store.sql("DELETE FROM podium.edit; INSERT INTO podium.edit SELECT * FROM e;"
                    "DELETE FROM podium.endpoint; INSERT INTO podium.endpoint SELECT * FROM p; DROP TABLE e, p")
    for host in fleet.hosts:
        host.relay.heal()
    fleet.agree()
    assert all(host.tags("second") == ["newer-than-the-backup"] for host in fleet.hosts)
    assert any("the store had lost" in host.podium.text for host in fleet.hosts)


def test_an_instance_that_is_gone_is_shown_and_taken_out(fleet):
    a, b, c = fleet.hosts
    c.podium.stop(signal.SIGTERM)
    eventually(lambda: not next(one for one in a.cluster["instances"] if one["name"] == "c")["alive"], 20)
    a.do("cluster", "leave", "c")
    eventually(lambda: len(b.cluster["instances"]) == 2)
    c.start()
    eventually(lambda: len(b.cluster["instances"]) == 3)


def test_a_clear_before_the_first_join_hides_nothing_later(fleet):
    a, b, c = fleet.hosts
    new = Host("d", fleet.folder, Relay(fleet.store.port), fleet.endpoints)
    new.relay.cut()
    try:
        new.start()
        new.do("endpoint", "clear", "first")
        new.relay.heal()
        eventually(lambda: new.cluster["connected"] and new.cluster["pending"] == 0, 20)
        fleet.agree()
        fleet.endpoints["first"].limited = True
        assert a.request() == 200
        within(lambda: all(host.is_limited("first") for host in (b, c, new)), 5)
        fleet.endpoints["first"].limited = False
        new.do("endpoint", "clear", "first")
        within(lambda: all(not host.is_limited("first") for host in (a, b, c)), 5)
    finally:
        if new.podium:
            new.podium.stop(signal.SIGTERM)
    a.do("cluster", "leave", "d")


def test_a_log_of_more_than_ten_thousand_entries_is_read_whole(fleet):
    a, b, c = fleet.hosts
    for host in fleet.hosts:
        host.relay.cut()
    last = int(fleet.store.sql("SELECT max(revision) FROM podium.edit")) + 10_050
    fleet.store.sql(
        "INSERT INTO podium.edit (cluster, revision, nonce, id, actor, instance, body)"
        " SELECT name, last + n, gen_random_uuid(), id, 'kim', 'z', jsonb_build_object('edit', jsonb_build_object("
        "'id', id, 'actor', 'kim', 'instance', 'z', 'changes', '[]'::jsonb, 'conflicts', '[]'::jsonb),"
        " 'effective', '[]'::jsonb, 'already', '[]'::jsonb, 'conflicts', '[]'::jsonb)"
        " FROM podium.cluster, (SELECT max(revision) AS last FROM podium.edit) e,"
        " (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 10050) n) s")
    for host in fleet.hosts:
        host.relay.heal()
    # Whole, and so without a look that comes later.
    eventually(lambda: all(host.cluster["revision"] == last for host in fleet.hosts), 25)
    new = Host("e", fleet.folder, Relay(fleet.store.port), fleet.endpoints)
    try:
        new.start()
        eventually(lambda: new.cluster["connected"] and new.cluster["revision"] == last, 25)
        a.do("endpoint", "set", "second", "--tag", "behind-a-long-log")
        eventually(lambda: new.tags("second") == ["behind-a-long-log"], 10)
    finally:
        if new.podium:
            new.podium.stop(signal.SIGTERM)

"""People and scripts that change the configuration while requests run: by the control API, by editing the file, by signals."""

import http.client
import json
import os
import random
import re
import signal
import socket
import threading

from clients import TOKEN

ADMIN = "soak-admin"


class Local(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path):
        super().__init__("podium", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Operators:
    """Adds, changes and removes endpoints named `added-N`, and moves those of `names` about, below the faulty ones."""

    def __init__(self, process, control, sound_ports, names, seed):
        self.process, self.control, self.sound_ports, self.names = process, control, sound_ports, names
        self.random = random.Random(seed)
        self.done, self.strange = {}, []
        self.number = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ends.wait(self.random.uniform(0, 0.4)):
            act = self.random.choice([self.by_socket] * 4 + [self.by_port] * 2 + [self.by_editor] * 2 + [self.spoil, self.hang_up])
            try:
                act()
            except (OSError, http.client.HTTPException) as error:
                self.strange.append(f"{act.__name__}: {error!r}")
            self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def stop(self):
        self.ends.set()
        self.thread.join(60)

    def ask(self, method, path, body=None, by_port=False):
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=20) if by_port else Local(self.control)
        headers = {"authorization": f"Bearer {ADMIN}"} if by_port else {}
        if body is not None:
            headers["content-type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        # Whoever was first decides; what is not there any more, or already so, is no fault.
        if response.status >= 500 or response.status in (400, 401, 403, 405, 422):
            self.strange.append(f"{method} {path}: {response.status} {text[:300]}")
        return text

    def added(self):
        return re.findall(r"name: (added-\d+)", self.process.config.read_text())

    def new_endpoint(self):
        self.number += 1
        port = self.random.choice(self.sound_ports)
        return {"name": f"added-{self.number}", "url": f"http://127.0.0.1:{port}", "tags": [f"tag-{self.number}"]}

    def by_socket(self, by_port=False):
        base = "/admin/api/endpoints"
        name = self.random.choice(self.names)
        there = self.added()
        added = self.random.choice(there or [name])
        put, take = ("POST", base, self.new_endpoint()), ("DELETE", f"{base}/{added}", None)
        method, path, body = self.random.choice([
            *([take] * 4 if len(there) > 6 else [put] * 4), ("PATCH", f"{base}/{added}", {"tags": [f"t{self.random.random()}"]}),
            ("POST", f"{base}/{name}/disable", None), ("POST", f"{base}/{name}/enable", None),
            ("POST", f"{base}/{name}/enable", None), ("POST", f"{base}/{name}/move", {"rank": self.random.randint(4, 7)}),
            ("POST", f"{base}/{name}/unpin", None), ("POST", f"{base}/sort", None), ("POST", "/admin/api/config/flush", None),
            ("POST", "/admin/api/config/reload", None), ("POST", "/admin/api/config/undo", None),
            ("POST", "/admin/api/config/redo", None), ("GET", "/admin/api/snapshot", None), ("GET", "/metrics", None)])
        self.ask(method, path, body, by_port)

    def by_port(self):
        self.by_socket(by_port=True)

    def save(self, text):
        """As an editor does."""
        beside = self.process.config.with_suffix(".new")
        beside.write_text(text)
        os.chmod(beside, 0o600)
        os.replace(beside, self.process.config)

    def by_editor(self):
        text = self.process.config.read_text()
        if self.random.random() < 0.4 and len(self.added()) < 9:
            new = self.new_endpoint()
            text = text.rstrip("\n") + f"\n  - name: {new['name']}\n    url: {new['url']}   # edited in\n"
        elif self.random.random() < 0.5:
            # Another way to the same answers: connections of before are not used any more.
            host = self.random.choice(["127.0.0.1", "localhost"])
            text = re.sub(r"(name: swapped\n    url: http://)\w[\w.]*", rf"\g<1>{host}", text)
        else:
            added = re.findall(r"\n  - name: added-\d+\n(?:    .*\n)*?    url: .*# edited in\n(?:    .*\n)*", text)
            if added:
                text = text.replace(self.random.choice(added), "\n")
        self.save(text)

    def spoil(self):
        """A mistake, and its correction a moment later: the running configuration stays meanwhile."""
        text = self.process.config.read_text()
        self.save(text + "\n  - name: [\n")
        self.ends.wait(0.1)
        self.save(text)

    def hang_up(self):
        self.process.process.send_signal(signal.SIGHUP)


def config(port, refusing, denied, faulty, faulty_tls, sound, certificate):
    endpoints = [
        ("faulty-1", f"http://127.0.0.1:{faulty[0]}", "pinned: true"), ("faulty-2", f"http://localhost:{faulty[1]}", "pinned: true"),
        ("faulty-tls", f"https://127.0.0.1:{faulty_tls}", f"pinned: true\n    ca_file: {certificate}"),
        ("refusing", f"http://127.0.0.1:{refusing}", ""), ("denied", f"http://127.0.0.1:{denied}", ""),
        ("swapped", f"http://127.0.0.1:{sound[0]}", ""), ("steady", f"http://127.0.0.1:{sound[0]}", ""),
        ("spare", f"http://127.0.0.1:{sound[1]}", "")]
    listed = "".join(f"  - name: {name}\n    url: {url}\n" + (f"    {more}\n" if more else "") for name, url, more in endpoints)
    return f"""\
server:
  port: {port}
  client_tokens: [{TOKEN}]
  admin_token: {ADMIN}
  access_log: access.log
  config_flush_interval: 1s
ranking: {{ min_dwell: 1s }}
timeouts: {{ connect: 2s, tls_handshake: 5s, response_header: 5s, response: 5s, stream_idle: 5s, idle_connection: 3s, check_interval: 1s, health_check_timeout: 5s }}
endpoints:
{listed}"""

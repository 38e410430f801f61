"""The ways to endpoints and what is written down about them: proxies, authorities, learned APIs, the access log."""

import base64
import http.client
import json
import os
import socket
import subprocess
import threading

import pytest

from conftest import eventually, free_port


def post(port, path, body=b"{}", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, body, headers or {})
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    return response.status, answer


class ConnectProxy:
    """An HTTP proxy that knows CONNECT and one user."""

    def __init__(self, user, password):
        self.wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.targets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = client.recv(1)
                if not piece:
                    return
                head += piece
            lines = head.decode().split("\r\n")
            method, target, _ = lines[0].split(" ")
            assert method == "CONNECT"
            self.targets.append(target)
            if f"Proxy-Authorization: {self.wanted}" not in lines:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1]))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
                back.start()
                self.pump(client, server)
                back.join(5)

    @staticmethod
    def pump(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


@pytest.fixture
def connect_proxy():
    proxy = ConnectProxy("me", "s3cret/with@signs")
    yield proxy
    proxy.close()


def test_an_endpoint_is_reached_through_a_proxy_and_its_password_is_nowhere(upstream, podium, connect_proxy):
    server = upstream("far")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, access_log: access.json }}
endpoints:
  - name: far
    url: http://localhost:{server.port}
    proxy: {{ type: http, address: "127.0.0.1:{connect_proxy.port}", username: me, password: "${{PROXY_PASSWORD}}" }}
""", port, {"PROXY_PASSWORD": "s3cret/with@signs"})
    status, answer = post(port, "/v1/messages")
    assert status == 200 and "hello from far" in answer
    assert f"localhost:{server.port}" in connect_proxy.targets
    assert "proxy-authorization" not in server.requests[0]["headers"]
    process.stop()
    # The wrong password is the proxy's refusal, in words.
    process.environment["PROXY_PASSWORD"] = "wr0ng"
    process.start()
    status, answer = post(port, "/v1/messages")
    assert status == 503 and "far: the proxy refuses the user or the password" in answer
    process.stop()
    for text in (process.text, (process.config.parent / "access.json").read_text(), answer):
        assert "s3cret" not in text and "wr0ng" not in text


@pytest.mark.parametrize("host, setting, named", [
    ("127.0.0.1", "", True), ("127.0.0.1", ", name_endpoint: false", False),
    ("0.0.0.0", ", client_tokens: [token]", False), ("0.0.0.0", ", client_tokens: [token], name_endpoint: true", True)])
def test_answers_name_their_endpoint(upstream, podium, host, setting, named):
    server = upstream("any")
    port = free_port()
    process = podium(
        f"server: {{ host: {host}, port: {port}{setting} }}\nendpoints:\n  - {{ name: Ü relay, url: {server.url} }}\n", port)

    def name():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/v1/messages", b"{}", {"Authorization": "Bearer token"})
        response = connection.getresponse()
        assert response.status == 200 and response.read()
        return response.getheader("X-Podium-Endpoint")

    assert name() == ("%C3%9C%20relay" if named else None)
    # A hand edit is taken in live.
    process.config.write_text(process.config.read_text().replace("name: Ü relay", "name: new").replace(
        "server: {", f"server: {{ name_endpoint: {str(not named).lower()},").replace(
        ", name_endpoint: true }", " }").replace(", name_endpoint: false }", " }"))
    eventually(lambda: name() == (None if named else "new"), what="the edit")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def certificate(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=a test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=x")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")


def test_an_authority_of_its_own_is_trusted_for_that_endpoint_alone(podium, tmp_path):
    certificate(tmp_path)
    target = free_port()
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", str(target), "-cert", "server.pem", "-key", "server.key", "-www", "-quiet"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: accepts(target), what="openssl listens")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, auto_sort_endpoints: false }}
endpoints:
  - name: distrusted
    url: https://localhost:{target}
  - name: trusted
    url: https://localhost:{target}
    ca_file: ca.pem
""", port)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        eventually(lambda: "distrusted TLS failed" in process.text, what="the failure is in the log")
        assert "trusted TLS failed" not in process.text.replace("distrusted TLS failed", "")
    finally:
        server.kill()
        server.wait()


def test_a_missing_authority_is_named_with_its_line_and_the_others_serve(upstream, podium):
    server = upstream("good")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port} }}
endpoints:
  - name: bad
    url: https://localhost:1
    ca_file: gone.pem
  - name: good
    url: {server.url}
""", port)
    assert post(port, "/v1/messages")[0] == 200
    assert "config.yaml:5:14: warning: endpoint 'bad' is misconfigured: ca_file gone.pem does not exist" in process.text


def test_an_api_that_an_endpoint_lacks_is_learned_and_saved_at_once(upstream, podium):
    first, second = upstream("first"), upstream("second")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, config_flush_interval: 1h, config_max_dirty_time: 2h, auto_sort_endpoints: false }}
endpoints:
  - name: first    # kept
    url: {first.url}
""", port)
    # The scripted server knows /v1/chat/completions and answers 404 to /v1/responses.
    assert post(port, "/v1/chat/completions")[0] == 200
    assert post(port, "/v1/responses")[0] == 404
    eventually(lambda: "openai_preference: chat_completions" in process.config.read_text(), what="saved at once")
    assert "- name: first    # kept" in process.config.read_text()
    asked = len(first.requests)
    status, answer = post(port, "/v1/responses")
    assert status == 404 and "no endpoint serves /responses" in answer
    assert len(first.requests) == asked
    # `auto` forgets.
    text = process.config.read_text().replace("openai_preference: chat_completions", "openai_preference: auto")
    process.config.write_text(text)
    eventually(lambda: post(port, "/v1/responses") and len(first.requests) > asked, what="asked again")


def test_the_access_log_survives_being_moved_away(upstream, podium):
    server = upstream("only")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, access_log: access.json }}
endpoints:
  - name: only
    url: {server.url}
""", port)
    log = process.config.parent / "access.json"
    assert post(port, "/v1/messages?key=sk-123", headers={"authorization": "Bearer sk-123"})[0] == 200
    eventually(lambda: log.exists() and log.read_text().endswith("\n"), what="a line")
    line = json.loads(log.read_text())
    assert (line["path"], line["status"], line["endpoint"]) == ("/v1/messages", 200, "only")
    assert [attempt["outcome"] for attempt in line["attempts"]] == ["ok"]
    assert "sk-123" not in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    os.rename(log, log.with_suffix(".1"))
    assert post(port, "/v1/second")[0] == 404
    eventually(lambda: log.exists() and "/v1/second" in log.read_text(), what="a new file")
    assert "/v1/second" not in log.with_suffix(".1").read_text()


def test_the_access_log_on_standard_output_is_json_lines(upstream, podium):
    server = upstream("only")
    port = free_port()
    process = podium(f"""\
server: {{ port: {port}, access_log: stdout }}
endpoints:
  - name: only
    url: {server.url}
""", port)
    for number in range(20):
        post(port, f"/v1/{number}")
    # What is left is written before the end.
    process.stop()
    lines = [json.loads(line) for line in process.text.splitlines() if line.startswith("{")]
    assert [line["path"] for line in lines] == [f"/v1/{number}" for number in range(20)]

"""The control API with tools of its users: curl, schemathesis, promtool, a real Prometheus, another user's process."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import eventually, free_port

DOCS = pathlib.Path(__file__).parents[2] / "docs"
TOKEN = "open-sesame"


@pytest.fixture
def runtime():
    """Short: a socket's path has to fit into its address."""
    folder = tempfile.mkdtemp(prefix="podium-", dir="/tmp")
    yield pathlib.Path(folder) / "run"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def served(podium, runtime):
    def start(endpoints="  - {name: a, url: 'http://127.0.0.1:1'}\n  - {name: b, url: 'http://127.0.0.1:1'}\n"):
        port = free_port()
        process = podium(
            f"server:\n  port: {port}\n  admin_token: {TOKEN}\n  auto_sort_endpoints: false\nendpoints:\n{endpoints}",
            port, {"RUNTIME_DIRECTORY": str(runtime)})
        eventually(lambda: "control socket at" in process.text, what="the control socket")
        return process

    return start


def control_socket(runtime):
    (path,) = runtime.glob("*.sock")
    return str(path)


def curl(path, *arguments):
    command = ["curl", "-sS", "--max-time", "20", "--unix-socket", path, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fetch(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def tool(name, *arguments, **options):
    """A program that came with the tests' Python."""
    return subprocess.run(
        [pathlib.Path(sys.executable).parent / name, *arguments], capture_output=True, text=True, check=False, **options)


def test_the_description_holds_against_generated_requests(served, tmp_path):
    """No 5xx, no answer that is not described, in status, media type or shape; unknown methods are refused.

    Not checked is that every value of the right type is accepted: an endpoint needs a URL, a revision has to be the present
    one. The streams never end, and trials would connect to whatever address is made up. The two health questions come first:
    once the other requests have switched every endpoint off, 503 is the right answer to them.
    """
    podium = served()
    health = ("healthz", "readyz")
    chosen = [word for name in health for word in ("--include-operation-id", name)]
    others = [word for name in ("events", "test", "testDocument", *health) for word in ("--exclude-operation-id", name)]
    for operations in chosen, others:
        result = tool(
            "schemathesis", "run", str(DOCS / "openapi.json"), "--url", podium.url, "-H", f"Authorization: Bearer {TOKEN}",
            "--max-examples", "8", "--seed", "7", "--phases", "examples,coverage,fuzzing",
            "--exclude-checks", "positive_data_acceptance", *operations, cwd=tmp_path, timeout=120)
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    # It answers after all of that, and what it saved is a configuration.
    assert podium.accepts()
    assert json.loads(fetch(podium.port, "/healthz", Authorization=f"Bearer {TOKEN}"))["status"] == "pass"


def test_promtool_finds_nothing_to_say_about_the_metrics(served, runtime, upstream):
    server = upstream("ok")
    podium = served(f"  - {{name: 'odd \"name\"', url: '{server.url}'}}\n  - {{name: gone, url: 'http://127.0.0.1:1'}}\n")
    for _ in range(3):
        fetch(podium.port, "/v1/models")
    curl(control_socket(runtime), "-X", "POST", "http://podium/admin/api/endpoints/gone/disable")
    page = curl(control_socket(runtime), "http://podium/metrics")
    result = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_real_prometheus_scrapes_it(served, upstream, tmp_path):
    server = upstream("ok")
    podium = served(f"  - {{name: only, url: '{server.url}'}}\n")
    for _ in range(5):
        fetch(podium.port, "/v1/models")
    (tmp_path / "token").write_text(TOKEN)
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n  - job_name: podium\n"
        f"    authorization: {{credentials_file: {tmp_path}/token}}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{podium.port}']}}]\n")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def query(expression):
        try:
            answer = json.loads(fetch(port, f"/api/v1/query?query={urllib.parse.quote(expression)}"))
        except OSError:
            return None
        return [sample["value"][1] for sample in answer["data"]["result"]]

    try:
        eventually(lambda: query("up") == ["1"], what="a scrape")
        eventually(lambda: query('sum(podium_requests_total{endpoint="only",code="200"})') == ["5"], what="the requests")
        # Every query of the dashboard is one that Prometheus understands.
        dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        assert len(queries) > 20
        for expression in queries:
            expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$endpoint", ".*")
            assert query(expression) is not None, expression
    finally:
        process.kill()
        process.wait()


def test_curl_as_the_page_shows_it(served, runtime):
    podium = served()
    path = control_socket(runtime)
    added = json.loads(curl(
        path, "--json", '{"name": "eu", "url_anthropic": "https://eu.example", "auth_type": "api_key", "auth_value": "${EU}"}',
        "http://podium/admin/api/endpoints"))
    assert added["endpoint"]["masked_secret"] == "${EU}"
    assert "name: eu" in podium.config.read_text()
    curl(path, "-X", "PATCH", "--json", '{"tags": ["prod"]}', "http://podium/admin/api/endpoints/eu")
    moved = json.loads(curl(path, "--json", '{"rank": 1}', "http://podium/admin/api/endpoints/eu/move"))
    assert moved["endpoint"]["rank"] == 1
    stale = json.loads(curl(
        path, "-X", "DELETE", "-H", 'If-Match: "1"', "http://podium/admin/api/endpoints/eu"))
    assert stale["status"] == 412 and len(stale["changes"]) == 2
    snapshot = json.loads(curl(path, "http://podium/admin/api/snapshot"))
    assert [endpoint["name"] for endpoint in snapshot["endpoints"]] == ["eu", "a", "b"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_even_where_the_file_system_lets_him(served, runtime):
    podium = served()
    path = control_socket(runtime)
    program = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1]);\n"
        "try:\n    s.sendall(b'GET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n    print(s.recv(100))\n"
        "except OSError as error: print(type(error).__name__)")

    def ask_as(user):
        return subprocess.run(
            ["/usr/bin/python3", "-c", program, path], capture_output=True, text=True, check=False, user=user)

    assert "Permission denied" in ask_as(65534).stderr
    runtime.parent.chmod(0o755)
    runtime.chmod(0o755)
    os.chmod(path, 0o666)
    answer = ask_as(65534).stdout
    assert "HTTP" not in answer and (answer.startswith("b''") or "Error" in answer)
    assert "HTTP/1.1 200" in ask_as(0).stdout
    eventually(lambda: "refused: " in podium.text, what="the refusal in the log")


def test_a_browser_is_refused(served):
    podium = served()
    token = {"Authorization": f"Bearer {TOKEN}"}
    origin, host = {"Origin": "https://evil.example"}, {"Host": "evil.example"}
    for headers in (origin, host, origin | token):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            fetch(podium.port, "/admin/api/snapshot", **headers)
        assert refusal.value.code == 403
    # Who has the token may come by any name: a page that was led here by a name of its own does not know it.
    assert json.loads(fetch(podium.port, "/admin/api/snapshot", **host, **token))["endpoints"]


def test_after_a_crash_the_socket_is_put_up_again(served, runtime):
    podium = served()
    path = control_socket(runtime)
    podium.kill()
    assert os.path.exists(path)
    podium.start()
    eventually(lambda: curl_works(path), what="the socket after a crash")
    assert podium.stop() == 0
    assert not os.path.exists(path)


def curl_works(path):
    result = subprocess.run(
        ["curl", "-s", "--max-time", "5", "--unix-socket", path, "http://podium/healthz"], capture_output=True, check=False)
    return result.returncode == 0


def test_a_place_that_is_taken_is_passed_over(podium, runtime, upstream):
    runtime.write_text("in the way")
    server = upstream("ok")
    port = free_port()
    process = podium(
        f"server: {{port: {port}}}\nendpoints:\n  - {{name: a, url: '{server.url}'}}\n", port,
        {"RUNTIME_DIRECTORY": str(runtime)})
    eventually(lambda: "control socket at" in process.text, what="the socket in another place")
    assert fetch(port, "/v1/models")
    assert runtime.read_text() == "in the way"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_slow_reader_of_events_costs_nothing(served, runtime):
    """It takes nothing for as long as it likes (up to the write limit) while thousands of events happen."""
    podium = served()
    path = control_socket(runtime)
    with socket.socket(socket.AF_UNIX) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(path)
        reader.sendall(b"GET /admin/api/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
        before = resident(podium.process.pid)
        for _ in range(300):
            curl(path, "-X", "POST", "http://podium/admin/api/endpoints/a/pin",
                 "--next", "-X", "POST", "--unix-socket", path, "http://podium/admin/api/endpoints/a/unpin")
        assert resident(podium.process.pid) - before < 16 << 20
        deadline = time.monotonic() + 20
        text = b""
        while b'"text":' not in text and time.monotonic() < deadline:
            text += reader.recv(65536)
        assert b"id: 1\n" in text


def resident(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

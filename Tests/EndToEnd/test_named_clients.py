"""Clients with names and tags, in the file and live."""

import json
import signal

from conftest import eventually, free_port, run_podium
from test_limits import ask, counting, post  # noqa: F401 (a fixture)


def test_names_tags_and_a_switch_in_the_file(podium, tmp_path, counting):  # noqa: F811
    fast, cheap = counting(0), counting(0)
    port = free_port()
    text = f"""\
server: {{ port: {port}, access_log: access.json }}
clients:
  - {{ name: alice, token: "${{ALICE}}" }}
  - {{ name: bob, token: "${{BOB}}", tags: [cheap] }}   # the build server
endpoints:
  - {{ name: fast, url: "http://127.0.0.1:{fast.port}", auth_type: none, tags: [quick] }}
  - {{ name: cheap, url: "http://127.0.0.1:{cheap.port}", auth_type: none, tags: [cheap] }}
"""
    process = podium(text, port, {
        "XDG_RUNTIME_DIR": str(tmp_path), "ALICE": "token-of-alice-4711", "BOB": "token-of-bob-4712"})
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    assert post(process)[0] == 401
    assert post(process, **{"x-api-key": "token-of-alice-4711"})[0] == 200
    assert post(process, **{"Authorization": "Bearer token-of-bob-4712"})[0] == 200
    assert (fast.total, cheap.total) == (1, 1)
    assert post(process, **{"x-api-key": "token-of-alice-4711", "X-Podium-Tag": "cheap"})[0] == 200
    assert post(process, **{"x-api-key": "token-of-alice-4711", "X-Podium-Tag": "nothing"})[0] == 404
    assert (fast.total, cheap.total) == (1, 2)

    log = tmp_path / "access.json"
    lines = eventually(lambda: (found := log.read_text().splitlines() if log.exists() else []) and len(found) >= 5 and found)
    assert [json.loads(line).get("client_name") for line in lines] == [None, "alice", "bob", "alice", "alice"]
    assert "token-of" not in log.read_text() + process.text

    # Switched off by hand; everything else goes on.
    process.config.write_text(process.config.read_text().replace("tags: [cheap] }   #", "tags: [cheap], enabled: false }   #"))
    eventually(lambda: post(process, **{"x-api-key": "token-of-bob-4712"})[0] == 403)
    assert post(process, **{"x-api-key": "token-of-alice-4711"})[0] == 200
    assert run_podium("check", process.config, env=process.environment).returncode == 0


def test_clients_are_added_and_switched_off_by_command(podium, tmp_path, counting):  # noqa: F811
    relay = counting(0)
    port = free_port()
    text = f"""\
# my relays
server: {{ port: {port} }}   # loopback
endpoints:
  - {{ name: relay, url: "http://127.0.0.1:{relay.port}", auth_type: none }}   # the only one
"""
    state = tmp_path / "state"
    state.mkdir()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(state), "BUILD": "token-of-build-4711"}
    process = podium(text, port, environment)
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    assert post(process)[0] == 200

    added = ask(process, "client", "add", "alice", "--limits", "tokens_per_day 200")
    assert added.returncode == 0 and "from now on clients have to present a token" in added.stdout
    token = added.stdout.split("token: ")[1].strip()
    assert token.startswith("podium-") and len(token) == 50
    assert post(process)[0] == 401
    alice = {"x-api-key": token}
    assert post(process, **alice)[0] == 200
    added = ask(process, "client", "add", "build", "--token", "${BUILD}", "--models", "claude-*,!claude-opus-*", "--json")
    assert added.returncode == 0 and "token" not in json.loads(added.stdout)
    refused, body, _ = post(process, **{"x-api-key": "token-of-build-4711"})
    assert refused == 404 and b"client 'build' may not use the model 'm'" in body

    # All else in the file is as it was, and no list shows a token.
    assert process.config.read_text().startswith(text)
    listed = ask(process, "client", "list")
    assert listed.returncode == 0 and "claude-*,!claude-opus-*" in listed.stdout and "tokens_per_day 107 of 200" in listed.stdout
    shown = [listed.stdout, ask(process, "client", "list", "--json").stdout, process.text]
    assert not any(secret in text for text in shown for secret in (token, "token-of-build"))

    # What a client has used survives a kill.
    assert post(process, **alice)[0] == 200
    status, body, headers = post(process, **alice)
    assert status == 429 and json.loads(body)["error"]["type"] == "rate_limit_error" and int(headers["Retry-After"]) > 0
    eventually(lambda: any(file.name.endswith(".limits") and "client/alice" in file.read_text() and " 214" in file.read_text()
                           for file in state.rglob("*.limits")))
    usage = json.loads(ask(process, "usage", "--by", "client", "--json").stdout)
    assert {row["values"][0]: row["requests"] for row in usage["rows"]} == {"": 2, "alice": 3, "build": 1}
    log = json.loads(ask(process, "history", "requests", "--client", "build", "--json").stdout)["requests"]
    assert [row["client"] for row in log] == ["build"]
    process.process.send_signal(signal.SIGKILL)
    process.process.wait()
    assert ask(process, "client", "list").returncode in (0, 69)
    process = podium(process.config.read_text(), port, environment)
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    assert post(process, **alice)[0] == 429
    assert relay.total == 3

    assert ask(process, "client", "disable", "alice").returncode == 0
    assert post(process, **alice)[0] == 403
    assert ask(process, "client", "remove", "nobody").returncode == 1
    assert ask(process, "client", "remove", "alice").returncode == 0
    assert post(process, **alice)[0] == 401
    assert "alice" not in process.config.read_text()

    # Where nothing serves it, the file is edited, with the same care and by the same rules.
    process.stop()
    before = process.config.read_text()
    added = ask(process, "client", "add", "carol", "--models", "claude-*")
    assert added.returncode == 0 and "added client carol, in " in added.stdout, added.stderr
    token = added.stdout.split("token: ")[1].strip()
    text = process.config.read_text()
    assert text.startswith(before.rstrip()) and token in text and process.config.stat().st_mode & 0o777 == 0o600
    assert ask(process, "client", "add", "carol").returncode == 1 and ask(process, "client", "set", "nobody", "--tags", "x").returncode == 1
    assert ask(process, "client", "set", "carol", "--expires", "soon").returncode == 1
    assert process.config.read_text() == text
    assert ask(process, "client", "disable", "carol").returncode == 0
    assert "carol  off" in ask(process, "client", "list").stdout
    assert ask(process, "client", "remove", "carol").returncode == 0
    assert process.config.read_text().rstrip() == before.rstrip()

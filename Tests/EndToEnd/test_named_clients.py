"""Clients with names and tags, in the file and live."""

import json

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

"""Verbs and attached consoles against a running Podium."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
import unicodedata

import pytest

from conftest import PODIUM, eventually, free_port, run_podium
from test_simulate import OUTAGE

CONFIG = """\
server:
  port: {port}
  auto_sort_endpoints: false
endpoints:
  - name: alpha   # the first
    url: http://127.0.0.1:1
    priority: 1
  - name: beta
    url: http://127.0.0.1:2
    priority: 2
  - name: gamma
    url: http://127.0.0.1:3
    auth_type: api_key
    auth_value: sk-never-shown
    priority: 3
"""


@pytest.fixture
def serving(podium, tmp_path):
    def start():
        port = free_port()
        process = podium(CONFIG.format(port=port), port, {"XDG_RUNTIME_DIR": str(tmp_path)})
        eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
        return process

    return start


def ask(process, *arguments, stdin=None):
    return subprocess.run(
        [PODIUM, *map(str, arguments), "--config", str(process.config)], capture_output=True, text=True, timeout=30,
        check=False, env=process.environment, input=stdin if stdin is not None else "")


def endpoint(process, name):
    return json.loads(ask(process, "endpoint", "show", name, "--json").stdout)


def test_status_is_plain_lines_or_json(serving):
    process = serving()
    lines = ask(process, "status").stdout.splitlines()
    assert f"127.0.0.1:{process.port}" in lines[0]
    assert [re.match(r"rank (\d): (\w+),", line).groups() for line in lines if line.startswith("rank")] == [
        ("1", "alpha"), ("2", "beta"), ("3", "gamma")]
    picture = json.loads(ask(process, "status", "--json").stdout)
    assert picture["server"]["pid"] == process.process.pid
    assert [entry["name"] for entry in picture["endpoints"]] == ["alpha", "beta", "gamma"]
    assert "listening" in ask(process, "status", "--events", "20").stdout


def test_every_change_is_on_disk_when_the_verb_returns(serving):
    process = serving()

    def done(*arguments, stdin=None):
        result = ask(process, "endpoint", *arguments, stdin=stdin)
        assert result.returncode == 0, result.stderr
        return process.config.read_text()

    assert re.search(r"name: gamma\n(.*\n)*?    priority: 1\n", done("move", "gamma", 1))
    assert "pinned: true" in process.config.read_text()
    assert "enabled: false" in done("disable", "beta")
    assert "enabled: false" not in done("enable", "beta")
    assert done("pin", "beta").count("pinned: true") == 2
    assert done("unpin", "beta").count("pinned: true") == 1
    text = done("add", "delta", "--url-anthropic", "http://127.0.0.1:4", "--auth-type", "api_key", "--auth-value",
                "${DELTA_KEY}", "--tag", "spare")
    assert "${DELTA_KEY}" in text and "spare" in text
    text = done("set", "delta", "--secret-from-stdin", "--rename", "epsilon", stdin="sk-typed\n")
    assert "sk-typed" in text and "name: epsilon" in text and "delta" not in text.replace("DELTA_KEY", "")
    text = done("set", "epsilon", "--header", "x-team: blue", "--header", "x-key: ${TEAM_KEY}", "--proxy",
                "socks5://me:${PROXY_PASSWORD}@127.0.0.1:1080", "--openai-preference", "responses")
    for expected in ("x-team: blue", "${TEAM_KEY}", "${PROXY_PASSWORD}", "openai_preference: responses"):
        assert expected in text, expected
    text = done("set", "epsilon", "--header", "X-Team:", "--header", "x-order: 7")
    assert "x-team" not in text and "${TEAM_KEY}" in text and "x-order" in text
    text = done("set", "epsilon", "--header", "x-key:", "--header", "x-order:", "--proxy", "", "--openai-preference",
                "auto")
    assert not re.search("headers|PROXY|TEAM_KEY|socks5|responses", text), text
    text = done("set", "epsilon", "--cookies", "pass", "--forwarded")
    assert "cookies: pass" in text and "forwarded: true" in text
    assert endpoint(process, "epsilon")["cookies"] == "pass" and endpoint(process, "epsilon")["forwarded"] is True
    shown = ask(process, "endpoint", "show", "epsilon").stdout
    assert re.search(r"^cookies +pass$", shown, re.M) and re.search(r"^forwarded +on$", shown, re.M), shown
    text = done("set", "epsilon", "--cookies", "off", "--no-forwarded")
    assert "cookies" not in text and "forwarded" not in text
    assert "epsilon" not in done("remove", "epsilon")
    assert "alpha   # the first" in process.config.read_text()
    assert ask(process, "flush").returncode == ask(process, "sort").returncode == 0


def test_clear_ends_a_time_out_at_once(podium, upstream, tmp_path):
    port = free_port()
    limited = upstream("limited", "--status", "429", "--retry-after", "600")
    process = podium(
        f"server: {{ port: {port} }}\nendpoints:\n  - {{ name: limited, url: {limited.url} }}\n", port,
        {"XDG_RUNTIME_DIR": str(tmp_path)})
    before = process.config.read_bytes()
    message = '{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}'

    def send():
        curl = ["curl", "-sS", process.url + "/v1/messages", "-H", "content-type: application/json", "-d", message]
        subprocess.run(curl, capture_output=True, check=True, timeout=30)

    send()
    send()
    assert len(limited.requests) == 1, "what has named a time to wait is not asked before it"
    cleared = ask(process, "endpoint", "clear", "limited")
    assert cleared.returncode == 0 and "cleared limited" in cleared.stdout, cleared
    send()
    assert len(limited.requests) == 2
    assert ask(process, "endpoint", "clear", "nothing").returncode == 1
    assert process.config.read_bytes() == before


def test_a_time_out_survives_a_restart_but_not_another_url(upstream, podium, tmp_path):
    limited = upstream("limited", "--status", "429", "--retry-after", "600")
    port = free_port()
    text = f"server: {{ port: {port} }}\nendpoints:\n  - {{ name: limited, url: {limited.url} }}\n"
    state = tmp_path / "state"
    state.mkdir()
    process = podium(text, port, {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(state)})
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)

    def send():
        curl = ["curl", "-sS", process.url + "/v1/messages", "-H", "content-type: application/json", "-d", '{"model": "m"}']
        subprocess.run(curl, capture_output=True, check=True, timeout=30)

    def limits():
        return endpoint(process, "limited").get("limited_models", [])

    send()
    before, = eventually(limits)
    assert before["model"] == "m" and before["reason"] == "rate_limited"
    # Killed, not stopped: the file is there within a second or two.
    eventually(lambda: list(state.glob("*.podium-time-outs")))
    process.kill()
    process.start()
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    after, = limits()
    assert after["model"] == "m" and abs(after["until"] - before["until"]) < 5
    send()
    assert len(limited.requests) == 1
    process.stop()
    process.config.write_text(text.replace(limited.url, limited.url + "/"))
    process.start()
    eventually(lambda: ask(process, "status").returncode == 0, what=process.text)
    assert limits() == []



def test_reload_takes_an_edit_in_or_says_what_is_wrong_with_it(serving):
    process = serving()
    process.config.write_text(process.config.read_text().replace("name: beta", "name: second"))
    assert ask(process, "reload").returncode == 0
    assert endpoint(process, "second")["rank"] == 2
    process.config.write_text("endpoints: [\n")
    result = ask(process, "reload")
    assert result.returncode == 1 and "the running configuration stays" in result.stderr, result
    assert endpoint(process, "second")["rank"] == 2


def test_refusals_have_their_codes_and_reasons(serving):
    process = serving()
    result = ask(process, "endpoint", "disable", "nobody")
    assert (result.returncode, "nobody" in result.stderr) == (1, True)
    seen = endpoint(process, "beta")["revision"]
    assert ask(process, "endpoint", "disable", "beta", "--revision", seen).returncode == 0
    before = process.config.read_bytes()
    stale = ask(process, "endpoint", "pin", "beta", "--revision", seen, "--json")
    assert stale.returncode == 75
    assert json.loads(stale.stdout)["code"] == "revision_conflict"
    assert "enabled" in stale.stderr and process.config.read_bytes() == before
    assert ask(process, "endpoint", "add", "alpha", "--url", "http://h").returncode == 1
    assert ask(process, "endpoint", "set", "alpha", "--url", "ftp://h").returncode == 1
    for arguments in (
            ("set", "alpha"), ("add", "x", "--auth-value", "sk-visible"), ("move", "alpha"),
            ("set", "alpha", "--header", "x-team"), ("set", "alpha", "--header", "Authorization: Bearer sk-visible"),
            ("set", "alpha", "--proxy", "socks5://me:pw-visible@h"), ("set", "alpha", "--proxy", "ftp://h"),
            ("set", "alpha", "--openai-preference", "both")):
        assert ask(process, "endpoint", *arguments).returncode == 64
    assert ask(process, "endpoint", "test", "alpha").returncode == 1


def test_nobody_there_says_how_to_start(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    for verb in (("status",), ("flush",), ("endpoint", "list"), ("attach",)):
        result = run_podium(*verb, "--config", config)
        assert result.returncode == 69
        assert f"podium run --config {config}" in result.stderr


def test_secrets_stay_where_they_are(serving):
    process = serving()
    outputs = [
        ask(process, *verb).stdout + ask(process, *verb).stderr
        for verb in (("status",), ("status", "--json"), ("endpoint", "show", "gamma"), ("endpoint", "list", "--json"))]
    assert not [output for output in outputs if "sk-never-shown" in output]
    assert "sk-never-shown" not in process.text


def test_the_actor_is_the_user_and_the_address_of_their_ssh(serving):
    process = serving()
    process.environment["SSH_CLIENT"] = "192.0.2.7 50000 22"
    assert ask(process, "endpoint", "disable", "beta").returncode == 0
    assert "@192.0.2.7 disabled beta" in ask(process, "status", "--events", "20").stdout


def attach(terminal, process, *options, width=100, height=30, verb="attach"):
    window = terminal(width, height)
    window.run("export " + " ".join(
        f"{name}={process.environment[name]}" for name in ("XDG_RUNTIME_DIR", "SSH_CLIENT") if name in process.environment))
    window.run(f"{PODIUM} {verb} --config {process.config} {' '.join(options)}; echo exit-$?")
    window.wait_for("ATTACHED")
    window.wait_for("alpha")
    return window


def test_two_consoles_see_each_other_and_a_stale_edit_is_told(serving, terminal):
    process = serving()
    # The form of the second is shown whole.
    one, two = attach(terminal, process), attach(terminal, process, height=45)
    # Two edits the tags of what one takes out of service meanwhile.
    two.type("e")
    two.wait_for("Edit endpoint")
    two.type(*["Tab"] * 7)
    two.type("p", "r", "o", "d")
    one.type("Space")
    eventually(lambda: "enabled: false" in process.config.read_text(), what="disabled on disk")
    disabled = process.config.read_text()
    two.wait_for("was changed in the meantime by")
    # Who did it may be longer than the line; what was changed stands in the form now.
    two.wait_for("taken over Enabled")
    assert re.search(r"Enabled +\[ \]", two.screen), two.screen
    assert process.config.read_text() == disabled
    two.type("C-s")
    eventually(lambda: "prod" in process.config.read_text(), what="saved")
    assert "enabled: false" in process.config.read_text()
    # And what two did is on one's screen without a key.
    one.wait_for("changed alpha")


def test_the_form_of_an_attached_console_tests_and_shows_what_it_would_write(serving, terminal):
    process = serving()
    window = attach(terminal, process)
    window.type("a")
    window.wait_for("Add an endpoint")
    window.tmux("send-keys", "-t", "t", "-l", "delta")
    window.type("Tab")
    window.tmux("send-keys", "-t", "t", "-l", "http://127.0.0.1:1")
    window.type("Tab", "Tab", "Tab", "Tab")
    window.tmux("send-keys", "-t", "t", "-l", "sk-typed-here")
    window.wait_for("sent as Bearer")
    window.wait_for("- name: delta")
    window.type("C-t")
    window.wait_for("connection refused or unreachable")
    assert "delta" not in process.config.read_text()
    assert "sk-typed-here" not in window.screen
    window.type("C-s")
    eventually(lambda: "sk-typed-here" in process.config.read_text(), what="saved")
    window.wait_gone("Add an endpoint")
    assert "auth_type: auth_token" in process.config.read_text()


def test_what_one_console_does_is_on_the_other_within_a_second(serving, terminal):
    process = serving()
    one, two = attach(terminal, process), attach(terminal, process, "--refresh", "10s")
    one.type("Space")
    eventually(lambda: "alpha (off)" in one.screen)
    began = time.monotonic()
    two.wait_for("alpha (off)")
    assert time.monotonic() - began < 1


def test_q_leaves_and_suspending_suspends_only_the_console(serving, terminal):
    process = serving()
    window = attach(terminal, process)
    window.type("C-z")
    window.wait_for("Stopped")
    assert ask(process, "status").returncode == 0
    assert "ATTACHED" not in window.screen
    window.run("fg")
    window.wait_for("ATTACHED")
    window.type("q")
    window.wait_for("it serves on")
    assert ask(process, "status").returncode == 0


def test_read_only_changes_nothing(serving, terminal):
    process = serving()
    before = process.config.read_text()
    window = attach(terminal, process, "--read-only")
    window.wait_for("READ-ONLY")
    for key in ("Space", "m", "K", "w"):
        window.type(key)
    window.wait_for("read-only")
    assert process.config.read_text() == before


def test_a_restart_is_shown_as_one_and_the_console_comes_back(serving, terminal):
    process = serving()
    window = attach(terminal, process)
    assert process.stop() == 0
    window.wait_for("RECONNECTING")
    assert "LIVE" not in window.screen
    process.start()
    window.wait_for("LIVE")
    window.wait_gone("RECONNECTING")
    window.type("Space")
    eventually(lambda: "enabled: false" in process.config.read_text(), what="disabled on disk")


def draining(upstream, podium, tmp_path, chunk_delay, drain_timeout):
    """A Podium that was told to stop in the middle of a stream, the stream's client and the first line it got."""
    slow = upstream("slow", "--chunk-delay", str(chunk_delay))
    port = free_port()
    process = podium(
        f"server: {{ port: {port}, drain_timeout: {drain_timeout} }}\nendpoints:\n  - {{ name: slow, url: '{slow.url}' }}\n",
        port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    stream = subprocess.Popen(
        ["curl", "-sN", "-d", '{"stream": true}', process.url + "/v1/messages"], stdout=subprocess.PIPE)
    first = stream.stdout.readline()
    process.process.send_signal(signal.SIGTERM)
    return process, stream, first


def test_while_it_drains_it_can_be_asked_what_it_waits_for(upstream, podium, tmp_path):
    process, stream, first = draining(upstream, podium, tmp_path, chunk_delay=1, drain_timeout="30s")
    eventually(lambda: "stopping: 1 request in flight may end within" in ask(process, "status").stdout, what="draining")
    picture = json.loads(ask(process, "status", "--json").stdout)
    assert 0 < picture["server"]["draining_until"] - picture["taken_at"] <= 30
    ready = subprocess.run(
        ["curl", "-s", "-w", "%{http_code}", "--unix-socket", re.search(r"control socket at (\S+)", process.text)[1],
         "http://podium/readyz"], capture_output=True, text=True, check=True).stdout
    assert ready.endswith("503") and "stopping" in ready
    assert ask(process, "endpoint", "set", "slow", "--tag", "late").returncode == 0
    assert b"message_stop" in first + stream.stdout.read()
    assert process.process.wait(15) == 0
    assert "late" in process.config.read_text()


def test_a_second_signal_skips_the_drain_and_not_the_save(upstream, podium, tmp_path):
    process, stream, _ = draining(upstream, podium, tmp_path, chunk_delay=5, drain_timeout="60s")
    eventually(lambda: "stopping: " in ask(process, "status").stdout, what="draining")
    assert ask(process, "endpoint", "pin", "slow").returncode == 0
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(10) == 0
    assert "pinned: true" in process.config.read_text()
    # The client sees that the answer is not whole: 18 is curl's word for it.
    assert stream.wait(10) == 18


def test_run_on_a_terminal_attaches_where_the_file_is_served(serving, terminal):
    process = serving()
    window = attach(terminal, process, verb="run")
    window.wait_for(f"process {process.process.pid}")
    window.type("q")
    window.wait_for("exit-0")


def test_after_a_lost_link_podium_again_attaches(terminal, tmp_path):
    """The console's process loses its terminal and serves on; the next `podium` is its console again."""
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=port))
    config.chmod(0o600)
    first = terminal(80, 24)
    first.run(f"XDG_RUNTIME_DIR={tmp_path} {PODIUM} run {config}")
    first.wait_for("LIVE")
    pid = int(re.match(r"\d+", (tmp_path / ".config.yaml.lock").read_text()).group())
    try:
        first.close()
        second = terminal(100, 30)
        second.run(f"XDG_RUNTIME_DIR={tmp_path} {PODIUM} run {config}; echo exit-$?")
        second.wait_for("ATTACHED")
        assert f"process {pid}" in second.screen
        second.type("Space")
        eventually(lambda: "enabled: false" in config.read_text(), what="disabled on disk")
        second.type("q")
        second.wait_for("exit-0")
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not os.path.exists(f"/proc/{pid}") or is_zombie(pid), what="the end")


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_socket_that_was_removed_comes_back(serving, terminal, tmp_path):
    """As when a login session ends and takes its runtime directory along: Podium serves on and is found again."""
    process = serving()
    path = re.search(r"control socket at (\S+)", process.text).group(1)
    window = attach(terminal, process)
    os.unlink(path)
    assert ask(process, "status").returncode == 69
    eventually(lambda: ask(process, "status").returncode == 0, what="the socket is there again")
    # Who is connected stays connected, or comes back unasked.
    window.wait_for("LIVE")
    assert process.stop() == 0
    assert not os.path.exists(path)


VERBS = {
    "alone": ["--help", "--version", "help", "endpoint --help", "manual", "--generate-completion-script bash", "check FILE",
              "simulate --trace TRACE", "simulate --trace TRACE --json", "restore FILE"],
    "control": ["status", "status --json", "status --events 5", "endpoint list", "endpoint list --json", "endpoint show alpha",
                "flush", "sort", "reload", "endpoint disable beta", "endpoint test alpha --json"],
}


def arguments_of(verb, config, trace):
    words = verb.replace("FILE", str(config)).replace("TRACE", str(trace)).split()
    return [PODIUM, *words] + (["--config", str(config)] if verb in VERBS["control"] else [])


@pytest.mark.parametrize("verb", VERBS["alone"] + VERBS["control"])
def test_output_that_is_lost_is_never_success(serving, tmp_path, verb):
    """A full device: 74 and a word about it. A pipe whose reader has gone: SIGPIPE, or 74 where that is ignored. Closed: 74."""
    process = serving()
    trace = tmp_path / "trace"
    trace.write_text(OUTAGE)
    ask(process, "endpoint", "disable", "gamma")
    ask(process, "endpoint", "enable", "gamma")
    command = arguments_of(verb, process.config, trace)

    def run(**options):
        return subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
                              env=process.environment, **options)

    whole = run(stdout=subprocess.PIPE)
    assert whole.stdout, (whole.returncode, whole.stderr)
    with open("/dev/full", "w", encoding="ascii") as full:
        lost = run(stdout=full)
    assert lost.returncode == 74, lost.stderr
    assert "podium: standard output: No space left on device" in lost.stderr

    def without_reader(ignored):
        read, write = os.pipe()
        os.close(read)
        try:
            return run(stdout=write, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL),
                       restore_signals=False)
        finally:
            os.close(write)

    killed = without_reader(ignored=False)
    assert (killed.returncode, killed.stderr) == (-signal.SIGPIPE, ""), killed
    assert without_reader(ignored=True).returncode == 74
    assert run(preexec_fn=lambda: os.close(1)).returncode == 74


def test_serving_goes_on_without_its_output(serving, tmp_path):
    process = serving()
    listener = subprocess.run(
        [PODIUM, "attach", "--plain", "--config", str(process.config)], stdin=subprocess.DEVNULL,
        stdout=open("/dev/full", "w", encoding="ascii"), stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        env=process.environment)
    assert listener.returncode == 74, listener.stderr
    assert ask(process, "status").returncode == 0


def columns(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def test_a_table_pads_by_what_names_take_on_a_terminal(serving):
    process = serving()
    names = ["\u540d\u524d-tokyo", "cafe\u0301", "\U0001f680rocket", "plain"]
    for number, name in enumerate(names):
        added = ask(process, "endpoint", "add", name, "--url", f"http://127.0.0.1:{number + 4}")
        assert added.returncode == 0, added.stderr
    lines = ask(process, "endpoint", "list").stdout.splitlines()
    place = columns(lines[0][:lines[0].index("STATE")])
    states = ("untested", "down", "up", "slow", "off", "misconfigured")
    for line in lines[1:]:
        state = next(word for word in line.split() if word in states)
        assert columns(line[:line.index(f"  {state}") + 2]) == place, lines


def test_a_secret_in_the_wrong_place_is_not_printed(serving, tmp_path):
    process = serving()
    secrets = ["sk-ant-api03-wrong-place-0123456789", "hunter2-and-more"]
    for secret in secrets:
        said = []
        for arguments in (["set", "alpha", "--auth-type", secret], ["set", "alpha", "--header", f"x-api-key: {secret}"],
                          ["set", "alpha", "--cookies", secret], ["set", "alpha", "--openai-preference", secret],
                          ["add", "new", "--url", "http://127.0.0.1:9", "--auth-type", secret]):
            refused = ask(process, "endpoint", *arguments)
            assert refused.returncode == 64, refused
            said.append(refused.stdout + refused.stderr)
        config = tmp_path / "wrong.yaml"
        config.write_text(f"endpoints:\n  - name: a\n    url: http://127.0.0.1:9\n    auth_type: {secret}\n")
        checked = run_podium("check", config)
        assert checked.returncode == 1 and ":4:16: error: what stands there is not a value of auth_type" in checked.stdout
        said.append(checked.stdout + checked.stderr)
        for text in said:
            assert secret not in text, text
    # By its look, anywhere.
    secret = secrets[0]
    for arguments in (["set", "alpha", "--rank", secret], ["set", "alpha", secret], ["set", "alpha", "--url", secret]):
        refused = ask(process, "endpoint", *arguments)
        assert refused.returncode != 0
        assert secret not in refused.stdout + refused.stderr, refused
    config = tmp_path / "wrong.yaml"
    for key in ("url", "openai_preference", "proxy", "priority", secret, "enabled", "tags"):
        config.write_text(f"endpoints:\n  - name: a\n    url_anthropic: http://127.0.0.1:9\n    {key}: {secret}\n")
        checked = run_podium("check", config)
        assert secret not in checked.stdout + checked.stderr, checked
    for key in ("port", "config_flush_interval", "persist_strategy", "replay_limit"):
        config.write_text(f"server:\n  {key}: {secret}\n")
        checked = run_podium("check", config)
        assert secret not in checked.stdout + checked.stderr, checked


def test_a_faster_endpoint_is_found_and_running_sessions_stay_until_an_operator_moves(podium, upstream, tmp_path):
    port = free_port()
    slow, fast = upstream("slow", "--delay", "0.5"), upstream("fast")
    process = podium(
        f"server: {{ port: {port} }}\nranking: {{ min_dwell: 0s, explore: 50%, sticky_sessions: 5m }}\n"
        f"endpoints:\n  - {{ name: slow, url: {slow.url} }}\n  - {{ name: fast, url: {fast.url} }}\n",
        port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def served_by(session, identity=None):
        headers = {"content-type": "application/json", "X-Session-ID": session, **({"X-Request-ID": identity} if identity else {})}
        client.request("POST", "/v1/messages", "{}", headers)
        return "slow" if "from slow" in client.getresponse().read().decode() else "fast"

    def explained(identity):
        return json.loads(eventually(lambda: ask(process, "explain", identity, "--json").stdout))

    assert served_by("old") == "slow"
    # Of each two new sessions one looks at the other endpoint, but for the first two: it is twenty times as fast, and takes over.
    others = [served_by(f"new {number}", f"look-{number}") for number in range(4)]
    assert others[0] == "slow" and others[-1] == "fast"
    looks = [number for number in range(4) if explained(f"look-{number}").get("route") == "explored"]
    assert len(looks) == 1 and others[looks[0]] == "fast"
    assert served_by("old", "kept") == "slow"
    walk = explained("kept")
    assert walk["route"] == "session" and walk["endpoint"] == "slow"
    assert [(step["endpoint"], step["result"], step["text"]) for step in walk["steps"]][0] == (
        "fast", "skipped", "its session stays where its cache is")
    assert "not by the order alone: its session stayed where its cache is" in ask(process, "explain", "kept").stdout
    traffic = {e["name"]: e["traffic"] for e in json.loads(ask(process, "status", "--json").stdout)["endpoints"]}
    assert traffic["slow"]["sessions"] + traffic["fast"]["sessions"] == 5 and traffic["fast"]["sessions"] >= 1
    assert re.search(r"traffic +.* in flight, \d sessions?", ask(process, "endpoint", "show", "slow").stdout)
    assert ask(process, "endpoint", "move", "fast", "1").returncode == 0
    assert served_by("old") == "fast"


def test_a_request_is_explained(podium, upstream, tmp_path):
    port = free_port()
    broken, good = upstream("broken", "--status", "502"), upstream("good")
    process = podium(
        f"server: {{ port: {port} }}\nendpoints:\n  - {{ name: broken, url: {broken.url} }}\n  - {{ name: good, url: {good.url} }}\n"
        "  - { name: spare, url: http://127.0.0.1:1 }\n  - { name: resting, url: http://127.0.0.1:2, enabled: false }\n",
        port, {"XDG_RUNTIME_DIR": str(tmp_path)})
    curl = ["curl", "-sS", process.url + "/v1/messages", "-H", "content-type: application/json", "-H", "X-Request-ID: mine-1", "-d", "{}"]
    subprocess.run(curl, capture_output=True, check=True, timeout=30)
    told = eventually(lambda: next((t for t in [ask(process, "explain", "mine-1")] if t.returncode == 0), None))
    lines = told.stdout.splitlines()
    assert lines[0].startswith("request mine-1, ended ") and lines[0].endswith(": POST /v1/messages")
    assert lines[1].startswith("answered 200 by good, completed, first byte after ")
    assert lines[2].startswith("asked broken: status 502, verdict: ") and lines[3].startswith("asked good: ok, status 200, ")
    assert lines[4:] == ["not needed: spare", "out: resting: switched off"]
    walk = json.loads(ask(process, "explain", "mine-1", "--json").stdout)
    assert [step["result"] for step in walk["steps"]] == ["asked", "asked", "not_needed", "out"]
    assert walk["steps"][0]["outcome"] == "server_error" and walk["steps"][0]["status"] == 502 and walk["knows_all"]
    unknown = ask(process, "explain", "mine-2")
    assert unknown.returncode == 1 and "request 'mine-2' is not known: it is none of the last 1 that ended" in unknown.stderr

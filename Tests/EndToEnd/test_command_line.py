"""Exit codes and diagnostics: what a script or a tired operator sees first."""

import os
import signal
import socket
import stat

from conftest import eventually, free_port, run_podium

GOOD = """\
server:
  port: {port}
endpoints:
  - name: one
    url: http://127.0.0.1:9
"""

BROKEN = """\
server:
  port: 99999
  config_flush_interval: 30 parsecs
endpoints:
  - name: one
    url: ftp://example.com
  - name: one
    url: http://127.0.0.1:9
"""


def test_check_accepts_a_good_file(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.format(port=8081))
    result = run_podium("check", config)
    assert result.returncode == 0, result.stderr


def test_check_shows_what_each_endpoint_will_be_asked(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("""\
endpoints:
  - {name: both, url: "https://a.example/v1/responses"}
  - {name: claude, url_anthropic: "https://b.example/${SECRET_PATH}"}
  - {name: glm, url: "https://c.example/api/paas/v4/", endpoint_type: openai}
""")
    result = run_podium("check", config, env={**os.environ, "SECRET_PATH": "sk-in-the-path"})
    assert result.returncode == 0, result.stdout
    lines = [line for line in result.stdout.splitlines() if "requests go to" in line]
    assert [line.split("endpoint ")[1] for line in lines] == [
        "'both': Anthropic requests go to https://a.example/v1/messages",
        "'both': OpenAI requests go to https://a.example/v1/chat/completions and https://a.example/v1/responses",
        "'claude': Anthropic requests go to https://b.example/${SECRET_PATH}/v1/messages",
        "'glm': OpenAI requests go to https://c.example/api/paas/v4/chat/completions and "
        "https://c.example/api/paas/v4/responses",
    ]
    assert "sk-in-the-path" not in result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == f"{config}: ok, 3 endpoints"


def test_check_prints_every_problem_with_line_and_column(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(BROKEN)
    result = run_podium("check", config)
    assert result.returncode == 1
    printed = result.stdout + result.stderr
    # Positions counted by hand in BROKEN: the offending values.
    for position in ("2:9", "3:26", "6:10", "7:11"):
        assert f"{config}:{position}: error: " in printed, printed


def test_run_on_a_broken_file_prints_every_problem_and_exits_78(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(BROKEN)
    result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 78
    assert result.stderr.count(": error: ") == 4, result.stderr
    assert config.read_text() == BROKEN


def test_a_missing_file_exits_78_and_says_what_to_do(tmp_path):
    result = run_podium("run", "--headless", "--config", tmp_path / "absent.yaml")
    assert result.returncode == 78
    assert "absent.yaml" in result.stderr
    assert "podium demo" in result.stderr


def test_an_unknown_option_exits_64():
    result = run_podium("run", "--frobnicate")
    assert result.returncode == 64
    assert "--frobnicate" in result.stderr


def test_a_taken_port_exits_69_and_says_whom_to_look_for(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        config = tmp_path / "config.yaml"
        config.write_text(GOOD.format(port=port))
        result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 69
    assert str(port) in result.stderr
    assert str(os.getpid()) in result.stderr or "ss -ltnp" in result.stderr


def test_a_second_podium_on_the_same_file_exits_75_and_names_the_holder(podium):
    port = free_port()
    first = podium(GOOD.format(port=port), port)
    result = run_podium("run", "--headless", "--config", first.config)
    assert result.returncode == 75
    assert str(first.process.pid) in result.stderr


def test_both_signals_stop_with_status_0(podium):
    port = free_port()
    for sig in (signal.SIGTERM, signal.SIGINT):
        process = podium(GOOD.format(port=port), port)
        assert process.stop(sig) == 0, process.text


def test_a_signal_saves_what_was_dirty(podium, upstream, tmp_path):
    """The second endpoint is faster, so the order changes; the interval is far away, the signal is not."""
    slow, fast = upstream("slow", "--delay", "0.2"), upstream("fast")
    port = free_port()
    text = f"""\
server: {{ port: {port}, config_flush_interval: 1h, config_max_dirty_time: 2h }}
ranking: {{ min_dwell: 0s }}
endpoints:
  - name: dead   # stays in the file
    url: http://127.0.0.1:1
    priority: 1
  - name: slow
    url: {slow.url}
    priority: 2
  - name: fast
    url: {fast.url}
    priority: 3
"""
    process = podium(text, port)
    import urllib.request

    for _ in range(6):
        request = urllib.request.Request(process.url + "/v1/messages", b"{}", {"content-type": "application/json"})
        urllib.request.urlopen(request, timeout=10).read()
    assert process.config.read_text() == text
    assert process.stop() == 0
    saved = process.config.read_text()
    assert "name: dead   # stays in the file" in saved
    assert saved != text
    assert [line for line in saved.splitlines() if "priority" not in line] == [
        line for line in text.splitlines() if "priority" not in line]
    assert stat.S_IMODE(process.config.stat().st_mode) == 0o600


def test_version_and_help():
    assert run_podium("--version").returncode == 0
    text = run_podium("--help").stdout
    for verb in ("run", "check", "demo"):
        assert verb in text


def test_run_without_a_terminal_serves(podium):
    port = free_port()
    process = podium(GOOD.format(port=port), port)
    eventually(lambda: "listening" in process.text)


def test_a_secret_that_others_can_read_is_warned_of_once(podium):
    port = free_port()
    secret = GOOD.format(port=port) + "    auth_type: api_key\n    auth_value: sk-not-for-you\n"
    process = podium(secret, port)
    assert process.stop() == 0
    assert "secret in the clear" not in process.text
    process.config.chmod(0o644)
    process.start()
    assert process.stop() == 0
    assert process.text.count("secret in the clear") == 1
    assert "line 7 holds" in process.text
    assert "sk-not-for-you" not in process.text


def test_the_file_can_be_named_without_an_option_and_a_mistyped_verb_is_not_taken_for_one(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(BROKEN)
    for arguments in (("run", config), (config,)):
        assert run_podium(*arguments).returncode == 78
    assert run_podium("run", config, "--config", config).returncode == 64
    result = run_podium("stauts", cwd=tmp_path)
    assert (result.returncode, "did you mean 'status'?" in result.stderr) == (64, True)

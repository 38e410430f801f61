"""`podium simulate`, and the traces that `podium run --record` makes for it."""

import json
import signal
import subprocess
import urllib.request

import pytest

from conftest import PODIUM, eventually, free_port, run_podium

# One request a second for ten minutes; the first endpoint fails from 300 to 360 s. Both need 400 ms.
OUTAGE = "".join(
    f"{second} {'fail status:502' if 300 <= second < 360 else 'ok 400'} first\n"
    f"{second} ok 400 second one\n"
    f"{second} request\n"
    for second in range(600))


@pytest.fixture
def trace(tmp_path):
    file = tmp_path / "outage.trace"
    file.write_text(OUTAGE)
    return file


def simulated(*arguments, **options):
    result = run_podium("simulate", *arguments, "--json", **options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_defaults_leave_a_failing_endpoint_once(trace):
    report, = simulated("--trace", trace)
    assert report["requests"] == 600
    # Three failures open the breaker; the second serves those requests and, being as fast, all that follow.
    assert report["failed_first_attempts"] == 3
    assert report["failed_requests"] == 0
    assert report["switches"] == 1
    assert report["mean_time_to_first_byte_seconds"] == 0.4
    assert report["final_order"][0] == "second one"
    assert sum(report["seconds_first"].values()) == 599


def test_the_same_trace_and_seed_give_the_same_result_and_stdin_is_read(trace):
    first = run_podium("simulate", "--trace", trace, "--seed", "5", "--compare")
    again = subprocess.run(
        [PODIUM, "simulate", "--trace", "-", "--seed", "5", "--compare"], input=OUTAGE, capture_output=True, text=True,
        timeout=30, check=False)
    assert first.stdout == again.stdout
    assert "least failures" in first.stdout
    assert "600 requests to 2 endpoints" in first.stdout


def test_settings_come_from_the_file_and_options_go_before(trace, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("ranking: { hysteresis: 40%, decay: 7s }\nendpoints:\n  - name: a\n    url: http://127.0.0.1:9\n")
    printed = run_podium("simulate", "--trace", trace, "--config", config, "--decay", "90s").stdout
    assert "hysteresis 40%" in printed
    assert "decay 1m30s" in printed


@pytest.mark.parametrize("arguments, text, code", [
    (["--hysteresis", "200%"], "share below 100%", 64),
    (["--min-dwell", "soon"], "not a duration", 64),
    (["--decay", "0"], "--decay has to be at least 1ms", 64),
])
def test_bad_settings_are_refused(trace, arguments, text, code):
    result = run_podium("simulate", "--trace", trace, *arguments)
    assert result.returncode == code
    assert text in result.stderr


def test_a_bad_trace_is_refused_with_its_line(tmp_path):
    file = tmp_path / "bad.trace"
    file.write_text("1 ok 5 a\n2 okay 5 a\n")
    result = run_podium("simulate", "--trace", file)
    assert result.returncode == 65
    assert f"{file}:2: error: 'okay 5' is not an outcome" in result.stderr
    assert run_podium("simulate", "--trace", tmp_path / "absent").returncode == 66


def test_a_recorded_run_can_be_simulated(upstream, tmp_path):
    first, second = upstream("first"), upstream("second")
    port = free_port()
    config, trace, log = tmp_path / "config.yaml", tmp_path / "recorded.trace", tmp_path / "log"
    config.write_text(
        f"server:\n  port: {port}\nendpoints:\n  - name: first\n    url: {first.url}\n    priority: 1\n"
        f"  - name: second\n    url: {second.url}\n    priority: 2\n")
    command = [PODIUM, "run", "--headless", "--config", config, "--record", trace]
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        eventually(lambda: "listening on" in log.read_text(), what=log)
        for _ in range(5):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/messages", b"{}", timeout=10).read()
        first.kill()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/messages", b"{}", timeout=10).read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
    lines = [line for line in trace.read_text().splitlines() if not line.startswith("#")]
    assert sum(line.endswith(" request") for line in lines) == 6
    assert sum(" ok " in line and line.endswith(" first") for line in lines) == 5
    assert sum(" ok " in line and line.endswith(" second") for line in lines) == 1
    assert any(" fail " in line and line.endswith(" first") for line in lines), lines
    assert trace.stat().st_mode & 0o777 == 0o600
    report, = simulated("--trace", trace)
    assert report["requests"] == 6
    assert report["failed_requests"] == 0

    # A recording is never overwritten.
    refused = run_podium("run", "--headless", "--config", config, "--record", trace)
    assert refused.returncode == 73
    assert "File exists" in refused.stderr

"""The console in a real terminal, driven by keys."""

import re
import socket
import subprocess
import time

from conftest import PODIUM, eventually, free_port

CONFIG = """\
server:
  port: {port}
  auto_sort_endpoints: false
  config_flush_interval: 30s
  on_hangup: exit   # or the test's end would leave it serving
endpoints:
  - name: alpha
    url: http://127.0.0.1:1   # nothing listens there
    priority: 1
  - name: beta
    url: http://127.0.0.1:2
    priority: 2
  - name: gamma
    url: http://127.0.0.1:3
    priority: 3
"""


def start(terminal, tmp_path, width=80, height=24, prefix=""):
    config = tmp_path / "config.yaml"
    if not config.exists():
        config.write_text(CONFIG.format(port=free_port()))
        config.chmod(0o600)
    window = terminal(width, height)
    window.run(f"{prefix} {PODIUM} run --config {config}; echo exit-$?")
    window.wait_for("alpha")
    return window, config


def leave(window):
    window.type("q")
    window.wait_for("Leave Podium?")
    window.type("s")
    assert left(window) == 0


def left(window):
    """The exit status, once the program has gone."""
    found = eventually(lambda: re.search(r"^exit-(\d+)", window.screen, re.MULTILINE), what="the program's end")
    return int(found.group(1))


def assert_same_tty(window):
    window.run("stty -g >after; cmp before after && echo settings-are-$((40 + 2))")
    window.wait_for("settings-are-42")


def rows(screen):
    return [name for line in screen.splitlines() for name in re.findall(r"\b(alpha|beta|gamma)\b", line)[:1]]


def test_the_demo_shows_a_living_dashboard(terminal):
    window = terminal(80, 24)
    window.run(f"{PODIUM} demo; echo exit-$?")
    window.wait_for("Persister")
    first = window.wait_for("r/s")
    eventually(lambda: window.screen != first, what="a picture that changes")
    eventually(lambda: re.search(r"DIRTY", window.screen), 60, "the dirty counter")
    leave(window)


def test_moving_with_K_is_on_disk_when_the_toast_says_so(terminal, tmp_path):
    window, config = start(terminal, tmp_path)
    before = config.read_text()
    window.type("j")
    window.type("K")
    eventually(lambda: config.read_text() != before, what="the file changed")
    text = config.read_text()
    assert "# nothing listens there" in text
    assert re.search(r"name: beta\n(    pinned: true\n)?    url: [^\n]*\n    priority: 1\n", text), text
    eventually(lambda: rows(window.screen)[:2] == ["beta", "alpha"], what="the rows swapped")


def test_space_disables_and_enables(terminal, tmp_path):
    window, config = start(terminal, tmp_path)
    window.type("Space")
    eventually(lambda: "enabled: false" in config.read_text(), what="disabled on disk")
    window.type("Space")
    eventually(lambda: "enabled: false" not in config.read_text(), what="enabled on disk")


def test_m_pins(terminal, tmp_path):
    window, config = start(terminal, tmp_path)
    window.type("m")
    eventually(lambda: "pinned: true" in config.read_text(), what="pinned on disk")


def test_help_is_made_from_the_keymap_and_closes(terminal, tmp_path):
    window, _ = start(terminal, tmp_path)
    window.type("?")
    window.wait_for("type to search")
    for label in ("pin", "flush", "undo"):
        assert label in window.screen
    # Not all of it is on one page of a small terminal; the search finds the rest.
    window.type(*"auto")
    window.wait_for("Lets the ranking sort itself")
    window.type("Escape")
    window.wait_gone("type to search")


def test_q_asks_and_restores_the_terminal(terminal, tmp_path):
    window, _ = start(terminal, tmp_path, prefix="stty -g >before;")
    leave(window)
    assert_same_tty(window)


def test_a_killed_console_restores_the_terminal(terminal, tmp_path):
    for sig in ("TERM", "ABRT", "SEGV"):
        window, config = start(terminal, tmp_path, prefix="stty -g >before;")
        subprocess.run(["pkill", f"-{sig}", "-f", f"^{PODIUM} run --config {config}"], check=True)
        assert left(window) == {"TERM": 0, "ABRT": 134, "SEGV": 139}[sig]
        assert_same_tty(window)
        assert window.tmux("display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]


def test_every_size_from_40x10_up_and_smaller(terminal, tmp_path):
    window, _ = start(terminal, tmp_path)
    for width, height in ((140, 40), (40, 10), (200, 60), (80, 24), (20, 3), (80, 24)):
        window.resize(width, height)
        if height >= 10:
            eventually(
                lambda h=height: "alpha" in window.screen and window.screen.count("\n") == h,
                what=f"drawn at {width}x{height}")
    leave(window)


def test_a_lost_terminal_leaves_the_proxy_serving_and_ends_the_demo(terminal, tmp_path):
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=port).replace("on_hangup: exit", "on_hangup: keep_serving"))
    config.chmod(0o600)
    window, _ = start(terminal, tmp_path)
    window.close()
    pattern = f"^{PODIUM} run --config {config}"
    time.sleep(0.5)
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 503"
    subprocess.run(["pkill", "-TERM", "-f", pattern], check=True)
    eventually(lambda: subprocess.run(["pgrep", "-f", pattern], check=False, capture_output=True).returncode == 1)

    demo = terminal(80, 24)
    demo.run(f"{PODIUM} demo --seed 4242")
    demo.wait_for("Persister")
    demo.close()
    pattern = f"^{PODIUM} demo --seed 4242"
    eventually(lambda: subprocess.run(["pgrep", "-f", pattern], check=False, capture_output=True).returncode == 1)


def test_an_unknown_terminal_type_still_works(terminal, tmp_path):
    window, _ = start(terminal, tmp_path, prefix="TERM=no-such-terminal")
    assert "alpha" in window.screen

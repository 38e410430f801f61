"""The console in a real terminal, driven by keys."""

import re
import subprocess

from conftest import PODIUM, eventually, free_port

CONFIG = """\
server:
  port: {port}
  auto_sort_endpoints: false
  config_flush_interval: 30s
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


def rows(screen):
    return [name for line in screen.splitlines() for name in re.findall(r"\b(alpha|beta|gamma)\b", line)[:1]]


def test_the_demo_shows_a_living_dashboard(terminal):
    window = terminal(80, 24)
    window.run(f"{PODIUM} demo; echo exit-$?")
    window.wait_for("Persister")
    first = window.wait_for("r/s")
    eventually(lambda: window.screen != first, what="a picture that changes")
    eventually(lambda: re.search(r"DIRTY", window.screen), 60, "the dirty counter")
    window.type("q")
    window.type("Enter")
    window.wait_for("exit-0")


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
    window.wait_for("flush now")
    window.type("Escape")
    window.wait_for("alpha")


def test_q_asks_and_restores_the_terminal(terminal, tmp_path):
    window, _ = start(terminal, tmp_path, prefix="stty -g >before;")
    window.type("q")
    window.type("Enter")
    window.wait_for("exit-0")
    window.run("clear; stty -g >after; cmp before after && echo same")
    window.wait_for("same")


def test_a_killed_console_restores_the_terminal(terminal, tmp_path):
    for sig in ("TERM", "ABRT", "SEGV"):
        window, config = start(terminal, tmp_path, prefix="stty -g >before;")
        subprocess.run(["pkill", f"-{sig}", "-f", f"podium run --config {config}"], check=True)
        window.wait_for("exit-")
        window.run("clear; stty -g >after; cmp before after && echo same")
        window.wait_for("same")
        assert window.tmux("display-message", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}").split() == ["0", "1"]


def test_every_size_from_40x10_up_and_smaller(terminal, tmp_path):
    window, _ = start(terminal, tmp_path)
    for width, height in ((140, 40), (40, 10), (200, 60), (80, 24), (20, 3), (80, 24)):
        window.resize(width, height)
        if height >= 10:
            eventually(
                lambda h=height: "alpha" in window.screen and window.screen.count("\n") == h,
                what=f"drawn at {width}x{height}")
    window.type("q")
    window.type("Enter")
    window.wait_for("exit-0")


def test_an_unknown_terminal_type_still_works(terminal, tmp_path):
    window, _ = start(terminal, tmp_path, prefix="TERM=no-such-terminal")
    assert "alpha" in window.screen

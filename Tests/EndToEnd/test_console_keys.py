"""Every key of the main screen, pressed in a real terminal: what it does on the screen and on the disk."""

import pathlib
import re
import socket
import subprocess

import pytest
from conftest import PODIUM, eventually, free_port

CONFIG = """\
server:
  port: {port}
  auto_sort_endpoints: false
  on_hangup: exit
timeouts:
  check_interval: 24h
endpoints:
  - name: alpha
    url: http://127.0.0.1:1/a   # nothing listens there
    auth_type: api_key
    auth_value: sk-first
    priority: 1
  - name: beta
    url: http://127.0.0.1:2/b
    priority: 2
  - name: gamma
    url: http://127.0.0.1:3/c
    priority: 3
    tags: [lab]
"""


class Session:
    def __init__(self, window, config):
        self.window = window
        self.config = config

    def press(self, *keys):
        self.window.type(*keys)

    def write(self, text):
        self.window.tmux("send-keys", "-t", "t", "-l", "--", text)

    def shows(self, pattern):
        try:
            return eventually(lambda: re.search(pattern, self.window.screen, re.MULTILINE), 30)
        except AssertionError:
            raise AssertionError(f"{pattern!r} not on screen:\n{self.window.screen}") from None

    def lacks(self, pattern):
        try:
            eventually(lambda: not re.search(pattern, self.window.screen, re.MULTILINE), 30)
        except AssertionError:
            raise AssertionError(f"{pattern!r} still on screen:\n{self.window.screen}") from None

    def on(self, name):
        self.shows(rf"^▸.*\b{name}\b")

    def file(self, pattern):
        try:
            eventually(lambda: re.search(pattern, self.config.read_text(), re.MULTILINE), 30)
        except AssertionError:
            raise AssertionError(f"{pattern!r} not in the file:\n{self.config.read_text()}") from None
        # Until it is said, a second change of the same endpoint is refused.
        self.shows("^ ✓ ")

    def file_lacks(self, pattern):
        eventually(lambda: not re.search(pattern, self.config.read_text(), re.MULTILINE), 30, f"{pattern} still there")
        self.shows("^ ✓ ")


@pytest.fixture
def session(terminal, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    config.chmod(0o600)
    window = terminal(80, 24)
    window.tmux("set-option", "-g", "set-clipboard", "on")
    window.run(f"{PODIUM} run --config {config}; echo exit-$?")
    window.wait_for("gamma", 60)
    return Session(window, config)


def move_about(s):
    for down, up in (("j", "k"), ("Down", "Up")):
        s.on("alpha")
        s.press(down)
        s.on("beta")
        s.press(up)
    for last, first in (("G", "g"), ("End", "Home"), ("PageDown", "PageUp"), ("C-f", "C-b")):
        s.press(last)
        s.on("gamma")
        s.press(first)
        s.on("alpha")
    return "up down first last page-up page-down"


def filter_rows(s):
    s.press("/")
    s.write("a")
    s.press("Enter")
    s.shows(r"· /a ")
    s.press("n")
    s.on("beta")
    s.press("N")
    s.on("alpha")
    s.press("Escape")
    s.lacks(r"· /a ")
    return "filter next-match previous-match back"


def order(s):
    s.press("S")
    s.shows("sort state▲")
    s.press(">")
    s.shows("sort name▲")
    s.press("r")
    s.shows("sort name▼")
    s.press("<", "<")
    s.shows("sort rank▲")
    return "next-column previous-column reverse"


def panels(s):
    for key, title in ("2", "Persister"), ("3", "Flushes"), ("4", "Events"), ("1", "Endpoints"):
        s.press(key)
        s.shows(rf"▸{key} {title}")
    s.press("Tab")
    s.shows("▸2 Persister")
    s.press("BTab")
    s.shows("▸1 Endpoints")
    for key, title in ("5", "alpha"), ("6", "Traffic"), ("7", "Requests"), ("8", "Rank changes"):
        s.press(key)
        s.shows(rf"^─▸{key} {title}")
        s.lacks("1 Endpoints")
    s.press("1", "z")
    s.lacks("2 Persister")
    s.press("z")
    s.shows("2 Persister")
    names = "endpoints persister flushes events detail traffic requests journal"
    return " ".join("panel-" + name for name in names.split()) + " next-panel previous-panel zoom"


def look(s):
    s.press("f")
    s.shows("from info")
    s.press("f", "f", "f")
    s.shows("all levels")
    s.press("p")
    s.shows("PAUSED")
    s.press("p")
    s.shows("LIVE 1s")
    s.press("+")
    s.shows("LIVE 0.5s")
    s.press("=")
    s.shows("LIVE 0.2s")
    s.press("-", "-")
    s.shows("LIVE 1s")
    s.press("t")
    s.shows("Theme: light")
    s.press("t", "t", "t")
    s.shows("Theme: dark")
    s.press("M")
    s.shows("Mouse on")
    s.press("M")
    s.shows("Mouse off")
    before = s.window.screen
    s.press("C-l")
    eventually(lambda: s.window.screen.count("\n") == before.count("\n") and "alpha" in s.window.screen)
    return "level pause faster slower theme mouse redraw"


def traffic(s):
    """Figures over time, of all endpoints, of one, of two that are compared."""
    s.press("6")
    s.shows("Traffic · 1h · all")
    s.press("]")
    s.shows("Traffic · 1d · all")
    s.press("[")
    s.shows("Traffic · 1h · all")
    s.press("E")
    s.shows("Traffic · 1h · (alpha|beta|gamma)")
    s.press("E", "E")
    s.shows("Traffic · 1h · all")
    s.press("1", "g", "v", "v")
    s.shows("●✓|[?]✓")
    s.press("6")
    s.shows(r"Traffic · 1h · a \w+ · b \w+")
    s.press("1", "Escape", "g")
    s.lacks("✓")
    return "shorter-span longer-span traffic-of mark"


def requests(s):
    """What runs, and one of it is ended."""
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        s.press("a")
        s.write("hole")
        s.press("Tab")
        s.write(f"http://127.0.0.1:{port}")
        s.press("Tab", "Tab", "Tab")
        s.shows("‹auth_token›")
        s.press("Left", "Left")
        s.shows("‹none›")
        s.press("C-s")
        s.lacks("Add an endpoint")
        s.file("name: hole")
        s.write(":go hole")
        s.press("Enter")
        s.write(":rank 1")
        s.press("Enter")
        s.shows("rank 1")
        where = re.search(r"port: (\d+)", s.config.read_text()).group(1)
        with socket.create_connection(("127.0.0.1", int(where))) as client:
            client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            s.press("7")
            s.shows("1 running")
            s.shows("waiting +hole")
            s.press("Enter")
            s.shows("waiting for the endpoint's answer")
            s.press("Escape", "x")
            s.shows("Cancel a request of 127.0.0.1")
            s.press("y")
            s.shows("cancelled the request")
            client.settimeout(20)
            assert client.recv(100) == b""
        s.shows("0 running")
    s.press("1")
    s.write(":go hole")
    s.press("Enter", "d")
    s.write("hole")
    s.press("Enter")
    s.file_lacks("hole")
    s.press("g")
    return "cancel-request"


def past(s):
    """The log of a day, which outlives the process."""
    s.press("L")
    s.shows("Log of 20")
    s.shows("listening on")
    s.press("/")
    s.write("listening")
    s.press("Enter")
    s.shows(r"▸?\d\d:\d\d:\d\d . proxy +listening")
    s.press("[")
    s.shows("Nothing is known of this day")
    s.press("Escape")
    s.lacks("Log of 20")
    return "past-events"


def verbs_for_many(s):
    """Marked ones are switched together, and one step takes it back."""
    s.press("g", "v", "v", "Space")
    s.shows("2 endpoints: off")
    s.press("y")
    s.file(r"enabled: false(.|\n)*enabled: false")
    s.press("u")
    s.file_lacks("enabled: false")
    s.press("g", "D")
    s.shows("is off, and nothing runs there any more")
    s.file("enabled: false")
    s.press("u")
    s.file_lacks("enabled: false")
    s.press("g")
    return "drain"


def history(s):
    s.press("H")
    s.shows("History · by endpoint")
    s.shows("Nothing went on in this time")
    today = re.search(r"(\d{4}-\d\d-\d\d) ─╮", s.window.screen).group(1)
    s.press("[")
    s.lacks(today)
    s.press("]")
    s.shows(today)
    s.press("w")
    s.shows(rf"\.\.{today}")
    s.press("o")
    s.shows("by model")
    s.press("q")
    s.lacks("History")
    return "history"


def ask_and_leave_be(s):
    s.press("C-z")
    s.shows("the proxy lives in this process")
    for key in ("?", "F1"):
        s.press(key)
        s.shows("type to search")
        s.press("Escape")
        s.lacks("type to search")
    s.press(":")
    s.write("pau")
    s.press("Tab", "Enter")
    s.shows("PAUSED")
    s.press(":", "Up", "Enter")
    s.shows("LIVE")
    for key in ("q", "C-c"):
        s.press(key)
        s.shows("Leave Podium")
        s.press("Escape")
        s.lacks("Leave Podium")
    return "suspend help command quit"


def rank(s):
    s.press("j", "K")
    s.file(r"name: beta\n(?:    pinned: true\n)?(?:    url.*\n)    priority: 1")
    s.press("J")
    s.file(r"name: beta\n(?:    pinned: true\n)?(?:    url.*\n)    priority: 2")
    s.press("m")
    s.file_lacks("pinned: true")
    s.press("m")
    s.file("pinned: true")
    s.press("u")
    s.file_lacks("pinned: true")
    s.press("C-r")
    s.file("pinned: true")
    s.press("u")
    s.file_lacks("pinned: true")
    return "rank-up rank-down pin undo redo"


def serve(s):
    s.press("g", "Space")
    s.file("enabled: false")
    s.press("u")
    s.file_lacks("enabled: false")
    s.press("A")
    s.file("auto_sort_endpoints: true")
    s.shows("· auto ")
    s.press("A")
    s.file("auto_sort_endpoints: false")
    s.shows("· manual ")
    s.press("s")
    s.shows("✓ sorted")
    s.press("w")
    s.shows("nothing to save")
    s.press("c")
    s.shows("✓ alpha was in no time out")
    s.press("T")
    s.shows("Testing .* failed: .*connection refused or unreachable")
    s.press("y")
    s.shows("Copied http://127.0.0.1:1/a")
    eventually(lambda: s.window.tmux("show-buffer") == "http://127.0.0.1:1/a", what="the URL on the clipboard")
    return "toggle auto-sort sort-now flush clear test copy"


def forms(s):
    s.press("F")
    s.shows("╭─ Flush ─.*\n(?:.*\n)*?.*fsync +[0-9.]+ ms")
    s.press("Escape")
    for key in ("Enter", "e"):
        s.press(key)
        s.shows("Edit endpoint · alpha")
        s.press("Escape")
        s.lacks("Edit endpoint")
    s.press("a")
    s.shows("Add an endpoint")
    s.write("delta")
    s.press("Tab")
    s.write("http://127.0.0.1:4")
    s.press("Tab", "Tab", "Tab")
    s.shows("‹auth_token›")
    s.press("Left", "Left")
    s.shows("‹none›")
    s.shows(r"\+ +- name: delta")
    assert "delta" not in s.config.read_text(), "nothing is written before it is saved"
    s.press("C-s")
    s.file("name: delta\n    url: http://127.0.0.1:4")
    s.lacks("Add an endpoint")
    s.on("delta")
    s.press("d")
    s.shows("Delete delta")
    s.write("delt")
    s.press("Enter")
    s.shows("That is not its name")
    s.write("a")
    s.press("Enter")
    s.file_lacks("delta")
    return "flush-detail edit add delete"


DEEDS = [move_about, filter_rows, order, panels, look, traffic, history, requests, past, verbs_for_many, ask_and_leave_be, rank, serve, forms]


def test_each_key_does_what_the_table_says(session):
    tried = set()
    for deed in DEEDS:
        tried |= set(deed(session).split())
    assert "# nothing listens there" in session.config.read_text()
    docs = pathlib.Path(__file__).parents[2] / "docs" / "console.md"
    main = docs.read_text().split("### Main screen")[1].split("###")[0]
    assert tried == set(re.findall(r"^\| `[^|]+ \| ([a-z0-9-]+) \|", main, re.MULTILINE))
    session.press("q", "s")
    session.shows("^exit-0")


def test_keys_of_the_configuration(terminal, tmp_path):
    config = tmp_path / "config.yaml"
    keys = "console:\n  keys:\n    flush: [W]\n    undo: w\n    nonsense: x\n    help: [q]\n"
    config.write_text(keys + CONFIG.format(port=free_port()))
    config.chmod(0o600)
    checked = subprocess.run([PODIUM, "check", config], capture_output=True, text=True, check=True).stdout
    assert f"{config}:5:5: warning: console keys: 'nonsense' is no action of the console" in checked
    assert f"{config}:6:12: warning: console keys: the key q belongs to quit" in checked
    window = terminal(80, 24)
    window.run(f"{PODIUM} run --config {config}; echo exit-$?")
    s = Session(window, config)
    s.shows("W flush")
    s.press("w")
    s.shows("nothing to undo")
    s.press("W")
    s.shows("nothing to save")
    s.press("q", "s")
    s.shows("^exit-0")


def test_common_tasks_take_as_many_strokes_as_the_documentation_says(session):
    """The list of docs/console.md, done as it says; what is typed as text is not counted."""
    s = session
    strokes = 0

    def press(*keys):
        nonlocal strokes
        strokes += len(keys)
        s.press(*keys)

    counts = {}

    def task(name):
        nonlocal strokes
        counts[name] = strokes
        strokes = 0

    press("<", "<", "<", "<")
    s.shows("sort p95▼")
    press("g")
    task("find the slowest endpoint")
    press(":", *"rank", "Space", "3", "Enter")
    s.file(r"name: alpha\n(?:    .*\n)*    priority: 3")
    task("put it last")
    press("Space")
    s.file("enabled: false")
    task("take it out of service, and back")
    s.press("Space")
    s.file_lacks("enabled: false")
    press("Enter", "Tab", "Tab", "Tab", "Tab", "Tab")
    s.shows("▸ Secret")
    s.write("sk-another")
    s.shows("auth_value: ••••")
    press("C-s")
    s.file("auth_value: sk-another")
    assert "sk-another" not in s.window.screen
    task("give it another key")
    s.lacks("Edit endpoint")
    # One that had none so far is asked nothing more: the way to present it comes along.
    s.press("g")
    s.on("beta")
    s.press("Enter", "Tab", "Tab", "Tab", "Tab", "Tab")
    s.write("sk-beta")
    s.shows("sent as Bearer")
    s.shows("auth_type: auth_token")
    s.press("C-s")
    s.file("auth_value: sk-beta")
    s.file("auth_type: auth_token")
    s.lacks("Edit endpoint")
    press("a")
    s.write("delta")
    press("Tab")
    s.write("http://127.0.0.1:4")
    press("Tab", "Tab", "Tab", "Tab")
    s.write("sk-delta")
    press("C-t")
    s.shows("✗ connection refused")
    press("C-s")
    s.file("name: delta")
    s.lacks("Add an endpoint")
    task("add an endpoint and test it")
    press("w")
    s.shows("nothing to save")
    task("write what is unsaved")
    press("F")
    s.shows("delta added")
    task("see what the last flush changed")
    s.press("Escape")
    press("u")
    s.file_lacks("delta")
    task("take the last action back")
    press("g", "5")
    s.shows("Why rank 1")
    task("find out why rank 1 is rank 1")
    press("H", "[", "o")
    s.shows("History · by model")
    task("see what yesterday cost, by model")
    s.press("Escape")
    press("E", "]")
    s.shows("Traffic · 1d · beta")
    s.shows("errors")
    task("see the error rate of one endpoint over a day")
    s.press("E", "E", "1")
    press("v", "v", "6")
    s.shows(r"Traffic · 1d · a \w+ · b \w+")
    task("compare two that stand together")
    s.press("1", "Escape")
    press(":")
    s.write("at 03:12")
    press("Enter")
    s.shows("Log of 20")
    task("see what happened at 03:12")
    s.press("Escape", "g")
    press("/")
    s.write("tag:lab")
    press("Enter", ":")
    s.write("off")
    press("Enter")
    s.shows("1 endpoint: off")
    press("y")
    s.file("enabled: false")
    task("switch off all with the tag lab")
    s.press("Escape", "u")
    s.file_lacks("enabled: false")
    press("D")
    s.shows("nothing runs there any more")
    task("drain one, and know when nothing runs there")
    s.press("u")
    s.file_lacks("enabled: false")
    press("7")
    s.shows("0 running")
    task("see which request hangs")

    docs = (pathlib.Path(__file__).parents[2] / "docs" / "console.md").read_text()
    table = docs.split("## Common tasks")[1].split("##")[0]
    documented = {name.strip(): int(number) for name, number in re.findall(r"^\| ([a-z][^|]+) \|.*\| (\d+)", table, re.M)}
    assert counts == documented

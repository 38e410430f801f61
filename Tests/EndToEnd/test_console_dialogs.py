"""Every key of every dialog, the mouse, pastes and refusals, in a real terminal: on the screen and on the disk."""

import pathlib
import re
import subprocess
import time

import pytest
from conftest import PODIUM, eventually, free_port, tmux_key
from test_console_keys import CONFIG, Session, session  # noqa: F401 (a fixture)

DOCS = (pathlib.Path(__file__).parents[2] / "docs" / "console.md").read_text().split("<!-- keys -->")[1]


class Dialog:
    """Presses the keys of one table of the documentation and remembers which."""

    def __init__(self, s, title):
        self.s = s
        rows = DOCS.split(f"### {title}\n")[1].split("###")[0]
        self.documented = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (`.*?`) \|", rows, re.MULTILINE))))
        self.pressed = set()

    def __call__(self, *keys):
        self.pressed |= set(keys)
        self.s.press(*map(tmux_key, keys))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            assert self.pressed == self.documented


def cursor(s):
    return tuple(map(int, s.window.tmux("display-message", "-p", "-t", "t", "#{cursor_x} #{cursor_y}").split()))


def on_button(s, text):
    """The real cursor stands on the button in focus."""
    def is_there():
        x, y = cursor(s)
        lines = s.window.screen.splitlines()
        return y < len(lines) and lines[y][max(0, x - 2):].startswith(text)
    eventually(is_there, what=f"the cursor on {text}")


def test_filter(session):
    s = session
    with Dialog(s, "Filter") as key:
        for last in ("Esc", "^C"):
            s.press("/")
            s.write("bet")
            s.lacks("gamma")
            key(last)
            s.shows("gamma")
        s.press("/")
        s.write("bet")
        key("↵")
        s.shows(r"· /bet ")
        s.lacks("gamma")
        s.press("z", "z")
        s.shows("2 Persister")


def test_command_line(session):
    s = session
    with Dialog(s, "Command line") as key:
        s.press(":")
        s.write("them")
        key("Tab")
        s.shows("^ ?:theme")
        key("^C")
        s.lacks("^ ?:theme")
        for line in ("theme light", "level error"):
            s.press(":")
            s.write(line)
            key("↵")
        s.shows("from errors")
        s.press(":")
        key("↑")
        s.shows("^ ?:level error")
        key("↑")
        s.shows("^ ?:theme light")
        key("↓")
        s.shows("^ ?:level error")
        key("Esc")
        s.lacks("^ ?:level")


def test_form(session):
    s = session
    before = s.config.read_text()
    with Dialog(s, "Form") as key:
        for last in ("Esc", "^C"):
            s.press("e")
            s.shows("▸ Name")
            key(last)
            s.lacks("Edit endpoint")
        s.press("e")
        s.shows("▸ Name")
        for forward, back in (("Tab", "S-Tab"), ("↓", "↑")):
            key(forward)
            s.shows("▸ URL ")
            key(back)
            s.shows("▸ Name")
        key("↵")
        s.shows("▸ URL ")
        key("Tab", "Tab", "Tab", "Tab")
        s.write("sk-typed")
        s.shows("•••")
        s.lacks("sk-typed")
        key("^R")
        s.shows("sk-typed")
        key("^R")
        s.lacks("sk-typed")
        key("^T")
        s.shows("✗ connection refused")
        key("^D")
        s.shows("What saving changes")
        s.press("Escape")
        s.lacks("What saving changes")
        assert s.config.read_text() == before
        key("^S")
        s.file("auth_value: sk-typed")
    # By the buttons, with Enter: from the first field backwards come Cancel, Test and Save.
    s.lacks("Edit endpoint")
    s.press("e")
    s.write("x")
    s.press("BTab")
    on_button(s, "[ Cancel")
    s.press("Left", "Left")
    on_button(s, "[ Save")
    s.press("Enter")
    s.file("name: alphax")


def test_difference(session):
    s = session
    s.window.resize(80, 14)
    with Dialog(s, "Difference of the file") as key:
        s.press("e")
        s.write("-with-a-longer-name")
        for last in ("Esc", "↵", "q", "^D", "^C"):
            s.press("C-d")
            s.shows("What saving changes")
            for down, up in (("↓", "↑"), ("j", "k"), ("PgDn", "PgUp")):
                key(down, up)
            s.shows("alpha-with-a-longer-name")
            key(last)
            s.lacks("What saving changes")
        s.press("C-d")
        s.shows("What saving changes")
        key("^S")
        s.file("name: alpha-with-a-longer-name")


def test_delete_and_its_undoing(session):
    s = session
    before = s.config.read_text()
    with Dialog(s, "Delete") as key:
        for last in ("Esc", "^C"):
            s.press("d")
            s.shows("Delete alpha")
            s.write("alpha")
            key(last)
            s.lacks("Delete alpha")
        assert s.config.read_text() == before
        s.press("d")
        s.write("alpha")
        key("↵")
        s.file_lacks("alpha")
    s.press("u")
    s.file("name: alpha")
    s.file("name: alpha")
    assert s.config.read_text() == before, "its comments, its place, everything"
    s.press("C-r")
    s.file_lacks("alpha")


def test_question(session):
    s = session
    # What is off stands last at once, with the cursor on it.
    s.press("Space")
    s.shows(r"^▸.*3 ○ alpha \(off\)")
    s.press("g")
    s.on("beta")
    s.press("Space")
    s.file("name: beta\n    enabled: false")
    s.press("g")
    s.on("gamma")
    with Dialog(s, "Question") as key:
        for last in ("Esc", "n", "q", "^C"):
            s.press("Space")
            s.shows("Switch off gamma")
            on_button(s, "[ Cancel")
            key(last)
            s.lacks("Switch off gamma")
        s.press("Space")
        for there, back in (("→", "←"), ("Tab", "S-Tab"), ("↓", "↑")):
            key(there)
            on_button(s, "[ Switch off")
            key(back)
            on_button(s, "[ Cancel")
        key("↵")
        s.lacks("Switch off gamma")
        assert "name: gamma\n    enabled" not in s.config.read_text()
        s.press("Space")
        s.shows("Switch off gamma")
        key("y")
        s.file("name: gamma\n    enabled: false")


def test_leaving(session):
    s = session
    with Dialog(s, "Leaving") as key:
        for last in ("Esc", "q", "^C"):
            s.press("q")
            s.shows("Leave Podium")
            key(last)
            s.lacks("Leave Podium")
        s.press("q")
        on_button(s, "[ Cancel")
        for there in ("→", "Tab", "↓"):
            key(there)
            on_button(s, "[ Stop")
            key({"→": "←", "Tab": "S-Tab", "↓": "↑"}[there])
            on_button(s, "[ Cancel")
        key("↵")
        s.lacks("Leave Podium")
        s.press("q")
        s.shows("Leave Podium")
        key("k")
        s.shows("without a console|serving on|serves on")
        s.press("C-c")
        s.shows("^exit-0")
        s.window.run(f"{PODIUM} run --config {s.config}; echo again-$?")
        s.window.wait_for("Persister")
        s.press("q")
        s.shows("Leave Podium")
        key("s")
        s.shows("^again-0")


def test_help(session):
    s = session
    s.window.resize(60, 12)
    with Dialog(s, "Help") as key:
        for last in ("Esc", "?", "F1", "^C", "↵"):
            s.press("?")
            s.shows("type to search")
            for down, up in (("↓", "↑"), ("PgDn", "PgUp")):
                s.shows(r"1-\d+ of")
                key(down)
                s.lacks(r" 1-\d+ of")
                key(up)
            key(last)
            s.lacks("type to search")
    s.press("?")
    s.write("undo")
    s.shows("Takes the last operator action back")
    s.press("BSpace")
    s.shows("/und ")
    s.press("Enter")
    s.shows("nothing to undo")
    s.press("Escape", "?")
    s.write("auto-sort")
    s.press("Enter")
    s.file("auto_sort_endpoints: true")
    s.lacks("/auto-sort")


def test_flush_and_event_in_full(session):
    s = session
    for _ in range(2):
        s.press("Space")
        s.file("enabled: false")
        s.press("u")
        s.file_lacks("enabled: false")
    s.window.resize(60, 12)
    s.press("3")
    with Dialog(s, "Flush or event in full") as key:
        for last in ("Esc", "↵", "q", "F", "^C"):
            s.press("Enter")
            s.shows("operator")
            key(last)
            s.lacks("older → newer")
        s.press("Enter")
        newest = s.shows(r"\d\d:\d\d:\d\d\.\d{3}").group()
        key("←")
        s.lacks(re.escape(newest))
        key("→")
        s.shows(re.escape(newest))
        for down, up in (("↓", "↑"), ("j", "k"), ("PgDn", "PgUp"), ("space", "PgUp")):
            key(down)
            s.lacks(re.escape(newest))
            key(up)
            s.shows(re.escape(newest))
        key("y")
        eventually(lambda: "operator" in s.window.tmux("show-buffer"), what="the flush on the clipboard")
    s.press("Escape", "4", "Enter")
    s.shows("older → newer")
    s.press("y")
    eventually(lambda: "operator" not in s.window.tmux("show-buffer") or "flushed" in s.window.tmux("show-buffer"))


def mouse(s, *events):
    for event in events:
        s.window.tmux("send-keys", "-t", "t", "-l", event)


@pytest.mark.parametrize("term", ["xterm-256color", "screen"])
def test_the_mouse(terminal, tmp_path, term):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    config.chmod(0o600)
    window = terminal(80, 24)
    window.run(f"TERM={term} {PODIUM} run --config {config}; echo exit-$?")
    window.wait_for("gamma", 60)
    s = Session(window, config)

    def report(button, row, is_release=False):
        """As the terminal tells of row 1, 2 or 3 of the table."""
        line = 3 + row
        if term == "screen":
            return "\x1b[M" + chr(32 + (3 if is_release else button)) + chr(32 + 10) + chr(32 + line)
        return f"\x1b[<{button};10;{line}{'m' if is_release else 'M'}"

    before = config.read_bytes()
    mouse(s, report(0, 3), report(0, 3, True))
    s.on("alpha")
    s.press("M")
    s.shows("Mouse on")
    mouse(s, report(0, 3), report(0, 3, True))
    s.on("gamma")
    mouse(s, report(0, 1), report(0, 1, True))
    s.on("alpha")
    if term != "screen":
        mouse(s, report(65, 1))
        s.on("gamma")
        mouse(s, report(64, 1))
        s.on("alpha")
    assert config.read_bytes() == before
    mouse(s, report(0, 3), report(0, 1, True))
    s.file(r"name: gamma\n    pinned: true\n    url: .*\n    priority: 1")
    s.press("M")
    s.shows("Mouse off")
    s.press("q", "s")
    s.shows("^exit-0")


def test_a_paste_is_text_in_a_form_and_nothing_elsewhere(session):
    s = session
    s.window.tmux("set-buffer", "-b", "one", "w\nq\ns\n")
    s.window.tmux("set-buffer", "-b", "two", "https://api.example.com/\x1b[31mred\n")
    before = s.config.read_bytes()
    s.window.tmux("paste-buffer", "-p", "-b", "one", "-t", "t")
    s.press("a")
    s.shows("Add an endpoint")
    s.write("pasted")
    s.press("Tab")
    s.window.tmux("paste-buffer", "-p", "-b", "two", "-t", "t")
    s.shows(r"URL        https://api.example.com/[^\x1b]*red")
    assert s.config.read_bytes() == before
    assert "\x1b" not in s.window.screen


def test_a_file_that_changes_under_an_open_form(session):
    """What was typed stays, whatever happens to the file meanwhile."""
    s = session
    s.press("e", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab")
    s.write("mine")
    s.shows(r"\+.*mine")
    # Somebody edits the endpoint by hand.
    text = s.config.read_text()
    s.config.write_text(text.replace("url: http://127.0.0.1:1/a ", "url: http://127.0.0.1:1/theirs "))
    # The comparison tells of it before anything is saved.
    s.shows("Somebody changed it: taken over URL")
    s.shows(r"Tags +mine")
    s.shows(r"URL +http://127.0.0.1:1/theirs")
    s.shows(r"\+.*mine")
    assert "mine" not in s.config.read_text()
    # And breaks it: refused with line and column, still nothing lost.
    good = s.config.read_text()
    s.config.write_text(good + "endpoints: [\n")
    s.press("C-s")
    s.shows("NOT SAVED")
    s.shows(r"Tags +mine")
    assert s.config.read_text() == good + "endpoints: [\n"
    # Mended, it is written by itself, and that is said: there is nothing left to save, or to throw away.
    s.config.write_text(good)
    eventually(lambda: "mine" in s.config.read_text(), what="what was typed, in the file")
    assert "theirs" in s.config.read_text()
    s.shows(r"alpha is on disk now \(after \d+ s\)")
    s.lacks("Edit endpoint")


def test_a_save_that_has_to_wait_for_an_editor_is_confirmed_in_the_end(session):
    s = session
    s.press("a")
    s.write("delta")
    s.press("Tab")
    s.write("http://127.0.0.1:4")
    s.press("Tab", "Tab", "Tab", "Right", "Right")
    s.shows("‹none›")
    s.shows(r"\+.*delta")
    with s.config.open("r+"):
        s.press("C-s")
        s.shows("saving…|NOT SAVED")
        s.write("x")
        s.shows("NOT SAVED")
        assert "delta" not in s.config.read_text()
    s.file("name: delta")
    s.shows(r"delta is on disk now \(after \d+ s\)")
    s.lacks("Add an endpoint|Edit endpoint")


def test_a_secret_that_is_not_shown_cannot_be_damaged(session):
    s = session
    text = s.config.read_text()
    s.config.write_text(text.replace(
        "    priority: 1\n", "    priority: 1\n    headers: {x-org: blue, Cookie: sess=KEEP, X-Note: sk-live-KEEP1}\n"))
    s.shows("headers|hand|file")
    s.press("e")
    s.shows(r"Headers +x-org: blue; Cookie: ••••; X-Note: ••••")
    s.press(*["Tab"] * 8)
    s.write("ZZ")
    s.shows("X-Note: type the whole value anew, or leave ••••")
    s.press("C-s")
    s.press("BSpace", "BSpace")
    s.shows("Nothing changed yet")
    s.press("Home", *["Right"] * 7, "C-k")
    s.write("red; Cookie: ••••; X-Note: ••••")
    s.shows(r"- .*blue, Cookie: ••••, X-Note: ••••")
    s.shows(r"\+ .*red, Cookie: ••••, X-Note: ••••")
    s.press("C-s")
    s.file("{x-org: red, Cookie: sess=KEEP, X-Note: sk-live-KEEP1}")
    s.press("F")
    s.shows("headers: x-org blue→red")


def test_no_color_and_the_themes(terminal, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    config.chmod(0o600)
    for prefix, colours in (("NO_COLOR=1", False), ("TERM=vt100", False), ("TERM=xterm", True), ("", True)):
        window = terminal(80, 24)
        window.run(f"{prefix} {PODIUM} run --config {config}; echo exit-$?")
        window.wait_for("gamma", 60)
        drawn = window.tmux("capture-pane", "-p", "-e", "-t", "t")
        found = re.findall(r"\x1b\[(?:\d+;)*(?:3[0-7]|38;5;\d+|4[0-7]|48;5;\d+)m", drawn)
        assert bool(found) == colours, (prefix, found[:5])
        window.type("q")
        window.wait_for("Leave Podium?")
        window.type("s")
        window.wait_for("exit-0")
        window.close()


def test_plain_lines_for_a_screen_reader(session):
    s = session
    window = s.window
    s.press("q", "k")
    s.shows("serving on|serves on|without a console")
    other = subprocess.run([PODIUM, "attach", "--plain", "--config", s.config], input="help\nstatus\nquit\n",
                           capture_output=True, text=True, timeout=30, check=False)
    assert "\x1b" not in other.stdout
    assert "alpha" in other.stdout, other.stdout + other.stderr
    window.type("C-c")
    s.shows("^exit-0")

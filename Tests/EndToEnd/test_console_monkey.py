"""Random keys, mouse reports, pastes and sizes through the real program in a real terminal.

PODIUM_MONKEY_KEYS says how many keys (10,000 by default), PODIUM_MONKEY_SEED which ones.
"""

import json
import os
import pathlib
import random
import re
import subprocess
import time

import pytest
from conftest import PODIUM, eventually, free_port, tmux_key

KEYS = int(os.environ.get("PODIUM_MONKEY_KEYS", "10000"))
SEED = int(os.environ.get("PODIUM_MONKEY_SEED", "4711"))
SECRET = "sk-kept-out-of-sight"
CONFIG = """\
# the operator's own words
server:
  port: {port}
  auto_sort_endpoints: false
  on_hangup: exit
timeouts:
  check_interval: 24h
endpoints:
""" + "".join(f"""\
  - name: endpoint-{n}   # number {n}
    url: http://127.0.0.1:{n}/
    auth_type: api_key
    auth_value: {SECRET}
    priority: {n}
""" for n in range(1, 10))


def keymap():
    """Every key of every table of the documentation, as tmux names them."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "console.md").read_text().split("<!-- keys -->")[1]
    keys = {key for row in re.findall(r"^\| (`.*?`) \| ", text, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}
    assert len(keys) > 50
    return sorted(map(tmux_key, keys))


class Monkey:
    def __init__(self, window, config, mode):
        self.window, self.config, self.mode = window, config, mode
        self.chance = random.Random(SEED)
        self.keys = keymap() + ["BSpace", "DC", "C-a", "C-e", "C-k", "C-u", "C-w", "F5"] + list(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:?<>+-=.,é名")
        self.left = config.parent / "left"
        self.leaves = self.pressed = 0
        self.text = config.read_text()
        self.flush = self.written = 0

    def start(self):
        """In a loop of its own: where the program is left, it comes again; no key ever reaches a shell."""
        script = self.config.parent / "loop.sh"
        script.write_text(f"trap : INT QUIT; while :; do {PODIUM} run {self.mode} --config {self.config}; echo $? >>{self.left}; done\n")
        self.window.tmux("respawn-pane", "-k", "-t", "t", "env", "TERM=" + self.chance.choice(
            ["screen", "xterm-256color"]), "SWIFT_BACKTRACE=enable=no", "sh", str(script))
        self.window.wait_for("Persister", 60)

    def press(self):
        """Some keys in one go, sometimes with what is no key between them."""
        keys = [self.chance.choice(self.keys) for _ in range(self.chance.randint(5, 60))]
        if self.chance.random() < 0.9:
            # Leaving is tried, but not all the time: what was done so far is looked at while it is there.
            keys = [key for key in keys if key not in ("q", "C-c")]
        self.pressed += len(keys)
        command = ["send-keys", "-t", "t", *keys]
        extra = self.chance.choice([self.mouse, self.paste, self.phrase, self.junk, None, None])
        if extra:
            command += [";", "send-keys", "-t", "t", "-l", extra().removesuffix(";")]
        if self.chance.random() < 0.2:
            size = ["-x", str(self.chance.randint(1, 220)), "-y", str(self.chance.randint(1, 65))]
            command += [";", "resize-window", "-t", "t", *size]
        self.window.tmux(*command)

    def mouse(self):
        column, line = self.chance.randint(1, 90), self.chance.randint(1, 30)
        button = self.chance.choice([0, 0, 0, 3, 64, 65])
        other = self.chance.randint(1, 30)
        return self.chance.choice([
            f"\x1b[<{button};{column};{line}M\x1b[<{button};{column};{other}m",
            f"\x1b[M{chr(32 + button)}{chr(32 + column)}{chr(32 + line)}\x1b[M#{chr(32 + column)}{chr(32 + other)}"])

    def paste(self):
        text = self.chance.choice(["w", "d\nq\ns\n", "A\r\ns\r", "名前 é", "x" * 5_000])
        return f"\x1b[200~{text}\x1b[201~"

    def phrase(self):
        number = self.chance.randint(1, 9)
        return self.chance.choice([
            f"\x1b\x1b:rank {number}\r", f"\x1b\x1b:go endpoint-{number}\r", f"\x1b\x1bdendpoint-{number}\r", "\x1b\x1b:reload\r",
            f"\x1b\x1banew-{number}\thttp://127.0.0.1:{number}\t\t\t\tsk-typed-out-of-sight\x13", "\x1b\x1b:sort p95 desc\r"])

    def junk(self):
        return self.chance.choice(["\x1b[0n\x1b[0n", "\x1b[1;5R", "\x1b[?62;22c", "\x1b]11;rgb:0000/0000/0000\x07", "\x1b[999~",
                                   "\x1bOP", "\x1b[I\x1b[O", "\x7f\x08", "\x1bx"])

    def exits(self):
        return self.left.read_text().split() if self.left.exists() else []

    def come_back(self):
        """A known key must work, wherever the monkey got to."""
        self.window.resize(80, 24)
        for _ in range(40):
            if self.window.tmux("display-message", "-p", "-t", "t", "#{alternate_on}").strip() != "1":
                # Left to serve on without a console (or on its way): ^C ends that, and the loop starts it anew. There the
                # terminal takes ^S for itself and shows nothing more until ^Q.
                self.window.type("C-q", "C-c")
                try:
                    self.window.wait_for("Persister", 3)
                except AssertionError:
                    # Lines that nobody reads fill the terminal, and then it hears no ^C either, whatever program runs in it.
                    subprocess.run(["pkill", "-INT", "-f", "--", f"--config {self.config}"], check=False)
                    continue
            self.window.type("Escape")
            # An ESC is a key once nothing has followed it for a tenth of a second; what it brings has to be on the screen
            # before the next key is chosen.
            time.sleep(0.25)
            self.window.type("C-l")
            time.sleep(0.05)
            screen = self.window.screen
            if "Throw the changes away?" in screen:
                self.window.type("y")
            elif "type to search" not in screen and re.search(r"LIVE|PAUSED|READ-ONLY", screen):
                self.window.type("?")
                try:
                    self.window.wait_for("type to search", 3)
                    self.window.type("Escape")
                    return self.window.wait_gone("type to search", 10)
                except AssertionError:
                    continue
        raise AssertionError(f"stuck after {self.pressed} keys:\n{self.window.screen}")

    def look(self):
        screen = self.window.screen
        assert SECRET not in screen, screen
        # 130: ^C in the moment before it has begun, when the terminal still makes a signal of it.
        assert set(self.exits()) <= {"0", "130"}, f"after {self.pressed} keys: {self.exits()}"

    def account(self):
        """Every write has to be an operator's action, and nothing else may have changed the file."""
        text = self.config.read_text()
        if "--read-only" in self.mode:
            assert text == self.text
            return
        assert text.startswith("# the operator's own words\n")
        # What is left of the first entries has its comments and its secret still.
        for n in re.findall(r"^  - name: endpoint-(\d)(?: .*)?$", text, re.MULTILINE):
            assert f"  - name: endpoint-{n}   # number {n}\n" in text, text
        if len(self.exits()) != self.leaves:
            # Another process: what it remembers begins anew.
            self.leaves, self.flush, self.text = len(self.exits()), 0, text
            return
        status = json.loads(subprocess.run([PODIUM, "status", "--json", "--config", self.config], capture_output=True,
                                           check=True, timeout=30).stdout)
        assert not status["persister"]["is_dirty"]
        new = [flush for flush in status["flushes"] if flush["number"] > self.flush and flush["result"] == "written"]
        self.flush = max([flush["number"] for flush in status["flushes"]], default=self.flush)
        assert all(flush["trigger"] == "operator" for flush in new), new
        deeds = [event for event in status["events"] if event["source"] == "console"]
        assert len(deeds) >= len(new)
        assert new or text == self.text, "the file changed and no flush says so"
        self.written += len(new)
        self.text = text


@pytest.mark.parametrize("mode", ["--read-only", ""])
def test_a_monkey(terminal, tmp_path, mode):
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=free_port()))
    config.chmod(0o600)
    monkey = Monkey(terminal(80, 24), config, mode)
    monkey.start()
    while monkey.pressed < KEYS:
        for _ in range(12):
            monkey.press()
        monkey.look()
        monkey.come_back()
        monkey.look()
        monkey.account()
    print(f"{monkey.pressed} keys, {monkey.written} writes, left {len(monkey.exits())} times")
    if not mode:
        assert monkey.written > KEYS / 500
    monkey.window.type("q")
    monkey.window.wait_for("Leave Podium?")
    monkey.window.type("Escape")
    checked = subprocess.run([PODIUM, "check", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr

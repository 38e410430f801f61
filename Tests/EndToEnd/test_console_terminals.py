"""The console on terminals of many kinds, in several locales, over SSH, on slow and dying links."""

import getpass
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import HERE, PODIUM, eventually, free_port
from test_console import CONFIG, assert_same_tty, left

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(port=free_port()))
    path.chmod(0o600)
    return path


def run(window, config, prefix="", options=""):
    window.run(f"{prefix} {PODIUM} run {options} --config {config}; echo exit-$?")


def quit_console(window):
    window.type("q")
    window.wait_for("Leave Podium?", 60)
    window.type("s")
    assert left(window) == 0


@pytest.fixture(scope="session")
def chinese(tmp_path_factory):
    """A folder with the locale zh_CN.UTF-8, for LOCPATH."""
    folder = tmp_path_factory.mktemp("locales")
    made = subprocess.run(["localedef", "-f", "UTF-8", "-i", "zh_CN", folder / "zh_CN.UTF-8"],
                          capture_output=True, check=False)
    if not (folder / "zh_CN.UTF-8" / "LC_CTYPE").exists():
        pytest.skip(f"localedef cannot make zh_CN.UTF-8: {made.stderr.decode()}")
    return folder


@pytest.mark.parametrize("term", ["xterm", "xterm-256color", "screen", "tmux-256color", "linux", "vt100", "no-such", ""])
def test_terminal_types(terminal, config, term):
    window = terminal(80, 24)
    run(window, config, prefix=f"stty -g >before; TERM={term}")
    window.wait_for("gamma", 60)
    if term in ("no-such", ""):
        window.wait_for("TERM is not set" if term == "" else "TERM=no-such is not known here")
    window.type("Down")
    eventually(lambda: re.search("^[▸>].*beta", window.screen, re.MULTILINE), 30, "the arrow key moves the cursor")
    assert window.screen.count("\n") == 24
    quit_console(window)
    assert_same_tty(window)


DIRECT, PALETTE = r"\x1b\[(?:\d+;)*[34]8;2;\d+;\d+;\d+m", r"\x1b\[(?:\d+;)*[34]8;5;\d+m"
BRIGHT, BASIC = r"\x1b\[(?:\d+;)*9[0-7]m", r"\x1b\[(?:\d+;)*3[1-6]m"


@pytest.mark.parametrize("prefix, options, expected", [
    ("TERM=xterm-256color COLORTERM=truecolor", "", DIRECT), ("TERM=tmux-256color COLORTERM=24bit", "--theme light", DIRECT),
    ("TERM=xterm-256color", "--colors truecolor --theme contrast", DIRECT), ("TERM=xterm-256color", "", PALETTE),
    ("TERM=xterm-256color COLORTERM=truecolor", "--colors 256", PALETTE), ("TERM=xterm-256color", "--colors 16", BRIGHT),
    ("TERMINFO=$PWD TERM=sixteen", "", BRIGHT), ("TERMINFO=$PWD TERM=direct", "", DIRECT), ("TERM=xterm", "", BASIC),
    ("TERM=linux", "", BASIC), ("TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1", "", None),
    ("TERM=vt100 COLORTERM=truecolor", "", None),
])
def test_as_many_colours_as_the_terminal_shows(terminal, config, tmp_path, prefix, options, expected):
    """In a terminal that draws them all."""
    (tmp_path / "terms.ti").write_text(
        "sixteen|xterm with 16 colours,colors#16,pairs#256,setab=\\E[%?%p1%{8}%<%t%p1%{40}%+%e%p1%{92}%+%;%dm,"
        "setaf=\\E[%?%p1%{8}%<%t%p1%{30}%+%e%p1%{82}%+%;%dm,use=xterm,\n"
        "direct|xterm that draws true colour,RGB,colors#0x1000000,pairs#0x7fff,"
        "setab=\\E[48;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%dm,"
        "setaf=\\E[38;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%dm,use=xterm,\n")
    subprocess.run(["tic", "-x", "-o", tmp_path, tmp_path / "terms.ti"], check=True)
    window = terminal(80, 24)
    window.run("printf 'as-%s\\n' before")
    run(window, config, prefix=prefix, options=options)
    window.wait_for("gamma", 60)
    drawn = window.tmux("capture-pane", "-p", "-e", "-t", "t")
    deeper = [DIRECT, PALETTE, BRIGHT, BASIC]
    for kind in deeper if expected is None else deeper[:deeper.index(expected)]:
        assert not re.search(kind, drawn), (kind, drawn)
    assert expected is None or re.search(expected, drawn), drawn
    quit_console(window)
    # What is written next is of the terminal's own colours again.
    window.run("printf 'as-%s\\n' after")
    window.wait_for("as-after")
    drawn = window.tmux("capture-pane", "-p", "-e", "-t", "t").splitlines()
    assert "as-after" in drawn, drawn


def test_a_terminal_that_cannot_move_its_cursor_gets_no_console(terminal, config):
    window = terminal(80, 24)
    run(window, config, prefix="TERM=dumb")
    eventually(lambda: "cannot move the cursor" in window.screen.replace("\n", ""), 60, window.screen)
    assert "Persister" not in window.screen
    window.type("C-c")
    assert left(window) == 0


@pytest.mark.parametrize("lang, cursor, rule", [
    ("LC_ALL=C", ">", "-"), ("LC_ALL=C.UTF-8", "▸", "─"), ("LC_ALL=zh_CN.UTF-8", "▸", "─"),
    ("LC_ALL= LC_CTYPE= LANG=", "▸", "─"), ("LC_ALL=de_XX.UTF-8", "▸", "─"),
    ("LC_ALL= LC_CTYPE=de_XX.UTF-8", "▸", "─"), ("LC_ALL= LC_TIME=de_XX.UTF-8 LANG=C.UTF-8", "▸", "─"), ("LC_ALL=ja_JP.eucJP", ">", "-"),
])
def test_locales(terminal, config, chinese, lang, cursor, rule):
    config.write_text(config.read_text().replace("name: beta", "name: 名前"))
    window = terminal(80, 24)
    run(window, config, prefix=f"LOCPATH={chinese} {lang}")
    eventually(lambda: re.search(rf"^{cursor}.*alpha", window.screen, re.MULTILINE), 60, window.screen)
    screen = window.screen
    missing = {"de_XX.UTF-8": "UTF-8", "ja_JP.eucJP": "ASCII"}.get(re.sub(".*(LC_ALL|LC_CTYPE)=", "", lang))
    assert ("is not installed here" in screen) == bool(missing)
    assert not missing or f"is not installed here: drawing in {missing}" in screen, screen
    assert f"{rule}2 Persister".replace(rule, rule + " ") in screen
    name = next(line for line in screen.splitlines() if re.search(r"^   2 ", line))
    # Wide characters take two columns each: what follows stands where it does in every other row.
    columns = sum(2 if ord(c) > 0x2E80 else 1 for c in name.split("any")[0])
    alpha = next(line for line in screen.splitlines() if "alpha" in line and "any" in line)
    assert columns == len(alpha.split("any")[0])
    assert ("名前" in name) == (cursor == "▸")
    quit_console(window)


def test_a_storm_of_sizes_ends_in_a_whole_picture(terminal, config):
    window = terminal(80, 24)
    run(window, config)
    window.wait_for("gamma", 60)
    for step in range(120):
        window.resize(20 + step * 37 % 180, 4 + step * 13 % 60)
    window.resize(100, 30)
    eventually(lambda: window.screen.count("\n") == 30 and "gamma" in window.screen and "Events" in window.screen, 30)
    quit_console(window)


def test_an_attached_console_suspends_and_comes_back(terminal, config):
    server = subprocess.Popen([PODIUM, "run", "--headless", "--config", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: subprocess.run([PODIUM, "status", "--config", config], capture_output=True, check=False)
                   .returncode == 0, 60, "the server is there")
        window = terminal(80, 24)
        window.run(f"{PODIUM} attach --config {config}")
        window.wait_for("gamma", 60)
        window.type("C-z")
        window.wait_for("Stopped", 30)
        window.run("echo the-shell-$((40 + 2))")
        window.wait_for("the-shell-42")
        window.run("fg")
        window.wait_for("gamma", 30)
        window.type("j")
        eventually(lambda: re.search("^▸.*beta", window.screen, re.MULTILINE), 30, "keys work again")
        window.type("q", "k")
        window.wait_for("detached", 30)
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


class Host:
    """An SSH server on loopback, with keys of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        for name in "host", "client":
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        shutil.copy(folder / "client.pub", folder / "authorized")
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            "ClientAliveInterval 2\nClientAliveCountMax 2\n")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)

    def command(self, remote, *options):
        return " ".join([
            "ssh", "-tt", "-F", "none", "-p", str(self.port), "-i", f"{self.folder}/client",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", *options,
            f"{getpass.getuser()}@127.0.0.1", f"'{remote}'"])

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def host(tmp_path):
    if not os.path.exists(SSHD):
        pytest.skip("no sshd here")
    server = Host(tmp_path)
    yield server
    server.stop()


def processes(pattern):
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=False).stdout.split()
    return [int(pid) for pid in found]


def test_every_terminal_type_and_locale_over_ssh(terminal, host, config, chinese):
    """LANG does not travel with the session, so the far side sets it, as a login shell would."""
    kinds = [(term, "C.UTF-8", "▸") for term in ("xterm", "xterm-256color", "screen", "tmux-256color", "linux", "vt100",
                                                  "no-such")]
    kinds += [("xterm-256color", "C", ">"), ("screen", "zh_CN.UTF-8", "▸")]
    window = terminal(80, 24)
    for term, lang, cursor in kinds:
        window.run(host.command(f"LOCPATH={chinese} LC_ALL={lang} TERM={term} {PODIUM} run --config {config}")
                   + "; echo exit-$?")
        window.wait_for("gamma", 60)
        window.type("Down")
        eventually(lambda mark=cursor: re.search(f"^{mark}.*beta", window.screen, re.MULTILINE), 30, f"{term} {lang}")
        quit_console(window)
        window.run("clear")
        window.wait_gone("exit-")
    window.run(host.command(f"TERM=dumb {PODIUM} run --config {config}") + "; echo exit-$?")
    eventually(lambda: "cannot move the cursor" in window.screen.replace("\n", ""), 60, window.screen)
    window.type("C-c")
    left(window)


@pytest.mark.parametrize("on_hangup", ["exit", "keep_serving"])
def test_a_link_that_dies_in_the_middle_of_a_frame(terminal, host, config, on_hangup):
    config.write_text(config.read_text().replace("on_hangup: exit", f"on_hangup: {on_hangup}"))
    window = terminal(140, 40)
    window.run(host.command(f"{PODIUM} run --refresh 200ms --config {config}"))
    window.wait_for("gamma", 60)
    pattern = f"^{PODIUM} run --refresh 200ms --config {config}"
    remote, = processes(pattern)
    window.type("+", "+", "t", "t")
    # Frames are under way all the time; the client goes without a word, as a cable that is pulled.
    client, = processes(f"^ssh -tt -F none -p {host.port}")
    os.kill(client, signal.SIGKILL)
    if on_hangup == "exit":
        eventually(lambda: not processes(pattern), 30, "the process has gone with its terminal")
    else:
        time.sleep(1)
        before = os.times()
        used = [sum(map(int, open(f"/proc/{remote}/stat").read().split()[13:15])) for _ in (0, time.sleep(2))]
        assert os.times().elapsed > before.elapsed
        assert used[1] - used[0] < 40, "a console without a terminal must not spin"
        os.kill(remote, signal.SIGTERM)
        eventually(lambda: not processes(pattern), 30, "it ends when asked to")


def test_a_link_of_two_kilobytes_a_second(terminal, host, config):
    """Frames are left out, keys are not: what is typed arrives in order, and the picture shows the end of it soon."""
    window = terminal(140, 40)
    relay = f"{sys.executable} {HERE / 'slow_relay.py'} {host.port} 2048"
    window.run(host.command(f"{PODIUM} demo --seed 5", "-o", f"ProxyCommand=\"{relay}\""))
    window.wait_for("Persister", 120)
    time.sleep(5)
    began = time.monotonic()
    window.type(":", *"level error".replace(" ", "~").replace("~", " "), "Enter")
    window.wait_for("from errors", 30)
    first = time.monotonic() - began
    # A minute of frames would lie before this one if they had been queued.
    time.sleep(10)
    began = time.monotonic()
    window.type(":", *"level warning", "Enter")
    window.wait_for("from warnings", 30)
    second = time.monotonic() - began
    print(f"key to screen over 2 kB/s: {first:.1f} s, {second:.1f} s")
    assert max(first, second) < 15
    window.type("q")
    window.wait_for("Leave Podium?", 30)
    window.type("s")
    window.wait_gone("Leave Podium?", 60)


# The background is dark, as it was: another theme would be a frame anew, and tmux could put its answer to that into the midst of a reply,
# as no terminal does.
REPLIES = ["\x1bP>|ghostty 1.2.3\x1b\\", "\x1bP1+r544e=41 d q\x1b\\", "\x1b]11;rgb:0d0d/0d0d/0d0d\x1b\\", "\x1b]4;1;rgb:d d/A/0\x07",
           "\x1b_Gi=31;OK d\x1b\\", "\x1b^d q A\x1b\\", "\x1bXd q A\x1b\\", "\x1b[?62;22;52c", "\x1b[>1;4000;30c", "\x1b[12;40R",
           "\x1b[?2026;2$y", "\x1b[?1u", "\x1b[I", "\x1b[O", "\x1b[8;24;80t", "\x1b[<0;10;4M", "\x1b[M wq", "\x1b[1;2 q"]


def send(window, text):
    window.tmux("send-keys", "-t", "t", "-l", "--", text.removesuffix(";"))


def send_replies(window):
    """Whole; cut in each place in turn; and one that never ends, until a key is one again."""
    send(window, "".join(REPLIES))
    for index, reply in enumerate(REPLIES):
        cut = 1 + index % (len(reply) - 1)
        # An ESC alone for long is the Esc key.
        pause = 0.03 if cut == 1 else 0.3
        send(window, reply[:cut])
        time.sleep(pause)
        send(window, reply[cut:])
    send(window, "\x1bP>|d q A")
    time.sleep(1)
    send(window, " d q")
    time.sleep(5.5)


def test_what_a_terminal_says_for_itself_is_no_key(terminal, config):
    """In the main screen, the command line, a form and a dialog: nothing happens, nothing is written, and keys work afterwards."""
    window = terminal(80, 24)
    run(window, config)
    window.wait_for("gamma", 60)
    before = config.read_bytes()

    send_replies(window)
    assert re.search("^▸.*alpha", window.screen, re.MULTILINE) and "Leave" not in window.screen, window.screen
    window.type("j")
    eventually(lambda: re.search("^▸.*beta", window.screen, re.MULTILINE), 30, window.screen)

    window.type(":")
    send(window, "them")
    send_replies(window)
    window.type("e")
    eventually(lambda: re.search(r"^ ?:theme *$", window.screen, re.MULTILINE), 30, window.screen)
    window.type("Escape")

    window.type("Enter")
    window.wait_for("Edit endpoint · beta")
    send_replies(window)
    send(window, "-1")
    eventually(lambda: re.search(r"Name +beta-1_", window.screen), 30, window.screen)
    window.type("Escape")
    window.wait_for("Throw the changes away?")
    send_replies(window)
    window.wait_for("Throw the changes away?")
    window.type("y")
    window.wait_gone("Edit endpoint")

    window.type("d")
    window.wait_for("Delete beta")
    send_replies(window)
    window.wait_for("Delete beta")
    window.type("Escape")
    window.wait_gone("Delete beta")
    assert config.read_bytes() == before
    quit_console(window)

"""What becomes of the operator's file while a real Podium runs on it: editors, faults of the disk, signals, restore."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import pytest

from conftest import PODIUM, Podium, eventually, free_port, run_podium

IS_ROOT = os.getuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root")

GOOD = """\
server:
  port: {port}
endpoints:
  - name: one   # by hand
    url: http://127.0.0.1:9
    auth_type: api_key
    auth_value: sk-first
"""

BROKEN = "endpoints: [\n"


@pytest.fixture
def ranked(podium, upstream):
    """A Podium whose file is due to be written a second after its first requests: `fast` rises above `slow`."""
    slow, fast = upstream("slow", "--delay", "0.1"), upstream("fast")
    port = free_port()

    def start(interval="1s"):
        return podium(f"""\
server: {{ port: {port}, config_flush_interval: {interval}, config_max_dirty_time: 2h }}
ranking: {{ min_dwell: 0s }}
endpoints:
  - name: dead   # kept by hand
    url: http://127.0.0.1:1
    priority: 1
  - name: slow
    url: {slow.url}
    priority: 2
  - name: fast
    url: {fast.url}
    priority: 3
  - name: spare
    url: http://127.0.0.1:2
    priority: 4
""", port)

    return start


def send(process, count=6):
    for _ in range(count):
        request = urllib.request.Request(
            process.url + "/v1/messages", b"{}", {"content-type": "application/json"})
        assert urllib.request.urlopen(request, timeout=10).status == 200


def logged(process, text, times=1):
    try:
        eventually(lambda: process.text.count(text) >= times)
    except AssertionError:
        raise AssertionError(f"{text!r} is not in the log:\n{process.text}") from None


def without_ranks(text):
    return re.sub(r"priority: \d+", "priority:", text)


def vim(config, backupcopy, *commands):
    """Edits and saves with the real vim, its swap file and its backup dance."""
    arguments = ["vim", "-u", "NONE", "-i", "NONE", "-es", "-c", "set writebackup",
                 "-c", f"set backupcopy={backupcopy}"]
    for command in commands:
        arguments += ["-c", command]
    result = subprocess.run([*arguments, "-c", "wq", config], stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert result.returncode == 0


# Edits while Podium runs

@pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")
@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
@pytest.mark.parametrize(
    "backupcopy", ["yes", "no", "auto", "yes,breaksymlink", "auto,breaksymlink", "no,breakhardlink"])
def test_a_vim_edit_is_live_and_outlives_the_next_write(ranked, tmp_path, backupcopy, linked):
    process = ranked()
    config = process.config
    if linked:
        process.stop()
        (tmp_path / "real").mkdir()
        config.rename(tmp_path / "real" / "endpoints.yaml")
        config.symlink_to("real/endpoints.yaml")
        process.start()
    vim(config, backupcopy, "%s/kept by hand/edited by hand/", r"/name: spare/s/$/\r    enabled: false/")
    # Whether a link is broken is vim's business; what vim left has to stay.
    is_link = config.is_symlink()
    logged(process, "spare enabled true→false")
    edited = config.read_text()
    assert "dead   # edited by hand" in edited
    assert "name: spare\n    enabled: false\n" in edited
    send(process)
    logged(process, "(interval)")
    saved = config.read_text()
    assert saved != edited
    assert without_ranks(saved) == without_ranks(edited)
    assert process.stop() == 0
    assert without_ranks(config.read_text()) == without_ranks(edited)
    assert config.is_symlink() == is_link


def test_an_invalid_edit_is_refused_with_its_place_and_the_running_configuration_stays(ranked):
    process = ranked()
    text = process.config.read_text()
    # Line 12, behind `    priority: `: counted in the text above.
    broken = text.replace("priority: 3", "priority: third")
    process.config.write_text(broken)
    logged(process, "config.yaml:12:15:")
    assert "the running configuration stays" in process.text
    send(process)
    logged(process, "write failed (interval)")
    assert process.config.read_text() == broken
    process.config.write_text(text.replace("kept by hand", "repaired by hand"))
    # What waited for the file to be right is written now.
    eventually(lambda: process.config.read_text() not in (broken, text), what=f"a write; log:\n{process.text}")
    logged(process, "flushed")
    saved = process.config.read_text()
    assert without_ranks(saved) == without_ranks(text).replace("kept by hand", "repaired by hand")
    assert process.stop() == 0


@pytest.mark.parametrize("garbage", [b"", b"\x00\xff\xfe garbage \x1b[2J", b"}" * 100_000, BROKEN.encode()],
                         ids=["empty", "binary", "braces", "unclosed"])
def test_a_file_replaced_by_garbage_is_left_alone_until_it_is_repaired(ranked, garbage):
    process = ranked()
    text = process.config.read_text()
    process.config.write_bytes(garbage)
    logged(process, "the running configuration stays")
    send(process)
    logged(process, "write failed (interval)")
    assert process.config.read_bytes() == garbage
    assert "\x1b" not in process.text
    process.config.write_text(text)
    eventually(lambda: process.config.read_bytes() not in (garbage, text.encode()), what="a write")
    assert without_ranks(process.config.read_text()) == without_ranks(text)
    assert process.stop() == 0


def test_a_file_that_is_gone_is_not_made_anew(ranked):
    process = ranked()
    text = process.config.read_text()
    process.config.unlink()
    logged(process, "podium restore")
    send(process)
    logged(process, "write failed (interval)")
    assert not process.config.exists()
    assert process.stop() == 74
    assert not process.config.exists()
    process.config.write_text(text)


# Faults of the disk

class Obstacle:
    """The file can be read and not be replaced, for this user."""

    def __init__(self, config):
        self.config = config

    def __enter__(self):
        if IS_ROOT:
            if subprocess.run(["chattr", "+i", self.config], check=False).returncode != 0:
                pytest.skip("this file system has no immutable files")
        else:
            self.config.parent.chmod(0o555)
        return self

    def remove(self):
        if IS_ROOT:
            subprocess.run(["chattr", "-i", self.config], check=True)
        else:
            self.config.parent.chmod(0o755)

    def __exit__(self, *_):
        self.remove()


def test_a_signal_during_the_backoff_exits_74_and_says_why(ranked):
    process = ranked()
    text = process.config.read_text()
    with Obstacle(process.config):
        send(process)
        logged(process, "write failed (interval)")
        logged(process, "write failed (retry)")
        assert process.stop() == 74
        assert process.config.read_text() == text
    last = process.text.splitlines()[-1]
    assert last.startswith("podium: the final save failed: "), last
    assert str(process.config) in last and "chattr -i" in last
    assert [entry.name for entry in process.config.parent.iterdir() if entry.name.endswith(".tmp")] == []


def test_a_signal_during_the_backoff_saves_if_the_obstacle_is_gone(ranked):
    process = ranked()
    text = process.config.read_text()
    with Obstacle(process.config):
        send(process)
        logged(process, "write failed (retry)", times=2)
    assert process.stop() == 0, process.text
    saved = process.config.read_text()
    assert saved != text and without_ranks(saved) == without_ranks(text)


@needs_root
def test_a_full_disk_keeps_the_old_file_and_is_written_when_there_is_space(upstream, tmp_path):
    slow, fast = upstream("slow", "--delay", "0.1"), upstream("fast")
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", mount], check=False).returncode != 0:
        pytest.skip("may not mount")
    process = None
    try:
        port = free_port()
        config = mount / "config.yaml"
        text = f"""\
server: {{ port: {port}, config_flush_interval: 1s }}
ranking: {{ min_dwell: 0s }}
endpoints:
  - {{ name: dead, url: "http://127.0.0.1:1", priority: 1 }}   # by hand
  - {{ name: slow, url: "{slow.url}", priority: 2 }}
  - {{ name: fast, url: "{fast.url}", priority: 3 }}
"""
        config.write_text(text)
        process = Podium.__new__(Podium)
        process.config, process.port, process.log = config, port, tmp_path / "podium.log"
        process.environment = dict(os.environ)
        process.start()
        # A page each for the file and the lock; the rest is filled.
        with pytest.raises(OSError):
            with open(mount / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(bytes(4096))
        send(process)
        logged(process, "No space left on device")
        assert config.read_text() == text
        (mount / "filler").unlink()
        eventually(lambda: config.read_text() != text, what=f"a retry; log:\n{process.text}")
        assert without_ranks(config.read_text()) == without_ranks(text)
        assert process.stop() == 0
    finally:
        if process:
            process.kill()
        subprocess.run(["umount", "-l", mount], check=True)


def test_what_is_no_regular_file_is_refused_at_the_start(tmp_path):
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 78
    assert "FIFO" in result.stderr
    config.unlink()
    config.mkdir()
    result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 78
    assert "directory" in result.stderr
    result = run_podium("run", "--headless", "--config", "/dev/null")
    assert result.returncode == 78
    assert "device" in result.stderr


# Files that are being written, and paths that lead elsewhere

THREE = """\
server: {{ port: {port}, auto_sort_endpoints: false }}
endpoints:
  - {{ name: one, url: "{url}" }}
  - {{ name: two, url: "{url}" }}
  - {{ name: three, url: "{url}" }}
"""


def names(process):
    result = run_podium("endpoint", "list", "--json", "--config", process.config)
    assert result.returncode == 0, result.stderr
    return [entry["name"] for entry in json.loads(result.stdout)["endpoints"]]


@pytest.mark.parametrize("anew", [False, True], ids=["in-place", "made-anew"])
def test_half_of_a_file_that_is_being_written_is_not_taken_in(podium, upstream, anew):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url)
    process = podium(text, port)
    if anew:
        process.config.unlink()
    edited = text.replace("three", "drei")
    half = edited.index("  - { name: two")
    with open(process.config, "w") as file:
        file.write(edited[:half])
        file.flush()
        process.process.send_signal(signal.SIGHUP)
        logged(process, "is not taken in yet")
        logged(process, "SIGHUP: ")
        assert names(process) == ["one", "two", "three"]
        send(process, 2)
        file.write(edited[half:])
    logged(process, "the file was edited")
    eventually(lambda: names(process) == ["one", "two", "drei"])
    assert process.text.count("the file was edited") == 1


def test_the_start_waits_for_a_program_that_writes_the_file(tmp_path, upstream, podium):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url)
    process = podium(text, port)
    assert process.stop() == 0
    half = text.index("  - { name: two")
    with open(process.config, "w") as file:
        file.write(text[:half])
        file.flush()
        process.start(ready=False)
        logged(process, "may not be complete yet: another program has it open for writing")
        file.write(text[half:])
    eventually(process.accepts)
    assert names(process) == ["one", "two", "three"]


def switch_link(link, target):
    beside = link.with_name("next")
    beside.symlink_to(target)
    beside.rename(link)


@pytest.mark.parametrize("way", ["folder", "configmap"])
def test_a_link_that_is_switched_is_followed_and_the_verbs_still_find_podium(podium, upstream, tmp_path, way):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url)
    process = podium(text, port)
    assert process.stop() == 0
    for release in "1", "2":
        (tmp_path / "releases" / release).mkdir(parents=True)
    process.config.rename(tmp_path / "releases/1/config.yaml")
    (tmp_path / "releases/2/config.yaml").write_text(text.replace("three", "drei"))
    if way == "folder":
        current = tmp_path / "current"
        current.symlink_to("releases/1")
        process.config = current / "config.yaml"
    else:
        current = tmp_path / "..data"
        current.symlink_to("releases/1")
        process.config.symlink_to("..data/config.yaml")
    process.start()
    assert names(process) == ["one", "two", "three"]
    switch_link(current, "releases/2")
    began = time.monotonic()
    logged(process, "the file was edited")
    assert time.monotonic() - began < 4
    assert names(process) == ["one", "two", "drei"]
    result = run_podium("endpoint", "disable", "drei", "--config", process.config)
    assert result.returncode == 0, result.stderr
    assert "false" in (tmp_path / "releases/2/config.yaml").read_text()
    assert (tmp_path / "releases/1/config.yaml").read_text() == text
    # By the path without links as well.
    direct = tmp_path / "releases/2/config.yaml"
    eventually(lambda: run_podium("status", "--config", direct).returncode == 0)
    assert process.stop() == 0


# Configurations that nothing is written into

def health(process):
    return urllib.request.urlopen(process.url + "/healthz", timeout=10).status


def changed_in_memory_only(process, reason):
    """An operator's change is made, said not to be saved, and is no failure of anything."""
    text = process.config.read_text()
    result = run_podium("endpoint", "disable", "three", "--config", process.config)
    assert result.returncode == 0, result.stderr
    assert "in memory only, not saved: " in result.stdout and reason in result.stdout
    result = run_podium("flush", "--config", process.config)
    assert result.returncode == 0 and "nothing is saved" in result.stdout
    status = run_podium("status", "--config", process.config)
    assert "NOT SAVED" in status.stdout and reason in status.stdout
    assert health(process) == 200
    assert process.stop() == 0, process.text
    assert process.text.count("live in memory only and are gone after a restart") == 1
    assert "OVERDUE" not in process.text and "write failed" not in process.text
    assert process.config.read_text() == text


def test_persist_off_writes_nothing_and_fails_nothing(podium, upstream):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url).replace(
        "{ port", "{ persist: off, config_flush_interval: 10ms, config_max_dirty_time: 10ms, port", 1)
    process = podium(text, port)
    changed_in_memory_only(process, "server.persist is off")
    assert not process.config.with_name("config.yaml.backup").exists()


def test_persist_is_taken_in_live(podium, upstream):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url)
    off = text.replace("{ port", "{ persist: off, port", 1)
    process = podium(off, port)
    assert run_podium("endpoint", "disable", "three", "--config", process.config).returncode == 0
    assert process.config.read_text() == off
    process.config.write_text(text)
    logged(process, "changes are saved into the file again")
    eventually(lambda: "false" in process.config.read_text().splitlines()[-1])
    assert process.stop() == 0


@needs_root
def test_a_mounted_configmap_is_served_without_a_word_too_many(upstream, tmp_path):
    server = upstream("all")
    port = free_port()
    text = THREE.format(port=port, url=server.url)
    source = tmp_path / "source"
    for name in "..one", "..two":
        (source / name).mkdir(parents=True)
    (source / "..one/config.yaml").write_text(text)
    (source / "..two/config.yaml").write_text(text.replace("two", "zwei"))
    (source / "..data").symlink_to("..one")
    (source / "config.yaml").symlink_to("..data/config.yaml")
    mount = tmp_path / "mount"
    mount.mkdir()
    if subprocess.run(["mount", "--bind", source, mount], check=False).returncode != 0:
        pytest.skip("may not mount")
    process = None
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", mount], check=True)
        process = Podium.__new__(Podium)
        process.config, process.port, process.log = mount / "config.yaml", port, tmp_path / "podium.log"
        process.environment = dict(os.environ)
        process.start()
        assert names(process) == ["one", "two", "three"]
        # As the kubelet does it, from the outside.
        switch_link(source / "..data", "..two")
        logged(process, "the file was edited")
        assert names(process) == ["one", "zwei", "three"]
        changed_in_memory_only(process, "Read-only file system")
    finally:
        if process:
            process.kill()
        subprocess.run(["umount", "-l", mount], check=True)


# Restore

@pytest.fixture
def versions(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(BROKEN)
    backup = tmp_path / "config.yaml.backup"
    backup.write_text(GOOD.format(port=free_port()))
    return config, backup


def test_restore_lists_versions_with_validity_and_difference_and_no_credential(versions):
    config, backup = versions
    result = run_podium("restore", config)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^config\.yaml\.backup: .* old, \d+ bytes, loads$", result.stdout, re.MULTILINE), result.stdout
    assert re.search(r"^ +1 -endpoints: \[$", result.stdout, re.MULTILINE), result.stdout
    assert re.search(r"^ +4 \+  - name: one   # by hand$", result.stdout, re.MULTILINE), result.stdout
    assert "sk-first" not in result.stdout
    assert f"podium restore {config} --from {backup.name}" in result.stdout
    assert config.read_text() == BROKEN


def test_restore_without_versions_exits_1(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.format(port=1))
    result = run_podium("restore", "--list", config)
    assert result.returncode == 1
    assert str(config) in result.stderr


def test_restore_brings_a_version_back_and_the_other_becomes_the_backup(versions):
    config, backup = versions
    text = backup.read_text()
    config.chmod(0o640)
    result = run_podium("restore", config, "--from", backup.name, "--yes")
    assert result.returncode == 0, result.stderr
    assert config.read_text() == text
    assert backup.read_text() == BROKEN
    assert config.stat().st_mode & 0o777 == 0o640
    assert run_podium("check", config).returncode == 0


def test_restore_refuses_a_version_that_does_not_load(versions):
    config, backup = versions
    text = backup.read_text()
    config.write_text(text)
    backup.write_text(BROKEN)
    result = run_podium("restore", config, "--from", backup.name, "--yes")
    assert result.returncode == 78
    assert "does not load: 2:1" in result.stdout
    assert (config.read_text(), backup.read_text()) == (text, BROKEN)


def test_restore_takes_any_file_by_its_path(versions, tmp_path):
    config, backup = versions
    (tmp_path / "old").mkdir()
    copy = tmp_path / "old" / "monday.yaml"
    backup.rename(copy)
    result = run_podium("restore", config, "--from", "old/monday.yaml", "--yes", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert config.read_text() == copy.read_text()


def test_restore_asks_nobody_in_a_script(versions):
    config, backup = versions
    result = run_podium("restore", config, "--from", backup.name)
    assert result.returncode == 64
    assert "--yes" in result.stderr
    assert config.read_text() == BROKEN


def test_restore_of_an_unknown_version_names_the_known_ones(versions):
    config, backup = versions
    result = run_podium("restore", config, "--from", "config.yaml.bak", "--yes")
    assert result.returncode == 64
    assert backup.name in result.stderr
    assert config.read_text() == BROKEN


@pytest.mark.parametrize("answer, restored", [("y", True), ("n", False), ("", False)])
def test_restore_asks_on_a_terminal(versions, terminal, answer, restored):
    config, backup = versions
    text = backup.read_text()
    window = terminal(100, 30)
    window.run(f"{PODIUM} restore {config.name} --from {backup.name}; echo exit-$?")
    window.wait_for("[y/N]")
    window.run(answer)
    window.wait_for(f"exit-{0 if restored else 1}")
    assert config.read_text() == (text if restored else BROKEN)


def test_restore_under_a_running_podium_exits_75_and_names_it(podium):
    port = free_port()
    process = podium(GOOD.format(port=port), port)
    backup = pathlib.Path(f"{process.config}.backup")
    backup.write_text(GOOD.format(port=1))
    text = process.config.read_text()
    result = run_podium("restore", process.config, "--from", backup.name, "--yes")
    assert result.returncode == 75
    assert str(process.process.pid) in result.stderr
    assert process.config.read_text() == text
    assert run_podium("restore", process.config).returncode == 0
    assert process.stop() == 0


@pytest.mark.parametrize("content", [BROKEN, None], ids=["broken", "missing"])
def test_a_start_without_a_usable_file_names_restore_as_the_way_out(versions, content):
    config, backup = versions
    config.unlink()
    if content:
        config.write_text(content)
    result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 78
    assert f"podium restore {config} --from {backup.name}" in result.stderr
    backup.unlink()
    result = run_podium("run", "--headless", "--config", config)
    assert result.returncode == 78
    assert "podium restore" not in result.stderr


def test_a_killed_podium_leaves_a_whole_file_and_the_next_one_starts(ranked):
    process = ranked()
    text = process.config.read_text()
    send(process)
    for _ in range(5):
        process.process.send_signal(signal.SIGKILL)
        process.process.wait()
        assert without_ranks(process.config.read_text()) == without_ranks(text)
        process.start()
        send(process, 2)
    assert process.stop() == 0


# An entry that cannot be edited

SHARED = """\
server: {{ port: {port}, config_flush_interval: 1s }}
endpoints:
  - &base
    name: base
    url: http://127.0.0.1:9
    priority: 1
  - <<: *base
    name: heir
    priority: 2
  - name: free
    url: http://127.0.0.1:9
    priority: 3
"""


def test_an_entry_that_cannot_be_edited_holds_up_nothing_else(podium):
    port = free_port()
    process = podium(SHARED.format(port=port), port)
    config = str(process.config)

    def verb(*words):
        return run_podium("endpoint", *words, "--config", config)

    logged(process, "changes of enabled and pinned of 'base' cannot be saved")
    assert verb("pin", "free").returncode == 0
    off = verb("disable", "base")
    assert off.returncode == 74 and "NOT IN THE FILE" in off.stderr and "line 7" in off.stderr
    # Everything else goes on: adds, edits, switches of others are saved, and what was saved before stays.
    assert verb("add", "new", "--url", "http://127.0.0.1:9").returncode == 0
    assert verb("set", "free", "--url", "http://127.0.0.1:11").returncode == 0
    # An edit of settings that the file has no place for is refused before anything changes.
    refused = verb("set", "base", "--url", "http://127.0.0.1:10")
    assert refused.returncode not in (0, 74) and "&base" in refused.stderr
    text = process.config.read_text()
    assert "name: free\n    pinned: true" in text and "name: new" in text and "http://127.0.0.1:11" in text
    assert "enabled: false" not in text and "http://127.0.0.1:10" not in text
    shown = verb("show", "base")
    assert "not in file" in shown.stdout and "enabled true→false" in shown.stdout
    assert "not_in_file" in verb("show", "base", "--json").stdout
    assert urllib.request.urlopen(process.url + "/healthz", timeout=10).status == 200
    logged(process, "in force, but not in the file: base enabled")
    # With a key of its own the heir no longer inherits: what was held back is written along with it.
    assert verb("disable", "heir").returncode == 0
    assert process.config.read_text().count("enabled: false") == 2
    assert "not in file" not in verb("show", "base").stdout
    verb("enable", "base")
    assert verb("pin", "base").returncode == 74
    assert process.stop() == 0


def test_check_and_restore_show_no_key_of_a_url(tmp_path):
    config = tmp_path / "config.yaml"
    text = "endpoints:\n  - name: a\n    url: https://h/planted1234567890abcd/v1?key=planted99\n    priority: 1\n"
    config.write_text(text.replace("?key=planted99", ""))
    (tmp_path / "config.yaml.backup").write_text(text.replace("priority: 1", "priority: 2").replace("?key=planted99", ""))
    checked = run_podium("check", config)
    assert checked.returncode == 0 and "requests go to https://h/***/v1/messages" in checked.stdout
    listed = run_podium("restore", config)
    for answer in (checked, listed, run_podium("check", tmp_path / "config.yaml.backup")):
        assert "planted" not in answer.stdout + answer.stderr
    config.write_text(text)
    refused = run_podium("check", config)
    assert "planted" not in refused.stdout + refused.stderr

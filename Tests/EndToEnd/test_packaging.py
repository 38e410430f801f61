"""What `make install` puts beside the program."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import PODIUM, run_podium

ROOT = pathlib.Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "podium.service"


def verbs(command, path=()):
    """Every verb that is shown, with its arguments, from the parser's own description."""
    for sub in command.get("subcommands", []):
        if sub["shouldDisplay"] and sub["commandName"] != "help":
            name = (*path, sub["commandName"])
            yield " ".join(name), sub.get("arguments", [])
            yield from verbs(sub, name)


@pytest.fixture(scope="module")
def described():
    return dict(verbs(json.loads(run_podium("--experimental-dump-help").stdout)["command"]))


@pytest.fixture
def manual(tmp_path):
    page = tmp_path / "podium.1"
    result = run_podium("manual")
    assert result.returncode == 0, result.stderr
    page.write_text(result.stdout)
    return page


@pytest.mark.skipif(not shutil.which("man"), reason="no man")
def test_the_manual_is_typeset_without_warnings_and_names_everything(manual, described):
    result = subprocess.run(
        ["man", "--warnings=w", "-l", "-E", "ascii", "-P", "cat", manual], capture_output=True, text=True, check=True,
        env={"MANWIDTH": "200", "PATH": "/usr/bin:/bin", "LANG": "C"})
    assert result.stderr == ""
    # Overstriking marks bold; without it the page is plain words.
    page = re.sub(".\b", "", result.stdout)
    assert "run" in described and "check" in described
    for verb, arguments in described.items():
        assert f"podium {verb}" in page, verb
        for argument in arguments:
            for name in argument.get("names", []) if argument["shouldDisplay"] else []:
                assert name["name"] in ("help", "h", "version") or f"--{name['name']}" in page, (verb, name)
    for heading in ("SIGNALS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert heading in page


@pytest.mark.parametrize("shell, check", [
    ("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])])
def test_completions_are_scripts_of_their_shell(tmp_path, described, shell, check):
    script = tmp_path / "completions"
    script.write_text(run_podium("--generate-completion-script", shell).stdout)
    for verb in described:
        assert verb.split()[-1] in script.read_text()
    if shutil.which(check[0]):
        subprocess.run([*check, script], check=True)


def test_bash_completes_a_verb(tmp_path):
    script = tmp_path / "completions"
    script.write_text(run_podium("--generate-completion-script", "bash").stdout)
    result = subprocess.run(
        ["bash", "-c", f"source {script}; COMP_WORDS=(podium che); COMP_CWORD=1; COMP_LINE='podium che'; COMP_POINT=10;"
         " _podium podium che podium; echo ${COMPREPLY[@]}"], capture_output=True, text=True, check=True)
    assert "check" in result.stdout.split()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_unit_verifies_and_is_hardened(tmp_path):
    # The same unit with a program that is there on this machine.
    unit = tmp_path / "podium.service"
    program = shutil.which(PODIUM) or PODIUM
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/podium", str(program)))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if "podium" in line]
    assert result.returncode == 0 and not complaints, result.stderr
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", unit], capture_output=True,
        text=True, check=False)
    assert result.returncode == 0, result.stdout[-300:]


def test_the_unit_runs_what_the_parser_takes(described):
    line = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    verb, *options = line.split()[1:]
    known = {f"--{name['name']}" for argument in described[verb] for name in argument.get("names", [])}
    assert {option for option in options if option.startswith("--")} <= known

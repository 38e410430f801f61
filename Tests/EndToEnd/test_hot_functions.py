"""The list by which a release is linked is about this program, not about one of long ago."""

import pathlib
import shutil
import subprocess

import pytest

from conftest import PODIUM

LIST = pathlib.Path(__file__).parents[2] / "Benchmarks" / "hot-functions.txt"


def test_the_listed_functions_are_there_and_side_by_side():
    program = pathlib.Path(shutil.which(PODIUM)).resolve()
    if "release" not in program.parts:
        pytest.skip("only a release is linked by the list")
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    addresses = {fields[-1]: int(fields[0], 16) for fields in map(str.split, symbols.splitlines()) if len(fields) == 3}
    listed = LIST.read_text(encoding="utf-8").split()
    there = [addresses[name] for name in listed if name in addresses]
    assert len(there) > 0.8 * len(listed), "run Benchmarks/hot_functions.py anew"
    pages = {address // 4096 for address in there}
    # The linker was told to put them together: functions of half a kilobyte each, eight to a page.
    assert len(pages) < len(there) / 3, f"{len(there)} functions lie on {len(pages)} pages"

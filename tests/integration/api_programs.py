# SPDX-License-Identifier: MIT
"""The programs of docs/api.md, compiled against the library."""

import os
import pathlib
import re
import subprocess
import tempfile

import pytest

from conftest import BUILD, ROOT

PROGRAMS = dict(re.findall(r"^### (\w+)\.c\n\n```c\n(.*?)^```", (ROOT / "docs/api.md").read_text(),
                           re.M | re.S))


@pytest.fixture(scope="session")
def programs(session_dir):
    """The compiled programs, beside the helpers that the library starts."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="api", dir=session_dir))
    for helper in BUILD.glob("lxcri-*"):
        if helper.is_file():
            os.symlink(helper, directory / helper.name)
    for name, source in PROGRAMS.items():
        file = directory / f"{name}.c"
        file.write_text(source)
        subprocess.run(["cc", "-std=gnu2x", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", file,
                        "-o", directory / name, f"-L{BUILD}", "-llxcri", f"-Wl,-rpath,{BUILD}"],
                       check=True)
    return directory


def call(program, *words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)

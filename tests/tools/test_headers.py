"""The installed headers, as somebody else's program sees them."""

import pathlib
import subprocess

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"


def test_all_headers_go_together():
    """No name stands for two things, and each brings what it needs."""
    names = sorted(path.name for path in (INCLUDE / "lxcri").glob("*.h"))
    for order in (names, names[::-1]):
        source = "".join(f"#include <lxcri/{name}>\n" for name in order)
        subprocess.run(["gcc", "-std=c11", "-Wall", "-Werror", "-fsyntax-only", f"-I{INCLUDE}", "-xc", "-"],
                       input=source, text=True, check=True)

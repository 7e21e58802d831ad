# SPDX-License-Identifier: MIT
"""The table of integration tests that do not apply to containers of Proxmox VE."""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent


def test_each_entry_is_about_a_file_that_is_there_and_says_why():
    """That its test is there is checked where the file is run (suite.py)."""
    table = json.loads((HERE / "suite.json").read_text())
    for entry, reason in table.items():
        file = entry.split("::")[0]
        assert (HERE.parent / "integration" / file).is_file(), entry
        assert len(reason.split()) >= 2, entry
        assert entry == file or file not in table, f"{entry}: all of its file is listed"

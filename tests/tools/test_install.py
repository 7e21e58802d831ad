# SPDX-License-Identifier: MIT
"""make install and make uninstall, into a directory of the test's own."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build"))


def tree(action, directory):
    return subprocess.run([ROOT / "tools/install-tree", action, BUILD, directory], capture_output=True,
                          text=True, check=False)


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_uninstall_takes_away_what_was_installed_and_nothing_else(tmp_path):
    ours = tmp_path / "usr/local"
    for _ in range(2):  # the second finds the directories of the first
        assert tree("install", tmp_path).returncode == 0
    assert {"bin/proxmox-lxcri", "libexec/proxmox-lxcri/lxcri-monitor", "include/lxcri/error.h",
            "lib/systemd/system/proxmox-lxcri.service"} <= files(ours)
    other = ours / "libexec/proxmox-lxcri/of-somebody-else"
    other.write_text("")
    assert tree("uninstall", tmp_path).returncode == 0
    assert files(ours) == {"libexec", "libexec/proxmox-lxcri", "libexec/proxmox-lxcri/of-somebody-else"}
    again = tree("uninstall", tmp_path)
    assert again.returncode == 1 and "nothing has been installed" in again.stderr


def test_uninstall_leaves_no_directory_of_its_own_behind(tmp_path):
    assert tree("install", tmp_path).returncode == 0
    assert tree("uninstall", tmp_path).returncode == 0
    assert files(tmp_path) == set()

# SPDX-License-Identifier: MIT
"""live.sh, which is for a real Proxmox VE, against the fake."""

import os
import pathlib
import subprocess

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import BRIDGES, COMMAND

SCRIPT = pathlib.Path(__file__).resolve().parent / "live.sh"


def run(env, timeout=300):
    return subprocess.run(["bash", SCRIPT], env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True,
                          timeout=timeout, check=False)


def test_it_refuses_to_guess():
    result = run({"LXCRI_LIVE_HOST": "127.0.0.1", "LXCRI_LIVE_POOL": "p"})
    assert result.returncode == 2 and "LXCRI_LIVE_TOKEN_FILE" in result.stderr and result.stdout == ""


def test_its_cases_pass_on_the_fake(pve, work, make_image):
    pve.person.does("POST", "/pools", poolid="live")
    for node in pve.cluster.nodes.values():
        node.bridges.update(BRIDGES)
    token = work / "token"
    token.touch(mode=0o600)
    token.write_text(pve.token + "\n")
    images = [make_image(Cmd=["sleep", f"100{number}"], Env=["PATH=/bin"]) for number in range(2)]
    result = run({"LXCRI_LIVE_HOST": f"127.0.0.1:{pve.port}", "LXCRI_LIVE_TOKEN_FILE": str(token), "LXCRI_LIVE_POOL": "live",
                  "LXCRI_LIVE_FINGERPRINT": pve.fingerprint, "LXCRI_LIVE_NODE": pve.node, "LXCRI_LIVE_STORAGE": "local-zfs",
                  "LXCRI_LIVE_IMAGE": images[0], "LXCRI_LIVE_NEXT": images[1], "LXCRI_LIVE_LOCAL": "pve1",
                  "LXCRI_LIVE_LXC": str(pve.cluster.host.lxcpath), "LXCRI_COMMAND": str(COMMAND)})
    assert result.returncode == 0 and "FAIL" not in result.stdout and "LEFT" not in result.stderr, result
    assert "12 passed, 0 failed, 0 skipped" in result.stdout, result.stdout
    assert not pve.cluster.guests

# SPDX-License-Identifier: MIT
"""Containers of the fake are real ones."""

import os
import pathlib


def attach(pve, vmid, *words):
    """Returns what a command prints inside a container."""
    import subprocess

    done = subprocess.run(["lxc-attach", "-P", str(pve.cluster.host.lxcpath), "-n", str(vmid), "--clear-env", "--",
                           *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done.stdout


def test_a_container_is_created_started_stopped_and_destroyed(pve, api, template):
    ct = api.create(template, env="GREETING=hello world\0OTHER=2", hostname="first")
    assert api.get(ct + "/status/current").succeeds()["status"] == "stopped"
    api.does(api.post(ct + "/status/start"))
    pid = pve.person.pid(100)
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x001000\0"
    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert b"GREETING=hello world" in environment and b"OTHER=2" in environment
    assert api.get(ct + "/status/current").succeeds()["status"] == "running"
    api.does(api.post(ct + "/status/stop"))
    assert not os.path.exists(f"/proc/{pid}")
    api.does(api.delete(ct))
    api.get(ct + "/config").fails(500, "does not exist")

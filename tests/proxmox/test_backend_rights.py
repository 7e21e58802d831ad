# SPDX-License-Identifier: MIT
"""The rights that docs/proxmox.md gives the token are enough for all that an engine does, and no fewer are."""

import pathlib
import re

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import Layer

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "docs/proxmox.md"
SLEEP = ("sleep", "1000")


def rights():
    """Returns the privileges and the paths of the manual."""
    text = MANUAL.read_text(encoding="utf-8")
    privileges = re.search(r'--privs "([^"]*)"', text)[1].split()
    paths = re.search(r"for path in ([^;]*);", text)[1].split()
    return privileges, paths


def log_in(engine, pve, privileges, paths):
    pve.cluster.pools.setdefault("lxcri", __import__("fake.cluster", fromlist=["Pool"]).Pool())
    pve.access.add_role("lxcri", privileges)
    pve.access.add_user("lxcri@pve")
    for path in paths:
        pve.access.grant(path, "lxcri@pve", "lxcri")
    engine.token_file.write_text(pve.access.add_token("lxcri@pve", "engine", privsep=0))
    engine.configure(pool="lxcri")


def use(engine, make_image):
    """All verbs. Returns the first that failed, or None."""
    first, second = (make_image(Layer().add("release", word), Cmd=["sleep", "1000"], Volumes={"/data": {}})
                     for word in (b"1", b"2"))
    for words in (("run", "-d", "--memory", "64m", "--cpus", "1", "--image", first, "one"), ("stats", "--no-stream", "one"),
                  ("update", "--memory", "128m", "one"), ("stop", "--time", "1", "one"), ("start", "one"),
                  ("update", "one", "--image", second, "--settle", "0"), ("rollback", "one"),
                  ("delete", "--force", "one")):
        result = engine(*words)
        if result.code != 0:
            return result
    return None


def test_the_rights_of_the_manual_are_enough(engine, pve, make_image):
    log_in(engine, pve, *rights())
    assert use(engine, make_image) is None
    assert not pve.cluster.guests


def test_what_is_missing_is_told_by_the_server(engine, pve, make_image):
    privileges, paths = rights()
    log_in(engine, pve, [one for one in privileges if one != "VM.PowerMgmt"], paths)
    failed = use(engine, make_image)
    assert failed.error == "AuthenticationFailed" and "VM.PowerMgmt" in failed.err, failed

# SPDX-License-Identifier: MIT
"""Another name for a container of Proxmox VE."""

import shutil

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of

SLEEP = ("sleep", "1000")


def test_a_container_gets_another_name_while_it_runs(engine, pve, box, make_image):
    name = engine.start(box, *SLEEP)
    guest = engine.guest(name)
    pid, token = pid_of(pve, guest), engine.place(name)["token"]
    other = engine.start(box, *SLEEP)
    engine("rename", name, other).fails("ContainerAlreadyExists")
    engine("rename", name, "second").ok()
    assert sorted(engine.list()) == sorted(["second", other])
    assert engine.guest("second") is guest and pid_of(pve, guest) == pid and engine.place("second")["token"] == token
    assert "container second;" in guest.config["description"]
    engine("update", "second", "--image", make_image(Cmd=["sleep", "7"]), "--settle", "0").ok()
    engine("rename", "second", "third").ok()
    engine("rollback", "third").ok()
    assert engine.status("third") == "running"
    pve.mischief.fail("/nodes/{node}/lxc/{vmid}/config", 500, method="PUT")
    result = engine("rename", "third", "fourth").ok()
    assert "warning" in result.err.lower() and "container third;" in guest.config["description"]
    engine("stop", "--time", "0", "fourth").ok()
    engine("delete", "fourth").ok()
    assert len(pve.cluster.guests) == 1
    engine("rename", other, "last").ok()
    shutil.rmtree(engine.data)
    shutil.rmtree(engine.root)
    engine.keep_service_away()
    engine("system", "adopt").ok()
    assert engine.list() == ["last"]

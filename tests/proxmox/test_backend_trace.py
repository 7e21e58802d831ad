# SPDX-License-Identifier: MIT
"""Every endpoint that the backend uses, with every parameter: the list, and that all of it is valid by the API's description."""

import pathlib
import re
import subprocess

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import COMMAND
from fake import check, schema
from fake.pve import ROOT_PASSWORD
from endpoints import TABLE

PREFIX = "org.proxmox-lxcri.proxmox."
CONFIG = "/nodes/{node}/lxc/{vmid}/config"
EXPECTED = {
    "DELETE /nodes/{node}/lxc/{vmid}": {"destroy-unreferenced-disks", "force", "purge"},
    "DELETE /nodes/{node}/storage/{storage}/content/{volume}": set(),
    "GET /cluster/nextid": {"vmid"},
    "GET /cluster/resources": {"type"},
    "GET /nodes": set(),
    "GET /nodes/{node}/lxc": set(),
    "GET " + CONFIG: set(),
    "GET /nodes/{node}/lxc/{vmid}/status/current": set(),
    "GET /nodes/{node}/storage": {"content", "enabled", "storage"},
    "GET /nodes/{node}/storage/{storage}/content": {"content"},
    "GET /nodes/{node}/storage/{storage}/content/{volume}": set(),
    "GET /nodes/{node}/tasks": {"limit", "source", "typefilter", "vmid"},
    "GET /nodes/{node}/tasks/{upid}/log": {"limit"},
    "GET /nodes/{node}/tasks/{upid}/status": set(),
    "GET /version": set(),
    "POST /access/ticket": {"username"},  # and the password, which is not written down
    "POST /cluster/ha/resources": {"sid", "state"},
    "POST /nodes/{node}/lxc": {"cmode", "cores", "cpulimit", "cpuunits", "description", "entrypoint", "env", "features", "hostname",
                               "memory", "mp[n]", "net[n]", "onboot", "ostemplate", "ostype", "pool", "rootfs", "startup", "swap",
                               "tags", "timezone", "unprivileged", "vmid"},
    "POST /nodes/{node}/lxc/{vmid}/move_volume": {"target-vmid", "target-volume", "volume"},
    "POST /nodes/{node}/lxc/{vmid}/status/shutdown": {"forceStop", "timeout"},
    "POST /nodes/{node}/lxc/{vmid}/status/start": set(),
    "POST /nodes/{node}/lxc/{vmid}/status/stop": set(),
    "POST /nodes/{node}/storage/{storage}/upload": {"checksum", "checksum-algorithm", "content", "filename"},
    "PUT " + CONFIG: {"delete", "description", "dev[n]", "digest", "entrypoint", "env", "memory", "mp[n]", "protection", "rootfs",
                      "swap", "tags"},
}


def general(name):
    """net0, mp1 and so on are one."""
    return re.sub(r"^(net|mp|dev|unused)\d+$", r"\1[n]", name)


def used(requests):
    """Returns {endpoint: names of its parameters}, those of the path left out."""
    found = {}
    for request in requests:
        if request.template:
            names = found.setdefault(f"{request.method} {request.template}", set())
            names |= {general(name) for name in request.parameters if f"{{{name}}}" not in request.template}
    return found


def exercise(engine, pve, make_image):
    """Does all that there is to do."""
    images = [make_image(Cmd=["sleep", f"100{number}"], Volumes={"/image": {}}, Env=["PATH=/bin"]) for number in range(2)]
    pve.person.does("POST", "/pools", poolid="ours")
    engine.configure(pool="ours", local_node="pve1", lxc_directory=str(pve.cluster.host.lxcpath), node=None)
    extras = [f"{PREFIX}{text}" for text in ("onboot=1", "startup=order=1", "timezone=host", "features=nesting=1", "ha=stopped")]
    flags = [word for text in extras for word in ("--annotation", text)]
    engine("create", *flags, "--memory", "64m", "--cpus", "1", "--cpu-shares", "512", "--volume", "named:/named", "--volume",
           "/own", "--network", "bridge:vmbr0,ip=192.0.2.9/24", "--image", images[0], "one").ok()
    engine("start", "one").ok()
    engine("create", "--volume", "named:/named", "--image", images[0], "two").ok()
    for words in (("inspect", "one"), ("stats", "--no-stream", "one"), ("update", "--memory", "80m", "one"), ("logs", "one"),
                  ("rename", "two", "other"), ("update", "one", "--image", images[1], "--settle", "0"), ("rollback", "one"),
                  ("stop", "--time", "0", "one"), ("start", "one"), ("stop", "--time", "1", "one"), ("system", "adopt"),
                  ("image", "templates"), ("delete", "one"), ("delete", "--volumes", "other"),
                  ("image", "gc", "--templates", "--force"), ("doctor",)):
        result = engine(*words)
        assert result.code == 0 or words == ("doctor",), result
    pve.mischief.fail_task("for its log", kind="vzcreate", is_at_end=True)
    assert engine("create", "--image", images[0], "failing").code == 125
    engine.configure(token_file=None, user="root@pam", password_file=str(engine.token_file))
    engine.token_file.write_text(ROOT_PASSWORD + "\n")
    engine("create", "--device", "/dev/null", "--restart", "always", "--image", images[0], "rooted", "true").ok()
    engine("start", "rooted").ok()
    engine("wait", "rooted").ok()
    again = subprocess.run([str(pathlib.Path(COMMAND).parent / "lxcri-serve"), "--config", engine.config, "--root", engine.root,
                            "--data", engine.data, "again", "rooted"], check=False, capture_output=True, text=True)
    assert again.returncode == 0, again
    engine("delete", "--force", "rooted").ok()
    engine.configure(token_file=str(engine.token_file), user=None, password_file=None)


def test_all_that_is_asked_for(engine, pve, make_image):
    exercise(engine, pve, make_image)
    requests = pve.requests()
    assert not pve.cluster.guests, [guest.config for guest in pve.cluster.guests.values()]
    assert not [request for request in requests if request.status in (400, 501) and request.template != "/cluster/nextid"]
    found = used(requests)
    assert found == EXPECTED, "\n".join(f"{key!r}: {sorted(names)}" for key, names in sorted(found.items()))
    described = schema.find()
    for table in (TABLE, *([schema.load(described)] if described else [])):
        for request in requests:
            endpoint, in_path = table.find(request.method, request.path.strip("/").split("/"))
            hidden = {"password": "hidden"} if request.template == "/access/ticket" else {}
            _, errors = check.parameters(endpoint, {**request.parameters, **in_path, **hidden})
            assert errors == {}, (request, errors)

# SPDX-License-Identifier: MIT
"""Namespaces: new ones, the host's, and others' by path."""

import os

import pytest

# Kinds as the specification and as /proc write them.
KINDS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt",
         "cgroup": "cgroup"}


def own(kind):
    return os.readlink(f"/proc/self/ns/{KINDS[kind]}")


def inside(result):
    return dict(line.split(" ") for line in result.ok().lines)


LIST = "for n in pid net ipc uts mnt cgroup user; do echo $n $(readlink /proc/self/ns/$n); done"


def test_listed_namespaces_are_new_and_others_the_host_s(shell):
    found = inside(shell(LIST))
    for kind in ("pid", "network", "ipc", "uts", "mount"):
        assert found[KINDS[kind]] != own(kind), kind
    assert found["user"] == os.readlink("/proc/self/ns/user")


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts"])
def test_a_kind_that_is_not_listed_is_the_host_s(shell, kind):
    def edit(bundle):
        bundle.remove_namespace(kind)
        if kind == "uts":
            del bundle.spec["hostname"]
        if kind == "network":
            # A new sysfs shows the network namespace it is made in, and only its owner may.
            bundle.spec["mounts"] = [m for m in bundle.spec["mounts"] if m["destination"] != "/sys"]

    assert inside(shell(LIST, edit=edit))[KINDS[kind]] == own(kind)


@pytest.mark.vm
def test_a_new_cgroup_namespace(shell):
    def edit(bundle):
        bundle.linux["namespaces"].append({"type": "cgroup"})

    assert inside(shell(LIST, edit=edit))["cgroup"] != own("cgroup")


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts"])
def test_a_namespace_of_another_container_is_shared_by_its_path(engine, start, shell, kind):
    other = engine.pid(start())
    path = f"/proc/{other}/ns/{KINDS[kind]}"

    def edit(bundle):
        bundle.remove_namespace(kind)
        bundle.linux["namespaces"].append({"type": kind, "path": path})
        if kind == "uts":
            del bundle.spec["hostname"]

    assert inside(shell(LIST, edit=edit))[KINDS[kind]] == os.readlink(path)


def test_a_shared_process_namespace_shows_the_other_s_processes(engine, start, shell):
    other = engine.pid(start("sleep", "4711"))

    def edit(bundle):
        bundle.remove_namespace("pid")
        bundle.linux["namespaces"].append({"type": "pid", "path": f"/proc/{other}/ns/pid"})

    assert "sleep 4711" in shell("ps", edit=edit).ok().out


@pytest.mark.parametrize("kind, path", [("network", "/no/such/namespace"), ("ipc", "/etc/passwd"),
                                        ("uts", "/proc/self/ns/net")],
                         ids=["missing", "no-namespace", "other-kind"])
def test_a_path_that_is_no_such_namespace_is_refused(engine, make_bundle, kind, path):
    bundle = make_bundle("touch", "/ran")
    bundle.remove_namespace(kind)
    bundle.linux["namespaces"].append({"type": kind, "path": path})
    bundle.spec.pop("hostname")
    bundle.save()
    result = engine("run", "--bundle", bundle.path, engine.id()).exits(1)
    assert result.error in ("InvalidSpec", "ContainerCreateFailed"), result
    assert not (bundle.rootfs / "ran").exists() and engine.list() == []


def test_a_user_namespace_maps_root(shell):
    def edit(bundle):
        os.chmod(bundle.path, 0o755)
        for directory, names, files in os.walk(bundle.rootfs):
            for name in [*names, *files]:
                if name != "busybox":  # shared with other bundles
                    os.lchown(os.path.join(directory, name), 100000, 100000)
        os.chown(bundle.rootfs, 100000, 100000)
        bundle.linux["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = mapping

    result = shell("id -u; cat /proc/self/uid_map", edit=edit).ok()
    assert result.lines[0] == "0"
    assert result.lines[1].split() == ["0", "100000", "65536"]


def test_the_new_network_has_a_loopback_only(shell):
    assert [line.split(":")[0].strip() for line in
            shell("cat /proc/net/dev").ok().lines[2:]] == ["lo"]

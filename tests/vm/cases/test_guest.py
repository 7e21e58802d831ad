# SPDX-License-Identifier: MIT
"""The guest is what the other tests take it for."""

import pathlib
import subprocess

import pytest

CONTROLLERS = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"}


@pytest.mark.parametrize("file", ["cgroup.controllers", "cgroup.subtree_control"])
def test_cgroups_are_of_version_2_with_all_controllers(file):
    assert CONTROLLERS <= set(pathlib.Path("/sys/fs/cgroup", file).read_text().split())


def test_no_hierarchy_of_version_1_is_mounted():
    assert " cgroup " not in pathlib.Path("/proc/self/mounts").read_text()


def test_apparmor_is_enabled():
    assert pathlib.Path("/sys/module/apparmor/parameters/enabled").read_text() == "Y\n"


def test_a_bridge_can_filter_vlans():
    subprocess.run(["ip", "link", "add", "vlans", "type", "bridge", "vlan_filtering", "1"], check=True)
    try:
        assert pathlib.Path("/sys/class/net/vlans/bridge/vlan_filtering").read_text() == "1\n"
    finally:
        subprocess.run(["ip", "link", "delete", "vlans"], check=True)


def test_what_is_written_stays_in_the_guest():
    """The machine's own file system is shared read-only; the layer above it is the guest's."""
    mark = pathlib.Path("/etc/written-in-the-guest")
    mark.write_text("here")
    host = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
            if line.split()[2] == "9p"]
    assert host and all("ro" in mount[3].split(",") for mount in host)

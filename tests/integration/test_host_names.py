# SPDX-License-Identifier: MIT
"""/etc/hosts and /etc/hostname of containers from images."""

import pathlib

import pytest

from images import Layer


def test_a_container_knows_localhost_itself_and_who_is_added(box_shell):
    result = box_shell("cat /etc/hostname; cat /etc/hosts",
                       flags=["--hostname", "web.example", "--add-host", "db:10.1.2.3", "--add-host",
                              "six=[fd00::0:1]"]).ok()
    assert result.lines[0] == "web.example"
    assert "127.0.0.1\tlocalhost" in result.lines
    assert result.lines[-3:] == ["127.0.1.1\tweb.example", "10.1.2.3\tdb", "fd00::1\tsix"]


def test_on_the_host_s_network_it_has_the_host_s_names(box_run):
    hosts = pathlib.Path("/etc/hosts").read_text()
    assert box_run("cat", "/etc/hosts", flags=["--network", "host"]).ok().out == hosts
    result = box_run("cat", "/etc/hosts", flags=["--network", "host", "--add-host", "db:10.1.2.3"]).ok()
    assert result.out == hosts.rstrip("\n") + "\n10.1.2.3\tdb\n"


def test_it_may_be_written_and_stays_also_under_another_name(engine, box):
    id, new = engine.id(), engine.id("new")
    engine("run", "--image", box, id, "sh", "-c", "cat /etc/hosts; echo 10.9.9.9 more >> /etc/hosts").ok()
    engine("rename", id, new).ok()
    engine("start", new).ok()
    engine("wait", new).ok()
    assert engine("logs", new).ok().lines.count("10.9.9.9 more") == 1


def test_a_volume_and_a_read_only_root_work_with_them(box_shell, work):
    (work / "hosts").write_text("mine\n")
    assert box_shell("cat /etc/hosts", flags=["-v", f"{work}/hosts:/etc/hosts"]).ok().out == "mine\n"
    assert "localhost" in box_shell("cat /etc/hosts", flags=["--read-only"]).ok().out


def test_an_image_whose_hosts_is_a_link_leads_nowhere(box_shell, make_image, work):
    (work / "target").write_text("untouched\n")
    image = make_image(Layer().symlink("etc/hosts", str(work / "target")))
    box_shell("cat /etc/hosts", image=image)
    assert (work / "target").read_text() == "untouched\n"


@pytest.mark.parametrize("value", ["db", "db:", ":1.2.3.4", "db:1.2.3", "db:example.org", "a b:1.2.3.4",
                                   "db\nx:1.2.3.4", "-db:1.2.3.4", "db:1.2.3.4\n6.6.6.6 x", "db:host-gateway"])
def test_what_is_no_host_is_refused(any_engine, box, value):
    any_engine("run", "--add-host", value, "--image", box, any_engine.id(), "true").fails(
        "InvalidArgument", "expected NAME:ADDRESS", code=125)

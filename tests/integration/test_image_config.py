# SPDX-License-Identifier: MIT
"""What an image says of its process, and what the command line changes."""

import os

import pytest

from images import Layer


def test_entrypoint_and_command(box_run, make_image):
    image = make_image(Entrypoint=["echo", "entry"], Cmd=["command"])
    assert box_run(image=image).ok().out == "entry command\n"
    assert box_run("mine", "own", image=image).ok().out == "entry mine own\n"


def test_an_entrypoint_given_drops_the_image_s_command(box_run, make_image):
    image = make_image(Entrypoint=["echo", "entry"], Cmd=["command"])
    assert box_run(image=image, flags=["--entrypoint", "pwd"]).ok().out == "/\n"
    assert box_run("a", "b", image=image, flags=["--entrypoint", "echo"]).ok().out == "a b\n"
    assert box_run("echo", "x", image=image, flags=["--entrypoint", ""]).ok().out == "x\n"


def test_an_image_without_a_command_needs_one(box_run, make_image):
    image = make_image(Entrypoint=None, Cmd=None)
    box_run(image=image).fails("InvalidArgument", "command", code=125)
    box_run("true", image=image).ok()


def test_environment(box_run, make_image, work):
    image = make_image(Env=["PATH=/bin", "A=image", "B=image", "C=image"])
    (work / "env").write_text("# a comment\nB=file\nD=file with spaces\n\nFROM_CALLER\n")
    result = box_run("env", image=image, env={"FROM_CALLER": "yes", "HIDDEN": "no", "E": "mine"},
                     flags=["--env-file", work / "env", "-e", "C=flag", "-e", "E", "-e", "EMPTY="]).ok()
    found = dict(line.split("=", 1) for line in result.lines)
    assert found == {**found, "A": "image", "B": "file", "C": "flag", "D": "file with spaces",
                     "E": "mine", "FROM_CALLER": "yes", "EMPTY": "", "PATH": "/bin"}
    assert "HIDDEN" not in found and found["HOME"] == "/root"


@pytest.mark.parametrize("user, expected", [
    ("app", "1000 1000 1000 29 50"), ("1000", "1000 1000 1000 29 50"), ("app:audio", "1000 29 29"),
    ("4242", "4242 0 0"), ("4242:77", "4242 77 77"), ("root", "0 0 0"), ("", "0 0 0"),
    ("1000:staff", "1000 50 50")])
@pytest.mark.parametrize("by", ["image", "flag"])
def test_users_are_looked_up_in_the_image(box_shell, make_image, user, expected, by):
    if by == "image":
        result = box_shell("echo $(id -u) $(id -g) $(id -G)", image=make_image(User=user))
    else:
        result = box_shell("echo $(id -u) $(id -g) $(id -G)", flags=["--user", user] if user else [])
    assert sorted(result.ok().out.split()) == sorted(expected.split())
    assert result.out.split()[:2] == expected.split()[:2]


def test_the_topmost_passwd_counts(box_shell, make_image):
    image = make_image(Layer().add("etc/passwd", b"other:x:7:8::/mnt:/bin/sh\n"), User="other")
    assert box_shell("id -u; id -g; echo $HOME", image=image).ok().lines == ["7", "8", "/mnt"]


def test_an_unknown_user_is_refused(box_run, make_image):
    box_run("true", image=make_image(User="nosuch")).fails("InvalidArgument", "nosuch", code=125)
    box_run("true", flags=["-u", "app:nosuch"]).fails("InvalidArgument", "nosuch", code=125)


def test_further_groups(box_shell):
    result = box_shell("id -G", flags=["-u", "app:app", "--group-add", "staff", "--group-add", "4711"])
    assert {"50", "4711", "1000"} <= set(result.ok().out.split())


def test_working_directory(box_run, make_image):
    image = make_image(WorkingDir="/srv/not/yet/there")
    assert box_run("pwd", image=image).ok().out == "/srv/not/yet/there\n"
    assert box_run("pwd", image=image, flags=["-w", "/tmp"]).ok().out == "/tmp\n"


def test_volumes_begin_with_what_the_image_has_there(engine, make_image, box_start):
    layer = Layer().directory("data", owner=(1000, 50)).add("data/seed", b"seed\n", owner=(1000, 50))
    id = box_start(image=make_image(layer, Volumes={"/data": {}}))
    result = engine("exec", id, "sh", "-c", "cat /data/seed; stat -c '%u %g' /data; "
                "grep -c ' /data ' /proc/self/mountinfo").ok()
    assert result.lines == ["seed", "1000 50", "1"]


def test_default_capabilities_are_docker_s(box_run):
    status = dict(line.split(":\t", 1) for line in box_run("cat", "/proc/self/status").ok().lines
                  if ":\t" in line)
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0xa80425fb
    assert int(status["CapAmb"], 16) == 0
    assert status["Seccomp"].strip() == "2"


@pytest.mark.parametrize("flags, expected", [
    (["--cap-drop", "ALL"], 0),
    (["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"], 1 << 12),
    (["--cap-add", "CAP_SYS_PTRACE"], 0xa80425fb | 1 << 19),
    (["--cap-drop", "chown", "--cap-drop", "cap_kill"], 0xa80425fb & ~(1 << 0 | 1 << 5)),
])
def test_capabilities_added_and_dropped(box_run, flags, expected):
    status = box_run("cat", "/proc/self/status", flags=flags).ok().out
    assert f"CapEff:\t{expected:016x}" in status


@pytest.mark.vm
def test_default_mounts_and_masks(box_shell):
    result = box_shell("ls /proc/scsi 2>/dev/null; cat /proc/kcore 2>/dev/null | wc -c; "
                       "touch /proc/sys/x || echo ro; touch /sys/x || echo ro; df -k /dev/shm | tail -n 1")
    assert result.ok().lines[:3] == ["0", "ro", "ro"]
    assert result.lines[3].split()[1] == "65536"


def test_the_default_filter_refuses_what_it_should(box_run):
    """keyctl and friends are refused; mount is by capability."""
    result = box_run("mount", "-t", "tmpfs", "none", "/mnt")
    assert result.code != 0 and "not permitted" in result.err or "denied" in result.err


def test_the_host_name_is_the_container_s_name_unless_given(engine, box):
    id = engine.id()
    assert engine("run", "--rm", "--image", box, id, "hostname").ok().out.strip() == id
    result = engine("run", "--rm", "--hostname", "mine", "--image", box, id, "hostname")
    assert result.ok().out == "mine\n"


def test_host_network(box_run):
    assert os.readlink("/proc/self/ns/net") in box_run(
        "readlink", "/proc/self/ns/net", flags=["--network", "host"]).ok().out
    assert os.readlink("/proc/self/ns/net") not in box_run("readlink", "/proc/self/ns/net").ok().out

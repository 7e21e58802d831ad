# SPDX-License-Identifier: MIT
"""Containers of the node that the engine itself runs on: what no request of the API does."""

import json
import os
import pty
import subprocess
import time

import jsonschema
import pytest

from cluster_engine import *  # noqa: F401,F403
from cluster_engine import pid_of, program_of, words_of
from engine import ROOT
from fake import disk

SLEEP = ("sleep", "1000")
DEADLINE = 60


@pytest.fixture
def node(engine, pve):
    """The engine on the node pve1."""
    engine.configure(local_node="pve1", lxc_directory=str(pve.cluster.host.lxcpath))
    return engine


def await_that(condition, what):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_run_in_the_foreground_returns_output_and_exit_code(node, box):
    script = "echo to stdout; echo to stderr >&2; printf 'no end'; exit 7"
    result = node("run", "--image", box, "fore", "sh", "-c", script)
    assert (result.code, result.out) == (7, "to stdout\nno end"), result
    assert "to stderr" in result.err
    assert node("wait", "fore").ok().out == "7\n"
    known = node("inspect", "fore").ok().json()
    assert known["exitCode"] == 7 and known["started"] < known["finished"] and known["status"] == "stopped"
    assert "exited (7)" in node("list", "--all").ok().out
    logs = node("logs", "--timestamps", "fore").ok()
    assert "to stdout" in logs.out and logs.out.startswith("20")
    assert "to stderr" in logs.err and "to stderr" not in logs.out
    assert node("logs", "--tail", "1", "--stderr", "fore").ok().err.endswith("to stderr\n")

    # Elsewhere none of it is known, and that is said.
    node.configure(local_node="none")
    node("wait", "fore").fails("UnsupportedOperation", "only what is on its node")
    assert "exitCode" not in node("inspect", "fore").ok().json()
    node("logs", "fore").fails("UnsupportedOperation", "not node pve1")
    node("run", "--image", box, "other", "true").fails("UnsupportedOperation", "--detach", code=125)
    assert node.list() == ["fore"]


def test_the_end_is_that_of_the_last_run(node, box):
    name = node.start(box, "sh", "-c", "test -e /again && exec sleep 1000; touch /again; exit 3")
    assert node("wait", "--timeout", str(DEADLINE), name).ok().out == "3\n"
    node("start", name).ok()
    assert node.status(name) == "running"
    node("kill", "--signal", "KILL", name).ok()
    assert node("wait", name).ok().out == "137\n"
    gone = node("run", "--rm", "--image", box, "brief", "sh", "-c", "exit 4")
    assert gone.code == 4 and node.list() == [name]


def test_a_log_is_followed_and_is_no_larger_than_allowed(node, box):
    script = "i=0; while [ $i -lt 200 ]; do echo line $i of many; i=$((i+1)); done; read x < /go; echo last"
    name = node.start(box, "sh", "-c", f"mkfifo /go; {script}", flags=("--log-opt", "max-size=2k", "--log-opt", "max-file=3"))

    def is_written():
        return "line 199 of" in node("logs", name).out

    await_that(is_written, "the lines are in the log")
    child = node.open("logs", "--follow", "--tail", "1", name)
    node("exec", name, "sh", "-c", "echo go > /go").ok()
    result = node.finish(child)
    assert result.code == 0 and result.out in ("line 199 of many\nlast\n", "last\n"), result
    node("wait", name).ok()
    place = node.guest(name).config["rootfs"].split(",")[0]
    state = os.path.join(disk.path(node.pve.cluster, "pve1", place), ".lxcri/state")
    files = [file for file in os.listdir(state) if file.startswith("log")]
    assert len(files) == 3 and all(os.path.getsize(os.path.join(state, file)) <= 2048 for file in files)
    assert os.stat(state).st_mode & 0o777 == 0o700
    # What a container makes of it is no way out of it.
    os.unlink(os.path.join(state, "log"))
    os.symlink("/etc/passwd", os.path.join(state, "log"))
    for file in files:
        if file != "log":
            os.unlink(os.path.join(state, file))
    assert "root:" not in node("logs", name).out


def test_on_a_device_all_is_known_while_it_runs(node, pve, box):
    # As where a volume is no directory of the node.
    pve.mischief.fail("/nodes/{node}/storage/{storage}/content/{volume}", 500, times=None)
    result = node("run", "--image", box, "fore", "sh", "-c", "echo said; sleep 1; exit 9")
    assert (result.code, result.out) == (9, "said\n"), result
    node("wait", "fore").fails("UnsupportedOperation", "only what is on its node")
    name = node.start(box, "sh", "-c", "echo said; exec sleep 1000")
    await_that(lambda: node("logs", name).out == "said\n", "the log is there")
    pve.mischief.clear()


def test_without_a_log_there_is_none(node, box):
    name = node.start(box, "echo", "hidden", flags=("--log-driver", "none"))
    node("wait", name).ok()
    node("logs", name).fails("UnsupportedOperation", "not taken into a log")
    node("create", "--log-driver", "journald", "--image", box, "x").fails("UnsupportedOperation", "journal", code=125)


def test_further_processes(node, pve, make_image):
    image = make_image(User="app", WorkingDir="/made/here", Env=["PATH=/bin", "OF=image"], Cmd=["sleep", "1000"])
    name = node.start(image)
    assert node("exec", name, "sh", "-c", "echo $OF; pwd; id -u; echo bad >&2; exit 9").code == 9
    result = node("exec", "--env", "OF=caller", name, "sh", "-c", "echo $OF; pwd; id -u; echo bad >&2")
    assert (result.out, result.err) == ("caller\n/made/here\n1000\n", "bad\n"), result
    assert node("exec", "--user", "root", "--cwd", "/", name, "sh", "-c", "pwd; id -u; cat /proc/self/uid_map").ok().out.split() \
        == ["/", "0", "0", "100000", "65536"]
    assert node("exec", "-i", name, "cat", input=b"through\n").ok().out == "through\n"
    assert node("exec", name, "nothing").code == 127
    assert node("exec", name, "/etc").code == 126
    guest = node.guest(name)
    inside = f"/proc/{pid_of(pve, guest)}"
    mine = node("exec", name, "sh", "-c", "cat /proc/self/cgroup; readlink /proc/self/ns/net").ok().out
    assert os.readlink(f"{inside}/ns/net") in mine
    node("exec", "--detach", name, "sleep", "77").ok()
    await_that(lambda: "sleep 77" in node("top", name).ok().out, "a detached process runs")
    top = node("top", name, "nspid,command").ok().out
    assert "1 " in top and "lxcri" in top and "sleep 1000" in top
    assert node("inspect", name).ok().json()["pid"] == pid_of(pve, guest)
    assert words_of(f"{inside}/cmdline")[0] == b"/.lxcri/init" and not any(words_of(f"{inside}/cmdline")[1:])
    node.configure(local_node="pve2")
    node("exec", name, "true").fails("UnsupportedOperation", "not node pve1", f"CT {guest.vmid}", code=125)


def test_a_process_on_a_terminal(node, box):
    name = node.start(box, *SLEEP)
    ours, theirs = pty.openpty()
    with subprocess.Popen(node.argv("exec", "-it", name, "sh", "-c", "test -t 0 && test -t 1 && stty size; read word; "
                                     "echo got $word; exit 5"), stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        os.write(ours, b"typed\n")
        seen = b""
        while b"got typed" not in seen:
            seen += os.read(ours, 4096)
        assert child.wait(DEADLINE) == 5
    os.close(ours)


def test_every_signal_reaches_the_program(node, box):
    name = node.start(box, "sh", "-c", "for s in HUP INT USR1 PWR; do trap \"echo $s >> /seen\" $s; done; touch /ready; "
                      "while :; do sleep 0.1; done")
    await_that(lambda: node("exec", name, "test", "-e", "/ready").code == 0, "traps are set")
    for signal in ("HUP", "INT", "USR1", "PWR"):
        node("kill", "--signal", signal, name).ok()
        await_that(lambda: signal in node("exec", name, "cat", "/seen").out, signal)  # pylint: disable=cell-var-from-loop
    node("kill", "--signal", "STOP", name).ok()
    await_that(lambda: " T " in node("top", name, "stat,command").ok().out.replace("T", " T "), "it is stopped")
    node("kill", "--signal", "CONT", name).ok()


def test_what_is_done_to_it_is_told_as_of_others(node, box):
    name = node.start(box, *SLEEP)
    node("exec", name, "true").ok()
    node("kill", "--signal", "USR2", name).ok()
    told = [json.loads(line) for line in node("events", "--since", "1h", "--until", "0s", "--format", "json").ok().lines]
    schema = json.loads((ROOT / "docs/events.schema.json").read_text())
    for event in told:
        jsonschema.validate(event, schema)
    by_name = {event["event"]: event["attributes"] for event in told}
    assert int(by_name["exec"]["pid"]) > 0 and by_name["kill"]["signal"] == "12"


def test_files_go_in_and_out(node, pve, make_image, tmp_path):
    image = make_image(Volumes={"/data": {}}, Cmd=["sleep", "1000"])
    name = node.start(image)
    (tmp_path / "in").write_text("content")
    node("cp", str(tmp_path / "in"), f"{name}:/data/running").ok()
    assert node("exec", name, "cat", "/data/running").ok().out == "content"
    node("stop", "--time", "0", name).ok()
    node("cp", str(tmp_path / "in"), f"{name}:/data/stopped").ok()
    node("cp", f"{name}:/data/running", str(tmp_path / "out")).ok()
    assert (tmp_path / "out").read_text() == "content"
    node("start", name).ok()
    program = program_of(pve, node.guest(name))
    status = os.stat(f"/proc/{program}/root/data/stopped")
    assert status.st_uid == 100000 and status.st_size == 7
    node("diff", name).fails("UnsupportedOperation", "pct")


def test_pause_and_what_it_takes(node, box, make_image):
    name = node.start(box, *SLEEP, flags=("--memory", "64m"))
    stats = node("stats", "--no-stream", "--format", "json", name).ok().json()
    assert "67108864" in str(stats) and "pids" in str(stats)
    node("pause", name).ok()
    assert node.status(name) == "paused"
    node("pause", name).fails("AlreadyPaused")
    node("resume", name).ok()
    node("resume", name).fails("NotPaused")
    assert node.status(name) == "running"
    node("pause", name).ok()
    node("update", "--image", make_image(Cmd=["sleep", "7"]), name).fails("InvalidState", "paused")
    node("delete", "--force", name).ok()


def test_a_tmpfs_is_where_it_was_asked_for(node, box):
    name = node.start(box, *SLEEP, flags=("--tmpfs", "/cache:size=1m,mode=700"))
    mounts = node("exec", name, "cat", "/proc/mounts").ok().out
    (line,) = [line for line in mounts.splitlines() if " /cache " in line]
    assert "size=1024k" in line and "mode=700" in line and "nosuid" in line
    assert node("exec", name, "sh", "-c", "touch /cache/x && ls /cache").ok().out == "x\n"

# SPDX-License-Identifier: MIT
"""The flags of run that change the container's surroundings."""

import pathlib

import pytest

from engine import await_that
from test_cgroups import control


def test_a_volume_of_the_host(box_shell, work):
    (work / "v").mkdir()
    (work / "v").chmod(0o777)  # root of a container is another user of the host
    (work / "v/in").write_text("in\n")
    script = "cat /v/in; touch /v/out || echo refused"
    assert box_shell(script, flags=["-v", f"{work}/v:/v:ro"]).ok().out == "in\nrefused\n"
    assert box_shell(script, flags=["-v", f"{work}/v:/v"]).ok().out == "in\n"
    assert (work / "v/out").exists()


def test_a_named_volume_outlives_its_container(box_shell):
    box_shell("echo kept > /v/file", flags=["-v", "mine:/v"]).ok()
    assert box_shell("cat /w/file", flags=["-v", "mine:/w"]).ok().out == "kept\n"


def test_an_anonymous_volume_goes_with_its_container(engine, box_shell):
    box_shell("echo gone > /v/file", flags=["-v", "/v"]).ok()
    assert not [path for path in engine.data.rglob("file") if path.is_file()]


@pytest.mark.parametrize("volume", ["/no/such/dir:/v", "a/b:/v", "/etc:v", "::", "/etc:/v:nonsense"])
def test_a_bad_volume_is_refused(engine, box_run, volume):
    box_run("true", flags=["-v", volume]).exits(125)
    assert engine.list() == []


def test_a_tmpfs(box_shell):
    result = box_shell("grep ' /t ' /proc/self/mountinfo; touch /t/file",
                       flags=["--tmpfs", "/t:size=1m,mode=1770"])
    assert "size=1024k" in result.ok().out and "mode=1770" in result.out


def test_a_read_only_root(box_shell):
    result = box_shell("touch /x || echo refused; touch /dev/shm/x && echo shm", flags=["--read-only"])
    assert result.ok().lines == ["refused", "shm"]


def test_ulimits(box_run):
    result = box_run("cat", "/proc/self/limits", flags=["--ulimit", "nofile=100:200", "--ulimit", "core=0"])
    rows = {line[:26].strip(): line[26:].split()[:2] for line in result.ok().lines}
    assert rows["Max open files"] == ["100", "200"] and rows["Max core file size"] == ["0", "0"]


def test_a_device_of_the_host(box_shell):
    result = box_shell("stat -c '%t %T' /dev/mine; exec 3</dev/mine && echo open",
                       flags=["--device", "/dev/full:/dev/mine:r"])
    assert result.ok().lines == ["1 7", "open"]


def test_the_size_of_shared_memory(box_shell):
    result = box_shell("df -k /dev/shm | tail -n 1", flags=["--shm-size", "8m"])
    assert result.ok().out.split()[1] == "8192"


def test_limits_of_resources(engine, box_start):
    pid = engine.pid(box_start(flags=["--memory", "64m", "--cpus", "0.5", "--pids-limit", "17"]))
    assert control(pid, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert control(pid, "pids", "pids.max", "pids.max") == "17"
    if pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        quota, period = map(int, control(pid, "cpu", "", "cpu.max").split())
    else:
        quota = int(control(pid, "cpu", "cpu.cfs_quota_us", ""))
        period = int(control(pid, "cpu", "cpu.cfs_period_us", ""))
    assert quota / period == 0.5


def test_an_init_reaps_and_passes_signals_on(engine, box_start):
    id = box_start("sh", "-c", "trap 'echo got it; exit 4' TERM; (tail -f /dev/null & echo $! > /orphan); "
                   "while :; do sleep 0.05; done", flags=["--init"])
    assert engine("exec", id, "cat", "/proc/1/comm").ok().out.strip() != "sh"
    await_that(lambda: engine("exec", id, "sh", "-c", "kill -9 $(cat /orphan)").code == 0, "the orphan is killed")
    await_that(lambda: engine("exec", id, "sh", "-c", "test -e /proc/$(cat /orphan)").code == 1, "it is reaped")
    engine("kill", id, "TERM").ok()
    engine.await_status(id, "stopped")
    assert engine("wait", id).ok().out == "4\n" and engine("logs", id).ok().out == "got it\n"


def test_an_init_without_zombies_gives_the_exit_code(box_shell):
    box_shell("exit 9", flags=["--init"]).exits(9)


def test_labels_and_annotations_show_and_do_nothing(engine, box_start):
    id = box_start(flags=["--label", "one=1", "--label", "run.oci.handler=wasm", "-l", "two"])
    text = engine("inspect", id).ok().out
    assert "label.one" in text


def test_a_pid_file(engine, box_start, work):
    id = box_start(flags=["--pid-file", work / "pid"])
    assert int((work / "pid").read_text()) == engine.pid(id)


@pytest.mark.parametrize("flags", [["--memory", "lots"], ["--cpus", "-1"], ["--ulimit", "nofile"],
                                   ["--network", "a b"], ["--cap-add", "NO_SUCH"],
                                   ["--stop-signal", "NO_SUCH"], ["--device", "/dev/no-such"],
                                   ["--ulimit", "nosuch=1"], ["--env-file", "/no/such/file"],
                                   ["--shm-size", "-5"], ["--user", "a:b:c"], ["-e", "=x"],
                                   ["--hostname", "two words"], ["-w", "relative"],
                                   ["--security-opt", "apparmor=no-such"], ["--security-opt", "x=y"],
                                   ["--tmpfs", "relative"], ["--no-such-flag"], ["--preserve-fds", "3"]],
                         ids=lambda flags: "".join(flags))
def test_a_bad_value_is_refused_before_anything_is_made(any_engine, box, flags):
    result = any_engine("run", *flags, "--image", box, "bad", "true").exits(125)
    assert result.error is not None and len(result.err.splitlines()) == 1, result
    assert any_engine.list() == []

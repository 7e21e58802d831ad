# SPDX-License-Identifier: MIT
"""What root of a container that was made from an image can do to the host: nothing. Each attempt is
made in a container as it comes, in one with every capability, and where it is harmless in a
privileged one or on the host itself, where it must not be refused: else the attempt shows nothing."""

import os
import pathlib
import stat
import subprocess

import pytest

from engine import BUILD, await_that

TOOL = BUILD / "tests/escape/escape"

# How a kernel says no, and how it looks where there is nothing to be seen.
REFUSED = {"EPERM", "EACCES", "EROFS"}
UNSEEN = {"ENOENT", "ESRCH"}

# This kernel has no such thing for anybody.
ABSENT = {"ENOSYS"}

MODES = {"as it comes": [], "every capability": ["--cap-add", "ALL"]}


@pytest.fixture(params=["lxc", "crun"])
def engine(request, make_engine):
    """The backends on which containers have ids of their own."""
    return make_engine(request.param)


@pytest.fixture
def victim():
    """A process of the host's root."""
    process = subprocess.Popen(["sleep", "1000"])
    yield str(process.pid)
    process.kill()
    process.wait()


@pytest.fixture
def attempt(engine, box):
    """Makes attempts in a container and returns what came of each."""

    def attempt(*words, flags=()):
        result = engine("run", "--rm", *flags, "--volume", f"{TOOL}:/escape:ro", "--image", box,
                        engine.id(), "/escape", *words, timeout=120).ok()
        return dict(line.rsplit(" ", 1) for line in result.lines)

    return attempt


def on_the_host(*words):
    lines = subprocess.run([TOOL, *words], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def present(words):
    """Those of the attempts on files whose file this kernel has."""
    return [word for word in words if os.path.exists(word.partition("=")[2].removeprefix("/host"))]


def all_refused(results, *allowed):
    return {name: result for name, result in results.items()
            if result not in REFUSED | ABSENT | set().union(*allowed)} == {}


def none_refused(results):
    return {name: result for name, result in results.items() if result in REFUSED | UNSEEN} == {}


@pytest.mark.vm
@pytest.mark.parametrize("mode", MODES)
def test_no_device_is_made_and_opened(attempt, mode):
    words = ["device=b:7:0", "device=c:1:1", "device=c:1:11", "device=c:10:237", "device=c:5:1"]
    results = attempt(*words, flags=MODES[mode])
    assert all_refused(results), results
    assert none_refused(attempt("device=b:7:0", "device=c:1:11", flags=["--privileged"]))


def test_a_device_file_in_an_image_opens_nothing(engine, make_image):
    """Its owner in the container is the container's root, and what it names is a disk."""
    from images import Layer
    import tarfile
    layer = Layer().add("disk", kind=tarfile.BLKTYPE, mode=0o666, device=(7, 0))
    layer.add("log", kind=tarfile.CHRTYPE, mode=0o666, device=(1, 11))
    image = make_image(layer)
    for name in ("disk", "log"):
        result = engine("run", "--rm", "--cap-add", "ALL", "--image", image, engine.id(), "dd", f"if=/{name}",
                        "of=/dev/null", "count=1").exits(1)
        assert "Permission denied" in result.err or "not permitted" in result.err, result


@pytest.mark.vm
def test_nothing_of_the_host_is_mounted(attempt, work):
    shown = work / "shown"
    shown.mkdir()
    words = ["mount=tmpfs", "mount=proc", "mount=sysfs", "mount=devtmpfs", "mount=ext4", "mount=debugfs",
             "remount=/shown", "remount=/proc/sys", "umount=/proc/sys", "userns"]
    flags = ["--volume", f"{shown}:/shown:ro"]
    results = attempt(*words, flags=flags)
    assert all_refused(results), results
    # With every capability in its own user namespace it mounts what is its own; AppArmor would not let it.
    powerful = ["--cap-add", "ALL", "--security-opt", "apparmor=unconfined"]
    results = attempt("mount=devtmpfs", "mount=ext4", "mount=debugfs", "mount=securityfs", flags=powerful)
    assert all_refused(results, {"ENODEV"}), results
    assert attempt("mount=tmpfs", flags=powerful) == {"mount=tmpfs": "done"}
    assert none_refused(attempt("mount=tmpfs", "mount=devtmpfs", "remount=/shown",
                                flags=["--privileged", *flags]))


KERNEL = ["module", "kexec", "iopl", "ioperm", "swapon", "clock", "syslog", "bpf", "handle=/escape"]
TUNING = ["write=/proc/sysrq-trigger", "write=/proc/sys/kernel/core_pattern",
          "write=/proc/sys/vm/drop_caches", "write=/proc/sys/kernel/modprobe",
          "write=/sys/kernel/mm/ksm/run", "write=/sys/kernel/mm/transparent_hugepage/enabled",
          "write=/sys/module/overlay/parameters/redirect_max"]


@pytest.mark.vm
@pytest.mark.parametrize("mode", MODES)
def test_the_kernel_takes_no_orders(attempt, mode):
    results = attempt(*KERNEL, flags=MODES[mode])
    assert all_refused(results), results
    results = attempt(*KERNEL, flags=["--privileged"])
    assert none_refused(results), results


@pytest.mark.parametrize("mode", MODES)
def test_no_setting_of_the_host_is_written(attempt, mode):
    words = present(TUNING)
    assert len(words) > 3
    results = attempt(*words, flags=MODES[mode])
    assert all_refused(results), results
    results = attempt(*words, flags=["--privileged"])
    assert none_refused(results), results


@pytest.mark.parametrize("mode", MODES)
def test_the_whole_proc_and_sys_of_the_host_give_nothing_away(attempt, victim, mode):
    """An administrator shows it to a container, as for a collector of metrics: it can look about."""
    words = ["write=/host/proc/sysrq-trigger", "write=/host/proc/sys/kernel/core_pattern",
             f"list=/host/proc/{victim}/root/", f"read=/host/proc/{victim}/environ",
             f"read=/host/proc/{victim}/mem", f"list=/host/proc/{victim}/fd",
             f"setns=/host/proc/{victim}/ns/mnt", f"setns=/host/proc/{victim}/ns/net",
             f"setns=/host/proc/{victim}/ns/user", "write=/host/sys/kernel/mm/transparent_hugepage/enabled",
             "write=/host/sys/kernel/profiling"]
    words = present(words)
    flags = ["--volume", "/proc:/host/proc", "--volume", "/sys:/host/sys"]
    results = attempt(*words, flags=[*MODES[mode], *flags])
    assert all_refused(results), results
    results = attempt(*words, flags=["--privileged", *flags])
    assert none_refused(results), results


@pytest.mark.vm
@pytest.mark.parametrize("mode", MODES)
def test_no_process_of_the_host_is_reached(attempt, victim, mode):
    results = attempt(f"kill={victim}", f"trace={victim}", f"list=/proc/{victim}/root/",
                      f"setns=/proc/{victim}/ns/mnt", flags=MODES[mode])
    assert all_refused(results, UNSEEN), results
    assert none_refused(on_the_host(f"kill={victim}", f"trace={victim}", f"list=/proc/{victim}/root/"))


@pytest.mark.parametrize("mode", MODES)
def test_no_key_of_the_host_is_reached(attempt, mode):
    results = attempt("keyring", "add_key", flags=MODES[mode])
    assert all_refused(results), results
    assert none_refused(on_the_host("keyring"))


@pytest.mark.parametrize("mode", MODES)
def test_a_way_out_of_a_chroot_ends_in_the_container(attempt, work, mode):
    sentinel = work / "of the host"
    sentinel.touch()
    results = attempt(f"chroot={sentinel}", flags=MODES[mode])
    assert all_refused(results, UNSEEN), results
    # Where the file is in the container the same steps find it.
    assert attempt(f"chroot={sentinel}", flags=["--volume", f"{sentinel}:{sentinel}"]) == {
        f"chroot={sentinel}": "done"}
    assert on_the_host(f"chroot={sentinel}") == {f"chroot={sentinel}": "done"}


@pytest.mark.parametrize("mode", MODES)
def test_the_files_of_other_containers_are_out_of_reach(engine, attempt, box_start, mode):
    """Even where the directories of the engine itself are shown to it, and the host's proc."""
    other = box_start("sh", "-c", "echo secret > /secret && sleep 1000")
    await_that(lambda: engine("exec", other, "test", "-s", "/secret").code == 0, "the secret is there")
    pid = engine.pid(other)
    home = f"/data/containers/{other}"
    words = [f"list=/host/proc/{pid}/root/", f"read=/host/proc/{pid}/root/secret", f"list={home}/upper",
             f"read={home}/upper/secret", f"read={home}/config.json", "list=/data/layers", "read=/data/state.db",
             f"setns=/host/proc/{pid}/ns/mnt", f"setns=/host/proc/{pid}/ns/user"]
    flags = ["--volume", "/proc:/host/proc", "--volume", f"{engine.data}:/data"]
    results = attempt(*words, flags=[*MODES[mode], *flags])
    assert all_refused(results), results
    results = attempt(*words[:7], flags=["--privileged", *flags])
    assert set(results.values()) == {"done"}, results


def test_two_containers_have_no_id_in_common(engine, box_start):
    ranges = []
    for _ in range(3):
        lines = pathlib.Path(f"/proc/{engine.pid(box_start())}/uid_map").read_text().split()
        ranges.append((int(lines[1]), int(lines[2])))
    assert all(size == 65536 for _, size in ranges)
    starts = sorted(start for start, _ in ranges)
    assert all(second - first >= 65536 for first, second in zip(starts, starts[1:])) and starts[0] >= 1000000


def test_a_set_user_id_program_on_a_shared_volume_is_not_root_s(engine, box, work):
    shared = work / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    script = "cp /escape /shared/tool && chmod 4755 /shared/tool && ls -n /shared/tool"
    flags = ["--rm", "--volume", f"{shared}:/shared", "--volume", f"{TOOL}:/escape:ro", "--image", box]

    def run_by_a_user():
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               shared / "tool", "root"], capture_output=True, text=True,
                              check=True).stdout.split()

    listed = engine("run", *flags, engine.id(), "sh", "-c", script).ok().out.split()
    assert listed[2] == "0"
    status = (shared / "tool").stat()
    assert status.st_uid >= 1000000 and stat.S_IMODE(status.st_mode) == 0o4755
    assert run_by_a_user() == ["root", "EPERM"]
    os.unlink(shared / "tool")
    engine("run", "--userns", "host", *flags, engine.id(), "sh", "-c", script).ok()
    assert (shared / "tool").stat().st_uid == 0 and run_by_a_user() == ["root", "done"]


def test_devices_of_the_host_keep_owner_and_mode(engine, box):
    """Standard input may be the host's /dev/null, and bound devices are the host's own."""

    def look():
        return [(path, os.stat(path).st_uid, os.stat(path).st_gid, os.stat(path).st_mode)
                for path in ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/urandom")]

    before = look()
    script = "for d in null zero full tty urandom; do chmod 600 /dev/$d; chown 5 /dev/$d; done"
    engine("run", "--rm", "--image", box, engine.id(), "sh", "-c", script).exits(1)
    engine("run", "--rm", "--cap-add", "ALL", "--image", box, engine.id(), "sh", "-c", script).exits(1)
    id = engine.id()
    engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    engine("exec", id, "sh", "-c", script + "; chmod 600 /proc/self/fd/0").exits(1)
    assert look() == before

# SPDX-License-Identifier: MIT
"""What we stand on is missing, damaged or of another version: the error says so, nothing is left, and
what can still be done works."""

import errno
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from engine import BUILD, COMMAND, await_that
from host import Unchanged

PROGRAMS = ("proxmox-lxcri", "lxcri-forward", "lxcri-init", "lxcri-lxc", "lxcri-monitor", "lxcri-shim", "lxcri-worker")


def in_namespace(engine, script, *words):
    """Calls the command in a mount namespace in which @script has been run."""
    argv = " ".join(shlex.quote(word) for word in engine.argv(*words))
    original, engine.argv = engine.argv, lambda *_: [
        "unshare", "--mount", "--propagation", "private", "sh", "-ec", f"{script}\nexec {argv}"]
    try:
        return engine(*words)
    finally:
        engine.argv = original


def compile_c(source, path, *flags):
    subprocess.run(["cc", "-x", "c", "-", "-o", path, *flags], input=source, text=True, check=True)
    return path


# liblxc -------------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def liblxc():
    """The file that the loader takes."""
    lines = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    found = [line.split("=> ")[1] for line in lines.splitlines() if "liblxc.so.1 " in line]
    return pathlib.Path(found[0]).resolve()


def fake_liblxc(work, version):
    return compile_c(f"""
        const char *lxc_get_version(void) {{ return "{version}"; }}
        void *lxc_container_new(const char *name, const char *path) {{ return 0; }}
        """, work / "liblxc.so", "-shared", "-fPIC")


@pytest.mark.parametrize("version", ["4.0.12", "8.0.0", "99.1"])
def test_a_liblxc_that_is_too_old_or_too_new_is_refused_by_its_version(make_engine, make_bundle, work,
                                                                       liblxc, version):
    engine = make_engine("lxc")
    library = fake_liblxc(work, version)
    id = engine.id()
    with Unchanged():
        in_namespace(engine, f"mount --bind {library} {liblxc}", "create", "--bundle",
                     make_bundle().path, id).fails("RuntimeInitFailed", id, "liblxc", version, "5.0")
    assert engine.list() == []


def test_a_missing_liblxc_says_what_to_install(make_engine, make_bundle, work, liblxc):
    engine = make_engine("lxc")
    for name in ("upper", "work"):
        (work / name).mkdir()
    for name in ("liblxc.so.1", liblxc.name):  # a character device 0/0 hides what is below it
        os.mknod(work / "upper" / name, 0o020000, os.makedev(0, 0))
    overlay = f"lowerdir={liblxc.parent},upperdir={work}/upper,workdir={work}/work"
    with Unchanged():
        # A tmpfs carries the writable part, whatever the tests' own directory is on.
        in_namespace(engine, f"""
            mkdir {work}/tmp && mount -t tmpfs fake {work}/tmp && mkdir {work}/tmp/w && cp -a {work}/upper {work}/tmp/u
            mount -t overlay overlay -o lowerdir={liblxc.parent},upperdir={work}/tmp/u,workdir={work}/tmp/w {liblxc.parent}
            """, "create", "--bundle", make_bundle().path, "missing").fails(
                "RuntimeNotFound", "missing", "liblxc.so.1", "install")
    assert engine.list() == []


# Our own executables ------------------------------------------------------------------------------

@pytest.fixture
def installation(work):
    """A copy of the executables."""
    directory = work / "installed"
    directory.mkdir()
    for name in PROGRAMS:
        shutil.copy(BUILD / name, directory / name)
    return directory


def call(engine, installation, *words):
    original, engine.argv = engine.argv, lambda *w: [str(installation / "proxmox-lxcri"), *original(*w)[1:]]
    try:
        return engine(*words)
    finally:
        engine.argv = original


def test_a_missing_monitor_is_named(any_engine, make_bundle, installation):
    (installation / "lxcri-monitor").unlink()
    with Unchanged():
        id = any_engine.id()
        call(any_engine, installation, "create", "--bundle", make_bundle().path, id).fails(
            "RuntimeInitFailed", id, "lxcri-monitor", "No such file")
    assert any_engine.list() == []


def test_a_monitor_of_another_version_is_told_from_a_fault(any_engine, make_bundle, installation):
    (installation / "lxcri-monitor").unlink()
    compile_c("""
        #include <sys/socket.h>
        int main(void)
        {
            struct { unsigned short version, type; unsigned int size; int pid; } created = { 99, 64, 4, 1 };
            return send(3, &created, sizeof(created), 0) < 0;
        }""", installation / "lxcri-monitor", "-static")
    with Unchanged():
        id = any_engine.id()
        call(any_engine, installation, "create", "--bundle", make_bundle().path, id).fails(
            "UnsupportedOperation", id, "version 99")
    assert any_engine.list() == []


def test_a_missing_helper_of_the_lxc_backend_is_named(make_engine, make_bundle, installation):
    engine = make_engine("lxc")
    for name in ("lxcri-lxc", "lxcri-shim"):
        (installation / name).rename(installation / "away")
        with Unchanged():
            id = engine.id()
            result = call(engine, installation, "create", "--bundle", make_bundle().path, id)
            assert result.error in ("RuntimeNotFound", "RuntimeInitFailed"), result
            assert id in result.err and name in result.err and "No such file" in result.err, result
        (installation / "away").rename(installation / name)
    assert engine.list() == []


# Control groups -----------------------------------------------------------------------------------

def empty_and_remove(directory, root):
    """False where one is in it that has ended, and is not gone yet."""
    for member in (directory / "cgroup.procs").read_text().split():
        pathlib.Path(root, "cgroup.procs").write_text(member)
    try:
        directory.rmdir()
    except OSError as error:
        assert error.errno == errno.EBUSY
        return False
    return True


def take_cgroups_away(pid):
    """Moves all processes of a container to the root of each hierarchy, and removes its cgroups."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        names = [f"/sys/fs/cgroup/{controllers.removeprefix('name=')}", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        root = next((name for name in names if os.path.isdir(name + path)), None)
        if path == "/" or root is None:
            continue
        for directory, _, _ in os.walk(root + path, topdown=False):
            await_that(lambda: empty_and_remove(pathlib.Path(directory), root), f"{directory} is gone")


@pytest.mark.parametrize("verb", [("stop", "--time", "0"), ("stop", "--time", "1"), ("delete", "--force")])
def test_a_container_whose_cgroups_were_removed_can_be_ended(engine, start, verb):
    with Unchanged():
        id = start()
        take_cgroups_away(engine.pid(id))
        assert engine.status(id) == "running"
        engine(*verb, id).ok()
        engine("delete", "--force", id)
    assert engine.list() == []


def test_a_killed_monitor_whose_cgroups_were_removed_is_cleaned_up(engine, start):
    with Unchanged():
        id = start()
        pid = engine.pid(id)
        take_cgroups_away(pid)
        monitor = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
        os.kill(monitor, signal.SIGKILL)
        await_that(lambda: engine.status(id) == "stopped", "it is stopped")
        engine("delete", id).ok()


# Directories --------------------------------------------------------------------------------------

def test_a_read_only_data_directory_is_named(any_engine, box, make_bundle):
    any_engine("image", "import", box, "mine:1").ok()
    any_engine("run", "--image", "mine:1", any_engine.id(), "true").ok()
    before = any_engine.list()
    read_only = f"mount --bind {any_engine.data} {any_engine.data} && mount -o remount,ro,bind {any_engine.data}"
    with Unchanged():
        result = in_namespace(any_engine, read_only, "create", "--image", "mine:1", "--name", "late")
        assert result.code in (1, 125) and result.error == "StorageError", result
        assert str(any_engine.data) in result.err and "ead-only" in result.err.replace("readonly", "read-only"), result
        # What needs no data goes on.
        id = any_engine.id()
        in_namespace(any_engine, read_only, "create", "--bundle", make_bundle().path, id).ok()
        in_namespace(any_engine, read_only, "delete", id).ok()
    assert any_engine.list() == before


def test_a_run_directory_that_is_removed_leaves_no_second_container_of_the_same_data(engine, box_start):
    with Unchanged():
        id = box_start()
        pid = engine.pid(id)
        shutil.rmtree(engine.root)
        assert engine.status(id) == "stopped"
        engine("start", id).ok()
        await_that(lambda: not os.path.exists(f"/proc/{pid}"), "the old one has ended")
        engine("exec", id, "true").ok()
        engine("delete", "--force", id).ok()


def test_a_container_whose_run_directory_was_removed_is_deleted_with_its_processes(engine, box_start):
    with Unchanged():
        id = box_start()
        shutil.rmtree(engine.root)
        engine("delete", "--force", id).ok()
    assert engine.list() == []


# A monitor that hangs -----------------------------------------------------------------------------

def freezer(pid):
    """The file that freezes a process's cgroup, and the words for it."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "freezer":
            return pathlib.Path(f"/sys/fs/cgroup/freezer{path}/freezer.state"), "FROZEN"
    return pathlib.Path(f"/sys/fs/cgroup{path}/cgroup.freeze"), "1"


def test_a_container_that_somebody_froze_can_be_deleted_by_force_while_a_command_enters_it(engine, start):
    with Unchanged(patience=10):
        id = start()
        file, word = freezer(engine.pid(id))
        file.write_text(word)
        entering = engine.open("exec", id, "true")
        time.sleep(0.5)  # it asks meanwhile
        engine("delete", "--force", id, timeout=50).ok()
        engine.finish(entering)
    assert engine.list() == []


# The clock ----------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def clock(session_dir):
    """A library by which a command sees another time of day; monitors, which are static, see the true
    one: as if it had jumped between the two."""
    return compile_c("""
        #define _GNU_SOURCE
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        int clock_gettime(clockid_t id, struct timespec *now)
        {
            long r = syscall(SYS_clock_gettime, id, now);
            if (id == CLOCK_REALTIME && getenv("CLOCK_JUMP"))
                now->tv_sec += atol(getenv("CLOCK_JUMP"));
            return (int)r;
        }""", session_dir / "clock.so", "-shared", "-fPIC")


@pytest.mark.parametrize("jump", [-400 * 86400, 400 * 86400], ids=["back", "ahead"])
def test_a_clock_that_jumps_changes_what_is_shown_and_nothing_else(any_engine, box, clock, jump):
    env = {"LD_PRELOAD": str(clock), "CLOCK_JUMP": str(jump)}
    stubborn = ("sh", "-c", "trap : TERM; echo up; while :; do sleep 1; done")
    with Unchanged():
        for made, ended in ((env, None), (None, env)):
            id = any_engine.id()
            any_engine("run", "--detach", "--image", box, id, *stubborn, env=made).ok()
            await_that(lambda: "up" in any_engine("logs", id, env=ended).ok().out, "it is up")
            this_year = any_engine("inspect", id).ok().json()["created"].startswith(time.strftime("%Y", time.gmtime()))
            assert this_year == (made is None)
            assert any_engine("list", env=ended).ok().out.count(id) == 1
            any_engine("exec", id, "true", env=ended).ok()
            # The time of grace passes on a clock that does not jump.
            any_engine("stop", "--time", "1", id, timeout=30, env=ended).ok()
            assert any_engine("wait", id, env=ended).ok().out == "137\n"
            assert any_engine("start", id, env=ended).ok().code == 0
            any_engine("delete", "--force", id, env=ended).ok()
    assert any_engine.list() == []


# Limits -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("verb", ["create", "start", "exec", "state", "list", "stop", "delete"])
def test_too_few_descriptors_are_an_error_and_change_nothing(any_engine, make_bundle, verb):
    bundle = make_bundle("sleep", "1000")
    with Unchanged():
        for limit in range(3, 16):
            id = any_engine.id()
            if verb != "create":
                any_engine("create", "--bundle", bundle.path, id).ok()
            if verb in ("exec", "stop"):
                any_engine("start", id).ok()
            before = any_engine.list()
            words = {"create": ["create", "--bundle", bundle.path, id], "list": ["list"],
                     "exec": ["exec", id, "true"], "stop": ["stop", "--time", "0", id]}
            few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            result = any_engine(*words.get(verb, [verb, id]), preexec_fn=few, timeout=20)
            # Without three streams and a library the loader itself gives up.
            assert result.code in (0, 1, 125, 127), result
            if result.code in (1, 125):
                assert result.error, result
                # A deletion that has begun goes on with the next command.
                assert any_engine.list() in ([before, []] if verb == "delete" else [before])
            any_engine("delete", "--force", id)
    assert any_engine.list() == []


# The database -------------------------------------------------------------------------------------

@pytest.fixture
def kept(any_engine, box):
    """An engine with a stopped container, whose database is one file."""
    any_engine("run", "--image", box, any_engine.id(), "true").ok()
    with sqlite3.connect(any_engine.data / "state.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return any_engine


def test_a_damaged_page_of_the_database_is_an_error_that_names_the_file(kept, make_bundle):
    path = kept.data / "state.db"
    content = path.read_bytes()
    id = kept.list()[0]
    with sqlite3.connect(path) as database:
        pages = [page for page, in database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name IN ('container', 'endpoint')")]
    database.close()
    try:
        for at in [(page - 1) * 4096 for page in pages]:
            path.write_bytes(content[:at] + b"\xa5" * 4096 + content[at + 4096:])
            (kept.data / "state.db-shm").unlink(missing_ok=True)
            result = kept("state", id)
            assert result.code in (1, 125) and result.error == "StorageError", result
            assert str(path) in result.err and "malformed" in result.err, result
            other = kept.id()  # of a bundle: it is not in there
            kept("create", "--bundle", make_bundle().path, other).ok()
            kept("delete", other).ok()
    finally:
        path.write_bytes(content)
        (kept.data / "state.db-shm").unlink(missing_ok=True)
    assert kept("state", id).ok().json()["status"] == "stopped"


def test_a_file_that_is_no_database_is_named(kept):
    path = kept.data / "state.db"
    content = path.read_bytes()
    path.write_bytes(b"not a database" * 1000)
    result = kept("list")
    path.write_bytes(content)
    assert str(path) in result.err and "not a database" in result.err, result


def test_a_database_of_a_later_program_is_refused_and_left_alone(kept):
    path = kept.data / "state.db"
    id = kept.list()[0]
    with sqlite3.connect(path) as database:
        version, = database.execute("PRAGMA user_version").fetchone()
        database.execute("PRAGMA user_version = 999")
    database.close()
    kept("state", id).fails("StorageError", path, "999", "later program")
    kept("delete", "--force", id).fails("StorageError", path, "later program")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (999,)
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    assert kept("state", id).ok().json()["status"] == "stopped"


@pytest.mark.parametrize("keep", [0, 1, 0.5])
def test_half_a_record_is_an_error_that_hides_no_other_container(engine, start, keep):
    with Unchanged():
        id = start()
        other = start()
        path = engine.root / "containers" / id / "record.json"
        content = path.read_text()
        path.write_text(content[:keep if keep in (0, 1) else len(content) // 2])
        engine("state", id).fails("StorageError", id, "record")
        assert engine.list() == [other]
        engine("stop", "--time", "0", other).ok()
        engine("delete", id).fails("StorageError", id, "record")
        pid = json.loads((path.parent / "state.json").read_text())["pid"]
        result = engine("delete", "--force", id).ok()
        assert "warning" in result.err and "record" in result.err and "removed" in result.err, result
        await_that(lambda: not os.path.exists(f"/proc/{pid}"), "its process is gone")
        assert not path.parent.exists()
        engine("state", id).fails("ContainerNotFound")
        assert engine.list() == [other]
        engine("delete", "--force", other).ok()


def test_half_a_record_in_the_database_goes_with_the_data_by_force(engine, box_start):
    with Unchanged():
        id = box_start()
        pid = engine.pid(id)
        with sqlite3.connect(engine.data / "state.db") as database:
            database.execute("UPDATE container SET record = substr(record, 1, 40)")
        database.close()
        engine("state", id).fails("StorageError", id, "record")
        engine("delete", "--force", id).ok()
        await_that(lambda: not os.path.exists(f"/proc/{pid}"), "its process is gone")
        assert not (engine.data / "containers" / id).exists()
        assert engine.list() == []


def test_a_record_of_a_later_program_is_not_removed_by_force(engine, start):
    with Unchanged():
        id = start()
        path = engine.root / "containers" / id / "record.json"
        content = path.read_text()
        path.write_text(json.dumps({**json.loads(content), "version": 99}))
        engine("delete", "--force", id).fails("UnsupportedOperation", id, "later program")
        path.write_text(content)
        assert engine.status(id) == "running"
        engine("delete", "--force", id).ok()


def test_half_a_state_of_a_monitor_is_an_error_that_names_the_file(engine, start):
    with Unchanged():
        id = start()
        path = engine.root / "containers" / id / "state.json"
        content = path.read_text()
        path.write_text(content[:20])
        engine("state", id).fails("InvalidJson", id, "state.json")
        engine("delete", "--force", id).ok()
        assert engine.list() == []


def test_half_a_state_of_a_killed_monitor_keeps_no_process(engine, start):
    with Unchanged():
        id = start()
        path = engine.root / "containers" / id / "state.json"
        pid = engine.pid(id)
        os.kill(int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1]), signal.SIGKILL)
        path.write_text(path.read_text()[:20])
        engine("delete", "--force", id).ok()
        await_that(lambda: not os.path.exists(f"/proc/{pid}"), "its process is gone")
        assert engine.list() == []

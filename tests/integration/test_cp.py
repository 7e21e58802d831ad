# SPDX-License-Identifier: MIT
"""cp: files and trees in and out of containers."""

import ctypes
import io
import os
import pathlib
import signal
import stat
import tarfile
import time

import pytest

from engine import await_that
from images import Layer

STATES = ("created", "running", "paused", "stopped")

# Files without a name can be made on an overlay.
NAMELESS = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12)


@pytest.fixture
def box_in(engine, box):
    """Makes a container of an image in a state: box_in("stopped", flags=[…])."""

    def box_in(state, *args, flags=(), image=box):
        id = engine.id()
        engine("create", *flags, "--image", image, id, *(args or ("sleep", "1000"))).ok()
        if state != "created":
            engine("start", id).ok()
        if state == "paused":
            engine("pause", id).ok()
        if state == "stopped":
            engine("stop", "--time", "0", id).ok()
        return id

    return box_in


@pytest.fixture
def tree(work):
    """A directory on the host with one of each kind of file that is copied."""
    top = work / "tree"
    (top / "sub/deep").mkdir(parents=True)
    (top / "file").write_text("content\n")
    (top / "file").chmod(0o4750)
    os.chown(top / "file", 1000, 50)
    (top / "sub/deep/empty").touch()
    os.symlink("../file", top / "sub/link")
    os.link(top / "file", top / "sub/twin")
    os.mkfifo(top / "sub/fifo", 0o640)
    (top / "sub").chmod(0o750)
    os.utime(top / "file", (1e9, 1e9))
    os.utime(top / "sub", (1e9, 1e9))
    return top


def shape(top):
    """What is below a directory: {path: (mode, content or target, number of names)}."""
    found = {}
    for path in sorted(pathlib.Path(top).rglob("*")):
        status = path.lstat()
        content = (os.readlink(path) if path.is_symlink() else
                   path.read_bytes() if stat.S_ISREG(status.st_mode) else None)
        names = status.st_nlink if stat.S_ISREG(status.st_mode) else None
        found[str(path.relative_to(top))] = (stat.filemode(status.st_mode), content, names)
    return found


@pytest.mark.parametrize("state", STATES)
def test_a_tree_goes_in_and_comes_out_the_same_in_every_state(engine, box_in, tree, work, state):
    id = box_in(state)
    engine("cp", "-a", tree, f"{id}:/mnt").ok()
    engine("cp", "--archive", f"{id}:/mnt/tree", work / "back").ok()
    assert shape(work / "back") == shape(tree)
    status = (work / "back/file").stat()
    assert (status.st_uid, status.st_gid, status.st_mtime) == (1000, 50, 1e9)
    assert (work / "back/sub").stat().st_mtime == 1e9
    assert engine.status(id) == state
    if state == "running":
        assert engine("exec", id, "sh", "-c", "cat /mnt/tree/sub/link; stat -c %u:%g /mnt/tree/file").ok().lines == \
            ["content", "1000:50"]


def test_what_is_copied_into_a_stopped_container_is_there_when_it_starts(engine, box_in, tree):
    id = box_in("stopped", "sh", "-c", "cat /mnt/file; sleep 1000")
    engine("cp", tree / "file", f"{id}:mnt").ok()
    engine("start", id).ok()
    await_that(lambda: "content" in engine("logs", id).out, "the file is read")


def test_a_created_container_sees_what_was_copied_when_it_starts(engine, box_in, tree):
    id = box_in("created", "cat", "/etc/new")
    engine("cp", tree / "file", f"{id}:/etc/new").ok()
    engine("start", id).ok()
    assert engine("wait", id).ok().out.strip() == "0"
    assert engine("logs", id).ok().out == "content\n"


def test_without_archive_all_belongs_to_root_and_loses_its_rights(engine, box_in, tree, work):
    id = box_in("running")
    engine("cp", tree, f"{id}:/mnt").ok()
    assert engine("exec", id, "stat", "-c", "%u:%g %a", "/mnt/tree/file").ok().out == "0:0 750\n"
    engine("exec", id, "chown", "7:7", "/mnt/tree/file").ok()
    engine("cp", f"{id}:/mnt/tree/file", work / "out").ok()
    assert ((work / "out").stat().st_uid, (work / "out").stat().st_gid) == (os.geteuid(), os.getegid())


def test_file_capabilities_go_with_archive_only(engine, box_in, work):
    value = bytes.fromhex("0100000200040000000000000000000000000000")
    (work / "ping").write_text("x")
    os.setxattr(work / "ping", "security.capability", value)
    os.setxattr(work / "ping", "user.note", b"stays here")
    id = box_in("running", flags=["--userns", "host"])
    engine("cp", "-a", work / "ping", f"{id}:/kept").ok()
    engine("cp", work / "ping", f"{id}:/dropped").ok()
    engine("cp", "-a", f"{id}:/kept", f"{id}:/x").fails("UnsupportedOperation")
    engine("cp", "-a", f"{id}:/kept", work / "kept").ok()
    engine("cp", "-a", f"{id}:/dropped", work / "dropped").ok()
    assert os.listxattr(work / "kept") == ["security.capability"]
    assert os.getxattr(work / "kept", "security.capability") == value
    assert os.listxattr(work / "dropped") == []


@pytest.mark.parametrize("source, target, result", [
    ("tree/file", "/mnt", "/mnt/file"),
    ("tree/file", "/mnt/", "/mnt/file"),
    ("tree/file", "/mnt/new", "/mnt/new"),
    ("tree/file", "mnt/../mnt/new", "/mnt/new"),
    ("tree", "/mnt", "/mnt/tree/file"),
    ("tree/", "/mnt/", "/mnt/tree/file"),
    ("tree", "/mnt/new", "/mnt/new/file"),
    ("tree", "/mnt/new/", "/mnt/new/file"),
    ("tree/.", "/mnt", "/mnt/file"),
    ("tree/.", "/mnt/new", "/mnt/new/file"),
    ("tree/sub/..", "/mnt", "/mnt/file"),
    ("tree/file", "/link", "/mnt/file"),
    ("tree/file", "/dangling", "/mnt/made"),
    ("tree/file", "/absolute/x", "/mnt/x"),
    ("tree/file", "/old", "/old"),
])
def test_where_a_copy_goes(make_engine, make_bundle, tree, work, source, target, result):
    engine = make_engine("crun")
    bundle = make_bundle("sleep", "1000")
    os.symlink("mnt", bundle.rootfs / "link")
    os.symlink("/mnt/made", bundle.rootfs / "dangling")
    os.symlink("/mnt", bundle.rootfs / "absolute")
    (bundle.rootfs / "old").write_text("old")
    id = engine.id()
    engine("create", "--bundle", bundle.save().path, id).ok()
    engine("cp", source, f"{id}:{target}", cwd=work).ok()
    assert (bundle.rootfs / result[1:]).read_text() == "content\n"
    assert not (bundle.rootfs / result[1:]).is_symlink()


@pytest.mark.parametrize("source, target, error, words", [
    ("tree/file", "/new/", "PathNotFound", "there is no directory /new/"),
    ("tree/file", "/no/such", "PathNotFound", "there is no directory /no"),
    ("tree", "/no/such", "PathNotFound", "there is no directory /no"),
    ("tree/missing", "/mnt", "PathNotFound", "tree/missing"),
    ("tree", "/etc/passwd", "InvalidArgument", "/etc/passwd is not a directory"),
    ("tree/file", "/etc/passwd/x", "InvalidArgument", "/etc/passwd/ is not a directory"),
    ("tree/file/", "/mnt", "PathNotFound", "tree/file/"),
    ("tree/file", "/dev/null", "InvalidArgument", "a device has its name"),
    ("socket", "/mnt", "InvalidArgument", "is a socket"),
    ("tree", "/", "InvalidArgument", "something else has the name"),
    ("tree/file", "", "InvalidArgument", "is empty"),
])
def test_what_cannot_be_copied_is_said_and_leaves_nothing(make_engine, make_bundle, tree, work, source,
                                                         target, error, words):
    import socket

    engine = make_engine("crun")
    bundle = make_bundle("sleep", "1000")
    (bundle.rootfs / "tree").write_text("in the way")
    id = engine.id()
    engine("create", "--bundle", bundle.save().path, id).ok()
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(work)
        one.bind("socket")
        os.chdir("/")
    before = shape(bundle.rootfs)
    engine("cp", source, f"{id}:{target}", cwd=work).fails(error, words)
    assert shape(bundle.rootfs) == before


def test_a_link_is_copied_as_a_link_or_followed(engine, box_in, tree, work):
    id = box_in("running")
    engine("cp", tree / "sub/link", f"{id}:/mnt/").ok()
    engine("cp", "-L", tree / "sub/link", f"{id}:/mnt/followed").ok()
    assert engine("exec", id, "readlink", "/mnt/link").ok().out == "../file\n"
    assert engine("exec", id, "cat", "/mnt/followed").ok().out == "content\n"
    engine("cp", f"{id}:/mnt/link", work / "l").ok()
    assert os.readlink(work / "l") == "../file"


def test_streams_are_tar_archives(engine, box_in, tree, work):
    id = box_in("running")
    engine("exec", id, "sh", "-c", "mkdir -p /srv/däta; echo x > /srv/däta/a; chown 5:6 /srv/däta/a").ok()
    out = engine("cp", f"{id}:/srv/däta", "-").ok().bytes
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        assert tar.getnames() == ["däta", "däta/a"]
        assert (tar.getmember("däta/a").uid, tar.getmember("däta/a").gid) == (5, 6)
    engine("cp", "-", f"{id}:/mnt", input=out).ok()
    assert engine("exec", id, "stat", "-c", "%u", "/mnt/däta/a").ok().out == "0\n"
    engine("cp", "-a", "-", f"{id}:/mnt", input=out).ok()
    assert engine("exec", id, "stat", "-c", "%u", "/mnt/däta/a").ok().out == "5\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(tree / "file", "deep/er/file")
    engine("cp", "-", f"{id}:/mnt", input=packed.getvalue()).ok()
    assert engine("exec", id, "cat", "/mnt/deep/er/file").ok().out == "content\n"
    engine("cp", "-", f"{id}:/not/there", input=out).fails("PathNotFound", "/not/there")
    engine("cp", "-", f"{id}:/mnt", input=b"no archive at all" * 100).fails("ExtractFailed")
    engine("cp", "-", f"{id}:/mnt", input=out[:700]).fails("ExtractFailed")


def test_a_stream_that_cannot_be_written_says_why(any_engine, make_bundle):
    id = any_engine.id()
    any_engine("create", "--bundle", make_bundle("sleep", "1000").save().path, id).ok()
    with open("/dev/full", "wb") as full:
        child = any_engine.open("cp", f"{id}:/etc", "-", stdout=full)
        any_engine.finish(child).fails("CopyFailed", f"copy from {id}:/etc", "No space left on device")


def test_a_hostile_stream_stays_inside(any_engine, make_bundle, work):
    bundle = make_bundle("sleep", "1000")
    id = any_engine.id()
    any_engine("create", "--bundle", bundle.save().path, id).ok()
    (work / "secret").write_text("secret")

    def send(layer):
        return any_engine("cp", "-", f"{id}:/mnt", input=layer.finish())

    send(Layer().add("../etc/passwd", b"x")).fails("ExtractFailed", "out of it")
    send(Layer().add("a/../../x", b"x")).fails("ExtractFailed", "out of it")
    send(Layer().symlink("l", str(work)).add("l/secret", b"x")).fails("ExtractFailed", "no directory")
    send(Layer().hardlink("h", "../bin/busybox")).fails("ExtractFailed", "out of it")
    send(Layer().symlink("m", str(work / "secret")).hardlink("n", "m")).ok()
    assert (bundle.rootfs / "mnt/n").is_symlink()
    send(Layer().symlink("s", str(work / "secret")).add("s", b"new")).ok()
    assert (bundle.rootfs / "mnt/s").read_text() == "new" and not (bundle.rootfs / "mnt/s").is_symlink()
    send(Layer().add("/absolute", b"here")).ok()
    assert (bundle.rootfs / "mnt/absolute").read_text() == "here"
    send(Layer().add("disk", kind=tarfile.BLKTYPE, device=(8, 0)).add("after", b"x")).fails(
        "CopyFailed", "1 devices were left out", "disk")
    assert (bundle.rootfs / "mnt/after").exists() and not (bundle.rootfs / "mnt/disk").exists()
    assert (work / "secret").read_text() == "secret"


def test_devices_of_the_container_do_not_reach_the_host(engine, box_in, work):
    id = box_in("running", flags=["--userns", "host"])
    engine("exec", id, "sh", "-c", "mkdir /d; mknod /d/disk b 7 200; mkfifo /d/pipe; echo x > /d/f").ok()
    engine("cp", f"{id}:/d", work / "d", timeout=20).fails("CopyFailed", "left out", "disk")
    assert sorted(os.listdir(work / "d")) == ["f", "pipe"]
    engine("cp", f"{id}:/d/disk", work / "disk").fails("CopyFailed")
    assert not (work / "disk").exists()
    engine("cp", f"{id}:/proc/meminfo", work / "m").fails("InvalidArgument", "proc file system")
    with tarfile.open(fileobj=io.BytesIO(engine("cp", f"{id}:/", "-").ok().bytes)) as tar:
        names = tar.getnames()
    assert "./bin/busybox" in names and "./proc" in names
    assert not [name for name in names if name.startswith(("./proc/", "./sys/"))]


@pytest.mark.parametrize("state", STATES)
def test_volumes_are_reached_in_every_state(engine, box_in, tree, work, state):
    data, frozen = work / "data", work / "frozen"
    data.mkdir()
    frozen.mkdir()
    (frozen / "file").write_text("frozen\n")
    id = box_in(state, flags=["-v", f"{data}:/vol/data", "-v", f"{frozen}:/vol/frozen:ro"])
    engine("cp", tree / "file", f"{id}:/vol/data/in").ok()
    assert (data / "in").read_text() == "content\n"
    engine("cp", f"{id}:/vol/frozen/file", work / "out").ok()
    assert (work / "out").read_text() == "frozen\n"
    engine("cp", tree / "file", f"{id}:/vol/frozen/in").fails("CopyFailed", "Read-only file system")
    assert os.listdir(frozen) == ["file"]


def test_what_a_start_would_hide_is_not_written(engine, box_in, tree):
    id = box_in("stopped", flags=["--tmpfs", "/scratch"])
    for path in ("/dev/x", "/scratch", "/proc/x"):
        engine("cp", tree / "file", f"{id}:{path}").fails("CopyFailed", "only there while", "Read-only")


@pytest.mark.parametrize("state", STATES)
def test_a_read_only_root_takes_no_copy_but_gives_one(engine, box_in, tree, work, state):
    id = box_in(state, flags=["--read-only"])
    engine("cp", tree / "file", f"{id}:/etc/x").fails("CopyFailed", "Read-only file system")
    engine("cp", f"{id}:/etc/passwd", work / "out").ok()
    assert "root:" in (work / "out").read_text()


def test_a_file_that_is_a_mount_is_written_in_place(engine, box_in, tree, work):
    (work / "one").write_text("old, and longer than what comes\n")
    id = box_in("running", flags=["-v", f"{work}/one:/etc/one"])
    engine("cp", tree / "file", f"{id}:/etc/one").ok()
    assert (work / "one").read_text() == "content\n"
    assert engine("exec", id, "cat", "/etc/one").ok().out == "content\n"


def test_holes_stay_holes(engine, box_in, work):
    with open(work / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(3 << 30)
        file.write(b"middle")
        file.truncate(5 << 30)
    id = box_in("running")
    engine("cp", work / "sparse", f"{id}:/sparse").ok()
    engine("cp", f"{id}:/sparse", work / "back").ok()
    status = (work / "back").stat()
    assert status.st_size == 5 << 30 and status.st_blocks * 512 < 1 << 20
    with open(work / "back", "rb") as file:
        assert file.read(5) == b"begin"
        file.seek(3 << 30)
        assert file.read(6) == b"middle"


def test_existing_directories_keep_their_mode_and_files_are_replaced_whole(engine, box_in, work):
    id = box_in("running")
    engine("exec", id, "sh", "-c", "mkdir -m 1777 /d; echo old > /d/f; chmod 600 /d/f").ok()
    (work / "d").mkdir(mode=0o700)
    (work / "d/f").write_text("new\n")
    engine("cp", work / "d", f"{id}:/").ok()
    assert engine("exec", id, "stat", "-c", "%a", "/d", "/d/f").ok().lines == ["1777", "644"]
    assert engine("exec", id, "cat", "/d/f").ok().out == "new\n"
    assert engine("exec", id, "ls", "-A", "/d").ok().lines == ["f"]


def exchange(first, second):
    """renameat2(RENAME_EXCHANGE)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.renameat2(-100, os.fsencode(first), -100, os.fsencode(second), 2)


@pytest.mark.parametrize("inside", ["/race/dir/file", "/race/dir/sub/", "/race/dir/sub/x"])
def test_a_container_that_swaps_directories_for_links_leads_nowhere(engine, make_bundle, work, inside):
    """Both ways for two seconds, with a process of the container that never stops swapping."""
    outside = work / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "file").write_text("secret of the host")
    (outside / "sub/mark").write_text("secret of the host")
    before = shape(outside)
    bundle = make_bundle("sh", "-c", f"""
        mkdir -p /race/a/sub; echo inside > /race/a/file; ln -s {outside} /race/b; ln -s ../../../../../..{outside} /race/c
        while :; do ln -sfn a /race/dir; ln -sfn b /race/dir; ln -sfn c /race/dir
            mv /race/a/sub /race/a/old; ln -s {outside}/sub /race/a/sub; rm /race/a/sub; mv /race/a/old /race/a/sub; done""")
    id = engine.id()
    engine("create", "--bundle", bundle.save().path, id).ok()
    engine("start", id).ok()
    await_that(lambda: (bundle.rootfs / "race/dir").is_symlink(), "the race has begun")
    (work / "new").mkdir()
    (work / "new/evil").write_text("evil")
    (work / "x").write_text("evil")
    deadline = time.monotonic() + 2
    tries = 0
    while time.monotonic() < deadline:
        tries += 1
        engine("cp", work / "x", f"{id}:{inside}")
        engine("cp", work / "new", f"{id}:{inside}")
        copied = work / f"copied{tries}"
        engine("cp", f"{id}:/race/dir/.", copied)
        engine("cp", f"{id}:/race/dir/file", work / "file")
        for path in [work / "file", *(copied.rglob("*") if copied.exists() else [])]:
            if path.is_file() and not path.is_symlink():
                assert "secret" not in path.read_text(), path
    assert tries > 0 and shape(outside) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("there", ["/mnt", "/volume"])
def test_a_copy_that_is_killed_leaves_no_mount_and_no_half_file(engine, box_in, work, there, number):
    (work / "volume").mkdir(mode=0o777)
    (work / "volume").chmod(0o777)
    id = box_in("stopped", flags=["-v", f"{work}/volume:/volume"])
    child = engine.open("cp", "-", f"{id}:{there}", stdin=-1)
    entry = tarfile.TarInfo("big")
    entry.size = 1 << 20
    child.stdin.write(entry.tobuf() + b"x" * (1 << 19))
    child.stdin.flush()
    await_that(lambda: "stopped" == engine.status(id), "it is looked at meanwhile")
    child.send_signal(number)
    child.wait()
    try:
        child.stdin.close()
    except BrokenPipeError:
        pass
    engine("start", id).ok()
    flags = ["-A"] if NAMELESS or there == "/volume" else []
    assert engine("exec", id, "ls", *flags, there).ok().out == ""


def test_usage(any_engine, work):
    any_engine("cp", "a").fails("InvalidArgument", "expected source and destination")
    any_engine("cp", "a", "b").fails("InvalidArgument", "ID:PATH")
    any_engine("cp", "a:b", "c:d").fails("UnsupportedOperation", "from container to container")
    any_engine("cp", "nobody:/x", "y").fails("ContainerNotFound", "nobody")
    any_engine("cp", "./a:b", "/c:d").fails("InvalidArgument", "ID:PATH")

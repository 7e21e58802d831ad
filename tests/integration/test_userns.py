# SPDX-License-Identifier: MIT
"""Ids of its own for every container made from an image: where they come from and go, and that all
that belongs to a container is its root's."""

import contextlib
import json
import os
import pathlib
import shlex
import sqlite3
import subprocess
import sys
import time

import pytest

from engine import await_that
from images import Layer

START, SIZE = 1000000, 65536


@pytest.fixture(params=["lxc", "crun"])
def engine(request, make_engine):
    """The backends that have it."""
    return make_engine(request.param)


def configure(engine, **settings):
    engine.config = engine.work / "config.json"
    engine.config.write_text(json.dumps(settings))


def ranges(engine):
    """What the database has given out: {id: (start, size)}."""
    with contextlib.closing(sqlite3.connect(engine.data / "state.db")) as database:
        if not database.execute("SELECT * FROM sqlite_master").fetchall():
            return {}  # the command that was to make it was killed
        return {id: (start, size) for id, start, size in
                database.execute("SELECT id, id_start, id_size FROM container")}


def mapping(pid, kind="uid"):
    lines = pathlib.Path(f"/proc/{pid}/{kind}_map").read_text().splitlines()
    return [tuple(map(int, line.split())) for line in lines]


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


@pytest.mark.vm
def test_root_of_a_container_is_another_user_of_the_host(engine, box_start):
    id = box_start()
    start = ranges(engine)[id][0]
    assert start >= START
    assert mapping(engine.pid(id)) == mapping(engine.pid(id), "gid") == [(0, start, SIZE)]
    status = pathlib.Path(f"/proc/{engine.pid(id)}/status").read_text()
    assert f"\nUid:\t{start}\t{start}\t{start}\t{start}\n" in status
    assert engine("exec", id, "id", "-u").ok().out == "0\n"


def test_every_container_has_a_range_until_it_is_deleted(engine, box_start):
    first, second = box_start(), box_start()
    starts = {id: start for id, (start, _) in ranges(engine).items()}
    assert starts[second] - starts[first] >= SIZE
    engine("delete", "--force", first).ok()
    assert list(ranges(engine)) == [second]
    third = box_start()
    assert ranges(engine)[third][0] == starts[first]


def test_a_renamed_container_keeps_its_range_for_itself(engine, box_start):
    id, new = box_start("true"), engine.id("new")
    engine("wait", id).ok()
    start, size = ranges(engine)[id]
    engine("rename", id, new).ok()
    other = box_start()
    assert ranges(engine)[new] == (start, size)
    assert abs(ranges(engine)[other][0] - start) >= size


@pytest.mark.parametrize("way", ["no such command", "no such user", "no such device", "no such directory"])
def test_a_failed_creation_gives_its_range_back(engine, box, way):
    flags, command = {"no such command": ([], "/nothing"), "no such user": (["--user", "nobody-knows"], "true"),
                      "no such device": (["--device", "/dev/nothing"], "true"),
                      "no such directory": (["--volume", "/proc/1/nothing:/x"], "true")}[way]
    result = engine("create", *flags, "--image", box, engine.id(), command)
    assert result.code != 0
    assert ranges(engine) == {}


def test_a_pool_that_is_used_up_says_what_to_do(engine, box_start, box):
    configure(engine, userns={"count": 2})
    first = box_start()
    box_start()
    engine("create", "--image", box, engine.id(), "true").fails("IdRangesExhausted", "userns.count", code=125)
    engine("create", "--userns", "host", "--image", box, engine.id(), "true").ok()
    engine("delete", "--force", first).ok()
    engine("create", "--image", box, engine.id(), "true").ok()


def test_the_pool_is_where_the_configuration_says(engine, box_start):
    configure(engine, userns={"start": 3000000, "size": 2000})
    assert mapping(engine.pid(box_start())) == [(0, 3000000, 2000)]


@pytest.fixture
def installed(make_engine, box):
    """Several data directories on a host with the usual one, which is a temporary one here: runs a
    script in which create N makes a container in the Nth of them (0: the usual one), all without ids
    at first, and returns what they have given out, read by the script's end, and what it printed."""

    def run(script, count=3):
        engines = [make_engine("crun") for _ in range(count)]
        usual = engines[0].data = pathlib.Path("/var/lib/proxmox-lxcri")
        lines = ["set -e", "mount -t tmpfs none /var/lib", f"mkdir -m 711 {usual}", "create() { case $1 in"]
        for number, one in enumerate(engines):
            lines += [f"{number}) {shlex.join(one.argv('create', '--image', box))} $2 true ;;"]
        lines += ["esac; }", script]
        for number, one in enumerate(engines):
            query = f"SELECT {number}, id_start, id_size FROM container"
            program = (f"import sqlite3; [print(*row) for row in sqlite3.connect('{one.data}/state.db')"
                       f".execute('{query}')]")
            lines += [f"test ! -e {one.data}/state.db || {{"
                      f" {shlex.join([sys.executable, '-c', program])} > {one.work}/ranges; {shlex.join(one.argv('list', '--quiet'))} |"
                      f" while read id; do {shlex.join(one.argv('delete', '--force'))} $id; done; }}"]
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines)],
                              capture_output=True, text=True, timeout=120, check=False,
                              env=engines[0].environment({"DATA": str(engines[1].data)}))
        engines[0].data = engines[0].work / "none"
        assert done.returncode == 0, done
        files = [one.work / "ranges" for one in engines]
        return [tuple(map(int, line.split())) for file in files if file.exists()
                for line in file.read_text().splitlines()], done.stdout

    return run


def test_data_directories_of_one_host_know_of_each_other(installed):
    given = installed("create 1 a; create 2 b; create 0 c; create 1 d; create 0 e")[0]
    assert sorted(given) == [(0, START + 2 * SIZE, SIZE), (0, START + 4 * SIZE, SIZE), (1, START, SIZE),
                             (1, START + 3 * SIZE, SIZE), (2, START + SIZE, SIZE)]


def test_data_directories_that_choose_at_the_same_time_choose_differently(installed):
    given = installed("create 0 i; create 1 i; create 2 i; for n in 1 2 3 4; do"
                      " for e in 0 1 2; do create $e c$n & done; done; wait")[0]
    assert sorted(start for _, start, _ in given) == [START + n * SIZE for n in range(15)]


def test_a_data_directory_that_is_gone_is_forgotten(installed):
    """When another one comes: until then its disk may come back."""
    given, out = installed("create 1 a; mv $DATA $DATA.away; ls /var/lib/proxmox-lxcri/.instances | wc -l;"
                           " create 2 b; ls /var/lib/proxmox-lxcri/.instances | wc -l; mv $DATA.away $DATA")
    assert [word for word in out.split() if word.isdigit()] == ["1", "1"]
    assert (2, START, SIZE) in given


def test_a_data_directory_that_others_may_write_to_is_not_read(installed):
    given = installed("create 1 a; chmod 777 $DATA; create 2 b; chmod 711 $DATA")[0]
    assert sorted(given) == [(1, START, SIZE), (2, START, SIZE)]


@pytest.mark.parametrize("delay", [0.002, 0.005, 0.01, 0.02, 0.04, 0.08])
def test_a_killed_creation_keeps_no_range(engine, box, delay):
    engine("image", "import", box)
    child = engine.open("create", "--image", box, engine.id(), "true")
    time.sleep(delay)
    child.kill()
    child.wait()
    engine.children.remove(child)
    # Looking is enough for what was left half-made to go.
    assert set(engine.list()) == set(ranges(engine))
    for id in engine.list():
        engine("delete", "--force", id).ok()
    assert ranges(engine) == {}


def test_a_container_starts_again_with_the_same_ids(engine, box):
    id = engine.id()
    engine("run", "--image", box, id, "sh", "-c", "id -u; touch /made; ls -n / | grep made").ok()
    before = ranges(engine)
    engine("start", id).ok()
    engine.await_status(id, "stopped")
    lines = engine("logs", id).ok().lines
    assert lines[0] == lines[2] == "0" and lines[1].split()[2:4] == lines[3].split()[2:4] == ["0", "0"]
    assert ranges(engine) == before


def test_a_further_process_is_in_the_same_user_namespace(engine, box_start):
    id = box_start()
    inside = engine("exec", id, "readlink", "/proc/self/ns/user").ok().out.strip()
    assert inside == os.readlink(f"/proc/{engine.pid(id)}/ns/user") != os.readlink("/proc/self/ns/user")
    assert engine("exec", "--user", "app", id, "id", "-u").ok().out == "1000\n"


@pytest.mark.vm
@pytest.mark.parametrize("driver", ["auto", "dir"])
def test_files_of_the_image_keep_their_owners_and_modes(engine, make_image, box_start, driver):
    if driver == "dir":
        configure(engine, storage={"driver": driver})
    layer = Layer().directory("own", mode=0o1770, owner=(1000, 50)).add("own/suid", b"x", mode=0o4755, owner=(1000, 1000))
    layer.hardlink("own/again", "own/suid").symlink("own/link", "suid")
    id = box_start(image=make_image(layer))
    shown = engine("exec", id, "stat", "-c", "%n %a %u %g", "/", "/own", "/own/suid", "/own/again", "/bin/busybox").ok()
    assert shown.lines == ["/ 755 0 0", "/own 1770 1000 50", "/own/suid 4755 1000 1000",
                           "/own/again 4755 1000 1000", "/bin/busybox 755 0 0"]
    engine("exec", "--user", "app", id, "sh", "-c", "echo y > /own/new").ok()
    engine("exec", id, "sh", "-c", "chown 33:33 /own/new && chmod 600 /own/suid && rm /own/link").ok()
    assert engine("exec", id, "stat", "-c", "%u %g", "/own/new").ok().out == "33 33\n"


def test_layers_stay_as_they_are(engine, make_image, box_start):
    id = box_start("sh", "-c", "echo changed > /etc/motd; chmod 600 /etc/passwd; exec sleep 1000",
                   image=make_image(Layer().add("etc/motd", b"of the image")))
    await_that(lambda: engine("exec", id, "grep", "-q", "changed", "/etc/motd").code == 0, "it is written")
    layers = engine.data / "layers"
    for directory, names, files in os.walk(layers):
        for name in [*names, *files]:
            assert os.lstat(pathlib.Path(directory) / name).st_uid < 65536
    start = ranges(engine)[id][0]
    upper = engine.data / "containers" / id / "upper"
    if upper.exists():
        assert owner(upper / "etc/motd") == owner(upper / "etc/passwd") == (start, start)


def test_the_root_directory_is_that_of_the_image(engine, make_image, box_run):
    image = make_image(Layer().directory("./", mode=0o711, owner=(0, 50)))
    assert box_run("stat", "-c", "%a %u %g", "/", image=image).ok().out == "711 0 50\n"


def test_a_named_volume_is_shared_by_containers_with_other_ids(engine, box_start):
    first = box_start(flags=["--volume", "shared:/data"])
    second = box_start(flags=["--volume", "shared:/data"])
    engine("exec", first, "sh", "-c", "echo one > /data/file && chown 1000:1000 /data/file").ok()
    assert engine("exec", second, "stat", "-c", "%u %g", "/data", "/data/file").ok().lines == ["0 0", "1000 1000"]
    engine("exec", second, "sh", "-c", "echo two >> /data/file && touch /data/other").ok()
    assert engine("exec", first, "cat", "/data/file").ok().lines == ["one", "two"]


def test_volumes_of_the_image_have_the_owners_of_the_image(engine, make_image, box_run):
    layer = Layer().directory("db", mode=0o750, owner=(1000, 1000)).add("db/seed", b"s", mode=0o640, owner=(1000, 1000))
    image = make_image(layer, Volumes={"/db": {}}, User="app")
    result = box_run("sh", "-c", "stat -c '%a %u %g' /db /db/seed; echo more >> /db/seed; touch /db/new", image=image)
    assert result.ok().lines == ["750 1000 1000", "640 1000 1000"]


@pytest.mark.vm
def test_a_mapped_bind_mount_has_the_ids_of_the_disk(engine, box_run, work):
    shared = work / "shared"
    shared.mkdir()
    (shared / "mine").write_text("x")
    os.chown(shared / "mine", 1000, 1000)
    script = "stat -c '%u %g' /shared/mine; id -u; touch /shared/made"
    plain = box_run("sh", "-c", script, flags=["--volume", f"{shared}:/shared"]).exits(1)
    assert plain.lines[0] == "65534 65534"
    mapped = box_run("sh", "-c", script, flags=["--volume", f"{shared}:/shared:idmap"]).ok()
    assert mapped.lines == ["1000 1000", "0"]
    assert owner(shared / "made") == (0, 0)


def test_what_is_given_away_belongs_to_the_user_of_the_container(engine, box, work):
    shared = work / "shared"
    shared.mkdir()
    (shared / "file").write_text("x")
    os.symlink("/etc/passwd", shared / "link")
    id = engine.id()
    flags = ["--user", "app", "--volume", f"{shared}:/shared:U", "--volume", "named:/named:U"]
    engine("run", *flags, "--image", box, id, "sh", "-c", "echo y >> /shared/file && touch /named/new").ok()
    host = ranges(engine)[id][0] + 1000
    assert owner(shared) == owner(shared / "file") == owner(shared / "link") == (host, host)
    assert owner("/etc/passwd") == (0, 0)
    alone = work / "alone"
    alone.write_text("x")
    engine("create", "--volume", f"{alone}:/alone:U", "--image", box, engine.id(), "true").ok()
    assert owner(alone)[0] >= START
    engine("create", "--volume", "/etc:/x:U", "--image", box, engine.id(), "true").fails(
        "InvalidArgument", "/etc", code=125)
    assert owner("/etc") == (0, 0)


def test_a_file_of_the_system_is_not_given_away(engine, box):
    before = {path: owner(path) for path in ("/etc/hostname", "/dev/null")}
    for path in before:
        result = engine("create", "--volume", f"{path}:/x:U", "--image", box, engine.id(), "true")
        for put_back, ids in before.items():
            if owner(put_back) != ids:
                os.lchown(put_back, *ids)
                result.fails("InvalidArgument", path)
        result.fails("InvalidArgument", path, "of the system", code=125)
    assert engine.list() == []


def test_options_of_volumes_need_ids_of_its_own(engine, box, work):
    engine("create", "--userns", "host", "--volume", f"{work}:/x:idmap", "--image", box, engine.id(),
           "true").fails("InvalidArgument", "idmap", code=125)


def test_the_ids_of_the_host_on_request(engine, box, box_start):
    id = box_start(flags=["--userns", "host"])
    assert mapping(engine.pid(id)) == [(0, 0, 4294967295)]
    assert ranges(engine) == {id: (None, None)}
    configure(engine, userns={"mode": "host"})
    assert mapping(engine.pid(box_start())) == [(0, 0, 4294967295)]
    assert mapping(engine.pid(box_start(flags=["--userns", "auto"])))[0][1] >= START


def test_one_user_keeps_its_ids(engine, box_start, work):
    mine = work / "mine"
    mine.mkdir()
    os.chown(mine, 1000, 1000)
    id = box_start("sh", "-c", "touch /mine/made; exec sleep 1000",
                   flags=["--userns", "keep:1000:1000", "--volume", f"{mine}:/mine"])
    start = ranges(engine)[id][0]
    assert mapping(engine.pid(id)) == [(0, start, 1000), (1000, 1000, 1), (1001, start + 1001, SIZE - 1001)]
    await_that((mine / "made").exists, "the file is made")
    assert owner(mine / "made") == (1000, 1000)
    assert engine("exec", id, "id", "-u").ok().out == "1000\n"
    other = box_start(flags=["--userns", "keep"], env={"SUDO_UID": "1000", "SUDO_GID": "50"})
    assert (50, 50, 1) in mapping(engine.pid(other), "gid")


@pytest.mark.parametrize("word", ["keep", "keep:0", "keep:x", "keep:4294967295", "keep:1000:1000001", "nomap", ""])
def test_other_words_are_refused(engine, box, word):
    engine("create", "--userns", word, "--image", box, engine.id(), "true").fails(
        "InvalidArgument", "userns", code=125)


def test_runc_has_the_ids_of_the_host_and_says_so_when_others_are_asked_for(make_engine, box):
    engine = make_engine("runc")
    result = engine("run", "--rm", "--image", box, engine.id(), "cat", "/proc/self/uid_map").ok()
    assert result.out.split() == ["0", "0", "4294967295"]
    engine("create", "--userns", "auto", "--image", box, engine.id(), "true").fails(
        "UnsupportedOperation", "runc", code=125)


def test_a_privileged_container_has_everything(engine, box, box_run):
    script = "cat /proc/self/uid_map; grep CapBnd /proc/self/status; ls /dev/kmsg; grep Seccomp: /proc/self/status"
    lines = box_run("sh", "-c", script, flags=["--privileged"]).ok().lines
    own = pathlib.Path("/proc/self/status").read_text()
    bounding = [line for line in own.splitlines() if line.startswith("CapBnd")]
    assert lines[0].split() == ["0", "0", "4294967295"]
    assert lines[1:] == [bounding[0], "/dev/kmsg", "Seccomp:\t0"]
    engine("create", "--privileged", "--userns", "auto", "--image", box, engine.id(), "true").fails(
        "InvalidArgument", "privileged", code=125)


@pytest.mark.parametrize("user", ["root", "app"])
def test_a_process_can_open_its_own_streams(box_run, user):
    result = box_run("sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr", flags=["--user", user]).ok()
    assert (result.out, result.err) == ("out\n", "err\n")


def test_a_terminal_belongs_to_the_user(engine, box):
    id = engine.id()
    engine("run", "--detach", "--tty", "--user", "app", "--image", box, id, "sh", "-c",
           "stat -c '%u %g' $(tty) /dev/console; exec sleep 1000").ok()
    await_that(lambda: len(engine("logs", id).ok().lines) == 2, "two lines")
    assert {line.strip() for line in engine("logs", id).lines} <= {"1000 5", "0 5"}


def test_a_device_of_the_host_belongs_to_the_owner_it_has_there(engine, box_run):
    """It is another file than the host's, whose owner is not in the container."""
    before = os.stat("/dev/zero")
    flags = ["--device", "/dev/zero:/dev/mine:r", "--device", "/dev/loop-control"]
    script = "stat -c '%u %t:%T' /dev/mine /dev/loop-control; head -c 3 /dev/mine | wc -c"
    assert box_run("sh", "-c", script, flags=flags).ok().lines == ["0 1:5", "0 a:ed", "3"]
    after = os.stat("/dev/zero")
    assert (before.st_uid, before.st_mode) == (after.st_uid, after.st_mode)


def test_a_device_that_is_made_inside_is_none(engine, box_run):
    result = box_run("sh", "-c", "mknod /dev/x c 1 3 || mknod /tmp/x c 1 3").exits(1)
    assert "not permitted" in result.err


@pytest.mark.parametrize("flags", [["--read-only"], ["--init"], ["--tmpfs", "/t"], ["--network", "host"],
                                   ["--shm-size", "1m"], ["--hostname", "h"]], ids=" ".join)
def test_the_other_options_work_as_before(box_run, flags):
    script = "cat /sys/kernel/mm/transparent_hugepage/enabled > /dev/null; ls /sys/class/net; mount | grep -c cgroup; ls /t; echo well"
    result = box_run("sh", "-c", script, flags=flags).ok()
    assert "lo" in result.lines and result.lines[-1] == "well"


def test_sys_of_the_host_s_network_cannot_be_written(box_run):
    result = box_run("sh", "-c", "mount | grep ' /sys '; echo 1 > /sys/kernel/mm/ksm/run; echo 1 > /sys/kernel/profiling",
                     flags=["--network", "host"]).exits(1)
    assert "ro," in result.out or "(ro" in result.out


def test_a_user_beyond_the_range_is_refused(engine, make_image, box):
    engine("create", "--user", "70000", "--image", box, engine.id(), "true").fails(
        "InvalidArgument", "70000", "userns.size", code=125)
    engine("create", "--image", make_image(User="1:70000"), engine.id(), "true").fails(
        "InvalidArgument", "70000", code=125)
    assert ranges(engine) == {}
    engine("run", "--rm", "--userns", "host", "--user", "70000", "--image", box, engine.id(), "true").ok()

# SPDX-License-Identifier: MIT
"""Containers on LXC: what the backend promises to the monitor, on real containers."""

import array
import copy
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

DRIVER = os.environ["LXC_DRIVER"]
HELPER_DIR = os.environ["HELPER_DIR"]
BUSYBOX = os.environ.get("LXCRI_BUSYBOX", "/bin/busybox")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="containers need root")

CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_NET_BIND_SERVICE"]
SPEC = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "hostname": "inside",
    "process": {
        "args": ["true"],
        "cwd": "/",
        "env": ["PATH=/bin"],
        "user": {"uid": 0, "gid": 0},
        "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "maskedPaths": ["/proc/kcore", "/proc/timer_list", "/sys/firmware", "/not/there"],
        "readonlyPaths": ["/proc/bus", "/proc/sys", "/not/there"],
    },
}


def inventory(path):
    """What a container of this test must not leave behind on the host."""
    marks = (f"test-{os.getpid()}-", str(path))
    cgroups = sorted(p for p, _, _ in os.walk("/sys/fs/cgroup") if marks[0] in p)
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
              if marks[1] in line]
    locks = sorted(str(p) for p in pathlib.Path("/run/lxc").rglob("*") if str(path) in str(p))
    return cgroups, mounts, locks


class Failed(Exception):
    def __init__(self, answer):
        self.code, _, self.text = answer.partition(" ")
        super().__init__(answer)


class Container:
    """One container behind the driver. Its output is a file, read when it has ended."""

    count = 0

    def __init__(self, path, spec, console=None):
        Container.count += 1
        self.path = path / f"c{Container.count}"
        self.id = f"test-{os.getpid()}-{Container.count}"
        self.bundle = self.path / "bundle"
        self.run = self.path / "run"
        self.bundle.mkdir(parents=True)
        self.run.mkdir(mode=0o700)
        self.rootfs = self.bundle / "rootfs"
        make_rootfs(self.rootfs)
        (self.bundle / "config.json").write_text(json.dumps(spec))
        self.out = open(self.path / "out", "w+b")
        self.err = open(self.path / "err", "w+b")
        self.console = console
        self.pid = 0
        self.driver = None

    def open(self):
        read_end, write_end = os.pipe()
        null = os.open("/dev/null", os.O_RDWR)
        sources = [write_end, null, self.out.fileno(), self.err.fileno()]
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in sources]

        def arrange():
            for target, fd in zip((3, 4, 5, 6), high):
                os.dup2(fd, target)

        args = [DRIVER, HELPER_DIR, self.bundle, self.run, self.id]
        args += [self.console] if self.console else []
        self.driver = subprocess.Popen(args, stdin=subprocess.PIPE, preexec_fn=arrange,
                                       close_fds=False, text=True, bufsize=1)
        for fd in [write_end, null, *high]:
            os.close(fd)
        self.answers = os.fdopen(read_end)

    def say(self, *words):
        if not self.driver:
            self.open()
        self.driver.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self.answers.readline().rstrip("\n")
        verdict, _, rest = answer.partition(" ")
        if verdict != "ok":
            raise Failed(rest)
        return int(rest)

    def create(self):
        self.pid = self.say("create")
        return self.pid

    def output(self):
        self.out.seek(0)
        return self.out.read().decode(errors="replace")

    def errors(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")

    def finish(self):
        code = self.say("wait")
        self.say("remove")
        return code

    def exec(self, **process):
        """Starts a further process; its pid."""
        whole = copy.deepcopy(SPEC["process"])
        whole.update(process)
        path = self.run / "process.json"
        path.write_text(json.dumps(whole))
        return self.say("exec", path)

    def close(self):
        if not self.driver:
            return
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
                self.say("wait")
            except (Failed, OSError, ValueError):
                pass
        try:
            self.say("remove")
        except (Failed, OSError, ValueError):
            pass
        self.driver.stdin.close()
        self.driver.wait(10)
        self.answers.close()


def make_rootfs(path):
    for name in ("bin", "proc", "sys", "dev", "tmp", "etc", "root", "data"):
        (path / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, path / "bin/multi")
    for name in ("sh", "cat", "ls", "id", "true", "false", "sleep", "env", "touch", "stat", "kill",
                 "hostname", "mount", "grep", "readlink", "pwd", "head", "mknod", "echo", "ps",
                 "ip", "chown", "test", "tty", "stty", "mkdir", "dd", "sync", "rm", "umount"):
        (path / "bin" / name).symlink_to("multi")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/u:/bin/sh\n")


@pytest.fixture
def make(tmp_path):
    made = []
    before = inventory(tmp_path)

    def factory(args=None, console=None, change=None):
        spec = copy.deepcopy(SPEC)
        if args:
            spec["process"]["args"] = args if isinstance(args, list) else ["sh", "-c", args]
        if change:
            change(spec)
        made.append(Container(tmp_path, spec, console))
        return made[-1]

    yield factory
    for container in made:
        container.close()
    assert inventory(tmp_path) == before
    for container in made:
        assert not (container.run / "runtime").exists()


def is_alive(pid):
    """A zombie of the driver, who is the subreaper, counts as dead."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run(container):
    container.create()
    container.say("start")
    return container.finish()


def sh(make, script, change=None):
    """Runs a script to its end; its output."""
    container = make(script, change=change)
    code = run(container)
    assert code == 0, container.output() + container.errors()
    return container.output()


# Life


def test_create_stops_before_the_process_and_start_releases_it(make):
    container = make("touch /marker; exit 3")
    pid = container.create()
    time.sleep(0.2)
    assert not (container.rootfs / "marker").exists()
    assert os.readlink(f"/proc/{pid}/ns/pid") != os.readlink("/proc/self/ns/pid")
    container.say("start")
    assert container.finish() == 3
    assert (container.rootfs / "marker").exists()


@pytest.mark.parametrize("code", [0, 1, 7, 126, 127, 255])
def test_the_exit_code_is_that_of_the_process(make, code):
    assert run(make(f"exit {code}")) == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_death_by_a_signal_is_128_and_the_signal(make, number):
    container = make(["sleep", "100"], change=lambda s: s["process"].update(args=[
        "sh", "-c", f"trap - {int(number)}; exec sleep 100"]))
    container.create()
    container.say("start")
    # Signal 15 has its default action, which the kernel spares the first process of a namespace.
    if number == signal.SIGKILL:
        container.say("kill", int(number))
        assert container.finish() == 128 + number
    else:
        container.say("kill", int(number))
        time.sleep(0.1)
        os.kill(container.pid, 0)


def test_a_created_container_can_be_killed_without_a_start(make):
    container = make("touch /marker")
    container.create()
    container.say("kill", 9)
    assert container.finish() == 137
    assert not (container.rootfs / "marker").exists()


def test_a_start_after_the_keeper_died_fails(make):
    container = make("true")
    container.create()
    os.kill(container.say("keeper"), signal.SIGKILL)
    assert container.say("wait") == 137
    with pytest.raises(Failed) as failed:
        container.say("start")
    assert failed.value.code == "ContainerStartFailed"


def test_a_killed_keeper_takes_the_container_along(make):
    container = make("sleep 100 & sleep 100")
    container.create()
    container.say("start")
    os.kill(container.say("keeper"), signal.SIGKILL)
    assert container.say("wait") == 137
    container.say("remove")
    assert not is_alive(container.pid)


def test_a_killed_keeper_takes_a_process_of_another_user_along(make):
    container = make(["sleep", "100"], change=lambda s: s["process"]["user"].update(uid=1000))
    container.create()
    container.say("start")
    os.kill(container.say("keeper"), signal.SIGKILL)
    assert container.say("wait") == 137
    deadline = time.monotonic() + 2
    while is_alive(container.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(container.pid)


def test_a_process_that_outlives_a_shared_pid_namespace_is_removed(make):
    def change(spec):
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "pid"]

    container = make("sleep 1000 & exit 0", change=change)
    container.create()
    container.say("start")
    assert container.finish() == 0


@pytest.mark.parametrize("args, code", [
    (["/no/such/program"], "CommandNotFound"),
    (["no-such-program"], "CommandNotFound"),
    (["/etc/passwd"], "CommandNotExecutable"),
    (["/etc"], "CommandNotExecutable"),
    (["/bin/multi/x"], "CommandNotFound"),
])
def test_a_program_that_is_not_there_fails_the_creation(make, args, code):
    container = make(args)
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == code
    assert args[0] in failed.value.text


@pytest.mark.parametrize("content, code, status", [
    (None, "CommandNotFound", 127),
    ("no program", "CommandNotExecutable", 126),
    ("#!/no/such/interpreter\n", "CommandNotFound", 127),
])
def test_a_program_that_exec_refuses_fails_the_start(make, content, code, status):
    container = make(["/bin/strange"])
    program = container.rootfs / "bin/strange"
    program.write_text(content or "")
    program.chmod(0o755)
    container.create()
    if content is None:
        program.unlink()
    with pytest.raises(Failed) as failed:
        container.say("start")
    assert failed.value.code == code and "/bin/strange" in failed.value.text
    assert container.finish() == status


def test_remove_can_be_repeated(make):
    container = make("true")
    run(container)
    container.say("remove")
    container.say("remove")


def test_containers_of_two_run_directories_may_have_one_id(make):
    first, second = make("sleep 100"), make("exit 4")
    second.id = first.id
    first.create()
    assert run(second) == 4
    first.say("kill", 9)
    assert first.finish() == 137


def test_a_control_group_with_processes_is_not_taken_over(make):
    path = f"/test-{os.getpid()}-mine"
    first = make("sleep 100", change=lambda s: s["linux"].update(cgroupsPath=path))
    second = make("true", change=lambda s: s["linux"].update(cgroupsPath=path))
    first.create()
    with pytest.raises(Failed) as failed:
        second.create()
    assert failed.value.code == "ContainerCreateFailed" and path[1:] in failed.value.text
    assert is_alive(first.pid)


# What the process finds


def test_standard_output_and_standard_error_stay_apart(make):
    container = make("echo out; echo err >&2")
    assert run(container) == 0
    assert (container.output(), container.errors()) == ("out\n", "err\n")


def test_environment_directory_and_hostname_are_those_of_the_specification(make):
    def change(spec):
        spec["process"].update(env=["PATH=/bin", "A=b c", "B=1\n2"], cwd="/new/dir")

    text = sh(make, "pwd; hostname; echo \"$A|$B|$HOME\"; env", change)
    assert text.startswith("/new/dir\ninside\nb c|1\n2|/root\n")
    assert "LXC" not in text and "container=" not in text


def test_the_user_has_its_ids_groups_umask_and_home(make):
    def change(spec):
        spec["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 7], "umask": 0o27}

    text = sh(make, "grep -E '^(Uid|Gid|Groups)' /proc/self/status; umask; echo $HOME", change)
    assert text.split() == ["Uid:", *["1000"] * 4, "Gid:", *["1001"] * 4, "Groups:", "5", "7",
                            "0027", "/home/u"]


def capability_lines(make, change):
    text = sh(make, "grep ^Cap /proc/self/status", change)
    return dict(line.split(":\t") for line in text.splitlines())


def test_root_has_exactly_the_capabilities_that_were_given(make):
    found = capability_lines(make, None)
    given = f"{1 << 0 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10:016x}"
    assert found == {"CapInh": "0" * 16, "CapPrm": given, "CapEff": given, "CapBnd": given,
                     "CapAmb": "0" * 16}


def test_a_user_keeps_only_ambient_capabilities(make):
    def change(spec):
        spec["process"]["user"]["uid"] = 1000
        for name in ("inheritable", "ambient"):
            spec["process"]["capabilities"][name] = ["CAP_NET_BIND_SERVICE"]

    found = capability_lines(make, change)
    one = f"{1 << 10:016x}"
    assert (found["CapEff"], found["CapPrm"], found["CapAmb"]) == (one, one, one)


def test_without_capabilities_there_are_none(make):
    found = capability_lines(make, lambda s: s["process"].pop("capabilities"))
    assert set(found.values()) == {"0" * 16}


def test_resource_limits_are_set(make):
    def change(spec):
        spec["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99},
                                      {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]

    text = sh(make, "grep -E 'open files|core' /proc/self/limits", change)
    assert [line.split()[-3:-1] for line in text.splitlines()] == [["0", "0"], ["77", "99"]]


def test_no_new_privileges_is_as_given(make):
    for value in (True, False):
        text = sh(make, "grep NoNewPrivs /proc/self/status",
                  lambda s: s["process"].update(noNewPrivileges=value))
        assert text.split()[1] == str(int(value))


def test_the_out_of_memory_score_is_set(make):
    assert sh(make, "cat /proc/self/oom_score_adj",
              lambda s: s["process"].update(oomScoreAdj=345)) == "345\n"


def test_no_descriptor_is_left_open(make):
    text = sh(make, "ls /proc/1/fd", lambda s: s["process"].update(args=["ls", "/proc/self/fd"]))
    assert text.split() == ["0", "1", "2", "3"]  # the last is of ls itself


@pytest.mark.parametrize("number", list(range(3, 24)))
def test_no_descriptor_leads_out_as_a_working_directory(make, number):
    container = make("ls /etc", change=lambda s: s["process"].update(
        cwd=f"/proc/self/fd/{number}", args=["sh", "-c", "pwd; ls; ls .."]))
    try:
        container.create()
        container.say("start")
        container.finish()
    except Failed:
        assert container.output() == ""
        return
    # A descriptor of the container's own root is no way out.
    assert container.output().startswith("/\n") and "usr" not in container.output()


def test_the_first_process_shows_no_program_of_ours(make):
    text = sh(make, "readlink /proc/1/exe; cat /proc/1/maps | grep -c shim; cat /proc/mounts")
    assert text.startswith("/bin/multi\n0\n")
    assert "shim" not in text and "lxcri" not in text


def test_loopback_is_up_and_there_is_no_other_interface(make):
    text = sh(make, "ip link")
    assert "UP" in text and text.count("LOOPBACK") == 1 and "2:" not in text


# Namespaces


@pytest.mark.parametrize("kind, name", [("pid", "pid"), ("network", "net"), ("ipc", "ipc"),
                                        ("uts", "uts"), ("cgroup", "cgroup")])
def test_a_namespace_can_be_the_hosts_or_another_containers(make, kind, name):
    def without(spec):
        spec.pop("hostname")
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != kind]
        spec["linux"]["readonlyPaths"] = spec["linux"]["maskedPaths"] = []

    link = f"readlink /proc/self/ns/{name}"
    assert sh(make, link, without).strip() == os.readlink(f"/proc/self/ns/{name}")
    first = make("sleep 100")
    first.create()
    of_first = os.readlink(f"/proc/{first.pid}/ns/{name}")
    assert of_first != os.readlink(f"/proc/self/ns/{name}")

    def shared(spec):
        without(spec)
        spec["linux"]["namespaces"].append({"type": kind, "path": f"/proc/{first.pid}/ns/{name}"})

    assert sh(make, link, shared).strip() == of_first


def test_a_user_namespace_maps_ids_and_still_has_its_mounts_and_devices(make):
    ids = [{"containerID": 0, "hostID": 100000, "size": 65536}]

    def change(spec):
        spec["linux"]["namespaces"].append({"type": "user"})
        spec["linux"].update(uidMappings=ids, gidMappings=ids)

    container = make("cat /proc/self/uid_map; echo x > /dev/null && echo null; "
                     "echo x > /tmp/f || echo refused; exec sleep 100", change=change)
    container.create()
    assert os.stat(f"/proc/{container.pid}").st_uid == 100000
    container.say("start")
    pid = container.exec(args=["id", "-u"])
    assert container.say("wait-pid", pid) == 0
    time.sleep(0.1)
    assert sorted(container.output().split()) == ["0", "0", "100000", "65536", "null", "refused"]


def test_domainname_and_sysctls_are_of_the_container_alone(make):
    def change(spec):
        spec["domainname"] = "example.org"
        spec["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.shmmni": "123"}

    before = pathlib.Path("/proc/sys/kernel/shmmni").read_text()
    text = sh(make, "cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward "
                    "/proc/sys/kernel/shmmni", change)
    assert text.split() == ["example.org", "1", "123"]
    assert pathlib.Path("/proc/sys/kernel/shmmni").read_text() == before


@pytest.mark.parametrize("key", ["kernel.core_pattern", "vm.swappiness", "net/../kernel/panic",
                                 "kernel.hostname+x"])
def test_a_sysctl_of_the_host_is_refused(make, key):
    container = make("true", change=lambda s: s["linux"].update(sysctl={key: "1"}))
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == "InvalidSpec"


# Files


def test_mounts_are_made_in_order_with_their_options(make, tmp_path):
    source = tmp_path / "with space\\backslash"
    source.mkdir()
    (source / "file").write_text("content")

    def change(spec):
        spec["mounts"] += [
            {"destination": "/data/a b", "type": "bind", "source": str(source),
             "options": ["rbind", "ro", "nosuid", "noexec"]},
            {"destination": "/made/deep", "type": "tmpfs", "source": "x", "options": ["size=1m"]},
            {"destination": "/made/deep/file", "type": "bind", "source": str(source / "file"),
             "options": ["bind"]},
        ]

    text = sh(make, "cat '/data/a b/file'; cat /made/deep/file; echo x > '/data/a b/new' || echo ro;"
                    "grep made /proc/mounts; grep 040 /proc/mounts", change)
    assert text.startswith("contentcontentro\n")
    assert "x /made/deep tmpfs rw,relatime,size=1024k" in text
    assert "ro,nosuid,noexec" in text


def test_a_recursive_option_reaches_the_mounts_below(make, tmp_path):
    top, below = tmp_path / "top", tmp_path / "top/below"
    below.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "x", below], check=True)
    try:
        text = sh(make, "echo x > /one/below/f || echo ro1; echo x > /two/below/f && echo rw2; "
                        "ls /three",
                  lambda s: s["mounts"].extend([
                      {"destination": "/one", "type": "bind", "source": str(top),
                       "options": ["rbind", "rro"]},
                      {"destination": "/two", "type": "bind", "source": str(top),
                       "options": ["rbind", "ro"]},
                      {"destination": "/three", "type": "bind", "source": str(below),
                       "options": ["bind"]}]))
        assert text == "ro1\nrw2\nf\n"
    finally:
        subprocess.run(["umount", below], check=True)


@pytest.mark.parametrize("link, target", [("a", "/etc"), ("a", "../../../../../../../etc"),
                                          ("chain", "a2")])
def test_a_symlinked_mount_target_stays_inside(make, link, target):
    container = make("cat /etc/f", change=lambda s: s["mounts"].append(
        {"destination": f"/{link}/f", "type": "bind", "source": BUSYBOX, "options": ["bind"]}))
    (container.rootfs / link).symlink_to(target)
    (container.rootfs / "a2").symlink_to("/etc")
    host_before = sorted(os.listdir("/etc"))
    assert run(container) == 0
    assert sorted(os.listdir("/etc")) == host_before
    assert (container.rootfs / "etc/f").exists()


def test_a_mount_whose_source_is_missing_fails_and_names_it(make):
    container = make("true", change=lambda s: s["mounts"].append(
        {"destination": "/x", "type": "bind", "source": "/no/such/thing", "options": ["bind"]}))
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == "MountFailed"
    assert "mounts[5].source" in failed.value.text and "/no/such/thing" in failed.value.text


def test_a_file_system_that_does_not_exist_fails_and_names_it(make):
    container = make("true", change=lambda s: s["mounts"].append(
        {"destination": "/x", "type": "nosuchfs", "source": "x"}))
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == "MountFailed" and "nosuchfs" in failed.value.text


def test_a_tmpfs_begins_with_a_copy_when_it_is_asked_to(make):
    text = sh(make, "cat /etc/passwd; ls -l /etc/passwd; echo x > /etc/new && cat /etc/new",
              lambda s: s["mounts"].append({"destination": "/etc", "type": "tmpfs", "source": "t",
                                            "options": ["tmpcopyup"]}))
    assert text.startswith("root:x:0") and text.endswith("x\n")


def test_a_read_only_root_is_read_only_and_its_mounts_are_not(make):
    text = sh(make, "echo x > /file || echo refused; echo x > /dev/shm/f && echo ok",
              lambda s: s["root"].update(readonly=True))
    assert text == "refused\nok\n"


def test_masked_paths_are_empty_and_read_only_paths_refuse(make):
    text = sh(make, "cat /proc/timer_list; ls /sys/firmware; echo 1 > /proc/sys/net/ipv4/ip_forward "
                    "|| echo refused")
    assert text == "refused\n"


def test_the_default_devices_have_their_numbers(make):
    names = {"null": "1 3", "zero": "1 5", "full": "1 7", "random": "1 8", "urandom": "1 9",
             "tty": "5 0"}
    text = sh(make, "cd /dev; stat -c '%n %t %T %a %F' " + " ".join(names))
    assert text.splitlines() == [f"{name} {number} 666 character special file"
                                 for name, number in names.items()]
    text = sh(make, "for name in fd stdin ptmx; do readlink /dev/$name; done")
    assert text.split() == ["/proc/self/fd", "/proc/self/fd/0", "pts/ptmx"]


def test_a_device_of_the_specification_is_made_and_the_others_are_denied(make):
    def change(spec):
        spec["process"]["capabilities"] = {n: ["CAP_MKNOD"] for n in ("bounding", "effective",
                                                                     "permitted")}
        spec["linux"]["devices"] = [{"path": "/dev/sub/mine", "type": "c", "major": 1, "minor": 5,
                                     "fileMode": 0o640, "uid": 3, "gid": 4}]

    text = sh(make, "stat -c '%t %T %a %u %g' /dev/sub/mine; head -c 1 /dev/sub/mine | wc -c; "
                    "mknod /tmp/kmsg c 1 11; cat /tmp/kmsg || echo denied; "
                    "echo x > /dev/null && echo null", change)
    assert text.split("\n")[0] == "1 5 640 3 4"
    assert "denied" in text and text.endswith("null\n")


# Control groups


def test_a_control_group_path_is_used(make):
    path = f"/test-{os.getpid()}-path"
    container = make("sleep 100", change=lambda s: s["linux"].update(cgroupsPath=path))
    container.create()
    lines = pathlib.Path(f"/proc/{container.pid}/cgroup").read_text()
    assert f":{path}\n" in lines


# Seccomp


def seccomp(rules, **more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64",
                                                                 "SCMP_ARCH_AARCH64"],
            "syscalls": rules, **more}


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_filtered_call_is_refused_with_eperm(make, no_new_privileges):
    def change(spec):
        spec["process"]["noNewPrivileges"] = no_new_privileges
        spec["linux"]["seccomp"] = seccomp([{"names": ["mkdir", "mkdirat", "no_such_call"],
                                             "action": "SCMP_ACT_ERRNO"}])

    text = sh(make, "mkdir /x 2>&1 || true; grep Seccomp: /proc/self/status", change)
    assert "Operation not permitted" in text and text.split()[-1] == "2"


def test_all_conditions_of_a_rule_must_hold(make):
    # kill(pid 1, signal 0) alone is refused; each of its halves is not.
    rule = {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "args": [
        {"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
        {"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}
    script = "trap : USR1 USR2; for s in 10 12; do kill -$s 1 && echo yes || echo no; done; " \
             "sleep 9 & for s in 12 10; do kill -$s $! && echo yes || echo no; done"
    text = sh(make, script, lambda s: s["linux"].update(seccomp=seccomp([rule])))
    assert text.split() == ["no", "yes", "yes", "no"] or text.split()[:3] == ["no", "yes", "yes"]


# Hooks


def record(path, name, code=0):
    """A hook that records its argv, environment and standard input."""
    script = path / f"{name}.sh"
    script.write_text(f"#!/bin/sh\n{{ echo \"$0 $*\"; /usr/bin/env; /bin/readlink "
                      f"/proc/self/ns/mnt /proc/self/ns/pid; /bin/cat; echo; }} > {path}/{name}.log\n"
                      f"exit {code}\n")
    script.chmod(0o755)
    return {"path": str(script), "args": ["zero", "one two"], "env": ["K=v"]}


def test_hooks_of_the_host_run_there_with_the_real_pid(make, tmp_path):
    def change(spec):
        spec["hooks"] = {name: [record(tmp_path, name)] for name in
                         ("prestart", "createRuntime", "poststart", "poststop")}

    container = make("sleep 100", change=change)
    container.create()
    log = (tmp_path / "createRuntime.log").read_text()
    state = json.loads(log.splitlines()[-1])
    assert state["pid"] == container.pid and state["status"] == "creating"
    assert state["id"] == container.id and state["bundle"] == str(container.bundle)
    assert os.readlink("/proc/self/ns/pid") in log and "K=v" in log and "one two" in log
    assert "LXC" not in log and (tmp_path / "prestart.log").exists()
    assert not (tmp_path / "poststart.log").exists()
    container.say("start")
    assert json.loads((tmp_path / "poststart.log").read_text().splitlines()[-1])["status"] == \
        "running"
    container.say("kill", 9)
    container.finish()
    assert json.loads((tmp_path / "poststop.log").read_text().splitlines()[-1])["status"] == \
        "stopped"


def test_hooks_of_the_container_run_inside(make, tmp_path):
    def change(spec):
        spec["hooks"] = {
            "createContainer": [record(tmp_path, "createContainer")],
            "startContainer": [{"path": "/bin/sh",
                                "args": ["sh", "-c", "cat > /state; echo started >> /order"]}]}

    container = make("cat /state; echo; cat /order", change=change)
    container.create()
    log = (tmp_path / "createContainer.log").read_text()
    assert os.readlink(f"/proc/{container.pid}/ns/mnt") in log
    assert not (container.rootfs / "order").exists()
    container.say("start")
    assert container.finish() == 0
    text = container.output().splitlines()
    assert json.loads(text[0])["id"] == container.id and text[1:] == ["started"]


@pytest.mark.parametrize("stage", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_hook_undoes_the_container(make, tmp_path, stage):
    container = make("true", change=lambda s: s.update(hooks={stage: [record(tmp_path, "bad", 5)]}))
    with pytest.raises(Failed) as failed:
        container.create()
    assert "exited with 5" in failed.value.text


def test_a_hook_that_hangs_is_killed(make, tmp_path):
    hook = {"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}
    container = make("true", change=lambda s: s.update(hooks={"createRuntime": [hook]}))
    begin = time.monotonic()
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == "Timeout" and time.monotonic() - begin < 5


# Further processes


def test_a_further_process_has_what_its_specification_says(make):
    container = make("sleep 100")
    container.create()
    container.say("start")
    pid = container.exec(args=["sh", "-c", "id -u; pwd; echo $X; hostname; grep ^Cap /proc/self/"
                               "status; readlink /proc/self/ns/pid; ls /proc/self/fd; "
                               "cat /proc/self/cgroup; exit 9"],
                         env=["PATH=/bin", "X=y"], cwd="/etc", user={"uid": 1000, "gid": 1000})
    assert container.say("wait-pid", pid) == 9
    text = container.output()
    assert text.startswith("1000\n/etc\ny\ninside\nCapInh:")
    assert os.readlink(f"/proc/{container.pid}/ns/pid") in text
    assert "CapEff:\t0000000000000000" in text


@pytest.mark.parametrize("args, code", [(["nope"], "CommandNotFound"),
                                        (["/etc/passwd"], "CommandNotExecutable")])
def test_a_further_process_that_cannot_be_executed_is_an_error(make, args, code):
    container = make("sleep 100")
    container.create()
    container.say("start")
    with pytest.raises(Failed) as failed:
        container.exec(args=args)
    assert failed.value.code == code


def test_a_further_process_gets_the_filter_of_the_container(make):
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
    container = make("sleep 100", change=lambda s: s["linux"].update(seccomp=seccomp([rule])))
    container.create()
    container.say("start")
    pid = container.exec(args=["mkdir", "/x"])
    assert container.say("wait-pid", pid) == 1
    assert "Operation not permitted" in container.errors()


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30])
def test_no_descriptor_leads_a_further_process_out(make, number):
    container = make("sleep 100")
    container.create()
    container.say("start")
    with pytest.raises(Failed):
        container.exec(args=["ls"], cwd=f"/proc/self/fd/{number}")


# Signals to all, and pause


def test_all_processes_can_be_signalled(make):
    container = make("trap 'exit 5' TERM; sleep 100 & sleep 100 & wait")
    container.create()
    container.say("start")
    time.sleep(0.1)
    container.say("kill-all", 15)
    assert container.finish() == 5


def test_a_paused_container_does_nothing_until_it_is_resumed(make):
    container = make("while :; do echo x >> /count; sleep 0.01; done")
    container.create()
    container.say("start")
    count = container.rootfs / "count"
    time.sleep(0.1)
    container.say("pause")
    size = count.stat().st_size
    time.sleep(0.1)
    assert count.stat().st_size == size
    container.say("resume")
    time.sleep(0.1)
    assert count.stat().st_size > size


def test_a_paused_container_can_be_killed(make):
    container = make("sleep 100")
    container.create()
    container.say("start")
    container.say("pause")
    container.say("kill-all", 9)
    assert container.finish() == 137


# Terminals


@pytest.fixture
def console(tmp_path):
    """A console socket; its second value receives the master."""
    path = str(tmp_path / "console")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    masters = []

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            _, control, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4))
            fds = array.array("i")
            for _, _, data in control:
                fds.frombytes(data[:4])
            masters.append(fds[0])
            connection.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield path, masters
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)
    for fd in masters:
        os.close(fd)


def read_all(fd):
    text = b""
    try:
        while piece := os.read(fd, 4096):
            text += piece
    except OSError:
        pass
    return text.decode()


def test_a_terminal_is_the_controlling_one_and_has_its_size(make, console):
    path, masters = console

    def change(spec):
        spec["process"].update(terminal=True, consoleSize={"height": 30, "width": 90})

    container = make("tty; stty size; stat -c %F /dev/console; echo x > /dev/tty; tty < /dev/console",
                     console=path, change=change)
    container.create()
    container.say("start")
    assert container.say("wait") == 0
    time.sleep(0.1)
    text = read_all(masters[0]).split("\r\n")
    assert text[:4] == ["/dev/pts/0", "30 90", "character special file", "x"]


def test_a_further_process_can_have_a_terminal(make, console):
    path, masters = console
    container = make("sleep 100", console=path,
                     change=lambda s: s["process"].update(terminal=True))
    container.create()
    container.say("start")
    pid = container.exec(args=["sh", "-c", "tty; echo x > /dev/tty"], terminal=True)
    assert container.say("wait-pid", pid) == 0
    time.sleep(0.1)
    assert read_all(masters[1]).split("\r\n")[:2] == ["/dev/pts/1", "x"]


# Refusals


@pytest.mark.parametrize("change, code", [
    (lambda s: s["linux"].update(intelRdt={"closID": "x"}), "UnsupportedOperation"),
    (lambda s: s["linux"]["namespaces"].pop(4), "UnsupportedOperation"),
    (lambda s: (s.pop("linux"), s.pop("hostname")), "UnsupportedOperation"),
    (lambda s: s["process"].update(selinuxLabel="a:b:c:d"), "UnsupportedOperation"),
    (lambda s: s["linux"].update(cgroupsPath="/a/../../b"), "InvalidSpec"),
    (lambda s: s["linux"].update(cgroupsPath="/a\nlxc.hook.start = x"), "InvalidSpec"),
    (lambda s: s["root"].update(path="no-such-root"), "MountFailed"),
    (lambda s: s["process"].update(terminal=True), "InvalidArgument"),
])
def test_what_cannot_be_done_is_refused_and_leaves_nothing(make, change, code):
    container = make("true", change=change)
    with pytest.raises(Failed) as failed:
        container.create()
    assert failed.value.code == code, failed.value.text


def test_a_specification_without_optional_objects_works(make):
    def change(spec):
        spec.clear()
        spec.update({"ociVersion": "1.0.2", "root": {"path": "rootfs"},
                     "process": {"args": ["/bin/true"], "cwd": "/"},
                     "linux": {"namespaces": [{"type": "mount"}]}})

    assert run(make("true", change=change)) == 0


def test_many_containers_at_once_do_not_disturb_each_other(make):
    containers = [make(f"exit {i}") for i in range(12)]
    results = {}

    def live(i):
        results[i] = run(containers[i])

    threads = [threading.Thread(target=live, args=(i,)) for i in range(len(containers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {i: i for i in range(len(containers))}

# SPDX-License-Identifier: MIT
"""A guest: QEMU without a file of its own. What it is given and what it gives back goes through
descriptors that end with it, so that nothing is left however it ends."""

import contextlib
import ctypes
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile

import initramfs
import kernel

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DISK_BYTES = 8 << 30
MEMORY_MIB = 2048
CPUS = 2
# How many of them are up at boot. Two guests of two processors take four times as long as two of one: what
# holds a lock does not run half of the time, and who waits for it does.
CPUS_UP = 1
PR_SET_PDEATHSIG = 1
# What a processor has that protects a kernel or is quick in hardware only costs most where it is
# emulated.
CPU = "max,la57=off,smap=off,smep=off,umip=off,pku=off,pks=off,erms=off,fsrm=off"
COMMAND_LINE = ("console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off init_on_alloc=0 audit=0 "
                "rcupdate.rcu_expedited=1 apparmor=1 security=apparmor "
                "random.trust_cpu=on no_timer_check tsc=reliable")


def die_with(parent, sig):
    """Makes the kernel send @sig to this process when @parent, which started it, ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig)
    if os.getppid() != parent:
        os.kill(os.getpid(), sig)


def memory_file(content=b""):
    descriptor = os.memfd_create("guest")
    os.write(descriptor, content)
    return descriptor


def open_disk(path=None):
    """Opens a disk with an ext4, which is made when @path does not exist; without a path it has
    none and ends with its last user."""
    if path and os.path.exists(path):
        return os.open(path, os.O_RDWR)
    if path:
        disk = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    else:
        disk = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
    os.ftruncate(disk, DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", f"/proc/self/fd/{disk}"], pass_fds=[disk], check=True,
                   stdin=subprocess.DEVNULL)
    return disk


def script(command, directory, environment):
    """The shell script that runs a command in the guest."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join([*lines, f"cd {shlex.quote(str(directory))} || exit", f"exec {shlex.join(command)}", ""])


class Guest:
    """A machine that runs one command and powers off.

    .output is a descriptor to read what the command prints, up to its end. The guest ends with the
    process that made it. @recorded is a disk and a log of its writes, two open files; it has not been
    mounted."""

    def __init__(self, command, data=None, memory=MEMORY_MIB, systemd=False, interactive=False,
                 recorded=None, cpus=CPUS_UP):
        self.words = []
        self.passed = []
        self.output, output = os.pipe()
        self.console, self.status, self.results = (memory_file() for _ in range(3))
        used = kernel.get()
        environment = {name: value for name, value in os.environ.items() if name.startswith("LXCRI_")}
        self.add("-kernel", used.image, "-append", f"{COMMAND_LINE} maxcpus={cpus}",
                 "-initrd", self.file(initramfs.make(used, shutil.which("busybox"))))
        self.add("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
                 "-device", "virtio-9p-pci,fsdev=host,mount_tag=host")
        self.tell("command", script(command, os.getcwd(), environment))
        self.tell("project", str(ROOT))
        self.tell("modules", str(used.modules))
        self.tell("init", "shell" if interactive else "systemd" if systemd else "plain")
        self.add("-device", "virtio-serial-pci")
        if interactive:
            self.add("-serial", "mon:stdio")
        else:
            self.add("-device", f"isa-serial,{self.sink('console', self.console)}")
        for name, descriptor in (("output", output), ("status", self.status), ("results", self.results)):
            self.add("-device", f"virtserialport,name={name},{self.sink(name, descriptor)}")
        for disk in (open_disk(), *([open_disk(data)] if data else [])):
            self.add("-drive", f"format=raw,if=virtio,cache=unsafe,discard=unmap,"
                     f"file={self.shared(disk, os.O_RDWR, os.O_RDONLY)}")
            os.close(disk)
        if data:
            self.tell("data", "/dev/vdb")
        if recorded:
            self.record(*recorded)
        self.start(memory, interactive)
        os.close(output)

    def start(self, memory, interactive):
        me = os.getpid()
        fixed = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine", "pc",
                 "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", str(CPUS), "-m", str(memory)]
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", *fixed, *self.words], pass_fds=self.passed,
            stdin=None if interactive else subprocess.DEVNULL,
            preexec_fn=lambda: die_with(me, signal.SIGKILL))
        for descriptor in self.passed:
            os.close(descriptor)

    # -- QEMU's arguments

    def add(self, *words):
        self.words += map(str, words)

    def file(self, content):
        """Returns a path under which QEMU reads @content."""
        self.passed.append(memory_file(content))
        return f"/proc/self/fd/{self.passed[-1]}"

    def shared(self, descriptor, *modes):
        """Returns a path under which QEMU finds an open file when it asks for one of the modes."""
        first = len(self.passed)
        for mode in modes:
            self.passed.append(os.open(f"/proc/self/fd/{descriptor}", mode))
            self.add("-add-fd", f"fd={self.passed[-1]},set={first}")
        return f"/dev/fdset/{first}"

    def sink(self, name, descriptor):
        """Adds a character device that writes to a descriptor and returns the option that uses it."""
        self.add("-chardev", f"file,id={name},append=on,path={self.shared(descriptor, os.O_WRONLY)}")
        return f"chardev={name}"

    def record(self, disk, log):
        """Adds a disk of which each write is logged as it ends, in the form of the kernel's dm-log-writes. It
        has blocks of 4 KiB, which is what a disk writes whole or not at all."""
        def node(descriptor):
            return {"driver": "file", "filename": self.shared(descriptor, os.O_RDWR, os.O_RDONLY),
                    "locking": "off", "cache": {"no-flush": True}}

        self.add("-blockdev", json.dumps({
            "driver": "blklogwrites", "node-name": "recorded", "file": node(disk), "log": node(log),
            "log-sector-size": 4096, "log-super-update-interval": 1}))
        # Zeroes would be logged in two parts, between which QEMU 7.2 lets another write come. QEMU makes
        # the other disks later: by its address this one is found behind them.
        self.add("-device", "virtio-blk-pci,drive=recorded,addr=0x1e,logical_block_size=4096,"
                 "physical_block_size=4096,write-cache=on,write-zeroes=off,discard=off")

    def tell(self, name, text):
        """Lets the guest read a text under a name."""
        self.add("-fw_cfg", f"name=opt/lxcri/{name},file={self.file(os.fsencode(text))}")

    # -- what came of it

    @property
    def exit_code(self):
        """What the command ended with, or None when the guest ended before it."""
        status = self.read(self.status)
        return int(status) if status.endswith(b"\n") else None

    def read(self, descriptor):
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)

    def unplug(self):
        """Ends the guest as a power failure does. May be repeated."""
        self.process.kill()
        self.process.wait()

    def close(self):
        self.unplug()
        for descriptor in (self.output, self.console, self.status, self.results):
            with contextlib.suppress(OSError):
                os.close(descriptor)

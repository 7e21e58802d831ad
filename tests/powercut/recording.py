# SPDX-License-Identifier: MIT
"""Records what a guest writes to a disk while it works with images and containers."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

import guest  # noqa: E402

FILE_SYSTEM_BYTES = 512 << 20
TIMEOUT_SECONDS = 1800  # on a machine that others use; half a minute of it is work
# A small journal is gone through several times; without lazy work all writes are the workload's.
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096", "-N", "16384", "-J", "size=4",
                 "-E", "lazy_itable_init=0,lazy_journal_init=0"],
        "btrfs": ["mkfs.btrfs", "-q", "-f", "--byte-count", str(FILE_SYSTEM_BYTES)]}
MOUNT = """mount -t tmpfs none /mnt && mkdir /mnt/data /mnt/run || exit
[ "$1" = ext4 ] || modprobe "$1" || exit
mount -t "$1" /dev/vdb /mnt/data && shift && exec "$@"
"""


def make_file_system(path, kind):
    """Makes the disk on which a recording begins."""
    with open(path, "wb") as disk:
        disk.truncate(FILE_SYSTEM_BYTES)
    subprocess.run([*MAKE[kind], path, *([str(FILE_SYSTEM_BYTES >> 10) + "k"] if kind == "ext4" else [])],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with open(path, "r+b") as disk:
        disk.truncate(FILE_SYSTEM_BYTES + (1 << 20))


def make(directory, kind, preload=None):
    """Leaves in @directory "base", the disk at the beginning, and "log", what was written to it. @preload is
    loaded into every program of the guest."""
    directory.mkdir(parents=True, exist_ok=True)
    make_file_system(directory / "base", kind)
    disk = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR, 0o600)
    subprocess.run(["cp", "--sparse=always", directory / "base", f"/proc/self/fd/{disk}"], pass_fds=[disk],
                   check=True)
    log = os.open(directory / "log", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    command = ["/usr/bin/python3", str(HERE / "workload"), "/dev/vdb", str(FILE_SYSTEM_BYTES),
               *([str(preload)] if preload else [])]
    machine = guest.Guest(["bash", "-c", MOUNT, "-", kind, *command], recorded=(disk, log))
    os.close(disk)
    os.close(log)
    alarm = threading.Timer(TIMEOUT_SECONDS, machine.unplug)
    alarm.start()
    text = b""
    while more := os.read(machine.output, 65536):
        text += more
    machine.process.wait()
    alarm.cancel()
    code, console = machine.exit_code, machine.read(machine.console)
    machine.close()
    if code != 0:
        raise RuntimeError(f"the guest ended with {code}\n{(text + console).decode(errors='replace')}")

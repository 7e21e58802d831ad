# SPDX-License-Identifier: MIT
"""OCI bundles: a directory with config.json and a root file system of busybox."""

import copy
import json
import os
import pathlib
import shutil

APPLETS = """sh ash cat ls echo sleep true false id env pwd stat dd mount umount mkdir rmdir rm mv
cp ln touch chmod chown hostname kill ps readlink head tail wc grep sed sort tr seq test printf
stty tty yes md5sum sha256sum df mknod expr cut od find usleep date uname awk nc dirname
setsid sync truncate timeout getopt xargs basename""".split()

PASSWD = """root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
app:x:1000:1000:an unprivileged user:/home/app:/bin/sh
"""
GROUP = """root:x:0:
audio:x:29:app
staff:x:50:app,nobody
app:x:1000:
nogroup:x:65534:
"""

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
                "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
                "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]

SPEC = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "box",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["true"],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "cwd": "/",
        "capabilities": {kind: CAPABILITIES for kind in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
        "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
    },
}


def make_rootfs(rootfs, busybox):
    """Makes a small root file system around a copy of the static busybox."""
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "home/app", "run", "var", "mnt"):
        (rootfs / name).mkdir(parents=True)
    rootfs.chmod(0o755)
    (rootfs / "tmp").chmod(0o1777)
    os.chown(rootfs / "home/app", 1000, 1000)
    os.link(busybox, rootfs / "bin/busybox")
    for name in APPLETS:
        os.symlink("busybox", rootfs / "bin" / name)
    (rootfs / "etc/passwd").write_text(PASSWD)
    (rootfs / "etc/group").write_text(GROUP)


class Bundle:
    """A bundle in a directory; edit .spec and save()."""

    def __init__(self, path, busybox, args=("true",)):
        self.path = pathlib.Path(path)
        self.rootfs = self.path / "rootfs"
        self.spec = copy.deepcopy(SPEC)
        self.spec["process"]["args"] = list(args)
        make_rootfs(self.rootfs, busybox)
        self.save()

    @property
    def process(self):
        return self.spec["process"]

    @property
    def linux(self):
        return self.spec["linux"]

    def mount(self, destination, kind, source, *options):
        self.spec["mounts"].append({"destination": destination, "type": kind,
                                    "source": str(source), "options": list(options)})

    def remove_namespace(self, kind):
        self.linux["namespaces"] = [ns for ns in self.linux["namespaces"] if ns["type"] != kind]

    def save(self):
        (self.path / "config.json").write_text(json.dumps(self.spec, indent=1))
        return self

    def remove(self):
        shutil.rmtree(self.path)

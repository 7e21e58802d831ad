# SPDX-License-Identifier: MIT
"""The guest's first file system: busybox, a few modules and guest/init."""

import io
import os
import pathlib
import stat

HERE = pathlib.Path(__file__).resolve().parent

# What it takes to reach the machine's file system, the disk and the ports.
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_blk", "crc32c_generic", "ext4",
           "virtio_console", "qemu_fw_cfg")


class Archive:
    """A cpio archive in the form that the kernel reads ("newc")."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.inode += 1
        path = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
        self.bytes.write(b"070701" + b"".join(b"%08x" % field for field in fields) + path)
        self.pad()
        self.bytes.write(content)
        self.pad()

    def pad(self):
        self.bytes.write(b"\0" * (-self.bytes.tell() % 4))

    def finish(self):
        self.add("TRAILER!!!", 0)
        return self.bytes.getvalue()


def make(kernel, busybox):
    """Returns the archive's bytes; @busybox is a static one."""
    archive = Archive()
    for name in ("bin", "dev", "modules", "proc", "sys", "host", "writable", "root"):
        archive.add(name, stat.S_IFDIR | 0o755)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    archive.add("bin/busybox", stat.S_IFREG | 0o755, pathlib.Path(busybox).read_bytes())
    archive.add("bin/sh", stat.S_IFLNK | 0o777, b"busybox")
    archive.add("init", stat.S_IFREG | 0o755, (HERE / "guest/init").read_bytes())
    paths = kernel.with_dependencies(MODULES)
    for path in paths:
        archive.add(f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes())
    order = "".join(f"{path.name}\n" for path in paths)
    archive.add("modules/order", stat.S_IFREG | 0o644, os.fsencode(order))
    return archive.finish()

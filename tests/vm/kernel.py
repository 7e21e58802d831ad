# SPDX-License-Identifier: MIT
"""Debian's stock kernel for the guest: downloaded by apt, unpacked into a cache, never installed."""

import fcntl
import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

CACHE = pathlib.Path(os.environ.get("LXCRI_CACHE", "/var/cache/proxmox-lxcri")) / "vm"
META_PACKAGE = "linux-image-amd64"

# A third of the package each, and of no use to a guest without hardware.
UNWANTED = ("sound", "drivers/gpu", "drivers/media", "drivers/net/wireless", "drivers/net/ethernet",
            "drivers/infiniband", "drivers/staging", "drivers/scsi", "drivers/usb", "drivers/iio")


class Kernel:
    """One unpacked kernel: .image is what QEMU boots, .modules is /lib/modules/VERSION."""

    def __init__(self, directory):
        self.version = directory.name
        self.image = directory / "vmlinux"
        self.modules = directory / "lib/modules" / self.version

    def with_dependencies(self, names):
        """Returns the files of modules and of what they need, in the order of loading."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, needed = line.partition(":")
            needs[pathlib.Path(path).stem] = [path, *needed.split()]
        found = []
        for name in names:
            # modules.dep names what a module needs from the outside in.
            found += [path for path in reversed(needs[name]) if path not in found]
        return [self.modules / path for path in found]


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, **options)


def uncompressed(image):
    """Returns the ELF inside of a bzImage. The emulated processor would take seconds to inflate it."""
    data = image.read_bytes()
    sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    payload = data[(sectors + 1) * 512 + offset:][:length]
    if not payload.startswith(b"\xfd7zXZ"):
        sys.exit(f"vm: {image} is not compressed with xz, as Debian's kernels are")
    # Behind the stream stands its size.
    return lzma.LZMADecompressor().decompress(payload)


def download(directory):
    """Fetches the package that the meta package stands for today; returns its path."""
    depends = run("apt-cache", "depends", META_PACKAGE, capture_output=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
    command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package]
    if subprocess.run(command, cwd=directory, stdout=sys.stderr, check=False).returncode != 0:
        # The lists may be older than what the archive has.
        run("apt-get", "update", "-q", "-o", "DPkg::Lock::Timeout=300", stdout=sys.stderr)
        run(*command, cwd=directory, stdout=sys.stderr)
    return next(pathlib.Path(directory).glob("*.deb"))


def unpack(package, root):
    """Makes a directory of the cache below @root, named by the kernel's version."""
    run("dpkg-deb", "-x", str(package), str(root))
    image = next((root / "boot").glob("vmlinuz-*"))
    version = image.name.removeprefix("vmlinuz-")
    for name in UNWANTED:
        shutil.rmtree(root / "lib/modules" / version / "kernel" / name, ignore_errors=True)
    run("depmod", "-b", str(root), version)
    (root / "vmlinux").write_bytes(uncompressed(image))
    for name in ("boot", "usr"):
        shutil.rmtree(root / name)
    return version


def cached():
    """Returns the newest kernel in the cache, or None."""
    found = [path.parent for path in CACHE.glob("[0-9]*/vmlinux")]
    return Kernel(max(found, key=lambda path: path.stat().st_mtime)) if found else None


def get():
    """Returns a kernel, which is downloaded when the cache has none."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if cached() is None:
            with tempfile.TemporaryDirectory(dir=CACHE, prefix=".new") as aside:
                root = pathlib.Path(aside) / "root"
                version = unpack(download(aside), root)
                root.rename(CACHE / version)
    return cached()

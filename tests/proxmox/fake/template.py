# SPDX-License-Identifier: MIT
"""A small template for containers, of busybox."""

import os
import pathlib
import shutil
import subprocess
import tempfile

NAMES = ("sh", "sleep", "cat", "echo", "env", "id", "ip", "ls", "mount", "hostname", "touch", "true", "false", "kill",
         "init", "halt")
DIRECTORIES = ("bin", "sbin", "dev", "etc", "proc", "run", "sys", "tmp", "root")


def busybox():
    """Returns the path of a busybox that needs no libraries."""
    images = os.environ.get("LXCRI_IMAGES")
    return os.environ.get("LXCRI_BUSYBOX") or (f"{images}/busybox.static" if images else "/bin/busybox")


def make_template(path, files=None):
    """Writes a template to @path, whose name says how it is compressed, and returns the path.

    @files: {path inside: text} besides."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        root.chmod(0o755)
        for name in DIRECTORIES:
            (root / name).mkdir()
        shutil.copy(busybox(), root / "bin/busybox")
        (root / "bin/busybox").chmod(0o755)
        for name in NAMES:
            (root / "bin" / name).symlink_to("busybox")
        (root / "sbin/init").symlink_to("/bin/busybox")
        for name, text in (files or {}).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        subprocess.run(["tar", "--auto-compress", "-cf", str(path), "-C", directory, "."], check=True)
    return path

# SPDX-License-Identifier: MIT
"""Trees of files, described entry by entry so that they can be compared. What has to be mounted for
that is mounted in a mount namespace that goes with a process of this file's own."""

import hashlib
import json
import os
import pathlib
import stat
import subprocess
import sys


def content(path, status):
    """What is in a file, and where it has data."""
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
        return [status.st_size, digest]


def xattrs(path):
    names = [name for name in os.listxattr(path, follow_symlinks=False)
             if not name.startswith("trusted.overlay.")]
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in sorted(names)}


def describe(top):
    """{path: all that belongs to it} of what is below @top, itself included."""
    found, first = {}, {}
    paths = [top]
    for directory, names, files in os.walk(top):
        paths += [os.path.join(directory, name) for name in names + files]
    for path in sorted(paths, key=os.fsencode):
        status = os.lstat(path)
        name = os.path.relpath(path, top)
        entry = {"mode": status.st_mode, "owner": [status.st_uid, status.st_gid],
                 "mtime": status.st_mtime_ns}
        if not stat.S_ISDIR(status.st_mode):
            entry["same as"] = first.setdefault((status.st_dev, status.st_ino), name)
        if stat.S_ISREG(status.st_mode):
            entry["content"] = content(path, status)
        if stat.S_ISLNK(status.st_mode):
            entry["target"] = os.readlink(path)
        else:
            entry["xattrs"] = xattrs(path)
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            entry["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
        found[name.encode("utf-8", "surrogateescape").hex()] = entry
    return found


def readable(found):
    return {bytes.fromhex(name).decode("utf-8", "surrogateescape"): entry
            for name, entry in found.items()}


def mounted(options, place):
    """Describes what mount(8) shows at @place with @options."""
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, __file__,
                           json.dumps([str(word) for word in options]), str(place)],
                          check=True, capture_output=True, text=True)
    return readable(json.loads(done.stdout))


def of_raw(path, place):
    """The tree in a raw image."""
    return mounted(["-t", "ext4", "-o", "ro,loop,noload", path], place)


def of_layers(directories, place):
    """What the kernel makes of layers, the topmost first."""
    directories = [str(directory) for directory in directories]
    if len(directories) == 1:
        return readable(describe(directories[0]))
    return mounted(["-t", "overlay", "-o", "ro,lowerdir=" + ":".join(directories), "overlay"], place)


def of_template(path, place):
    """What GNU tar makes of a template."""
    pathlib.Path(place).mkdir()
    done = subprocess.run(["tar", "--extract", "--preserve-permissions", "--same-owner", "--numeric-owner",
                           "--xattrs", "--xattrs-include=*", "--file", path, "--directory", place],
                          check=True, capture_output=True, text=True)
    assert not done.stderr or "hdrcharset" in done.stderr, done.stderr
    return readable(describe(place))


if __name__ == "__main__":
    subprocess.run(["mount", *json.loads(sys.argv[1]), sys.argv[2]], check=True)
    print(json.dumps(describe(sys.argv[2])))

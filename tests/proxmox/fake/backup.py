# SPDX-License-Identifier: MIT
"""Backups of containers: an archive with the container's files and its configuration, and what comes back of one."""

import os
import pathlib
import re
import subprocess
import time
import urllib.parse

from fake import container, disk
from fake.failure import Died
from endpoints import CT_OPTIONS

CONFIG = "etc/vzdump/pct.conf"
SUFFIXES = {"0": ".tar", "gzip": ".tar.gz", "1": ".tar.gz", "zstd": ".tar.zst"}


def name_of(vmid, compress):
    """Returns the name of an archive that is made now."""
    if compress not in SUFFIXES:
        raise Died(f"the fake compresses nothing with {compress}")
    return f"vzdump-lxc-{vmid}-{time.strftime('%Y_%m_%d-%H_%M_%S')}{SUFFIXES[compress]}"


def dump(cluster, guest, path):
    """Writes an archive: the root file system, the mount points that are to be in backups, and the configuration,
    all with the ids that the container sees."""
    kept = [part for key, part in guest.volumes() if key == "rootfs" or part.get("backup") == "1"]
    rootfs, *others = sorted((disk.mount(cluster, guest, part) for part in kept), key=lambda mount: mount.target)
    is_shifted = disk.is_shifted(guest)
    if any(mount.is_passed_through for mount in (rootfs, *others)):
        raise Died("the fake backs up no volumes that keep their ids")
    owner = container.FIRST_ID if is_shifted else 0
    staged = pathlib.Path(f"{path}.tmp")
    written = staged / CONFIG
    written.parent.mkdir(parents=True)
    written.write_text(guest.text().partition("\n\n[")[0] + "\n")
    for place in (staged, *staged.rglob("*")):
        os.chown(place, owner, owner)
    staged.chmod(0o755)
    command = ["tar", "cpf", "-", "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=user.*",
               "--xattrs-include=security.capability", "-C", str(staged), f"./{CONFIG}", "-C", rootfs.source,
               f"--exclude=./{CONFIG}", "./"]
    command = container.with_mounts(container.as_root_of(command, is_shifted), rootfs.source, others)
    container.make_places(rootfs.source, others, owner)
    try:
        with open(path, "wb") as file:
            compress = {".gz": ["gzip"], ".zst": ["zstd", "-q"]}.get(path.suffix, ["cat"])
            reading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            subprocess.run(compress, stdin=reading.stdout, stdout=file, check=True)
            reading.stdout.close()
            said = reading.stderr.read().decode(errors="replace")
            reading.stderr.close()
            if reading.wait():
                raise Died(f"command 'tar' failed: {said.strip()}")
    finally:
        written.unlink()
        for place in (*written.parents[:2], staged):
            place.rmdir()


def read(path):
    """Returns (options, raw lines) of the configuration in an archive."""
    flags = container.decompression(path)
    done = subprocess.run(["tar", "xf", path, *flags, "-O", f"./{CONFIG}"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Died(f"unable to restore configuration: {done.stderr.strip()}")
    return parse(done.stdout)


def tidy(rootfs):
    """Takes the configuration out of what was restored."""
    written = pathlib.Path(rootfs) / CONFIG
    written.unlink()
    written.parent.rmdir()


def parse(text):
    """Returns (options, raw lines) of a configuration file's first section."""
    options, raw, described = {}, [], []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if line.startswith("#"):
            described.append(urllib.parse.unquote(line[1:]))
        elif key == "lxc.environment.runtime":
            options["env"] = f"{options['env']}\0{value.strip()}" if "env" in options else value.strip()
        elif key.startswith("lxc."):
            raw.append((key, value.strip()))
        elif colon:
            options[key] = typed(key, value.strip())
    if described:
        options["description"] = "\n".join(described)
    return options, raw


def typed(key, value):
    described = CT_OPTIONS.get(key) or CT_OPTIONS.get(re.sub(r"\d+$", "[n]", key))
    return int(value) if described and described.type in ("integer", "boolean") else value


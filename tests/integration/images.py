# SPDX-License-Identifier: MIT
"""Images in every form that can be imported, well-made or not."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import tarfile

from bundle import APPLETS, GROUP, PASSWD

PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def to_json(value):
    return json.dumps(value).encode()


class Layer:
    """A tar archive, member by member, with names as they are given."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, content=b"", kind=tarfile.REGTYPE, mode=0o644, owner=(0, 0), link="",
            device=(0, 0)):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(content)
        entry.uid, entry.gid = owner
        entry.devmajor, entry.devminor = device
        self.tar.addfile(entry, io.BytesIO(content))
        return self

    def directory(self, name, mode=0o755, owner=(0, 0)):
        return self.add(name, kind=tarfile.DIRTYPE, mode=mode, owner=owner)

    def symlink(self, name, target):
        return self.add(name, kind=tarfile.SYMTYPE, mode=0o777, link=target)

    def hardlink(self, name, target):
        return self.add(name, kind=tarfile.LNKTYPE, link=target)

    def finish(self):
        """Returns the archive's bytes."""
        self.tar.close()
        return self.buffer.getvalue()


def box_layer(busybox):
    """A layer with what the bundles' root file system has."""
    layer = Layer().directory("bin").add("bin/busybox", pathlib.Path(busybox).read_bytes(), mode=0o755)
    for name in APPLETS:
        layer.symlink(f"bin/{name}", "busybox")
    for name in ("etc", "proc", "sys", "dev", "root", "home", "run", "var", "mnt"):
        layer.directory(name)
    layer.directory("home/app", owner=(1000, 1000)).directory("tmp", mode=0o1777)
    return layer.add("etc/passwd", PASSWD.encode()).add("etc/group", GROUP.encode())


class Blob(bytes):
    """A layer as it is stored, with the digest of what it unpacks to."""

    diff_id = None


def pack(plain, level=1):
    """Compresses a layer."""
    blob = Blob(gzip.compress(plain, compresslevel=level, mtime=0))
    blob.diff_id = digest(plain)
    return blob


class Image:
    """An image. Every document is made when it is asked for, from what the members are then."""

    def __init__(self, blobs, **config):
        self.blobs = list(blobs)
        self.config = {"Env": [PATH], "Cmd": ["sh"], **config}
        self.diff_ids = None  # of others than the layers have
        self.edit_manifest = lambda manifest: None
        self.edit_index = lambda index: None
        self.edit_files = lambda files: None

    def config_bytes(self):
        return to_json({
            "architecture": ARCHITECTURE, "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": self.config,
            "rootfs": {"type": "layers",
                       "diff_ids": self.diff_ids or [blob.diff_id for blob in self.blobs]},
        })

    @staticmethod
    def descriptor(media_type, content):
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    def files(self):
        """The files of an OCI layout by their paths."""
        config = self.config_bytes()
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                    "config": self.descriptor(CONFIG, config),
                    "layers": [self.descriptor(LAYER, blob) for blob in self.blobs]}
        self.edit_manifest(manifest)
        manifest = to_json(manifest)
        entry = self.descriptor(MANIFEST, manifest)
        entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        index = {"schemaVersion": 2, "manifests": [entry]}
        self.edit_index(index)
        files = {"oci-layout": to_json({"imageLayoutVersion": "1.0.0"}), "index.json": to_json(index)}
        for content in [config, manifest, *self.blobs]:
            files["blobs/sha256/" + digest(content)[7:]] = content
        self.edit_files(files)
        return files

    def oci(self, path):
        """Writes an OCI layout and returns its source."""
        for name, content in self.files().items():
            target = pathlib.Path(path) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return f"oci:{path}:latest"

    def archive(self, path):
        write_tar(path, self.files())
        return f"oci-archive:{path}:latest"

    def docker(self, path, name="box:latest"):
        config = self.config_bytes()
        layers = {f"{number}/layer.tar": gzip.decompress(blob) for number, blob in enumerate(self.blobs)}
        files = {digest(config)[7:] + ".json": config, **layers,
                 "manifest.json": to_json([{"Config": digest(config)[7:] + ".json", "RepoTags": [name],
                                            "Layers": list(layers)}])}
        self.edit_files(files)
        write_tar(path, files)
        return f"docker-archive:{path}:{name}"


def write_tar(path, files):
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    os.chmod(path, 0o644)

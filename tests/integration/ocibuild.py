"""Builds OCI layouts and archives byte by byte, also such as no honest tool would write.

    image = Image([Layer([directory("etc"), file("etc/motd", b"hello\\n")])])
    image.write_layout(tmp_path / "layout", tag="latest")

Only the standard library is used. Whatever is not named has a fixed value, so that the same call
gives the same bytes.
"""

import gzip
import hashlib
import io
import json
import pathlib
import tarfile

MTIME = 1_600_000_000
EMPTY = b"\0" * 1024  # what ends a tar archive

OCI = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG, LAYER = (OCI + kind for kind in (
    "index.v1+json", "manifest.v1+json", "config.v1+json", "layer.v1.tar"))


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dump(document):
    return json.dumps(document, separators=(",", ":")).encode()


# Entries. Each returns the bytes of one or more tar headers with their content.

def entry(name, kind, content=b"", format=tarfile.PAX_FORMAT, xattrs=None, **fields):
    """One tar entry; `fields` are those of tarfile.TarInfo (mode, uid, gid, mtime, linkname, …)."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mtime = MTIME
    info.size = len(content)
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    info.pax_headers.update({"SCHILY.xattr." + key: value for key, value in (xattrs or {}).items()})
    padding = b"\0" * (-len(content) % 512)
    return info.tobuf(format, "utf-8", "surrogateescape") + content + padding


def file(name, content=b"", **fields):
    return entry(name, tarfile.REGTYPE, content, **fields)


def directory(name, **fields):
    return entry(name, tarfile.DIRTYPE, **fields)


def symlink(name, target, **fields):
    return entry(name, tarfile.SYMTYPE, linkname=target, mode=0o777, **fields)


def hardlink(name, target, **fields):
    return entry(name, tarfile.LNKTYPE, linkname=target, **fields)


def fifo(name, **fields):
    return entry(name, tarfile.FIFOTYPE, **fields)


def device(name, major, minor, block=False, **fields):
    return entry(name, tarfile.BLKTYPE if block else tarfile.CHRTYPE,
                 devmajor=major, devminor=minor, **fields)


def whiteout(name):
    head, _, tail = name.rpartition("/")
    return file(f"{head}/.wh.{tail}" if head else f".wh.{tail}")


def opaque(name):
    return file(f"{name}/.wh..wh..opq")


class Layer:
    """One layer: its entries, how it is compressed, and what is to be false about it."""

    def __init__(self, entries=(), compression="gzip", content=None, blob=None, media_type=None):
        self.content = b"".join(entries) + EMPTY if content is None else content
        self.diff_id = digest(self.content)
        self.blob = self.compress(compression) if blob is None else blob
        suffix = {"gzip": "+gzip", "zstd": "+zstd"}.get(compression, "")
        self.descriptor = {"mediaType": media_type or LAYER + suffix, "digest": digest(self.blob),
                           "size": len(self.blob)}

    def compress(self, compression):
        if compression is None:
            return self.content
        if compression == "zstd":
            return zstd_stored(self.content)
        return gzip.compress(self.content, 6, mtime=0)


def zstd_stored(data):
    """A zstd frame of raw blocks with a window of 1 MiB: the standard library has no compressor."""
    frame = b"\x28\xb5\x2f\xfd" + b"\xc0\x50" + len(data).to_bytes(8, "little")
    blocks = [data[at:at + 65536] for at in range(0, len(data), 65536)] or [b""]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        frame += (len(block) << 3 | last).to_bytes(3, "little") + block
    return frame


class Image:
    """Layers with a config; `config` holds what goes into its "config" object."""

    def __init__(self, layers=(), config=None, architecture=None, **more):
        self.layers = list(layers)
        self.config = {
            "created": "2024-05-01T10:20:30.5Z", "architecture": architecture or host_architecture(),
            "os": "linux", "config": config or {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]}, **more}

    @property
    def config_blob(self):
        return dump(self.config)

    @property
    def manifest(self):
        return {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": digest(self.config_blob),
                           "size": len(self.config_blob)},
                "layers": [layer.descriptor for layer in self.layers]}

    @property
    def manifest_blob(self):
        return dump(self.manifest)

    def descriptor(self, tag=None, **annotations):
        descriptor = {"mediaType": MANIFEST, "digest": digest(self.manifest_blob),
                      "size": len(self.manifest_blob)}
        if tag is not None:
            annotations["org.opencontainers.image.ref.name"] = tag
        if annotations:
            descriptor["annotations"] = annotations
        return descriptor

    def files(self, tag="latest"):
        """The files of an OCI layout by their names."""
        files = {"oci-layout": dump({"imageLayoutVersion": "1.0.0"}),
                 "index.json": dump({"schemaVersion": 2, "manifests": [self.descriptor(tag)]}),
                 blob_name(self.manifest_blob): self.manifest_blob,
                 blob_name(self.config_blob): self.config_blob}
        for layer in self.layers:
            files["blobs/sha256/" + layer.descriptor["digest"].removeprefix("sha256:")] = layer.blob
        return files

    def docker_files(self, *names):
        """The files of a docker archive by their names; layers are not compressed there."""
        config = hashlib.sha256(self.config_blob).hexdigest() + ".json"
        layers = {layer.diff_id.removeprefix("sha256:") + "/layer.tar": layer.content
                  for layer in self.layers}
        listing = [layer.diff_id.removeprefix("sha256:") + "/layer.tar" for layer in self.layers]
        return {config: self.config_blob, **layers,
                "manifest.json": dump([{"Config": config, "RepoTags": list(names), "Layers": listing}])}

    def write_layout(self, path, tag="latest"):
        return write_tree(path, self.files(tag))

    def write_archive(self, path, tag="latest"):
        return write_tar(path, self.files(tag))

    def write_docker_archive(self, path, *names):
        return write_tar(path, self.docker_files(*names))


def blob_name(data):
    return "blobs/sha256/" + hashlib.sha256(data).hexdigest()


def index(*descriptors):
    return dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(descriptors)})


def index_descriptor(data, **fields):
    return {"mediaType": INDEX, "digest": digest(data), "size": len(data), **fields}


def write_tree(path, files):
    """Writes {name: bytes} below the directory `path` and returns it."""
    path = pathlib.Path(path)
    for name, data in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return path


def write_tar(path, files, extra=()):
    """Writes {name: bytes} and further entries as a tar archive and returns its path."""
    path = pathlib.Path(path)
    path.write_bytes(b"".join(file(name, data) for name, data in files.items()) + b"".join(extra) + EMPTY)
    return path


def zeros_in_gzip(size):
    """A gzip stream, a thousandth as long, that inflates to a layer with one file of `size` zeros."""
    piece = 16 << 20
    header = entry("zeros", tarfile.REGTYPE, size=size, format=tarfile.GNU_FORMAT)
    return gzip.compress(header, mtime=0) + gzip.compress(bytes(piece), 9, mtime=0) * (size // piece)


def many_entries(count):
    """A gzip stream with `count` entries that cost nothing to unpack, made of repeated members."""
    block = [file(f".wh..wh.{number * 2654435761 % 2**32:08x}", format=tarfile.USTAR_FORMAT)
             for number in range(4096)]
    return gzip.compress(b"".join(block), 1, mtime=0) * -(-count // len(block))


def digest_of_content(blob):
    """The diff id of a gzip stream that is too long to be held."""
    hasher = hashlib.sha256()
    with gzip.open(io.BytesIO(blob)) as stream:
        while piece := stream.read(1 << 20):
            hasher.update(piece)
    return "sha256:" + hasher.hexdigest()


def host_architecture():
    import platform
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return names.get(platform.machine(), platform.machine())

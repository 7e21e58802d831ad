# SPDX-License-Identifier: MIT
"""A registry that does what a test wants, byte by byte, over HTTP or HTTPS on loopback."""

import base64
import gzip
import io
import json
import socket
import socketserver
import ssl
import subprocess
import tarfile
import threading
import urllib.parse

from images import ARCHITECTURE, CONFIG, LAYER, MANIFEST, digest

INDEX = "application/vnd.oci.image.index.v1+json"


def to_json(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def archive(files):
    """A tar archive of names with their contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Image:
    """An image whose parts a test may change before it is published: a layer for each content, which is
    that of one file, or of several by their names."""

    def __init__(self, *contents):
        tars = [archive(content if isinstance(content, dict) else {f"file{number}": content})
                for number, content in enumerate(contents)]
        self.layers = [gzip.compress(tar, 1, mtime=0) for tar in tars]
        self.config = to_json({"architecture": ARCHITECTURE, "os": "linux", "config": {},
                               "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}})
        self.manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                         "config": self.descriptor(CONFIG, self.config),
                         "layers": [self.descriptor(LAYER, layer) for layer in self.layers]}

    @staticmethod
    def descriptor(kind, content):
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}

    def write_layout(self, directory, tag="latest"):
        """Writes it as an OCI layout; returns what names it."""
        blobs = directory / "blobs/sha256"
        blobs.mkdir(parents=True)
        manifest = to_json(self.manifest)
        for content in (self.config, manifest, *self.layers):
            (blobs / digest(content).removeprefix("sha256:")).write_bytes(content)
        entry = {**self.descriptor(self.manifest["mediaType"], manifest),
                 "annotations": {"org.opencontainers.image.ref.name": tag}}
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (directory / "index.json").write_bytes(to_json({"schemaVersion": 2, "manifests": [entry]}))
        return f"oci:{directory}:{tag}"

    @staticmethod
    def index(*descriptors):
        return {"schemaVersion": 2, "mediaType": INDEX,
                "manifests": [{**descriptor, "platform": {"architecture": ARCHITECTURE, "os": "linux"}}
                              for descriptor in descriptors]}


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))

    @property
    def range_from(self):
        return self.range(0)[0]

    def range(self, size):
        """Which bytes of @size are asked for: the first, and the one behind the last."""
        first, _, last = self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1 if last else size


class Wire:
    """The connection on which a test answers."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, data):
        self.connection.sendall(data)

    def head(self, status=200, *headers):
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers), "", ""]
        self.send("\r\n".join(lines).encode("latin-1"))

    def answer(self, content=b"", kind="application/octet-stream", status=200, headers=()):
        content = to_json(content)
        self.head(status, *(("Content-Type", kind),) if kind else (), ("Content-Length", len(content)),
                  *headers)
        self.send(content)

    def bare(self, status, *headers, length=0):
        """An answer without a body; `length` is what a HEAD says of one."""
        self.head(status, ("Content-Length", length), *headers)

    def chunk(self, content):
        self.send(b"%x\r\n%s\r\n" % (len(content), content))

    def close(self):
        self.connection.close()


class Handler(socketserver.BaseRequestHandler):
    def read_request(self, reader):
        line = reader.readline()
        if not line:
            return None
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while (line := reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        request = Request(method, path, headers, b"")
        registry = self.server.registry
        if registry.early and registry.early(request, reader, Wire(self.request)) == "close":
            registry.requests.append(request)
            return None
        request.body = reader.read(int(headers.get("content-length", 0)))
        return request

    def handle(self):
        registry = self.server.registry
        connection = self.request
        try:
            if registry.tls:
                connection = registry.tls.wrap_socket(connection, server_side=True)
            reader = connection.makefile("rb")
            while request := self.read_request(reader):
                registry.requests.append(request)
                if registry.respond(request, Wire(connection)) == "close":
                    break
        except (OSError, ValueError):
            pass
        finally:
            connection.close()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class Registry:
    """`handlers` maps the end of a path to what answers it: a function of request and wire, which may
    return "close", or "default" to leave the answer to the good registry. `early` is asked before the
    body of a request is read, and may return "close". What is uploaded is served."""

    def __init__(self, tls=None, host="127.0.0.1"):
        self.server = Server((host, 0), Handler)
        self.server.registry = self
        self.tls = tls
        self.port = self.server.server_address[1]
        self.host = f"{host}:{self.port}"
        self.scheme = "https" if tls else "http"
        self.url = f"{self.scheme}://{self.host}"
        self.requests = []
        self.blobs = {}
        self.manifests = {}
        self.handlers = {}
        self.early = None
        self.uploads = {}  # what came of each
        self.mountable = {}  # a repository, and the digests that it has
        self.chunk_min = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def publish(self, image, tag="latest", kind=MANIFEST):
        """Makes `image` what `tag` means; returns the digest of its manifest."""
        for content in (image.config, *image.layers):
            self.blobs[digest(content)] = content
        return self.publish_manifest(to_json(image.manifest), tag, kind)

    def publish_manifest(self, content, tag=None, kind=MANIFEST):
        content = to_json(content)
        self.manifests[digest(content)] = (kind, content)
        if tag:
            self.manifests[tag] = (kind, content)
        return digest(content)

    def paths(self, word):
        return [request.path for request in self.requests if word in request.path]

    def respond(self, request, wire):
        for end, handler in self.handlers.items():
            if request.path.split("?")[0].endswith(end):
                result = handler(request, wire)
                if result != "default":
                    return result
        name = request.path.rsplit("/", 1)[1]
        if request.path == "/v2/":
            return wire.answer(b"{}", "application/json")
        if "/blobs/uploads/" in request.path:
            return self.upload(request, wire)
        if request.method == "HEAD":
            found = self.blobs.get(name)
            return wire.bare(404) if found is None else wire.bare(200, length=len(found))
        if request.method == "PUT":
            return self.put_manifest(name, request, wire)
        if "/manifests/" in request.path and name in self.manifests:
            kind, content = self.manifests[name]
            return wire.answer(content, kind)
        if "/blobs/" in request.path and name in self.blobs:
            return self.send_blob(request, wire, self.blobs[name])
        return wire.answer({"errors": [{"code": "NOT_HERE", "message": "no such thing"}]},
                           "application/json", 404)

    def put_manifest(self, name, request, wire):
        self.manifests[name] = self.manifests[digest(request.body)] = (request.headers["content-type"], request.body)
        return wire.bare(201, ("Docker-Content-Digest", digest(request.body)))

    def place(self, path, content):
        headers = [("Location", path + "?state=" + str(len(content))), ("Range", f"0-{max(len(content) - 1, 0)}")]
        if self.chunk_min:
            headers.append(("OCI-Chunk-Min-Length", self.chunk_min))
        return headers

    def upload(self, request, wire):
        path, query = request.path.split("?")[0], request.query
        if request.method == "POST":
            if query.get("mount") in self.mountable.get(query.get("from"), ()):
                return wire.bare(201, ("Docker-Content-Digest", query["mount"]))
            path += f"u{len(self.uploads)}"
            self.uploads[path] = b""
            return wire.bare(202, *self.place(path, b""))
        if path not in self.uploads:
            return wire.answer({"errors": [{"message": "upload unknown"}]}, "application/json", 404)
        if request.method == "PATCH" and int(request.headers["content-range"].split("-")[0]) != len(self.uploads[path]):
            return wire.bare(416, *self.place(path, self.uploads[path]))
        self.uploads[path] += request.body
        content = self.uploads[path]
        if request.method == "PATCH":
            return wire.bare(202, *self.place(path, content))
        if request.method == "GET":
            return wire.bare(204, *self.place(path, content))
        if digest(content) != query["digest"]:
            return wire.answer({"errors": [{"message": "digest invalid"}]}, "application/json", 400)
        self.blobs[digest(content)] = content
        return wire.bare(201, ("Docker-Content-Digest", digest(content)))

    @staticmethod
    def send_blob(request, wire, content):
        if "range" not in request.headers:
            return wire.answer(content)
        start, end = request.range(len(content))
        return wire.answer(content[start:end], status=206,
                           headers=[("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")])

    def wants_token(self, token="secret-token", realm=None, service="here", scheme="Bearer"):
        """Asks for a token before it answers. Returns the header that asks."""
        realm = realm or f"{self.url}/token"

        def ask(request, wire):
            if request.path == "/token" or request.path.startswith("/token?"):
                return "default"
            if request.headers.get("authorization") == f"Bearer {token}":
                return "default"
            return wire.answer(b"", status=401, headers=[
                ("WWW-Authenticate", f'{scheme} realm="{realm}",service="{service}",scope="repository:x:pull"')])

        self.handlers["/token"] = lambda request, wire: wire.answer({"token": token}, "application/json")
        self.handlers[""] = ask


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Authority:
    """A certificate authority, and certificates of it for loopback."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.file = directory / "ca.crt"
        self.openssl("req", "-x509", "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "ca.crt", *self.key)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)

    def context(self, name="good", names="IP:127.0.0.1,DNS:localhost", days="2"):
        """A server's side of TLS, with a certificate for `names`."""
        (self.directory / f"{name}.ext").write_text(
            f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        self.openssl("req", "-subj", "/CN=registry", "-keyout", f"{name}.key", "-out", f"{name}.csr", *self.key)
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        return context


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

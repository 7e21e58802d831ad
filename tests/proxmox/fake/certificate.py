# SPDX-License-Identifier: MIT
"""The certificates of a cluster: an authority, and one of each node that it signed."""

import hashlib
import pathlib
import ssl
import subprocess

DAYS = "30"
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """A cluster's own; @ca is the file to be trusted."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.ca = self.directory / "pve-root-ca.pem"
        self.key = self.directory / "pve-root-ca.key"
        openssl("req", "-x509", *KEY, "-days", DAYS, "-subj",
                "/CN=Proxmox Virtual Environment/O=PVE Cluster Manager CA", "-keyout", self.key, "-out", self.ca)

    def sign(self, node):
        """Returns the Certificate of a node, good for its name and for this machine."""
        directory = self.directory / "nodes" / node
        directory.mkdir(parents=True, exist_ok=True)
        certificate = Certificate(directory / "pve-ssl.pem", directory / "pve-ssl.key")
        request, extensions = directory / "request.pem", directory / "extensions"
        openssl("req", *KEY, "-subj", f"/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={node}",
                "-keyout", certificate.key, "-out", request)
        extensions.write_text("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
                              f"subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost,DNS:{node}\n")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.key, "-CAcreateserial",
                "-days", DAYS, "-extfile", extensions, "-out", certificate.path)
        return certificate


class Certificate:
    """The certificate and key of one node."""

    def __init__(self, path, key):
        self.path = path
        self.key = key

    @property
    def fingerprint(self):
        """Its SHA-256, to be pinned: "AA:BB:…"."""
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.path.read_text())).hexdigest().upper()
        return ":".join(digest[place:place + 2] for place in range(0, len(digest), 2))

    def context(self):
        """Returns what a server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context

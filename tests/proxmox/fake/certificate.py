# SPDX-License-Identifier: MIT
"""The certificates of a cluster: an authority, and the server's own that it signed."""

import hashlib
import pathlib
import ssl
import subprocess

DAYS = "30"


def openssl(*words, text=None):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=text, text=True)


class Certificates:
    """Files below a directory: ca (to be trusted), certificate and key; and the fingerprint to be pinned."""

    def __init__(self, directory, names=("localhost", "pve1")):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.ca = directory / "pve-root-ca.pem"
        self.certificate = directory / "pve-ssl.pem"
        self.key = directory / "pve-ssl.key"
        ca_key, request = directory / "pve-root-ca.key", directory / "request.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
                "-subj", "/CN=Proxmox Virtual Environment/O=PVE Cluster Manager CA", "-keyout", ca_key,
                "-out", self.ca)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN={names[-1]}", "-keyout", self.key,
                "-out", request)
        extensions = directory / "extensions"
        extensions.write_text("basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1,"
                              "IP:::1," + ",".join(f"DNS:{name}" for name in names) + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", DAYS,
                "-extfile", extensions, "-out", self.certificate)

    @property
    def fingerprint(self):
        """The SHA-256 of the server's certificate: "AA:BB:…"."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        digest = hashlib.sha256(der).hexdigest().upper()
        return ":".join(digest[place:place + 2] for place in range(0, len(digest), 2))

    def context(self):
        """Returns what the server speaks TLS with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

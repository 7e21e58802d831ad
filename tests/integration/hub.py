# SPDX-License-Identifier: MIT
"""Debian's registry, started for a test."""

import json
import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from engine import TAG
from registry import free_port

PASSWORD = "a pass:word"
HTPASSWD = "user:$2b$05$cO/6Gtzzcx/f0eSYztJbE.p07udGykAd8UElddKTPa58x9Tuu7l2e\n"


class Hub:
    """Debian's docker-registry on loopback; with TLS where there is a certificate, "DIR/NAME" with the
    endings .crt and .key."""

    def __init__(self, directory, htpasswd=None, certificate=None, ca=None):
        directory.mkdir()
        self.host = f"127.0.0.1:{free_port()}"
        self.tls = ssl.create_default_context(cafile=ca) if certificate else None
        config = {"version": "0.1", "log": {"level": "error", "accesslog": {"disabled": True}},
                  "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
                  "http": {"addr": self.host}}
        if htpasswd:
            (directory / "htpasswd").write_text(htpasswd)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(directory / "htpasswd")}}
        if certificate:
            config["http"]["tls"] = {"certificate": str(certificate) + ".crt", "key": str(certificate) + ".key"}
        (directory / "config.yml").write_text(json.dumps(config))
        with open(directory / "log", "wb") as log:
            self.child = subprocess.Popen(["docker-registry", "serve", directory / "config.yml"],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env={**os.environ, "LXCRI_TEST": TAG})
        deadline = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < deadline and self.child.poll() is None, (directory / "log").read_text()
            time.sleep(0.05)

    def answers(self):
        try:
            scheme = "https" if self.tls else "http"
            with urllib.request.urlopen(f"{scheme}://{self.host}/v2/", timeout=5, context=self.tls):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def push(self, source, name, *flags):
        subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", *flags, source,
                        f"docker://{self.host}/{name}"], check=True, capture_output=True)
        return f"{self.host}/{name}"

    def stop(self):
        self.child.terminate()
        self.child.wait()

# SPDX-License-Identifier: MIT
"""A client for the tests of the fake: it says what it is told, also what no good client would."""

import dataclasses
import http.client
import json
import ssl
import urllib.parse

SECONDS = 60


@dataclasses.dataclass
class Answer:
    """How a request ended."""

    status: int
    reason: str
    body: dict

    def __repr__(self):
        return f"{self.status} {self.reason}: {str(self.body)[:500]}"

    @property
    def data(self):
        return self.body.get("data")

    @property
    def errors(self):
        return self.body.get("errors", {})

    def succeeds(self):
        assert self.status == 200, self
        return self.data

    def fails(self, status, *words):
        """Asserts a failure whose reason phrase or errors have all of the words."""
        assert self.status == status, self
        said = self.reason + json.dumps(self.errors)
        for word in words:
            assert word in said, self
        return self


class Client:
    """Who asks a fake. @token: an Authorization value's text, or None for nobody; @port: another host than the
    first one's."""

    def __init__(self, pve, token="", port=None):
        self.pve = pve
        self.port = port or pve.port
        self.token = pve.token if token == "" else token
        self.context = ssl.create_default_context(cafile=pve.ca)
        self.cookie = None
        self.csrf = None

    def log_in(self, username, password):
        """Speaks with a ticket from now on; returns the answer."""
        self.token = self.cookie = self.csrf = None
        data = self.post("/access/ticket", username=username, password=password).succeeds()
        self.cookie, self.csrf = data["ticket"], data["CSRFPreventionToken"]
        return data

    def headers(self, method):
        found = {}
        if self.token:
            found["Authorization"] = f"PVEAPIToken={self.token}"
        if self.cookie:
            found["Cookie"] = f"PVEAuthCookie={urllib.parse.quote(self.cookie, safe='')}"
            if method != "GET" and self.csrf:
                found["CSRFPreventionToken"] = self.csrf
        return found

    def raw(self, method, target, body=None, headers=None):
        """Sends exactly this; returns the Answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=self.context)
        try:
            connection.request(method, target, body, {**self.headers(method), **(headers or {})})
            response = connection.getresponse()
            content = response.read()
            return Answer(response.status, response.reason, json.loads(content) if content else {})
        finally:
            connection.close()

    def request(self, method, path, parameters):
        target = "/api2/json" + path
        text = urllib.parse.urlencode(parameters, doseq=True)
        if method in ("GET", "DELETE"):
            return self.raw(method, target + ("?" + text if text else ""))
        return self.raw(method, target, text, {"Content-Type": "application/x-www-form-urlencoded"})

    def get(self, path, /, **parameters):
        return self.request("GET", path, plain(parameters))

    def post(self, path, /, **parameters):
        return self.request("POST", path, plain(parameters))

    def put(self, path, /, **parameters):
        return self.request("PUT", path, plain(parameters))

    def delete(self, path, /, **parameters):
        return self.request("DELETE", path, plain(parameters))

    def upload(self, path, parts):
        """Posts a multipart body: parts are (headers, content)."""
        boundary = "----fake-boundary"
        body = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), "\r\n".join(headers).encode(), content)
                        for headers, content in parts) + b"--%s--\r\n" % boundary.encode()
        return self.raw("POST", "/api2/json" + path, body,
                        {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    # Tasks.

    def status(self, upid):
        node = upid.split(":")[1]
        return self.get(f"/nodes/{node}/tasks/{quote(upid)}/status").succeeds()

    def log(self, upid):
        node = upid.split(":")[1]
        return [line["t"] for line in
                self.get(f"/nodes/{node}/tasks/{quote(upid)}/log", limit=0).succeeds()]

    def wait(self, upid):
        """Waits for a task and returns its exit status."""
        assert self.pve.cluster.tasks.by_upid[upid].over.wait(SECONDS), f"{upid} does not end"
        return self.status(upid)["exitstatus"]

    def does(self, answer):
        """Asserts that the task of an answer ends well; returns its log."""
        upid = answer.succeeds()
        assert self.wait(upid) == "OK", self.log(upid)
        return self.log(upid)

    def create(self, template, vmid=100, /, **options):
        """Creates a container of the template that sleeps; returns its path."""
        options = {"rootfs": "local:1", "entrypoint": "/bin/sleep 1000", "ostype": "unmanaged", "memory": 64,
                   **options}
        self.does(self.post(f"/nodes/{self.pve.node}/lxc", vmid=vmid, ostemplate=template, **options))
        return f"/nodes/{self.pve.node}/lxc/{vmid}"


def plain(parameters):
    """{"target__vmid": 1} → {"target-vmid": 1}; None is left out."""
    return {name.replace("__", "-"): value for name, value in parameters.items() if value is not None}


def quote(text):
    return urllib.parse.quote(text, safe="")

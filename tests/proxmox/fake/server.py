# SPDX-License-Identifier: MIT
"""The HTTPS server: takes requests apart, checks them, and answers as pveproxy does."""

import dataclasses
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

from fake import api, check, control, form, route  # noqa: F401  api registers what answers
from fake.failure import Failure, Refused, denied
from fake.mischief import Dropped

BODY_BYTES_MAX = 512 << 10
DRAIN_BYTES_MAX = 16 << 20
HEADER_LINES_MAX = 64
HEADER_BYTES_MAX = 8 << 10
IDLE_SECONDS = 30
PREFIX = "/api2/"
VERIFICATION = "Parameter verification failed."


@dataclasses.dataclass
class Request:
    """What was asked and how it ended. Secrets are left out of what is recorded."""

    method: str
    path: str
    template: str | None
    parameters: dict
    user: str | None
    status: int = 0
    reason: str = ""


class Record:
    """What all servers of a cluster were asked, and where they themselves were wrong."""

    def __init__(self, endpoints):
        self.endpoints = endpoints
        self.requests = []
        self.faults = []


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Answers for a cluster, on one of its nodes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cluster, record, certificate, spool, port=0):
        self.cluster = cluster
        self.endpoints = record.endpoints
        self.record = record
        self.spool = spool
        self.context = certificate.context()
        self.control = None
        self.authentication_delay = 0.1
        super().__init__(("127.0.0.1", port), Handler)

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(IDLE_SECONDS)
        # The handshake happens in the connection's own thread: who is silent holds up nobody else.
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def verify_request(self, request, client_address):
        return not self.cluster.mischief.is_refusing

    @property
    def faults(self):
        return self.record.faults

    @property
    def port(self):
        return self.server_address[1]

    def close(self):
        """Takes no more connections: they are refused from now on. Safe to repeat."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Peers that go away are no news; all else is a fault of the fake."""
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, ssl.SSLError)):
            self.record.faults.append(f"{type(error).__name__}: {error}")
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "pve-api-daemon/3.0"
    sys_version = ""
    wbufsize = 1 << 16  # an answer goes out in one piece
    disable_nagle_algorithm = True

    def log_message(self, format, *args):
        """The record of requests says more."""

    def do_any(self):
        if self.path.startswith("/control"):
            control.answer(self)
            return
        self.record = Request(self.command, self.path, None, {}, None)
        self.server.record.requests.append(self.record)
        try:
            if self.respond():
                self.close_connection = True
        except Dropped:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_any

    def respond(self):
        """Answers one request; returns how the answer was dropped, or None."""
        self.length, self.later, self.upload = 0, None, None
        try:
            self.check_limits()
            endpoint, given = self.identify()
            data = self.run(endpoint, given)
            status, reason, body = 200, "OK", self.success(endpoint, data)
        except Failure as failure:
            status, reason, body = failure.status, failure.text, self.failure(failure)
            self.drain()
            self.forget_upload()
        except Exception as error:
            if not isinstance(error, (Dropped, OSError)):
                self.server.record.faults.append(f"{self.command} {self.path}: {type(error).__name__}: {error}")
            self.forget_upload()
            raise
        if status == 401 and body is None:
            time.sleep(self.server.authentication_delay)
        self.send(status, reason, body)
        return self.later

    def forget_upload(self):
        """Removes a file that came with a request that failed."""
        if self.upload:
            self.upload.unlink(missing_ok=True)

    # What was asked.

    def check_limits(self):
        lines = self.headers.items()
        if len(lines) > HEADER_LINES_MAX or sum(len(name) + len(value) for name, value in lines) > HEADER_BYTES_MAX:
            raise Dropped
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise Refused(501, "chunked transfer encoding not supported")
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            raise Dropped
        self.length = int(length)
        if self.length and self.command in ("GET", "DELETE"):
            self.close_connection = True
            raise Refused(501, f"Unexpected content for method '{self.command}'")
        self.is_upload = self.headers.get("Content-Type", "").startswith("multipart/form-data")
        if self.length > BODY_BYTES_MAX and not self.is_upload:
            self.close_connection = True
            raise Refused(501, "for data too large")

    def identify(self):
        """Returns (endpoint, given parameters): who it is, what he asks for, and whether something is to go
        wrong."""
        path, _, query = self.path.partition("?")
        if not path.startswith((PREFIX + "json/", PREFIX + "extjs/")):
            raise Refused(501, f"no such file '{path}'" if not path.startswith(PREFIX) else "no such uri")
        words = [urllib.parse.unquote(word) for word in path.split("/")[3:] if word]
        found = self.server.endpoints.find(self.command, words)
        template = found[0].path if found else None
        self.record.path = "/" + "/".join(words)
        self.record.template = template
        self.later = self.server.cluster.mischief.before_request(self.command, self.record.path, template)
        user = None
        if found and not found[0].token and self.headers.get("Authorization", "").startswith("PVEAPIToken"):
            raise Failure(403, f"Permission check failed (URI '{self.record.path}' not available with API token, need "
                          "proper ticket.)")
        if not (found and found[0].world):
            user = self.server.cluster.access.authenticate(self.headers,
                                                           "GET" if self.is_upload else self.command)
        self.record.user = user
        if not found or found[0].key not in route.HANDLERS:
            raise Failure(501, f"Method '{self.command} {self.record.path}' not implemented")
        endpoint, in_path = found
        if self.is_upload and "storage" in in_path:
            self.check_upload(in_path["storage"])
        given = {**self.body(), **form.decode(query)}
        for name, value in in_path.items():
            if given.get(name, value) != value:
                raise Failure(400, VERIFICATION, {
                    name: "duplicate parameter (already defined in URI) with conflicting values!"})
        given.update(in_path)
        given.pop("_dc", None)  # a browser's way around its cache
        self.record.parameters = {name: value for name, value in given.items()
                                  if name not in ("password", "otp")}
        route.check_permissions(self.server.cluster, endpoint, user, given)
        return endpoint, given

    def check_upload(self, storage):
        """Who may not upload is told so before his file is read."""
        path, privileges = f"/storage/{storage}", ["Datastore.AllocateTemplate"]
        if not self.server.cluster.access.has(self.record.user, path, privileges):
            raise Refused(403, denied(path, *privileges).text)

    def body(self):
        """Returns the parameters of the body; a file that is uploaded is spooled."""
        kind = self.headers.get("Content-Type", "application/x-www-form-urlencoded")
        if self.is_upload:
            boundary = re.search(r'boundary="?([^";]+)"?', kind)
            if not boundary or not self.length or not self.record.path.endswith("/upload"):
                raise Refused(501, "unexpected upload")
            self.close_connection = True
            self.upload = self.server.spool / f"pveupload-{uuid.uuid4().hex}"
            length, self.length = self.length, 0
            return form.Upload(self.rfile, length, boundary[1]).read(self.upload)
        text = self.rfile.read(self.length).decode("utf-8", errors="replace")
        self.length = 0
        if kind.startswith("application/json"):
            return form.decode_json(text)
        if text and not kind.startswith("application/x-www-form-urlencoded"):
            raise Refused(506, f"upload 'Content-Type '{kind}' not implemented")
        return form.decode(text)

    def drain(self):
        """Reads what is left of a body that nobody wants, so that the answer is not lost with it."""
        self.length = min(self.length, DRAIN_BYTES_MAX)
        while self.length > 0:
            block = self.rfile.read(min(self.length, 1 << 16))
            if not block:
                return
            self.length -= len(block)

    # What is answered.

    def run(self, endpoint, given):
        cluster = self.server.cluster
        if "{node}" in endpoint.path:
            if endpoint.proxied and given["node"] in cluster.mischief.lost:
                raise cluster.mischief.lost[given["node"]]
            cluster.get_node(given["node"])
        values, errors = check.parameters(endpoint, given)
        if errors:
            raise Failure(400, VERIFICATION, errors)
        call = route.Call(cluster, endpoint, self.record.user, values, self.upload)
        return route.HANDLERS[endpoint.key](call)

    def success(self, endpoint, data):
        """Returns the body; what our own answer breaks of its promise is a fault of the fake."""
        body = {}
        if isinstance(data, route.Total):
            body["total"] = data.total
            data = data.data
        if self.server.cluster.mischief.has_nulls:
            data = check.with_nulls(endpoint.returns, data)
        if self.server.cluster.mischief.has_texts:
            data = check.with_texts(data)
        body["data"] = data
        for fault in check.answer_faults(endpoint.returns, data):
            self.server.record.faults.append(f"{endpoint.method} {endpoint.path}: {fault}")
        return body

    @staticmethod
    def failure(failure):
        """Returns the body, or None for what has none."""
        if isinstance(failure, Refused):
            return None
        body = {"data": None, "message": failure.text + "\n"}
        if failure.errors:
            body["errors"] = failure.errors
        return body

    def send(self, status, reason, body):
        self.record.status, self.record.reason = status, reason
        if self.later == "after":
            return
        if body is not None and self.path.startswith(PREFIX + "extjs/"):
            body = {**body, "success": int(status == 200), "status": status}
            status, reason = 200, "OK"
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        line = re.sub(r"[\r\n]+", " ", reason.strip()).encode().decode("latin-1")
        self.send_response(status, line)
        if content:
            self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=0")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[:len(content) // 2] if self.later == "middle" else content)
        self.wfile.flush()


def serve(server):
    """Runs the server in a thread and returns that."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True,
                              name=f"pve {os.getpid()}")
    thread.start()
    return thread

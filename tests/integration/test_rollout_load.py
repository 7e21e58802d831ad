# SPDX-License-Identifier: MIT
"""Pods are replaced under a constant load, and no request fails."""

import os
import re
import signal
import subprocess

import pytest

from pods import *  # noqa: F401,F403
from pods import apply, container, pods, replicas

pytestmark = pytest.mark.service

ROUNDS, COUNT = (20, 4) if os.environ.get("LXCRI_TEST_LONG", "0") != "0" else (1, 2)
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
           "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}


# Each answer takes a while, and can be seen to be under way.
ANSWER = "#!/bin/sh\ntouch /w/busy.$$; sleep 0.1; printf 'Connection: close\\r\\nContent-Length: 4\\r\\n\\r\\nyes\\n'; rm /w/busy.$$\n"
SERVE = f"""mkdir -p /w/cgi-bin; cat >/w/cgi-bin/slow <<'END'
{ANSWER}END
chmod 755 /w/cgi-bin/slow; trap 'exit 0' TERM; httpd -f -p 8080 -h /w & wait"""
# Nobody is led there any more when this begins; who was is answered.
DRAIN = "sleep 0.5; while ls /w | grep -q busy; do sleep 0.05; done; sleep 0.5"


def wanted(box, text, count):
    """Servers that are replaced one by one, each when those that were led to it have been answered."""
    made = replicas("Deployment", "web", count, container(
        box, script=f": {text}; {SERVE}",
        readinessProbe={"httpGet": {"port": 8080, "path": "/cgi-bin/slow"}, "periodSeconds": 1, "timeoutSeconds": 20},
        lifecycle={"preStop": {"exec": {"command": ["sh", "-c", DRAIN]}}}))
    made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 60
    made["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return made


class Load:
    """wrk against @address, in the namespace that plays the host."""

    def __init__(self, engine, address):
        self.child = subprocess.Popen(engine.host.words("wrk", "-t1", "-c4", "-d3600", "--timeout", "30",
                                                   f"http://{address}/cgi-bin/slow"),
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self):
        """Returns how many requests there were; fails for one that did."""
        self.child.send_signal(signal.SIGINT)
        said, _ = self.child.communicate(timeout=60)
        assert "Socket errors" not in said and "Non-2xx" not in said, said
        return int(re.search(r"(\d+) requests in", said)[1])


def test_no_request_fails_while_pods_are_replaced(one, box):
    apply(one, SERVICE, wanted(box, "v0", COUNT), timeout=600).ok()
    address = one("get", "service", "web", "-o", "json").ok().json()["spec"]["clusterIP"]
    load = Load(one, address)
    try:
        for i in range(ROUNDS):
            before = set(pods(one))
            apply(one, wanted(box, f"v{i + 1}", COUNT), timeout=600).ok()
            assert len(pods(one)) == COUNT and not set(pods(one)) & before
        assert load.child.poll() is None
        assert load.end() > 0
    finally:
        load.child.kill()
        load.child.wait()

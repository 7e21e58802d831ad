# SPDX-License-Identifier: MIT
"""A request that breaks one constraint of an endpoint is refused, and the parameter is named. The requests are made
from the description that the server uses."""

import http.client
import json
import ssl
import urllib.parse

import pytest

import samples
from endpoints import TABLE
from fake import check
from fake.pve import FakeProxmox, endpoints

# Checked before parameters are: a node that is not there has nothing to check them.
ELSEWHERE = ("node",)
USED = [endpoint for endpoint in endpoints() if endpoint.key in TABLE.by_key]


@pytest.fixture(scope="module")
def server():
    with FakeProxmox() as pve:
        yield Line(pve)
        assert pve.faults() == []


class Line:
    """One connection that is kept."""

    def __init__(self, pve):
        self.pve = pve
        self.connection = http.client.HTTPSConnection(
            "127.0.0.1", pve.port, context=ssl.create_default_context(cafile=pve.ca))

    def request(self, endpoint, parameters):
        """Returns (status, errors) of a request."""
        path = endpoint.path
        rest = dict(parameters)
        for name in [word[1:-1] for word in endpoint.path.split("/") if word.startswith("{")]:
            path = path.replace(f"{{{name}}}", urllib.parse.quote(rest.pop(name), safe=""))
        text = urllib.parse.urlencode(rest)
        body = None
        headers = {"Authorization": f"PVEAPIToken={self.pve.token}"}
        if endpoint.method in ("GET", "DELETE"):
            path += "?" + text if text else ""
        else:
            body, headers["Content-Type"] = text, "application/x-www-form-urlencoded"
        self.connection.request(endpoint.method, "/api2/json" + path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        return response.status, json.loads(content).get("errors", {}) if content else {}


def needed(endpoint):
    """Returns values for what an endpoint requires."""
    in_path = {word[1:-1] for word in endpoint.path.split("/") if word.startswith("{")}
    return {name: samples.right(value) for name, value in endpoint.parameters.items()
            if value.required or name in in_path}


def numbered(name):
    return name.replace("[n]", "0")


def is_in_path(endpoint, name):
    return f"{{{name}}}" in endpoint.path


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in USED if endpoint.token],
                         ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_each_broken_constraint_is_refused(server, endpoint):
    good = needed(endpoint)
    for name, value in endpoint.parameters.items():
        if name in ELSEWHERE:
            continue
        with_it = dict(good)
        if value.requires:
            with_it[value.requires] = samples.right(endpoint.parameters[value.requires])
        for constraint, text in samples.broken(value):
            if is_in_path(endpoint, name) and not text.strip("/"):
                continue
            status, errors = server.request(endpoint, {**with_it, numbered(name): text})
            assert (status, set(errors)) == (400, {numbered(name)}), (name, constraint, text, errors)
        if value.required and not is_in_path(endpoint, name) and not belongs_to_permission(endpoint, name):
            status, errors = server.request(endpoint, {key: text for key, text in good.items() if key != name})
            assert (status, set(errors)) == (400, {name}), (name, "is missing", errors)
        if value.requires and value.requires not in good:
            status, errors = server.request(endpoint, {**good, numbered(name): samples.right(value)})
            assert (status, set(errors)) == (400, {value.requires}), (name, "alone", errors)


def belongs_to_permission(endpoint, name):
    """A parameter that the privileges are looked up with is missed there first."""
    return f"{{{name}}}" in json.dumps(endpoint.check)


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in USED if endpoint.token],
                         ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_a_parameter_that_is_not_known_is_refused(server, endpoint):
    status, errors = server.request(endpoint, {**needed(endpoint), "no-such-parameter": "1"})
    assert (status, set(errors)) == (400, {"no-such-parameter"})


@pytest.mark.parametrize("endpoint", USED, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_what_is_right_passes_the_checks(endpoint):
    """All samples at once: otherwise the tests above could refuse for another reason."""
    every = {numbered(name): samples.right(value) for name, value in endpoint.parameters.items()}
    _, errors = check.parameters(endpoint, every)
    assert errors == {}

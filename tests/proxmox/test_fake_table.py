# SPDX-License-Identifier: MIT
"""The table of endpoints says what the server's own description says."""

import pytest

from endpoints import ENDPOINTS, TABLE
from fake import api, formats, route, schema  # noqa: F401  api registers what answers

SCHEMA = schema.find()
needs_schema = pytest.mark.skipif(SCHEMA is None, reason="no pve-api-schema.json: LXCRI_PVE_SCHEMA names it")


@pytest.fixture(scope="module")
def described():
    return schema.load(SCHEMA)


@needs_schema
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_an_endpoint_is_as_the_server_describes_it(described, endpoint):
    theirs = described.by_key[endpoint.key]
    assert sorted(endpoint.parameters) == sorted(theirs.parameters)
    for name, value in endpoint.parameters.items():
        assert value == theirs.parameters[name], name
    assert (endpoint.check, endpoint.world) == (theirs.check, theirs.world)
    assert (endpoint.token, endpoint.proxied) == (theirs.token, theirs.proxied)
    assert endpoint.returns == theirs.returns


def test_each_endpoint_is_in_the_table_once():
    assert len(ENDPOINTS) == len(TABLE.by_key)


def test_each_endpoint_of_the_table_is_answered_and_no_other():
    assert set(route.HANDLERS) == set(TABLE.by_key)


def test_each_format_of_the_table_is_known():
    for endpoint in TABLE:
        for value in endpoint.parameters.values():
            keys = value.format.values() if isinstance(value.format, dict) else [value]
            for key in keys:
                if isinstance(key.format, str):
                    formats.is_valid(key.format, "text")

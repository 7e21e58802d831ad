# SPDX-License-Identifier: MIT
"""The API's own description, where a machine has it: a file that is not part of this project."""

import json
import os
import pathlib

from fake.endpoint import Endpoint, Endpoints, Shape, Value

BESIDE = pathlib.Path(__file__).resolve().parents[3].parent / "shared/reference/pve-api-schema.json"


def find():
    """Returns the path of the file that LXCRI_PVE_SCHEMA names or that lies beside the project, or None."""
    named = os.environ.get("LXCRI_PVE_SCHEMA")
    if named:
        return pathlib.Path(named)
    return BESIDE if BESIDE.is_file() else None


def load(path):
    """Returns the Endpoints that the file describes."""
    found = []
    nodes = json.loads(pathlib.Path(path).read_text())
    while nodes:
        node = nodes.pop()
        nodes += node.get("children", [])
        found += [endpoint(node["path"], method, info) for method, info in node.get("info", {}).items()]
    return Endpoints(found)


def endpoint(path, method, info):
    permissions = info.get("permissions") or {}
    return Endpoint(
        method, path,
        {name: value(described) for name, described in info["parameters"].get("properties", {}).items()},
        permissions.get("check"), permissions.get("user") == "world", shape(info.get("returns") or {"type": "null"}),
        token=bool(info.get("allowtoken")), proxied=info.get("proxyto") == "node")


def value(described):
    format_of = described.get("format")
    if isinstance(format_of, dict):
        format_of = {name: value(key) for name, key in format_of.items()}
    return Value(
        described.get("type", "string"), not described.get("optional"), tuple(described.get("enum") or ()),
        number(described.get("minimum")), number(described.get("maximum")), described.get("minLength"),
        described.get("maxLength"), described.get("pattern"), format_of, described.get("requires"),
        bool(described.get("default_key")))


def number(text):
    """A limit is a number, or a string of one."""
    return text if text is None or isinstance(text, (int, float)) else float(text)


def shape(described):
    properties = described.get("properties")
    kind = described.get("type") or ("object" if properties else "any")
    items = described.get("items")
    return Shape(kind, not described.get("optional"),
                 shape(items) if items else None,
                 {name: shape(part) for name, part in properties.items()} if properties else None)

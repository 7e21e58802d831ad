# SPDX-License-Identifier: MIT
"""What an endpoint takes and gives back: the form that the table and the server's own description share."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Value:
    """What one parameter, or one key of a property string, may be. A format is a name, or the keys of a
    property string."""

    type: str
    required: bool = False
    enum: tuple = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | dict | None = None
    requires: str | None = None
    default_key: bool = False

    def needed(self):
        return dataclasses.replace(self, required=True)

    def optional(self):
        return dataclasses.replace(self, required=False)


@dataclasses.dataclass(frozen=True)
class Shape:
    """What an answer, or a part of one, is. An object without properties may have any."""

    type: str
    required: bool = True
    items: "Shape | None" = None
    properties: dict | None = None


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One method of one path. The check is the privileges as the server's description writes them:
    ["perm", path, [privilege...], "any", 1], "and", "or"; None where the method looks for itself."""

    method: str
    path: str
    parameters: dict
    check: list | None
    world: bool
    returns: Shape
    token: bool = True
    proxied: bool = False

    @property
    def key(self):
        return self.method, self.path

    def matches(self, words):
        """Returns the parameters in a path's words, or None."""
        names = self.path.strip("/").split("/")
        if len(names) != len(words):
            # A volume's name has slashes.
            if names[-1] != "{volume}" or len(words) < len(names):
                return None
            words = [*words[:len(names) - 1], "/".join(words[len(names) - 1:])]
        found = {}
        for name, word in zip(names, words):
            if name.startswith("{"):
                found[name[1:-1]] = word
            elif name != word:
                return None
        return found

    def parameter(self, name):
        """Returns what a parameter may be; net[n] stands for net0 and so on."""
        if name in self.parameters:
            return self.parameters[name]
        numbered = re.fullmatch(r"([a-z]+)(0|[1-9]\d*)", name)
        return self.parameters.get(f"{numbered[1]}[n]") if numbered else None


class Endpoints:
    """All methods that a server knows."""

    def __init__(self, endpoints):
        self.by_key = {endpoint.key: endpoint for endpoint in endpoints}

    def __iter__(self):
        return iter(self.by_key.values())

    def find(self, method, words):
        """Returns the endpoint for a path's words and the parameters in it, or None. A path that is
        spelled out comes before one with a parameter at the same place."""
        found = []
        for endpoint in self:
            if endpoint.method == method:
                parameters = endpoint.matches(words)
                if parameters is not None:
                    found.append((endpoint.path.count("{"), endpoint, parameters))
        return min(found, key=lambda item: item[0])[1:] if found else None

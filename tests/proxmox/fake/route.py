# SPDX-License-Identifier: MIT
"""What answers each endpoint, and the call that it is given."""

from fake.access import ROOT
from fake.failure import Failure, denied

HANDLERS = {}


def answers(method, path):
    """Registers the function that answers an endpoint: it takes a Call and returns the data."""
    def register(function):
        HANDLERS[method, path] = function
        return function

    return register


class Total:
    """An answer that comes with a number besides."""

    def __init__(self, data, total):
        self.data = data
        self.total = total


class Call:
    """One request that passed all checks of form, with who asks and where."""

    def __init__(self, cluster, endpoint, user, parameters, upload=None):
        self.cluster = cluster
        self.endpoint = endpoint
        self.user = user
        self.parameters = parameters
        self.upload = upload  # the host's path of a file that came with the request

    def __getitem__(self, name):
        return self.parameters[name]

    def __contains__(self, name):
        return name in self.parameters

    def get(self, name, default=None):
        return self.parameters.get(name, default)

    @property
    def is_root(self):
        """A token of root has another name, and may not what only root may."""
        return self.user == ROOT

    @property
    def node(self):
        return self.parameters["node"]

    def has(self, path, *privileges, any_of=False):
        return self.cluster.access.has(self.user, path, privileges, any_of)

    def require(self, path, *privileges, any_of=False):
        if not self.has(path, *privileges, any_of=any_of):
            raise denied(path, *privileges)

    def require_root(self, what):
        if not self.is_root:
            raise Failure(403, f"Permission check failed ({what})")

    def guest(self):
        return self.cluster.get_guest(self.node, self["vmid"])

    def task(self, kind, identity, work):
        """Starts a task on the node and returns its UPID."""
        return self.cluster.tasks.start(self.node, kind, identity, self.user, work)


def check_permissions(cluster, endpoint, user, given):
    """Raises the failure of who may not use an endpoint. What is given was not checked yet, as it is there."""
    if endpoint.check and not passes(cluster, endpoint.check, user, given):
        raise refusal(endpoint.check, given)


def passes(cluster, check, user, given):
    kind, *rest = check
    if kind in ("and", "or"):
        return (all if kind == "and" else any)(passes(cluster, part, user, given) for part in rest)
    if kind == "perm":
        options = dict(zip(rest[2::2], rest[3::2]))
        if "require_param" in options and options["require_param"] not in given:
            return False
        return cluster.access.has(user, filled(rest[0], given), rest[1], bool(options.get("any")))
    if kind == "perm-modify":
        return cluster.access.has(user, filled(rest[0], given), ["Permissions.Modify"])
    if kind == "userid-param":
        return user.partition("!")[0] == given.get("userid") if rest[0] == "self" else \
            cluster.access.has(user, f"/access/realm/{given.get('userid', '').rpartition('@')[2]}", [rest[0]])
    if kind == "userid-group":
        return cluster.access.has(user, "/access/groups", rest[0], True)
    raise KeyError(f"there is no check {kind}")


def filled(template, given):
    for name, text in given.items():
        template = template.replace(f"{{{name}}}", str(text))
    return template


def refusal(check, given):
    """Names the first privilege that a check asks for."""
    kind, *rest = check
    if kind in ("and", "or"):
        return refusal(rest[0], given)
    if kind == "perm":
        return denied(filled(rest[0], given), *rest[1])
    return Failure(403, "Permission check failed")

# SPDX-License-Identifier: MIT
"""Tickets, tokens and permissions."""

import uuid

from fake.failure import Died, Failure
from fake.formats import split_list
from fake.route import answers

TOKEN = "/access/users/{userid}/token/{tokenid}"


@answers("POST", "/access/ticket")
def ticket(call):
    name = call["username"]
    if "realm" in call and "@" not in name:
        name = f"{name}@{call['realm']}"
    access = call.cluster.access
    user, issued, csrf = access.log_in(name, call["password"], call.get("tfa-challenge"))
    answer = {"username": user, "ticket": issued, "clustername": call.cluster.name, "CSRFPreventionToken": csrf}
    if ":!tfa!" in issued:
        answer["NeedTFA"] = 1
        return answer
    permissions = access.permissions(user)
    kinds = {"/": "dc", "/vms": "vms", "/nodes": "nodes", "/storage": "storage", "/access": "access", "/sdn": "sdn"}
    answer["cap"] = {kind: permissions.get(path, {}) for path, kind in kinds.items()}
    return answer


@answers("GET", "/access/permissions")
def permissions(call):
    name = call.get("userid", call.user)
    if name.partition("!")[0] != call.user:
        if name != call.user:
            call.require("/access", "Sys.Audit")
    user, _, token = name.partition("!")
    if user not in call.cluster.access.users or token and token not in call.cluster.access.users[user].tokens:
        raise Died(f"no such user ('{name}')")
    return call.cluster.access.permissions(name, call.get("path"))


@answers("GET", "/access/acl")
def acl(call):
    return [{"path": grant.path, "ugid": grant.ugid, "type": grant.type, "roleid": grant.role,
             "propagate": grant.propagate} for grant in call.cluster.access.grants
            if call.has(grant.path, "Permissions.Modify")]


@answers("PUT", "/access/acl")
def change_acl(call):
    access = call.cluster.access
    names = [*split_list(call.get("users", "")), *split_list(call.get("tokens", ""))]
    if not names:
        raise Failure(400, "Parameter verification failed.",
                      {"users": "either 'users', 'groups' or 'tokens' is required."})
    for role in split_list(call["roles"]):
        if role not in access.roles:
            raise Died(f"role '{role}' does not exist")
        for name in names:
            if call.get("delete"):
                access.revoke(call["path"], name, role)
                continue
            user, _, token = name.partition("!")
            if user not in access.users or token and token not in access.users[user].tokens:
                raise Died(f"user '{name}' does not exist")
            access.grant(call["path"], name, role, call.get("propagate", 1))


@answers("GET", "/access/roles")
def roles(call):
    return [{"roleid": name, "privs": ",".join(privileges)}
            for name, privileges in sorted(call.cluster.access.roles.items())]


@answers("POST", "/access/roles")
def add_role(call):
    access = call.cluster.access
    if call["roleid"] in access.roles:
        raise Died(f"role '{call['roleid']}' already exists")
    access.add_role(call["roleid"], split_list(call.get("privs", "")))


def get_user(call):
    user = call.cluster.access.users.get(call["userid"])
    if user is None:
        raise Died(f"no such user ('{call['userid']}')")
    return user


def get_token(call):
    token = get_user(call).tokens.get(call["tokenid"])
    if token is None:
        raise Died(f"no such token '{call['tokenid']}' for user '{call['userid']}'")
    return token


@answers("GET", "/access/users/{userid}/token")
def tokens(call):
    return [{"tokenid": name, **token.info()} for name, token in get_user(call).tokens.items()]


@answers("GET", TOKEN)
def token(call):
    return get_token(call).info()


@answers("POST", TOKEN)
def add_token(call):
    if call["tokenid"] in get_user(call).tokens:
        raise Failure(400, "Parameter verification failed.", {"tokenid": "Token already exists."})
    written = call.cluster.access.add_token(call["userid"], call["tokenid"], call.get("privsep", 1),
                                            call.get("comment", ""), call.get("expire", 0))
    return {"full-tokenid": f"{call['userid']}!{call['tokenid']}", "value": written.partition("=")[2],
            "info": get_token(call).info()}


@answers("PUT", TOKEN)
def change_token(call):
    found = get_token(call)
    for name in ("comment", "expire", "privsep"):
        if name in call:
            setattr(found, name, call[name])
    for name in split_list(call.get("delete", "")):
        setattr(found, name, "" if name == "comment" else 0)
    answer = found.info()
    if call.get("regenerate"):
        found.secret = str(uuid.uuid4())
        answer.update({"full-tokenid": f"{call['userid']}!{call['tokenid']}", "value": found.secret})
    return answer


@answers("DELETE", TOKEN)
def remove_token(call):
    get_token(call)
    del get_user(call).tokens[call["tokenid"]]

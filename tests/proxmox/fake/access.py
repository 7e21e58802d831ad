# SPDX-License-Identifier: MIT
"""Users, tokens, tickets, roles and what they may."""

import base64
import dataclasses
import re
import secrets
import time
import urllib.parse
import uuid

from fake.failure import Failure, Refused

ROOT = "root@pam"
TICKET_SECONDS = 7200
# The server's log says why; who asks is not told.
UNKNOWN = Refused(401, "Authentication failed!")

VM = ["VM.Allocate", "VM.Audit", "VM.Backup", "VM.Clone", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit",
      "VM.Config.Disk", "VM.Config.HWType", "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options",
      "VM.Console", "VM.GuestAgent.Audit", "VM.GuestAgent.FileRead", "VM.GuestAgent.FileSystemMgmt",
      "VM.GuestAgent.FileWrite", "VM.GuestAgent.Unrestricted", "VM.Migrate", "VM.PowerMgmt", "VM.Replicate",
      "VM.Snapshot", "VM.Snapshot.Rollback"]
DATASTORE = ["Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit"]
SYSTEM = ["Sys.AccessNetwork", "Sys.Audit", "Sys.Console", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt",
          "Sys.Syslog"]
OTHER = ["Group.Allocate", "Mapping.Audit", "Mapping.Modify", "Mapping.Use", "Permissions.Modify", "Pool.Allocate",
         "Pool.Audit", "Realm.Allocate", "Realm.AllocateUser", "SDN.Allocate", "SDN.Audit", "SDN.Use",
         "User.Modify"]
PRIVILEGES = sorted(VM + DATASTORE + SYSTEM + OTHER)
ROLES = {
    "Administrator": PRIVILEGES,
    "NoAccess": [],
    "PVEAuditor": ["Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit",
                   "VM.GuestAgent.Audit"],
    "PVEVMAdmin": VM,
    "PVEVMUser": ["VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console",
                  "VM.GuestAgent.Audit", "VM.PowerMgmt"],
    "PVEDatastoreAdmin": DATASTORE,
    "PVEDatastoreUser": ["Datastore.AllocateSpace", "Datastore.Audit"],
    "PVESDNUser": ["SDN.Audit", "SDN.Use"],
    "PVESDNAdmin": ["SDN.Allocate", "SDN.Audit", "SDN.Use"],
    "PVEPoolAdmin": ["Pool.Allocate", "Pool.Audit"],
}
# Places that a list of all permissions names even where nobody is given anything there.
COMMON_PATHS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@dataclasses.dataclass
class Token:
    """A user's second name, by which a program is known."""

    secret: str
    privsep: int = 1
    comment: str = ""
    expire: int = 0
    is_expired: bool = False

    def info(self):
        info = {"privsep": self.privsep, "expire": self.expire}
        if self.comment:
            info["comment"] = self.comment
        return info


@dataclasses.dataclass
class User:
    """Somebody with a password; with a one-time password where a second factor is due."""

    password: str
    tokens: dict = dataclasses.field(default_factory=dict)
    totp: str | None = None


@dataclasses.dataclass
class Grant:
    """One line of the access control list."""

    path: str
    ugid: str
    role: str
    propagate: int = 1

    @property
    def type(self):
        return "token" if "!" in self.ugid else "user"


class Access:
    """Who there is and what each may."""

    def __init__(self, pools_of):
        self.pools_of = pools_of  # path → the pools that what is there belongs to
        self.clock = time.time
        self.users = {}
        self.roles = {name: sorted(privileges) for name, privileges in ROLES.items()}
        self.grants = []
        self.tickets = {}
        self.csrf = {}

    # What a test arranges.

    def add_user(self, name, password="secret", totp=None):
        self.users[name] = User(password, totp=totp)

    def add_token(self, user, name, privsep=1, comment="", expire=0):
        """Returns the text of the Authorization header's value: USER@REALM!NAME=SECRET."""
        token = Token(str(uuid.uuid4()), privsep, comment, expire)
        self.users[user].tokens[name] = token
        return f"{user}!{name}={token.secret}"

    def grant(self, path, ugid, role, propagate=1):
        self.revoke(path, ugid, role)
        self.grants.append(Grant(path, ugid, role, propagate))

    def revoke(self, path, ugid, role):
        self.grants = [grant for grant in self.grants if (grant.path, grant.ugid, grant.role) != (path, ugid, role)]

    def add_role(self, name, privileges):
        self.roles[name] = sorted(privileges)

    def expire_tickets(self):
        for ticket in self.tickets:
            self.tickets[ticket] = -TICKET_SECONDS

    # Who is it?

    def log_in(self, username, password, challenge=None):
        """Returns (user, ticket, csrf); the ticket of who owes a second factor is a challenge."""
        user = self.users.get(username)
        if challenge:
            if self.user_of_ticket(challenge, pending=True) != username or not user or \
                    password != f"totp:{user.totp}":
                raise Failure(401, "authentication failure")
            return username, *self.issue(username)
        if user and self.tickets.get(password) is not None:
            if self.user_of_ticket(password) == username:
                return username, *self.issue(username)
        if not user or password != user.password:
            raise Failure(401, "authentication failure")
        if user.totp:
            return username, *self.issue(username, pending=True)
        return username, *self.issue(username)

    def issue(self, username, pending=False):
        name = f"!tfa!{urllib.parse.quote(username)}" if pending else username
        seal = base64.b64encode(secrets.token_bytes(64)).decode()
        ticket = f"PVE:{name}:{int(self.clock()):08X}::{seal}"
        self.tickets[ticket] = self.clock()
        csrf = f"{int(self.clock()):08X}:{base64.b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
        self.csrf[csrf] = username
        return ticket, csrf

    def user_of_ticket(self, ticket, pending=False):
        """Returns whose ticket it is, or None for one that does not count or is too old."""
        issued = self.tickets.get(ticket)
        if issued is None or self.clock() - issued > TICKET_SECONDS or (":!tfa!" in ticket) != pending:
            return None
        name = ticket.split(":")[1]
        return urllib.parse.unquote(name.removeprefix("!tfa!")) if pending else name

    def authenticate(self, headers, method):
        """Returns the name behind a request's headers: USER@REALM or USER@REALM!TOKEN."""
        authorization = headers.get("Authorization", "")
        cookie = re.search(r"(?:^|;\s*)PVEAuthCookie=([^;]*)", headers.get("Cookie", ""))
        if not cookie and authorization.startswith("PVEAPIToken"):
            return self.by_token(authorization)
        if not cookie:
            raise Refused(401, "No ticket")
        name = self.user_of_ticket(urllib.parse.unquote(cookie[1]))
        if not name or name not in self.users:
            raise UNKNOWN
        if method != "GET" and self.csrf.get(headers.get("CSRFPreventionToken")) != name:
            raise Refused(401, "Permission denied - invalid csrf token")
        return name

    def by_token(self, authorization):
        found = re.fullmatch(r"PVEAPIToken[= ]([^;]*)(?:;.*)?", authorization)
        words = re.fullmatch(r"([^!=\s]+)!([^=\s]+)=(.*)", urllib.parse.unquote(found[1])) if found else None
        user = self.users.get(words[1]) if words else None
        token = user.tokens.get(words[2]) if user else None
        is_old = token and (token.is_expired or token.expire and self.clock() > token.expire)
        if token is None or is_old or token.secret != words[3]:
            raise UNKNOWN
        return f"{words[1]}!{words[2]}"

    # What may he?

    def privileges(self, name, path):
        """Returns {privilege: propagate} of a user or token on a path."""
        if name == ROOT:
            return {privilege: 1 for privilege in PRIVILEGES}
        user, _, token = name.partition("!")
        if not token:
            return self.granted(name, path)
        if not self.users[user].tokens[token].privsep:
            return self.privileges(user, path)
        own, users = self.granted(name, path), self.privileges(user, path)
        return {privilege: own[privilege] and users[privilege] for privilege in own if privilege in users}

    def granted(self, ugid, path):
        """What the list gives on a path: the grants nearest to it count, and what a pool gives besides."""
        found = self.nearest(ugid, path)
        for pool in self.pools_of(path):
            found.update(self.nearest(ugid, f"/pool/{pool}"))
        return found

    def nearest(self, ugid, path):
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts), -1, -1):
            here = "/" + "/".join(parts[:depth])
            grants = [grant for grant in self.grants if grant.ugid == ugid and grant.path == here
                      and (grant.propagate or depth == len(parts))]
            if grants:
                return {privilege: grant.propagate for grant in grants if grant.role in self.roles
                        for privilege in self.roles[grant.role]}
        return {}

    def has(self, name, path, wanted, any_of=False):
        found = self.privileges(name, path)
        return (any if any_of else all)(privilege in found for privilege in wanted)

    def permissions(self, name, path=None):
        """Returns {path: {privilege: propagate}} of where somebody has anything."""
        if path is not None:
            return {path: self.privileges(name, path)}
        paths = {*COMMON_PATHS, *(grant.path for grant in self.grants)}
        found = {place: self.privileges(name, place) for place in sorted(paths)}
        return {place: privileges for place, privileges in found.items() if privileges}

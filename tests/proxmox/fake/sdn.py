# SPDX-License-Identifier: MIT
"""Zones, vnets and subnets: what runs, and what was written down since."""

import copy
import uuid

from fake.failure import Died

KINDS = ("zones", "vnets", "subnets")


class Sdn:
    """Software defined networks. Changes count once they are applied."""

    def __init__(self):
        self.running = {kind: {} for kind in KINDS}
        self.written = {kind: {} for kind in KINDS}
        self.addresses = []
        self.lock_token = None

    def check_token(self, token):
        if token != self.lock_token and (token or self.lock_token):
            raise Died("invalid lock-token provided" if token else "configuration is locked, please provide the "
                       "lock-token")

    def take_lock(self, may_have_pending):
        if self.lock_token:
            raise Died("configuration is already locked")
        if not may_have_pending and self.running != self.written:
            raise Died("configuration contains uncommitted changes")
        self.lock_token = str(uuid.uuid4())
        return self.lock_token

    def release(self):
        self.lock_token = None

    def add(self, kind, name, options):
        if name in self.written[kind]:
            raise Died(f"sdn {kind.rstrip('s')} object ID '{name}' already defined")
        self.written[kind][name] = options

    def get(self, kind, name):
        if name not in self.written[kind]:
            raise Died(f"sdn {kind.rstrip('s')} '{name}' does not exist")
        return self.written[kind][name]

    def remove(self, kind, name):
        self.get(kind, name)
        del self.written[kind][name]

    def apply(self):
        self.running = copy.deepcopy(self.written)

    def roll_back(self):
        self.written = copy.deepcopy(self.running)

    def state(self, kind, name):
        """Returns "new", "changed" or "deleted" for what is not applied yet, else None."""
        now, then = self.written[kind].get(name), self.running[kind].get(name)
        if now == then:
            return None
        return "new" if then is None else "deleted" if now is None else "changed"

    def listed(self, kind, is_pending=False, is_running=False):
        """Returns {name: options}; with is_pending those that wait are marked so."""
        if is_running:
            return copy.deepcopy(self.running[kind])
        if not is_pending:
            return copy.deepcopy(self.written[kind])
        found = {}
        for name in sorted({*self.written[kind], *self.running[kind]}):
            options = copy.deepcopy(self.running[kind].get(name) or self.written[kind][name])
            state = self.state(kind, name)
            if state:
                options["state"] = state
                options["pending"] = {key: value for key, value in self.written[kind].get(name, {}).items()
                                      if key != "type"}
            found[name] = options
        return found

# SPDX-License-Identifier: MIT
"""What goes wrong because a test wants it to. All of it can be called while the server runs."""

import dataclasses
import fnmatch
import threading
import time

from fake.failure import Failure, Refused
from fake.task import WorkerGone

REASONS = {
    401: "Authentication failed!",
    403: "Permission check failed",
    500: "got no worker upid - start worker failed",
    501: "Method not implemented",
    595: "Connection refused",
    596: "Broken pipe",
    599: "Too many redirections",
}
# What one node says of another: there is no body then.
PROXY_STATUS = 590


class Dropped(Exception):
    """The connection ends without an answer."""


@dataclasses.dataclass
class Rule:
    """What happens to the requests that match, so many times; times=None is always."""

    path: str
    method: str | None
    times: int | None
    delay: float = 0
    failure: Failure | None = None
    drop: str | None = None

    def matches(self, method, path, template):
        return self.times != 0 and self.method in (None, method) and (
            self.path == template or fnmatch.fnmatchcase(path, self.path))


@dataclasses.dataclass
class TaskRule:
    """What happens to the tasks of a type; "*" is every type."""

    kind: str
    times: int | None
    delay: float = 0
    error: str | None = None
    dies_after: int | None = None
    is_at_end: bool = False


class Mischief:
    """Rules for requests and tasks, and nodes that are gone."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        """Nothing goes wrong any more."""
        self.rules = []
        self.task_rules = []
        self.lost = {}
        self.nextid_races = 0
        self.is_refusing = False
        self.has_texts = False
        self.has_nulls = False
        self.locked_files = set()

    # What a test asks for.

    def fail(self, path, status=500, reason=None, method=None, times=1, errors=None):
        """Requests of a path end with a status. @path is a template ("/nodes/{node}/lxc") or a pattern with * for
        a path ("/nodes/pve1/lxc/100/*")."""
        kind = Refused if status >= PROXY_STATUS else Failure
        failure = kind(status, reason or REASONS.get(status, "failed"), errors)
        self.add(Rule(path, method, times, failure=failure))

    def delay(self, path, seconds, method=None, times=None):
        """Requests of a path are answered later."""
        self.add(Rule(path, method, times, delay=seconds))

    def drop(self, path, when="before", method=None, times=1):
        """The connection ends without an answer: "before" anything was done, "after" it was done, or in the
        "middle" of the answer."""
        self.add(Rule(path, method, times, drop=when))

    def refuse_connections(self, is_refusing=True):
        """Connections end before anything is said on them."""
        self.is_refusing = is_refusing

    def answer_with(self, texts=False, nulls=False):
        """Answers have numbers and booleans as texts, or null for what they may lack: both is allowed."""
        self.has_texts, self.has_nulls = texts, nulls

    def lose_node(self, node, status=595, reason=None):
        """Requests that the node has to answer itself fail while it is lost."""
        self.lost[node] = Refused(status, reason or REASONS[status])

    def find_node(self, node):
        self.lost.pop(node, None)

    def race_nextid(self, times=1):
        """The next create finds its id taken by somebody, so many times."""
        self.nextid_races = times

    def lock_file(self, vmid, is_locked=True):
        """The file lock of a container's configuration can't be had: another one has it."""
        (self.locked_files.add if is_locked else self.locked_files.discard)(int(vmid))

    def slow_tasks(self, seconds, kind="*", times=None):
        """Tasks take longer, by so much before they begin."""
        self.add_task(TaskRule(kind, times, delay=seconds))

    def fail_task(self, error, kind="*", times=1, is_at_end=False):
        """A task ends with an error, before it did anything or once all is done."""
        self.add_task(TaskRule(kind, times, error=error, is_at_end=is_at_end))

    def kill_task(self, kind="*", after_lines=0, times=1):
        """A task's worker dies when it has written so many lines: "unexpected status"."""
        self.add_task(TaskRule(kind, times, dies_after=after_lines))

    # What the server asks.

    def add(self, rule):
        with self.lock:
            self.rules.append(rule)

    def add_task(self, rule):
        with self.lock:
            self.task_rules.append(rule)

    def take(self, rules, is_wanted):
        """Returns the rules that apply, of which each is used up by one."""
        with self.lock:
            found = [rule for rule in rules if rule.times != 0 and is_wanted(rule)]
            for rule in found:
                if rule.times is not None:
                    rule.times -= 1
        return found

    def before_request(self, method, path, template):
        """Waits, fails or drops as was asked for; returns how the answer is to be dropped, or None."""
        later = None
        for rule in self.take(self.rules, lambda rule: rule.matches(method, path, template)):
            time.sleep(rule.delay)
            if rule.failure:
                raise rule.failure
            if rule.drop == "before":
                raise Dropped
            later = rule.drop or later
        return later

    def before_task(self, task):
        for rule in self.take(self.task_rules, lambda rule: rule.kind in ("*", task.kind) and not rule.is_at_end):
            end = time.monotonic() + rule.delay
            while time.monotonic() < end:
                task.checkpoint()
                time.sleep(min(0.02, max(0, end - time.monotonic())))
            if rule.error:
                raise Failure(500, rule.error)
            if rule.dies_after is not None:
                task.log = dying_log(task, rule.dies_after)

    def after_task(self, task):
        for rule in self.take(self.task_rules, lambda rule: rule.kind in ("*", task.kind) and rule.is_at_end):
            raise Failure(500, rule.error)

    def takes_id(self):
        """Says whether somebody takes the id of this create."""
        with self.lock:
            is_taken = self.nextid_races > 0
            self.nextid_races -= is_taken
        return is_taken


def dying_log(task, after_lines):
    """Returns what the task calls to log, which dies with that line."""
    def log(line):
        if len(task.lines) >= after_lines:
            raise WorkerGone
        task.checkpoint()
        task.lines.append(line)

    return log

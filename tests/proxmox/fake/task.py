# SPDX-License-Identifier: MIT
"""Tasks: work that goes on after its request was answered."""

import itertools
import threading
import time

from fake.failure import Failure


class Aborted(Exception):
    """Somebody stopped the task."""


class WorkerGone(Exception):
    """The worker is gone without a word."""


class Task:
    """One piece of work with its log. It runs in a thread of its own."""

    def __init__(self, upid, node, kind, guest, user, numbers):
        self.upid = upid
        self.node = node
        self.kind = kind
        self.guest = guest
        self.user = user
        self.pid, self.pstart, self.start_time = numbers
        self.lines = []
        self.warnings = 0
        self.exit_status = None
        self.end_time = None
        self.is_aborted = False
        self.over = threading.Event()

    def log(self, line):
        """Adds a line; a task that was stopped ends here."""
        self.checkpoint()
        self.lines.append(line)

    def warn(self, line):
        self.warnings += 1
        self.log(f"WARN: {line}")

    def checkpoint(self):
        if self.is_aborted:
            raise Aborted

    def abort(self):
        self.is_aborted = True

    def end(self, status, line=None):
        """Ends the task. A worker that died has not written a last line."""
        if line is not None:
            self.lines.append(line)
        self.end_time = int(time.time())
        self.exit_status = status
        self.over.set()

    @property
    def is_running(self):
        return not self.over.is_set()

    def status(self):
        found = self.head()
        found.update(type=self.kind, pid=self.pid, pstart=self.pstart, status="stopped")
        if self.is_running:
            found["status"] = "running"
        else:
            found["exitstatus"] = self.exit_status
        return found

    def entry(self):
        """As a list of tasks has it."""
        found = self.head()
        found.update(type=self.kind, pid=self.pid, pstart=self.pstart)
        if not self.is_running:
            found.update(endtime=self.end_time, status=self.exit_status)
        return found

    def head(self):
        return {"upid": self.upid, "node": self.node, "id": self.guest, "user": self.user,
                "starttime": self.start_time}


class Tasks:
    """All tasks of all nodes, the newest last."""

    def __init__(self, mischief):
        self.mischief = mischief
        self.by_upid = {}
        self.pids = itertools.count(0x1000)
        self.lock = threading.Lock()

    def start(self, node, kind, guest, user, work):
        """Runs work(task) behind the request's back and returns the UPID."""
        with self.lock:
            numbers = next(self.pids), int(time.monotonic() * 100), int(time.time())
            upid = "UPID:{}:{:08X}:{:08X}:{:08X}:{}:{}:{}:".format(node, *numbers, kind, guest, user)
            task = Task(upid, node, kind, str(guest), user, numbers)
            self.by_upid[upid] = task
        threading.Thread(target=self.run, args=(task, work), name=f"task {kind} {guest}", daemon=True).start()
        return upid

    def run(self, task, work):
        try:
            self.mischief.before_task(task)
            work(task)
            self.mischief.after_task(task)
        except Aborted:
            task.end("interrupted by signal", "TASK ERROR: interrupted by signal")
        except WorkerGone:
            task.end("unexpected status")
        except Failure as failure:
            task.end(failure.text, f"TASK ERROR: {failure.text}")
        except Exception as error:  # a fault of the fake is seen in the task, as one of the server would be
            task.end(f"{type(error).__name__}: {error}", f"TASK ERROR: {type(error).__name__}: {error}")
            raise
        else:
            if task.warnings:
                task.end(f"WARNINGS: {task.warnings}", f"TASK WARNINGS: {task.warnings}")
            else:
                task.end("OK", "TASK OK")

    def get(self, node, upid):
        task = self.by_upid.get(upid)
        if task is None or task.node != node:
            raise Failure(500, f"unable to parse worker upid '{upid}'" if not upid.startswith("UPID:")
                          else "no such task")
        return task

    def all(self):
        return list(self.by_upid.values())

    def running(self, kind, guest):
        """Returns the tasks of a kind that are at work on a container."""
        return [task for task in self.all() if task.is_running and (task.kind, task.guest) == (kind, str(guest))]

    def settle(self, seconds=30):
        """Waits until nothing runs any more; returns what still does."""
        deadline = time.monotonic() + seconds
        for task in self.all():
            task.over.wait(max(0, deadline - time.monotonic()))
        return [task for task in self.all() if task.is_running]

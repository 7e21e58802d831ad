# SPDX-License-Identifier: MIT
"""Tasks and their logs."""

from fake.failure import denied
from fake.formats import split_list
from fake.route import Total, answers

TASK = "/nodes/{node}/tasks/{upid}"


def is_own(call, task):
    return task.user == call.user or task.user.partition("!")[0] == call.user.partition("!")[0]


def get(call, privilege="Sys.Audit"):
    task = call.cluster.tasks.get(call.node, call["upid"])
    if not is_own(call, task) and not call.has(f"/nodes/{call.node}", privilege):
        raise denied(f"/nodes/{call.node}", privilege)
    return task


@answers("GET", "/nodes/{node}/tasks")
def listed(call):
    source = call.get("source", "archive")
    may_see_all = call.has(f"/nodes/{call.node}", "Sys.Audit")
    found = []
    for task in reversed(call.cluster.tasks.all()):
        if task.node != call.node or not may_see_all and not is_own(call, task):
            continue
        if source == "archive" and task.is_running or source == "active" and not task.is_running:
            continue
        if matches(call, task):
            found.append(task.entry())
    start = call.get("start", 0)
    return Total(found[start:start + call.get("limit", 50)], len(found))


def matches(call, task):
    kinds = split_list(call.get("statusfilter", ""))
    if kinds and kind_of(task) not in kinds:
        return False
    return all((
        "vmid" not in call or task.guest == str(call["vmid"]),
        "typefilter" not in call or task.kind == call["typefilter"],
        call.get("userfilter", "") in task.user,
        not call.get("errors") or kind_of(task) not in ("ok", "warning"),
        task.start_time >= call.get("since", 0),
        "until" not in call or task.start_time <= call["until"],
    ))


def kind_of(task):
    """Returns how a task ended, in the words of the filter."""
    if task.is_running or task.exit_status == "unexpected status":
        return "unknown"
    if task.exit_status.startswith("WARNINGS: "):
        return "warning"
    return "ok" if task.exit_status == "OK" else "error"


@answers("GET", TASK + "/status")
def status(call):
    return get(call).status()


@answers("GET", TASK + "/log")
def log(call):
    lines = list(get(call).lines)
    start, limit = call.get("start", 0), call.get("limit", 50)
    shown = lines[start:start + limit] if limit else lines[start:]
    return Total([{"n": start + number, "t": line} for number, line in enumerate(shown, 1)]
                 or [{"n": 1, "t": "no content"}], len(lines))


@answers("DELETE", TASK)
def stop(call):
    get(call, "Sys.Modify").abort()

# SPDX-License-Identifier: MIT
"""Hooks: when, where and with what they run."""

import json
import os

import pytest

from engine import await_that

# Prints what a hook gets into a file of its name.
HOOK = """#!/bin/busybox sh
exec > "{out}.$1" 2>&1
for a in "$0" "$@"; do echo "arg $a"; done
/bin/busybox tr '\\0' '\\n' < /proc/$$/environ | /bin/busybox sed 's/^/env /'
for n in mnt pid net; do echo "ns $n $(/bin/busybox readlink /proc/self/ns/$n)"; done
echo "state $(/bin/busybox cat)"
{more}
"""


class Hooks:
    """Hooks that leave a report each."""

    def __init__(self, work):
        self.work = work
        self.script = work / "hook"
        self.write()

    def write(self, more=""):
        self.script.write_text(HOOK.format(out=self.work / "report", more=more))
        self.script.chmod(0o755)

    def entry(self, name, **more):
        return {"path": str(self.script), "args": ["given-name", name, "second arg"],
                "env": ["HOOK_ENV=a b"], **more}

    def exists(self, name):
        return (self.work / f"report.{name}").exists()

    def report(self, name):
        report = {"arg": [], "env": [], "ns": {}}
        for line in (self.work / f"report.{name}").read_text().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "state":
                report["state"] = json.loads(rest)
            elif kind == "ns":
                report["ns"].update([rest.split(" ")])
            else:
                report[kind].append(rest)
        return report


@pytest.fixture
def hooks(work):
    return Hooks(work)


HOST_HOOKS = ["prestart", "createRuntime", "poststart", "poststop"]
# Between these two commands: what is left of a container goes when it stops, or when it is deleted.
WHEN = {"prestart": ("create", "create"), "createRuntime": ("create", "create"),
        "poststart": ("start", "start"), "poststop": ("kill", "delete")}


@pytest.mark.parametrize("name", WHEN)
def test_a_hook_runs_at_its_time(engine, make_bundle, hooks, name):
    bundle = make_bundle("sleep", "1000")
    bundle.spec["hooks"] = {name: [hooks.entry(name)]}
    bundle.save()
    id = engine.id()
    steps = {"create": ["create", "--bundle", bundle.path], "start": ["start"],
             "kill": ["kill"], "delete": ["delete"]}
    first, last = map(list(steps).index, WHEN[name])
    for number, (step, words) in enumerate(steps.items()):
        engine(*words, id, *(["KILL"] if step == "kill" else [])).ok()
        if step == "kill":
            engine.await_status(id, "stopped")
        if number < first or number >= last:
            assert hooks.exists(name) == (number >= last), f"{name} after {step}"


@pytest.mark.parametrize("name", HOST_HOOKS)
def test_a_hook_of_the_runtime_gets_arguments_environment_and_state(engine, make_bundle, hooks, name):
    bundle = make_bundle("sleep", "0.1")
    bundle.spec["hooks"] = {name: [hooks.entry(name)]}
    bundle.spec["annotations"] = {"key": "value"}
    bundle.save()
    id = engine.id()
    engine("run", "--bundle", bundle.path, id).ok()
    report = hooks.report(name)
    # A script's own name is its path, whatever the first argument is.
    assert report["arg"] == [str(hooks.script), name, "second arg"]
    assert report["env"] == ["HOOK_ENV=a b"]
    state = report["state"]
    assert state["id"] == id and state["bundle"] == str(bundle.path)
    assert state["ociVersion"].startswith("1.")
    status = {"prestart": ("creating", "created"), "createRuntime": ("creating", "created"),
              "poststart": ("running",), "poststop": ("stopped",)}[name]
    assert state["status"] in status
    if name != "poststop":
        assert state["pid"] > 0
    assert report["ns"]["net"] == os.readlink("/proc/self/ns/net")
    assert report["ns"]["pid"] == os.readlink("/proc/self/ns/pid")


def test_the_state_s_pid_is_the_container_s(engine, make_bundle, hooks):
    bundle = make_bundle("sleep", "1000")
    bundle.spec["hooks"] = {"createRuntime": [hooks.entry("createRuntime")]}
    bundle.save()
    id = engine.id()
    engine("create", "--bundle", bundle.path, id).ok()
    assert hooks.report("createRuntime")["state"]["pid"] == engine.pid(id)


@pytest.mark.vm
def test_a_create_container_hook_runs_in_the_container_s_mount_namespace(engine, make_bundle, work):
    """What it mounts is not seen outside; it still finds the host's files."""
    bundle = make_bundle("sleep", "1000")
    (work / "probe").mkdir()
    script = f"mount -t tmpfs none {work}/probe && stat -f -c %T {work}/probe > {work}/report"
    bundle.spec["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    bundle.save()
    engine("create", "--bundle", bundle.path, engine.id()).ok()
    assert (work / "report").read_text() == "tmpfs\n"
    assert not (work / "probe").is_mount()


def test_a_start_container_hook_runs_inside_after_start(engine, make_bundle):
    bundle = make_bundle("sh", "-c", "echo process >> /order; sleep 1000")
    (bundle.rootfs / "hook").write_text("#!/bin/sh\necho \"$0 $* $X\" >> /order\n")
    (bundle.rootfs / "hook").chmod(0o755)
    bundle.spec["hooks"] = {"startContainer": [
        {"path": "/hook", "args": ["/hook", "one", "two"], "env": ["X=y"]}]}
    bundle.save()
    id = engine.id()
    order = bundle.rootfs / "order"
    engine("create", "--bundle", bundle.path, id).ok()
    assert not order.exists()
    engine("start", id).ok()
    await_that(lambda: order.exists() and len(order.read_text().splitlines()) == 2, "both ran")
    assert order.read_text() == "/hook one two y\nprocess\n"


def test_hooks_of_a_kind_run_in_order(engine, make_bundle, work):
    bundle = make_bundle("true")
    out = work / "order"
    bundle.spec["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["sh", "-c", f"echo {n} >> {out}"]} for n in range(4)]}
    bundle.save()
    engine("run", "--bundle", bundle.path, engine.id()).ok()
    assert out.read_text().split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("name", ["prestart", "createRuntime", "createContainer"])
def test_a_failing_hook_undoes_the_create(engine, make_bundle, name):
    bundle = make_bundle("touch", "/ran")
    bundle.spec["hooks"] = {name: [{"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]}]}
    bundle.save()
    id = engine.id()
    engine("create", "--bundle", bundle.path, id).fails("ContainerCreateFailed")
    engine("state", id).fails("ContainerNotFound")
    assert not (bundle.rootfs / "ran").exists()


@pytest.mark.parametrize("name", ["poststart", "poststop"])
def test_a_failing_late_hook_does_not_stop_the_rest(engine, make_bundle, work, name):
    bundle = make_bundle("true")
    bundle.spec["hooks"] = {name: [
        {"path": "/bin/sh", "args": ["sh", "-c", "exit 3"]},
        {"path": "/bin/sh", "args": ["sh", "-c", f"touch {work}/second"]}]}
    bundle.save()
    engine("run", "--bundle", bundle.path, engine.id())
    assert engine.list() == []


def test_a_hook_that_takes_too_long_is_ended(engine, make_bundle):
    bundle = make_bundle("true")
    bundle.spec["hooks"] = {"createRuntime": [
        {"path": "/bin/sleep", "args": ["sleep", "30"], "timeout": 1}]}
    bundle.save()
    result = engine("run", "--bundle", bundle.path, engine.id(), timeout=10).exits(1)
    assert result.error in ("ContainerCreateFailed", "Timeout") and engine.list() == [], result

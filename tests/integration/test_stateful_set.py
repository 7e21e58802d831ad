# SPDX-License-Identifier: MIT
"""StatefulSets: how their pods are replaced and made, and what becomes of what they claimed."""

import pytest

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, begin, container, inspect, pods, remove, replicas

pytestmark = pytest.mark.service


def wanted(box, text, count=3, claims=(), **fields):
    """A set whose pods say @text."""
    mounts = [{"name": claim, "mountPath": f"/{claim}"} for claim in claims]
    made = replicas("StatefulSet", "db", count, container(box, script=f"echo {text}; exec sleep 1000", volumeMounts=mounts),
                    claims=claims)
    made["spec"].update(fields)
    return made


def rolling(partition):
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}}


def say(engine, *words):
    """Waits until the pods say that, by ordinal, and are no more and no fewer."""
    def said():
        return [(engine("logs", id).lines or [""])[-1] for id in sorted(pods(engine))]
    await_that(lambda: said() == list(words), words, 60)


def volumes(engine):
    return sorted(row["name"] for row in engine("volume", "list", "--format", "json").ok().json())


def test_those_below_the_partition_stay_as_they_were(one, box):
    apply(one, wanted(box, "one")).ok()
    apply(one, wanted(box, "two", **rolling(2))).ok()
    say(one, "one", "one", "two")
    assert "3 of 3" in one("rollout", "status", "sts", "db").ok().out
    # Who is removed comes back as who it was, also when more are wanted, or others are applied.
    one("pod", "delete", "--force", "db-0").ok()
    one("pod", "delete", "--force", "db-1").ok()
    apply(one, wanted(box, "two", count=4, **rolling(2))).ok()
    say(one, "one", "one", "two", "two")
    apply(one, wanted(box, "three", count=4, **rolling(3))).ok()
    one("pod", "delete", "--force", "db-2").ok()
    apply(one, wanted(box, "three", count=4, **rolling(3))).ok()
    say(one, "one", "one", "one", "three")
    apply(one, wanted(box, "three", count=4, **rolling(0))).ok()
    say(one, *["three"] * 4)


def test_on_delete_waits_for_the_user(one, box):
    fields = {"updateStrategy": {"type": "OnDelete"}}
    apply(one, wanted(box, "one", count=2, **fields)).ok()
    apply(one, wanted(box, "two", count=2, **fields)).ok()
    say(one, "one", "one")
    one("pod", "delete", "--force", "db-0").ok()
    say(one, "two", "one")  # it is made again
    one("rollout", "status", "sts", "db", "--timeout", "0").fails("UnsupportedOperation", "OnDelete")
    apply(one, wanted(box, "two", updateStrategy={"type": "Now"})).fails("InvalidManifest", "OnDelete")
    apply(one, wanted(box, "two", podManagementPolicy="Any")).fails("InvalidManifest", "podManagementPolicy")


def test_all_at_once_waits_for_none_before_all_are_there(one, box):
    ready = {"exec": {"command": ["test", "-e", "/go"]}, "periodSeconds": 1, "timeoutSeconds": 20}
    made = replicas("StatefulSet", "db", 2, container(box, readinessProbe=ready))
    made["spec"]["podManagementPolicy"] = "Parallel"
    child = begin(one, made)
    await_that(lambda: [row["status"] for row in pods(one).values()] == ["Running"] * 2, "both are there", 60)
    assert [row["ready"] for row in pods(one).values()] == [0, 0] and child.poll() is None
    for id in pods(one):
        one("exec", f"{id}.app", "touch", "/go").ok()
    assert child.wait(timeout=60) == 0


def test_what_was_claimed_goes_as_the_set_says(one, box):
    def policy(deleted, scaled):
        return {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled}}

    apply(one, wanted(box, "one", claims=["data"], **policy("Retain", "Delete"))).ok()
    assert volumes(one) == ["data-db-0", "data-db-1", "data-db-2"]
    one("volume", "create", "data-db-9x").ok()
    one("scale", "sts", "db", "--replicas", "1").ok()
    assert volumes(one) == ["data-db-0", "data-db-9x"]
    remove(one, wanted(box, "one")).ok()
    assert volumes(one) == ["data-db-0", "data-db-9x"]
    apply(one, wanted(box, "one", count=2, claims=["data"], **policy("Delete", "Retain"))).ok()
    one("scale", "sts", "db", "--replicas", "1").ok()
    assert volumes(one) == ["data-db-0", "data-db-1", "data-db-9x"] and inspect(one, "db-0")["status"] == "Running"
    remove(one, wanted(box, "one")).ok()
    assert volumes(one) == ["data-db-9x"]
    apply(one, wanted(box, "one", **policy("Keep", "Delete"))).fails("InvalidManifest", "whenDeleted")


def test_what_is_claimed_outlives_a_prune_without_any_pod(one, box):
    """A set that was scaled to none, a claim by itself, and what the pods of a deployment would mount."""
    def mounting(name, claim):
        return replicas("Deployment", name, 0, container(box), volumes=[
            {"name": "v", "persistentVolumeClaim": {"claimName": claim}}])

    own = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "own"}, "spec": {}}
    apply(one, wanted(box, "one", count=1, claims=["data"]), own, mounting("web", "shared")).ok()
    one("exec", "db-0.app", "sh", "-c", "echo mine > /data/file").ok()
    one("scale", "sts", "db", "--replicas", "0").ok()
    for name in ("own", "shared", "loose", "data-db-x"):
        one("volume", "create", name).ok()
    claimed = ["data-db-0", "own", "shared"]
    objects = one("system", "df", "--verbose", "--format", "json").ok().json()["objects"]
    free = {row["name"] for row in objects if row["type"] == "volumes" and row["reclaimable"]}
    assert free == {"loose", "data-db-x"}
    dry = one("volume", "prune", "--all", "--dry-run", "--format", "json").ok().json()
    assert {row["name"] for row in dry["removed"]} == free
    one("volume", "prune", "--all", "--force").ok()
    assert volumes(one) == claimed
    one("system", "prune", "--volumes", "--force").ok()
    assert volumes(one) == claimed
    one("scale", "sts", "db", "--replicas", "1").ok()
    assert one("exec", "db-0.app", "cat", "/data/file").ok().out == "mine\n"
    remove(one, wanted(box, "one"), own, mounting("web", "shared")).ok()
    one("volume", "prune", "--all", "--force").ok()
    assert volumes(one) == []

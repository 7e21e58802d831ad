# SPDX-License-Identifier: MIT
"""Manifests as tests write them, and what is seen of pods."""

import json
import os
import subprocess

from nets import *  # noqa: F401,F403

NAMESPACES = ("net", "ipc", "uts")


def container(box, name="app", script="exec sleep 1000", **fields):
    """A container of a pod that runs a script."""
    return {"name": name, "image": box, "command": ["sh", "-c", script], **fields}


def pod_spec(*containers, **fields):
    return {"terminationGracePeriodSeconds": 0, "containers": list(containers), **fields}


def pod(name, *containers, labels=None, namespace=None, **fields):
    meta = {"name": name, **({"labels": labels} if labels else {}),
            **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod_spec(*containers, **fields)}


def replicas(kind, name, count, *containers, claims=(), **fields):
    labels = {"app": name}
    spec = {"replicas": count, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(*containers, **fields)}}
    if claims:
        spec["volumeClaimTemplates"] = [{"metadata": {"name": claim}, "spec": {}} for claim in claims]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def data(kind, name, **values):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name},
            ("stringData" if kind == "Secret" else "data"): values}


def stream(*objects):
    """The documents as bytes for standard input."""
    return "\n---\n".join(json.dumps(each) for each in objects).encode()


def apply(engine, *objects, flags=(), **options):
    return engine("apply", *flags, "-f", "-", input=stream(*objects), **options)


def remove(engine, *objects):
    return engine("delete", "-f", "-", input=stream(*objects))


def begin(engine, *objects):
    """An apply that goes on beside the test."""
    child = engine.open("apply", "-f", "-", stdin=subprocess.PIPE)
    child.stdin.write(stream(*objects))
    child.stdin.close()
    return child


def pods(engine):
    """What `pod list` tells, by id."""
    return {row["id"]: row for row in engine("pod", "list", "--format", "json").ok().json()}


def inspect(engine, id):
    return engine("pod", "inspect", id).ok().json()[0]


def places(engine, id):
    """What a pod has in its networks, by name."""
    return {entry["network"]: entry for entry in inspect(engine, id)["networks"]}


def namespaces(engine, id):
    """The namespaces of a container's first process, by kind."""
    pid = engine.pid(id)
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in (*NAMESPACES, "pid", "mnt")}

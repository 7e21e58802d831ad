# SPDX-License-Identifier: MIT
"""Manifests of Kubernetes: what they say becomes true, all of it or nothing."""

import json
import subprocess
import time

import pytest

from engine import await_that
from pods import *  # noqa: F401,F403
from pods import apply, container, data, inspect, places, pod, pods, replicas, stream


def test_config_maps_and_secrets_become_files_and_variables(lx, box):
    mounts = [{"name": "conf", "mountPath": "/conf"}, {"name": "keys", "mountPath": "/keys"},
              {"name": "conf", "mountPath": "/etc/one", "subPath": "one"}]
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "one"}}},
           {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}},
           {"name": "C", "value": "$(A)-$(B)-$$(A)-$(NONE)"},
           {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
           {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "x", "optional": True}}}]
    apply(lx, data("ConfigMap", "conf", one="1\n", two="2"), data("Secret", "keys", k="secret"),
          pod("web", container(box, env=env, envFrom=[{"prefix": "P_", "configMapRef": {"name": "conf"}}],
                               volumeMounts=mounts),
              labels={"app": "shop"},
              volumes=[{"name": "conf", "configMap": {"name": "conf"}},
                       {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}}])).ok()
    said = lx("exec", "web.app", "sh", "-c",
              'echo "$A,$B,$C,$N,$M,$P_two"; cat /conf/two /keys/k /etc/one; ls -l /keys/k | cut -c1-10;'
              'touch /conf/x 2>/dev/null || echo read-only').ok()
    assert said.out == "1\n,secret,1\n-secret-$(A)-$(NONE),shop,,2\n2secret1\n-r--------\nread-only\n"


def test_limits_users_and_ports_are_as_the_manifest_says(one, box, world):
    apply(one, pod("web", container(box, script="httpd -p 8000 -h / ; exec sleep 1000",
                                    ports=[{"containerPort": 8000, "hostPort": 18080}],
                                    resources={"limits": {"cpu": "500m", "memory": "64Mi"},
                                               "requests": {"cpu": "100m"}},
                                    securityContext={"runAsUser": 1000, "runAsGroup": 1000,
                                                     "readOnlyRootFilesystem": True}))).ok()
    spec = one("inspect", "web.app").ok().json()["spec"]
    if isinstance(spec, str):
        spec = json.loads(spec)
    assert spec["linux"]["resources"]["memory"]["limit"] == 64 << 20
    assert spec["linux"]["resources"]["cpu"]["quota"] == 50000
    assert spec["process"]["user"]["uid"] == 1000 and spec["root"]["readonly"]
    await_that(lambda: world.lan.reads("192.0.2.1", 18080), "the port is reached from the LAN")


def test_pods_of_a_namespace_find_each_other_and_nobody_else(one, box):
    server = container(box, script="httpd -p 80 -h /; exec sleep 1000")
    apply(one, pod("db", server, namespace="shop"), pod("web", container(box), namespace="shop"),
          pod("web", container(box))).ok()
    assert set(pods(one)) == {"shop_db", "shop_web", "web"}
    place = places(one, "shop_db")["shop"]
    script = "nc -w 1 $0 80 </dev/null"
    assert one("exec", "shop_web.app", "sh", "-c", script, place["ip4"]).code == 0
    assert one("exec", "web.app", "sh", "-c", script, place["ip4"]).code != 0
    assert "db" in place["aliases"]
    one("delete", "-f", "-", input=stream(pod("db", container(box), namespace="shop"))).ok()
    assert set(pods(one)) == {"shop_web", "web"}


@pytest.mark.parametrize("flag", [(), ("--dry-run",)])
def test_apply_says_what_it_did(one, box, flag):
    first = apply(one, data("ConfigMap", "conf", a="1"), pod("web", container(box)), flags=flag).ok()
    mark = " (dry run)" if flag else ""
    assert first.lines == [f"ConfigMap/conf created{mark}", f"Pod/web created{mark}"]
    assert bool(pods(one)) == (not flag)
    again = apply(one, data("ConfigMap", "conf", a="2"), pod("web", container(box)), flags=flag).ok()
    assert again.lines == first.lines if flag else \
        again.lines == ["ConfigMap/conf configured", "Pod/web unchanged"]


def test_files_directories_and_json_are_read(one, box, work):
    directory = work / "manifests"
    directory.mkdir()
    (directory / "a.yaml").write_bytes(stream(data("ConfigMap", "a", k="v")))
    (directory / "b.json").write_bytes(stream(pod("web", container(box))))
    (directory / "c.txt").write_text("no manifest")
    assert one("apply", "-f", directory).ok().lines == ["ConfigMap/a created", "Pod/web created"]
    one("apply", "-f", directory / "a.yaml", "-f", directory / "a.yaml").fails("InvalidManifest", "another file")
    one("apply", "-f", work / "none.yaml").fails("PathNotFound", "none.yaml")
    assert one("get", "all", "-o", "name").ok().lines == ["ConfigMap/a", "Pod/web"]
    kept = one("get", "pod", "web", "-o", "yaml").ok().out
    assert "image: oci:" in kept
    one("delete", "-f", directory / "b.json").ok()
    one("get", "pod", "web").fails("ObjectNotFound", "web")
    assert one("get", "pods", "-o", "name").ok().lines == []


def test_prune_removes_what_is_named_no_more(one, box):
    apply(one, data("ConfigMap", "old", k="v"), pod("old", container(box)), pod("web", container(box))).ok()
    done = apply(one, pod("web", container(box)), flags=["--prune"]).ok()
    assert done.lines == ["Pod/web unchanged", "Pod/old deleted", "ConfigMap/old deleted"]
    assert set(pods(one)) == {"web"}


def test_another_manifest_replaces_the_pod(lx, box):
    apply(lx, pod("web", container(box, script="echo one; exec sleep 1000"))).ok()
    place = places(lx, "web")["default"]
    apply(lx, pod("web", container(box, script="echo two; exec sleep 1000"))).ok()
    await_that(lambda: lx("logs", "web.app").ok().lines == ["two"], "the new one runs")
    assert places(lx, "web")["default"]["mac"] == place["mac"]


def test_an_apply_that_fails_leaves_all_as_it_was(one, box, world):
    apply(one, data("ConfigMap", "conf", k="old"), pod("a", container(box, script="echo old; exec sleep 1000"))).ok()
    before = one("get", "all", "-o", "json").ok().out
    failed = apply(one, data("ConfigMap", "conf", k="new"), data("ConfigMap", "more", k="v"),
                   pod("a", container(box, script="echo new; exec sleep 1000")),
                   pod("b", container(box), namespace="other"),
                   pod("c", container("oci:/nowhere")))
    failed.fails("ImageNotFound", ": Pod c:", "/nowhere")
    assert one("get", "all", "-o", "json").ok().out == before
    assert set(pods(one)) == {"a"}
    await_that(lambda: one("logs", "a.app").ok().lines == ["old"], "the old one runs")
    assert "other" not in one("network", "list", "--quiet").lines


def test_a_deployment_has_its_replicas(lx, box):
    apply(lx, replicas("Deployment", "web", 2, container(box))).ok()
    first = pods(lx)
    assert len(first) == 2 and {row["status"] for row in first.values()} == {"Running"}
    assert {row["owner"] for row in first.values()} == {"Deployment/default/web"}
    lx("scale", "deployment", "web", "--replicas", "3").ok()
    assert set(first) < set(pods(lx)) and len(pods(lx)) == 3
    lx("scale", "deploy", "web", "--replicas", "1").ok()
    assert len(pods(lx)) == 1 and set(pods(lx)) < set(first)
    apply(lx, replicas("Deployment", "web", 2, container(box, script="echo new; exec sleep 1000"))).ok()
    second = pods(lx)
    assert len(second) == 2 and not set(second) & set(first)
    assert lx("get", "deploy", "web").ok().lines[1].split()[:4] == ["Deployment", "default", "web", "2/2"]
    lx("scale", "deployment", "none", "--replicas", "1").fails("ObjectNotFound", "none")


def test_a_stateful_set_keeps_who_its_pods_are(lx, box):
    def wanted(count, script="hostname > /data/who; exec sleep 1000"):
        return replicas("StatefulSet", "db", count,
                        container(box, script=script, volumeMounts=[{"name": "data", "mountPath": "/data"}]),
                        claims=["data"])

    apply(lx, wanted(3)).ok()
    assert set(pods(lx)) == {"db-0", "db-1", "db-2"}
    before = {id: places(lx, id)["default"] for id in pods(lx)}
    for id in before:
        await_that(lambda id=id: lx("exec", f"{id}.app", "cat", "/data/who").out == f"{id}\n", "the volume")
    lx("scale", "sts", "db", "--replicas", "1").ok()
    assert set(pods(lx)) == {"db-0"}
    # Nobody else gets what is theirs.
    lx("pod", "create", "other").ok()
    taken = {place[key] for place in before.values() for key in ("ip4", "ip6")}
    assert places(lx, "other")["default"]["ip4"] not in taken
    apply(lx, wanted(3, "cat /data/who; exec sleep 1000")).ok()
    for id, place in before.items():
        now = places(lx, id)["default"]
        assert all(now[key] == place[key] for key in ("ip4", "ip6", "mac", "hostname")), id
        await_that(lambda id=id: lx("logs", f"{id}.app").ok().lines == [id], "the volume is the same")
    # Also what it had when it was larger.
    lx("scale", "sts", "db", "--replicas", "1").ok()
    lx("delete", "--volumes", "-f", "-", input=stream(wanted(3))).ok()
    assert set(pods(lx)) == {"other"} and lx("volume", "list", "--quiet").lines == []
    assert [row[0] for row in lx.sql("SELECT container FROM endpoint")] == ["other"]
    lx("pod", "delete", "other").ok()


def test_a_health_check_is_waited_for(one, box):
    probe = {"exec": {"command": ["sh", "-c", "test -e /tmp/well"]}, "periodSeconds": 1}
    apply(one, replicas("StatefulSet", "db", 2, container(box, script="mkdir -p /tmp; sleep 1; touch /tmp/well;"
                                                          "exec sleep 1000", readinessProbe=probe))).ok()
    assert {row["ready"] for row in pods(one).values()} == {1}


BAD = [
    ("a: &a [x]\nb: *a\n", "InvalidManifest", "alias"),
    ("apiVersion: v1\nkind: Pod\nkind: Pod\n", "InvalidManifest", "given twice"),
    ("apiVersion: v1\nkind: Job\nmetadata: {name: a}\n", "InvalidManifest", "Job"),
    ("[" * 2000, "LimitExceeded", "levels"),
    ("a: " + "x" * (5 << 20), "LimitExceeded", "bytes"),
    ("\x00", "InvalidManifest", "line"),
]


@pytest.mark.parametrize("text,code,word", BAD, ids=["alias", "twice", "kind", "deep", "large", "nul"])
def test_bad_input_is_refused_and_makes_nothing(one, text, code, word):
    one("apply", "-f", "-", input=text.encode()).fails(code, word)
    assert not (one.data / "state.db").exists() or one("get", "all", "-o", "name").ok().lines == []


def test_what_cannot_be_made_is_told_before_anything_is(one, box):
    def refused(code, *words, **fields):
        apply(one, data("ConfigMap", "conf", k="v"), pod("web", container(box, **fields.pop("of", {})), **fields)
              ).fails(code, *words)
        assert one("get", "all", "-o", "name").ok().lines == [] and pods(one) == {}

    refused("InvalidManifest", "no ConfigMap other", volumes=[{"name": "v", "configMap": {"name": "other"}}])
    refused("InvalidManifest", "has no key x",
            of={"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "x"}}}]})
    refused("UnsupportedOperation", "spec.hostPID", hostPID=True)
    refused("InvalidManifest", "memory", of={"resources": {"limits": {"memory": "lots"}}})
    refused("UnsupportedOperation", "gpu", of={"resources": {"limits": {"nvidia.com/gpu": 1}}})
    refused("InvalidManifest", "TCP", of={"ports": [{"containerPort": 80, "protocol": "ICMP"}]})
    refused("InvalidManifest", "dnsPolicy", dnsPolicy="Any")
    warned = apply(one, pod("web", container(box, colour="red")), flags=["--validate=warn"]).ok()
    assert "spec.containers[0].colour: unknown field" in warned.err
    apply(one, pod("web", container(box, colour="red"))).fails("InvalidManifest", "colour")


def test_what_somebody_removed_is_made_again(one, box):
    apply(one, replicas("StatefulSet", "db", 2, container(box))).ok()
    place = places(one, "db-1")["default"]
    one("pod", "delete", "--force", "db-1").ok()
    apply(one, replicas("StatefulSet", "db", 2, container(box))).ok()
    assert inspect(one, "db-1")["status"] == "Running" and places(one, "db-1")["default"]["ip4"] == place["ip4"]


def test_the_service_brings_back_what_is_missing(one, box):
    apply(one, replicas("StatefulSet", "db", 2, container(box)), replicas("Deployment", "web", 1, container(box))).ok()
    before = pods(one)
    place = places(one, "db-1")["default"]
    with one.service():
        for id in before:
            one("pod", "delete", "--force", id).ok()
        await_that(lambda: {id: row["status"] for id, row in pods(one).items()} ==
                   {id: "Running" for id in before}, "all pods are back", 20)
        assert places(one, "db-1")["default"]["ip4"] == place["ip4"]
        one("scale", "sts", "db", "--replicas", "0").ok()
        one("scale", "deploy", "web", "--replicas", "0").ok()
        time.sleep(1)
        assert pods(one) == {}


def test_the_service_goes_on_where_an_apply_was_killed(one, box):
    with one.service():
        child = one.open("apply", "-f", "-", stdin=subprocess.PIPE)
        child.stdin.write(stream(replicas("StatefulSet", "db", 3, container(box))))
        child.stdin.close()
        await_that(lambda: "db-0" in pods(one), "the first pod")
        child.kill()
        child.wait()
        one.children.remove(child)
        await_that(lambda: len(pods(one)) == 3 and all(row["status"] == "Running" for row in pods(one).values()),
                   "all pods are there", 30)


def test_what_fails_is_tried_again_after_a_pause(one, box, work):
    apply(one, replicas("Deployment", "web", 1, container(box))).ok()
    id, = pods(one)
    with one.service() as child:
        one.sql("CREATE TRIGGER refuse BEFORE INSERT ON container WHEN NOT EXISTS (SELECT 1 FROM container"
                " WHERE id = NEW.id) BEGIN SELECT RAISE(FAIL, 'refused'); END")
        one("pod", "delete", "--force", id).ok()
        await_that(lambda: child.result(0).err.count("once more in") == 2, "two attempts", 20)
        assert "once more in 1 s" in child.result(0).err and "once more in 2 s" in child.result(0).err
        one.sql("DROP TRIGGER refuse")
        await_that(lambda: pods(one).get(id, {}).get("status") == "Running", "the pod is back", 20)


def test_a_rollout_can_be_undone(one, box):
    def wanted(text):
        return replicas("Deployment", "web", 2, container(box, script=f"echo {text}; exec sleep 1000"))

    def said():
        return {line for id in pods(one) for line in one("logs", id).ok().lines}

    one("rollout", "history", "deployment", "web").fails("ObjectNotFound", "web")
    apply(one, wanted("one")).ok()
    one("rollout", "undo", "deployment", "web").fails("ObjectNotFound", "no revision before 1")
    apply(one, wanted("two")).ok()
    await_that(lambda: said() == {"two"}, "the second")
    rows = one("rollout", "history", "deploy", "web").ok().lines
    assert [line.split()[0] for line in rows[1:]] == ["1", "2"] and "*" in rows[2]
    one("rollout", "undo", "deploy", "web").ok()
    await_that(lambda: said() == {"one"}, "the first again")
    one("rollout", "undo", "deploy", "web", "--to-revision", "2").ok()
    await_that(lambda: said() == {"two"}, "the second again")
    assert "2 of 2" in one("rollout", "status", "deploy", "web").ok().out
    one("rollout", "undo", "deploy", "web", "--to-revision", "9").fails("ObjectNotFound", "revision 9")
    one("rollout", "history", "pod", "web").fails("InvalidArgument", "no revisions")


def test_logs_and_exec_take_a_pod_for_its_one_container(one, box):
    apply(one, pod("web", container(box, script="echo hi; exec sleep 1000")),
          pod("two", container(box, "a"), container(box, "b"))).ok()
    await_that(lambda: one("logs", "web").ok().lines == ["hi"], "the log")
    assert one("exec", "web", "hostname").ok().lines == ["web"]
    assert 'Defaulted container "a" out of: a, b' in one("exec", "two", "true").ok().err


def test_a_service_leads_to_the_pods_that_it_selects(one, box):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"},
               "spec": {"clusterIP": "None", "selector": {"app": "db"},
                        "ports": [{"name": "sql", "port": 5432, "targetPort": 5433}]}}
    apply(one, pod("early", container(box), labels={"app": "db"}), pod("other", container(box))).ok()
    apply(one, service, replicas("StatefulSet", "db", 2, container(box))).ok()
    known, = one("network", "service", "list", "--format", "json").ok().json()
    assert known["name"] == "db" and known["ports"][0]["port"] == 5433
    assert {member["container"] for member in known["members"]} == {"early", "db-0", "db-1"}
    script = "nslookup $0.default.svc.cluster.local | grep -c 'Address.*10.213'"

    def answers(name):
        return one("exec", "other", "sh", "-c", script, name).out

    base = int(answers("none") or 0)  # the server's own line
    await_that(lambda: answers("db") == f"{base + 3}\n", "the name of the service")
    await_that(lambda: answers("db-1.db") == f"{base + 1}\n", "the name of a pod")
    one("scale", "sts", "db", "--replicas", "1").ok()
    await_that(lambda: answers("db") == f"{base + 2}\n", "one less")
    one("delete", "-f", "-", input=stream(service)).ok()
    assert one("network", "service", "list", "--format", "json").ok().json() == []

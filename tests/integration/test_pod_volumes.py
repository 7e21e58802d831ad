# SPDX-License-Identifier: MIT
"""What the containers of a pod share and are told: memory, files of several sources, groups."""

import os
import subprocess

from pods import *  # noqa: F401,F403
from pods import apply, container, data, inspect, pod, pods

CPU = {"resourceFieldRef": {"resource": "limits.cpu"}}


def field(path):
    return {"fieldRef": {"fieldPath": path}}


def test_files_come_from_several_sources(one, box):
    resources = {"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "200m"}}
    memory = {"resourceFieldRef": {"containerName": "app", "resource": "limits.memory", "divisor": "1Mi"}}
    volumes = [{"name": "all", "projected": {"defaultMode": 0o440, "sources": [
        {"configMap": {"name": "conf", "items": [{"key": "one", "path": "deep/one", "mode": 0o400}]}},
        {"secret": {"name": "keys"}}, {"secret": {"name": "absent", "optional": True}},
        {"downwardAPI": {"items": [{"path": "labels", **field("metadata.labels")}]}}]}},
        {"name": "down", "downwardAPI": {"items": [
            {"path": "name", **field("metadata.name")}, {"path": "memory", **memory}]}}]
    env = [{"name": "CPU", "valueFrom": CPU},
           {"name": "MILLI", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
           {"name": "MEMORY", "valueFrom": memory}, {"name": "SPACE", "valueFrom": field("metadata.namespace")}]
    mounts = [{"name": "all", "mountPath": "/all"}, {"name": "down", "mountPath": "/down"},
              {"name": "down", "mountPath": "/etc/name", "subPath": "name"}]
    made = [data("ConfigMap", "conf", one="1", two="2"), data("Secret", "keys", k="secret"),
            pod("web", container(box, env=env, resources=resources, volumeMounts=mounts), labels={"app": "web"},
                volumes=volumes)]
    apply(one, *made).ok()
    said = one("exec", "web.app", "sh", "-c", "cd /all; echo $CPU $MILLI $MEMORY $SPACE; ls; cat deep/one k labels;"
               "echo; stat -c %a deep/one k; cat /down/name /etc/name; echo; cat /down/memory").ok()
    assert said.lines == ["2 200 64 default", "deep", "k", "labels", '1secretapp="web"', "400", "440", "webweb", "64"]
    made[2]["spec"]["volumes"][0]["projected"]["sources"].append({"configMap": {"name": "conf", "items": [
        {"key": "two", "path": "k"}]}})
    apply(one, made[0], made[1], {**made[2], "metadata": {"name": "other"}}).fails("InvalidManifest", "two files", "k")
    token = pod("other", container(box), volumes=[{"name": "t", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}}]}}])
    apply(one, token).fails("UnsupportedOperation", "spec.volumes[0].projected.sources[0].serviceAccountToken")


def test_containers_know_their_addresses(lx, box):
    env = [{"name": name, "valueFrom": field(path)} for name, path in [
        ("IP", "status.podIP"), ("IPS", "status.podIPs"), ("HOST", "status.hostIP"), ("NODE", "spec.nodeName")]]
    env.append({"name": "URL", "value": "http://$(IP):80"})
    made = pod("web", container(box, env=env, command=["sh", "-c", "echo $0 $IP $IPS $HOST $NODE $URL; exec sleep 1000", "$(IP)/x"]))
    apply(lx, made, {**made, "metadata": {"name": "host"}, "spec": {**made["spec"], "hostNetwork": True}}).ok()
    entry = inspect(lx, "web")["networks"][0]
    four, six = (entry[key].split("/")[0] if entry.get(key) else None for key in ("ip4", "ip6"))
    arg, ip, ips, host, node, url = lx("logs", "web").ok().out.split()
    assert (arg, ip, url, node) == (f"{four}/x", four, f"http://{four}:80", os.uname().nodename)
    assert ips.split(",") == [address for address in (four, six) if address]
    gateway = lx("exec", "web.app", "sh", "-c", "ip route | sed -n 's/default via //p'").ok().out.split()[0]
    way = subprocess.run(lx.host.words("ip", "-4", "route", "get", "203.0.113.1"), capture_output=True, text=True, check=False)
    assert host == (way.stdout.split("src ")[1].split()[0] if way.returncode == 0 else gateway)
    if way.returncode == 0:
        assert lx("logs", "host").ok().out.split() == [f"{host}/x", host, host, host, node, f"http://{host}:80"]
    volumes = [{"name": "d", "downwardAPI": {"items": [{"path": "ip", **field("status.podIP")}]}}]
    apply(lx, pod("bad", container(box), volumes=volumes)).fails("UnsupportedOperation", "status.podIP", "only in env")


def test_memory_is_shared_and_goes_with_the_pod(lx, box):
    mounts = [{"name": "fast", "mountPath": "/fast"}]
    apply(lx, pod("web", container(box, "a", volumeMounts=mounts), container(box, "b", volumeMounts=mounts),
                      volumes=[{"name": "fast", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}])).ok()
    lx("exec", "web.a", "sh", "-c", "echo one >/dev/shm/x; echo two >/fast/y").ok()
    assert lx("exec", "web.b", "cat", "/dev/shm/x", "/fast/y").ok().lines == ["one", "two"]
    assert lx("exec", "web.b", "sh", "-c", "head -c 2m /dev/zero >/fast/z").code != 0
    where = lx("exec", "web.a", "sh", "-c", "grep -E ' (/dev/shm|/fast) ' /proc/mounts").ok().lines
    assert len(where) == 2 and all(line.split()[2] == "tmpfs" for line in where)
    assert "noexec" in where[0] or "noexec" in where[1]
    lx("pod", "stop", "--time", "0", "web").ok()
    lx("pod", "start", "web").ok()
    assert lx("exec", "web.a", "ls", "/dev/shm", "/fast").ok().out.split() == ["/dev/shm:", "/fast:"]
    lx("pod", "delete", "--force", "web").ok()
    with open("/proc/mounts", encoding="ascii") as mounted:
        assert str(lx.data) not in mounted.read()


def test_names_are_asked_for_as_the_manifest_says(one, box):
    config = {"nameservers": ["192.0.2.7"], "searches": ["more.test"], "options": [{"name": "timeout", "value": "7"}]}
    aliases = [{"ip": "192.0.2.9", "hostnames": ["db", "db.test"]}]
    apply(one, pod("joined", container(box), dnsConfig=config, hostAliases=aliases, hostname="front"),
          pod("alone", container(box), dnsConfig=config, dnsPolicy="None"),
          pod("usual", container(box)), pod("host", container(box), dnsPolicy="Default")).ok()

    def resolv(name):
        lines = [line.split() for line in one("exec", name, "sh", "-c", "cat /etc/resolv.conf || true").ok().lines]
        return {key: [word for line in lines if line[:1] == [key] for word in line[1:]]
                for key in ("nameserver", "search", "options")}

    usual, joined, alone = resolv("usual"), resolv("joined"), resolv("alone")
    assert joined["nameserver"] == [*usual["nameserver"], "192.0.2.7"] and usual["nameserver"]
    assert joined["search"] == [*usual["search"], "more.test"] and joined["options"][-1] == "timeout:7"
    assert alone["nameserver"] == ["192.0.2.7"] and alone["search"] == ["more.test"]
    assert resolv("host")["nameserver"] != usual["nameserver"]
    said = one("exec", "joined", "sh", "-c", "hostname; grep 192.0.2.9 /etc/hosts").ok().lines
    assert said[0] == "front" and {word for line in said[1:] for word in line.split()} == {"192.0.2.9", "db", "db.test"}


def test_groups_and_rights_are_as_the_manifest_says(one, box):
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "keys", "mountPath": "/keys"}]
    security = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000, "supplementalGroups": [3000]}
    apply(one, data("Secret", "keys", k="secret"),
          pod("web", container(box, "a", volumeMounts=mounts, securityContext={"allowPrivilegeEscalation": False}),
              container(box, "b"), securityContext=security,
              volumes=[{"name": "v", "emptyDir": {}}, {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}}])).ok()
    said = one("exec", "web.a", "sh", "-c", "id -G; touch /v/x; stat -c '%u %g' /v/x; cat /keys/k; echo;"
               "grep NoNewPrivs /proc/self/status").ok().lines
    assert sorted(said[0].split()) == ["1000", "2000", "3000"]
    assert said[1:] == ["1000 2000", "secret", "NoNewPrivs:\t1"]
    assert one("exec", "web.b", "grep", "NoNewPrivs", "/proc/self/status").ok().out.split() == ["NoNewPrivs:", "0"]
    for security, word in [({"supplementalGroups": ["x"]}, "supplementalGroups"), ({"fsGroup": 1 << 40}, "fsGroup")]:
        apply(one, pod("other", container(box), securityContext=security)).fails("InvalidManifest", word)
    bad = pod("other", container(box), volumes=[{"name": "v", "emptyDir": {"medium": "HugePages"}}])
    apply(one, bad).fails("UnsupportedOperation", "HugePages")
    assert set(pods(one)) == {"web"} and inspect(one, "web")["status"] == "Running"


def test_parts_of_volumes_are_mounted_and_lead_nowhere_else(lx, box, work):
    kept = work / "kept"
    (kept / "deep" / "b").mkdir(parents=True)
    (kept / "conf").write_text("from the host\n")
    (kept / "deep" / "b" / "secret").write_text("of the host\n")
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": {}}
    mounts = [{"name": "e", "mountPath": "/whole"}, {"name": "e", "mountPath": "/part", "subPath": "a/b"},
              {"name": "h", "mountPath": "/conf", "subPath": "conf", "readOnly": True},
              {"name": "c", "mountPath": "/one", "subPath": "one"}, {"name": "c", "mountPath": "/two", "subPath": "two"}]
    made = pod("web", container(box, volumeMounts=mounts, command=["sleep", "1000"]), volumes=[
        {"name": "e", "emptyDir": {}}, {"name": "h", "hostPath": {"path": str(kept)}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "c"}}])
    apply(lx, claim, made).ok()
    said = lx("exec", "web.app", "sh", "-c", "echo x >/part/x; cat /whole/a/b/x /conf; echo 1 >/one/f; ls /two;"
              "stat -c '%a %u' /whole /part /one; touch /conf 2>/dev/null || echo fast").ok().lines
    assert said == ["x", "from the host", "777 0", "777 0", "755 0", "fast"]
    lx("volume", "remove", "c").fails("InvalidState", "web.app")
    lx("system", "check").ok()
    # What the container puts in the way is looked at from inside the volume, at each start.
    lx("exec", "web.app", "sh", "-c", f"rm -r /whole/a; ln -s {kept}/deep /whole/a; mkdir -p /whole{kept}/deep").ok()
    lx("pod", "stop", "--time", "0", "web").ok()
    lx("cp", "web.app:/one/f", work / "f").ok()
    lx("cp", work / "f", "web.app:/part/f").fails("CopyFailed", "Read-only")  # it is not there before a start
    assert (work / "f").read_text() == "1\n"
    lx("pod", "start", "web").ok()
    said = lx("exec", "web.app", "sh", "-c", f"ls /part; touch /part/y; ls /whole{kept}/deep/b").ok().lines
    assert said == ["y"] and [entry.name for entry in (kept / "deep" / "b").iterdir()] == ["secret"]
    lx("exec", "web.app", "sh", "-c", "rm /whole/a; ln -s a /whole/a").ok()
    lx("pod", "stop", "--time", "0", "web").ok()
    lx("pod", "start", "web").fails("PodStartFailed", "subPath a/b", "symbolic links")
    lx("pod", "delete", "--force", "web").ok()
    with open("/proc/mounts", encoding="ascii") as mounted:
        assert str(lx.data) not in mounted.read()
    lx("volume", "remove", "c").ok()


def test_parts_that_are_none_are_refused(one, box):
    volumes = [{"name": "v", "emptyDir": {}}]
    for fields, code, word in [({"subPath": "../x"}, "InvalidManifest", "subPath"), ({"subPath": "/x"}, "InvalidManifest", "subPath"),
                               ({"subPathExpr": "$(A)"}, "UnsupportedOperation", "subPathExpr")]:
        mounts = [{"name": "v", "mountPath": "/v", **fields}]
        apply(one, pod("web", container(box, volumeMounts=mounts), volumes=volumes)).fails(code, word)
    assert pods(one) == {}


def test_claims_are_given_to_the_group_of_a_pod(lx, box):
    mounts = [{"name": "c", "mountPath": "/c"}]
    volumes = [{"name": "c", "persistentVolumeClaim": {"claimName": "c"}}]

    def made(name, policy=None, read_only=False, **security):
        if policy:
            security["fsGroupChangePolicy"] = policy
        each = [{**mounts[0], "readOnly": read_only}]
        return pod(name, container(box, volumeMounts=each), volumes=volumes, securityContext=security)

    def look(name):
        script = "cd /c; stat -c '%u %g %a %n' . d d/f"
        return lx("exec", f"{name}.app", "sh", "-c", script).ok().lines

    apply(lx, made("root")).ok()
    lx("exec", "root.app", "sh", "-c", "cd /c; chmod 700 .; mkdir -m 700 d; touch d/f; chmod 600 d/f; ln -s /etc l").ok()
    apply(lx, made("reader", read_only=True, fsGroup=2000)).ok()
    before = look("root")
    apply(lx, made("user", runAsUser=1000, runAsGroup=1000, fsGroup=2000)).ok()
    assert before == ["0 0 700 .", "0 0 700 d", "0 0 600 d/f"]
    assert look("root") == ["0 2000 2770 .", "0 2000 2770 d", "0 2000 660 d/f"]
    said = lx("exec", "user.app", "sh", "-c", "echo x >/c/d/f; touch /c/new; stat -c '%u %g' /c/new /etc").ok().lines
    assert said == ["1000 2000", "0 0"]
    # As the root says, or not at all.
    lx("exec", "root.app", "sh", "-c", "chgrp 7 /c/d/f").ok()
    apply(lx, made("other", policy="OnRootMismatch", fsGroup=2000)).ok()
    assert look("root")[2].startswith("0 7 ")
    apply(lx, made("another", policy="Always", fsGroup=2000)).ok()
    assert look("root")[2].startswith("0 2000 ")
    apply(lx, made("bad", policy="Sometimes", fsGroup=2000)).fails("InvalidManifest", "fsGroupChangePolicy")

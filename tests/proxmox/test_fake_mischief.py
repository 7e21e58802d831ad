# SPDX-License-Identifier: MIT
"""What goes wrong because a test wants it to."""

import re
import socket
import time

import pytest

from fake.client import Client


@pytest.mark.parametrize("status", [401, 403, 500, 501, 595, 596, 599])
def test_a_request_fails_once_as_it_is_told(pve, api, status):
    pve.mischief.fail("/version", status, "because é\nof it")
    answer = api.get("/version")
    assert (answer.status, answer.reason.encode("latin-1").decode()) == (status, "because é of it")
    api.get("/version").succeeds()


def test_a_rule_is_for_a_path_and_a_method(pve, api):
    pve.mischief.fail("/nodes/{node}/lxc", method="POST", times=None)
    pve.mischief.fail("/nodes/pve2/*", 403, times=2)
    api.get("/nodes/pve1/lxc").succeeds()
    for _ in range(3):
        api.post("/nodes/pve1/lxc", vmid=100, ostemplate="x").fails(500, "start worker failed")
    api.get("/nodes/pve2/lxc").fails(403)
    api.get("/nodes/pve2/version").fails(403)
    api.get("/nodes/pve2/lxc").succeeds()
    pve.mischief.clear()
    api.post("/nodes/pve1/lxc", vmid=100, ostemplate="x").fails(500, "unable to parse volume ID")


def test_an_answer_is_late(pve, api):
    pve.mischief.delay("/version", 0.3, times=1)
    before = time.monotonic()
    api.get("/version").succeeds()
    assert time.monotonic() - before > 0.3


@pytest.mark.parametrize("when", ["before", "after", "middle"])
def test_a_connection_ends_around_the_deed(pve, api, when):
    pve.mischief.drop("/pools", when, method="POST")
    with pytest.raises(Exception) as caught:
        api.post("/pools", poolid="p")
    assert not isinstance(caught.value, AssertionError)
    assert [pool["poolid"] for pool in api.get("/pools").succeeds()] == ([] if when == "before" else ["p"])


def test_connections_are_refused(pve, api):
    pve.mischief.refuse_connections()
    with pytest.raises(OSError):
        api.get("/version")
    pve.mischief.refuse_connections(False)
    api.get("/version").succeeds()


def test_a_silent_connection_holds_up_nobody(pve, api):
    with socket.create_connection(("127.0.0.1", pve.port)):
        api.get("/version").succeeds()


def test_a_lost_node_is_a_failure_of_the_proxy(pve, api):
    pve.mischief.lose_node("pve2")
    assert api.get("/nodes/pve2/lxc").fails(595, "Connection refused").body == {}
    api.get("/nodes/pve1/lxc").succeeds()
    assert {node["node"]: node["status"] for node in api.get("/nodes").succeeds()} == {
        "pve1": "online", "pve2": "offline"}
    pve.mischief.lose_node("pve2", 596)
    api.get("/nodes/pve2/lxc").fails(596)
    pve.mischief.find_node("pve2")
    api.get("/nodes/pve2/lxc").succeeds()
    api.get("/nodes/pve3/lxc").fails(500, "hostname lookup 'pve3' failed")


def test_answers_have_texts_and_nulls(pve, api, template):
    ct = api.create(template)
    pve.mischief.answer_with(texts=True, nulls=True)
    entry = api.get("/nodes/pve1/lxc").succeeds()[0]
    assert (entry["vmid"], entry["template"], entry["lock"]) == ("100", "0", None)
    config = api.get(ct + "/config").succeeds()
    assert (config["memory"], config["nameserver"]) == ("64", None)
    pve.mischief.clear()
    assert api.get(ct + "/config").succeeds()["memory"] == 64


def test_the_next_id_is_taken_by_another(pve, api, template):
    vmid = int(api.get("/cluster/nextid").succeeds())
    pve.mischief.race_nextid()
    create = {"ostemplate": template, "rootfs": "local:1"}
    api.post("/nodes/pve1/lxc", vmid=vmid, **create).fails(500, f"VM {vmid} already exists")
    assert int(api.get("/cluster/nextid").succeeds()) == vmid + 1
    api.does(api.post("/nodes/pve1/lxc", vmid=vmid + 1, **create))


def test_the_file_of_a_configuration_is_locked(pve, api, template):
    ct = api.create(template)
    pve.mischief.lock_file(100)
    api.put(ct + "/config", memory=65).fails(500, "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout")
    assert "got timeout" in api.wait(api.post(ct + "/status/start").succeeds())
    pve.mischief.lock_file(100, False)
    api.put(ct + "/config", memory=65).succeeds()


def test_a_task_is_slow_fails_or_dies(pve, api, template):
    ct = api.create(template)
    pve.mischief.slow_tasks(0.3, "vzstart")
    upid = api.post(ct + "/status/start").succeeds()
    assert api.status(upid)["status"] == "running" and "exitstatus" not in api.status(upid)
    assert api.wait(upid) == "OK"
    pve.mischief.fail_task("no luck today", "vzstop")
    upid = api.post(ct + "/status/stop").succeeds()
    assert api.wait(upid) == "no luck today" and api.log(upid) == ["TASK ERROR: no luck today"]
    api.does(api.post(ct + "/status/stop"))
    pve.mischief.fail_task("too late", is_at_end=True)
    assert api.wait(api.put(ct + "/resize", disk="rootfs", size="+1G").succeeds()) == "too late"
    assert api.get(ct + "/config").succeeds()["rootfs"].endswith("size=2G")


def test_a_worker_that_dies_leaves_a_lock_and_what_it_made(pve, api, template):
    pve.mischief.kill_task("vzcreate", after_lines=1)
    upid = api.post("/nodes/pve1/lxc", vmid=100, ostemplate=template, rootfs="local:1").succeeds()
    assert api.wait(upid) == "unexpected status"
    assert not any(line.startswith("TASK") for line in api.log(upid))
    assert api.get("/nodes/pve1/lxc/100/config").succeeds()["lock"] == "create"
    api.delete("/nodes/pve1/lxc/100").fails(500, "CT is locked (create)")
    assert len(api.get("/nodes/pve1/storage/local/content", vmid=100).succeeds()) == 1
    pve.person.unlock(100)
    api.does(api.delete("/nodes/pve1/lxc/100"))
    assert api.get("/nodes/pve1/storage/local/content", vmid=100).succeeds() == []


def test_a_task_is_stopped(pve, api, template):
    ct = api.create(template)
    pve.mischief.slow_tasks(30, "vzstart")
    upid = api.post(ct + "/status/start").succeeds()
    api.delete(f"/nodes/pve1/tasks/{upid.replace('!', '%21')}").succeeds()
    assert api.wait(upid) == "interrupted by signal"
    assert api.get(ct + "/status/current").succeeds()["status"] == "stopped"


def test_a_full_storage_fails_what_needs_room(pve, api, template):
    pve.fill_storage("local")
    entry = api.get("/nodes/pve1/storage/local/status").succeeds()
    assert entry["avail"] == 0 and entry["used"] == entry["total"]
    upid = api.post("/nodes/pve1/lxc", vmid=100, ostemplate=template, rootfs="local:1").succeeds()
    assert "No space left on device" in api.wait(upid)
    api.get("/nodes/pve1/lxc/100/config").fails(500)


def test_a_token_expires(pve, api):
    pve.person.expire_token("root@pam", "tests")
    api.get("/version").fails(401, "Authentication failed!")


def test_a_stale_list_of_resources_stays_as_it_was(pve, api, template):
    pve.person.list_stale()
    api.create(template)
    assert [entry for entry in api.get("/cluster/resources", type="vm").succeeds()] == []
    assert len(api.get("/nodes/pve1/lxc").succeeds()) == 1
    pve.person.list_stale(False)
    assert len(api.get("/cluster/resources", type="vm").succeeds()) == 1


def test_a_upid_has_its_grammar(api, template):
    ct = api.create(template)
    upid = api.post(ct + "/status/start").succeeds()
    assert re.fullmatch(r"UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:vzstart:100:root@pam!tests:", upid)
    assert api.wait(upid) == "OK"
    status = api.status(upid)
    assert (status["id"], status["type"], status["user"]) == ("100", "vzstart", "root@pam!tests")
    api.get("/nodes/pve2/tasks/" + upid.replace("!", "%21") + "/status").fails(500, "no such task")


def test_tasks_are_listed_by_what_is_asked_for(pve, api, template):
    ct = api.create(template)
    api.does(api.post(ct + "/status/start"))
    api.wait(api.put(ct + "/resize", disk="rootfs", size="+1G").succeeds())
    pve.mischief.fail_task("no", "vzstop")
    api.wait(api.post(ct + "/status/stop").succeeds())

    def kinds(**wanted):
        return [task["type"] for task in api.get("/nodes/pve1/tasks", **wanted).succeeds()]

    assert kinds() == ["vzstop", "resize", "vzstart", "vzcreate"]
    assert kinds(limit=1, start=1) == ["resize"]
    assert kinds(typefilter="vzstart") == ["vzstart"] and kinds(vmid=101) == []
    assert kinds(errors=1) == ["vzstop"] and kinds(statusfilter="error,unknown") == ["vzstop"]
    assert kinds(source="active") == []


def test_what_was_asked_is_recorded_without_secrets(pve):
    client = Client(pve, None)
    client.log_in("root@pam", "secret")
    client.get("/nodes/pve1/lxc/100/config", current=1)
    client.get("/no/such/path")
    first, second, third = pve.requests()
    assert (first.template, "password" in first.parameters) == ("/access/ticket", False)
    assert (second.method, second.template, second.parameters["current"]) == (
        "GET", "/nodes/{node}/lxc/{vmid}/config", "1")
    assert (second.status, second.user, third.template) == (500, "root@pam", None)
    assert pve.trace() == ["GET /nodes/{node}/lxc/{vmid}/config", "POST /access/ticket"]

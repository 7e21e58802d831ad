# SPDX-License-Identifier: MIT
"""How the command gets to a cluster: hosts, certificates, logins, and what it does when something breaks."""

import secrets
import time

import pytest

from cluster_engine import *  # noqa: F401,F403
from engine import is_soon
from fake.pve import ROOT_PASSWORD

SLEEP = ("sleep", "1000")


@pytest.fixture
def by_password(engine, work):  # noqa: F811
    """Logs in by password instead of a token."""
    file = work / "password"
    file.touch(mode=0o600)
    file.write_text(ROOT_PASSWORD)
    engine.configure(token_file=None, user="root@pam", password_file=str(file))
    return engine


def logins(pve):
    return [request for request in pve.requests() if request.path == "/access/ticket"]


def test_a_first_host_that_is_not_there_is_passed_over(engine, pve, box):
    engine.configure(hosts=["127.0.0.1:1", f"127.0.0.1:{pve.port}"])
    name = engine.start(box, *SLEEP)
    assert engine.status(name) == "running"


def test_a_host_that_is_switched_off_is_passed_over(engine, pve, box):
    second = pve.add_host("pve2")
    prints = f"{pve.fingerprint},{pve.cluster.nodes['pve2'].fingerprint}"
    engine.configure(hosts=[f"127.0.0.1:{pve.port}", second.removeprefix("https://")], fingerprint=prints)
    name = engine.start(box, *SLEEP)
    pve.remove_host("pve1")
    assert engine.status(name) == "running"
    engine("stop", "--time", "1", name).ok()
    engine("start", name).ok()
    pve.add_host("pve1")


def test_no_host_at_all_is_told_with_each_reason(engine, box):
    engine.configure(hosts=["127.0.0.1:1", "127.0.0.1:2"])
    engine("create", "--image", box, "x").fails("ContainerCreateFailed", "127.0.0.1:1", "127.0.0.1:2", code=125)
    assert engine.list() == []


def test_a_wrong_token_is_refused_and_not_shown(engine, pve, box):
    secret = secrets.token_hex(16)
    engine.token_file.write_text(f"root@pam!tests={secret}")
    result = engine("create", "--image", box, "x")
    result.fails("AuthenticationFailed", "401", code=125)
    assert secret not in result.err and engine.list() == []


def test_a_token_without_rights_is_told_what_is_missing(engine, pve, box):
    pve.access.add_user("someone@pve")
    engine.token_file.write_text(pve.access.add_token("someone@pve", "t", privsep=0))
    result = engine("create", "--image", box, "x")
    assert result.code == 125 and result.error in ("AuthenticationFailed", "InvalidConfig"), result
    assert engine.list() == [] and not pve.cluster.guests


def test_a_secret_that_others_may_read_is_refused(engine, box):
    engine.token_file.chmod(0o644)
    result = engine("create", "--image", box, "x")
    assert result.error == "InvalidConfig" and "0600" in result.err and result.code != 0, result
    engine.token_file.chmod(0o600)


def test_a_password_gets_a_ticket(by_password, pve, box):
    name = by_password.start(box, *SLEEP)
    assert by_password.status(name) == "running" and logins(pve)


def test_a_wrong_password_is_refused(by_password, work, box):
    (work / "password").write_text("wrong-password")
    result = by_password("create", "--image", box, "x").fails("AuthenticationFailed", "root@pam", code=125)
    assert "wrong-password" not in result.err
    (work / "password").write_text(ROOT_PASSWORD)


def test_an_expired_ticket_is_renewed(by_password, pve, box):
    name = by_password.id()
    by_password("create", "--image", box, name, *SLEEP).ok()
    pve.forget_requests()
    pve.mischief.fail("/nodes/{node}/lxc/{vmid}/status/start", 401, method="POST")
    by_password("start", name).ok()
    assert len(logins(pve)) == 2 and by_password.status(name) == "running"


def test_a_ticket_that_expires_while_a_task_goes_on_is_renewed(by_password, pve, box):
    by_password("create", "--image", box, "first", *SLEEP).ok()
    pve.forget_requests()
    pve.mischief.slow_tasks(2, "vzcreate", times=1)
    child = by_password.open("create", "--image", box, "second", *SLEEP)
    deadline = time.monotonic() + 20
    while not [one for one in pve.requests() if one.template == "/nodes/{node}/tasks/{upid}/status"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pve.access.expire_tickets()
    by_password.finish(child).ok()
    assert len(logins(pve)) == 2 and len(pve.cluster.guests) == 2


def test_hosts_that_are_not_there_are_not_waited_for_again(engine, pve, box):
    for _ in range(3):
        engine("create", "--image", box, engine.id(), *SLEEP).ok()
    engine.configure(hosts=["192.0.2.1"], timeout=2)
    began = time.monotonic()
    engine("list").ok()
    assert is_soon(began, 8), "each was waited for"


def test_another_certificate_is_refused_and_shown(engine, pve, box):
    wrong = "AB:" * 31 + "AB"
    engine.configure(fingerprint=wrong)
    engine("create", "--image", box, "x").fails("AuthenticationFailed", pve.fingerprint, code=125)
    assert not pve.requests() and engine.list() == []


def test_a_certificate_of_an_unknown_authority_is_refused(engine, pve, box):
    engine.configure(fingerprint=None)
    engine("create", "--image", box, "x").fails("AuthenticationFailed", "fingerprint", code=125)
    assert not pve.requests()


def test_an_authority_is_enough(engine, pve, box):
    engine.configure(fingerprint=None, ca_file=pve.ca)
    engine("create", "--image", box, engine.id()).ok()


def test_verification_is_not_switched_off_silently(engine, box):
    engine.configure(fingerprint=None, verify_ssl=False)
    result = engine("create", "--image", box, engine.id()).ok()
    assert "verify_ssl" in result.err


def test_one_of_several_fingerprints_is_enough(engine, pve, box):
    engine.configure(fingerprint=", ".join(["AB" * 32, pve.fingerprint.lower()]))
    engine("create", "--image", box, engine.id()).ok()


def test_no_fingerprint_is_no_fingerprint(engine, box):
    engine.configure(fingerprint="12:34")
    engine("create", "--image", box, "x").fails("InvalidConfig", "fingerprint", code=125)


def test_what_only_reads_is_asked_again(engine, pve, box):
    pve.mischief.drop("/version", "before")
    pve.mischief.drop("/cluster/resources", "middle")
    pve.mischief.fail("/nodes/{node}/storage", 596)
    engine("create", "--image", box, engine.id()).ok()


def test_what_changes_is_not_asked_again(engine, pve, box):
    name = engine.id()
    engine("create", "--image", box, name, *SLEEP).ok()
    pve.forget_requests()
    pve.mischief.drop("/nodes/{node}/lxc/{vmid}/status/start", "before", method="POST")
    engine("start", name).fails("ContainerStartFailed", "not known")
    starts = [request for request in pve.requests() if request.path.endswith("/status/start")]
    assert len(starts) <= 1


def test_an_answer_that_is_too_large_is_refused(engine, pve, box, monkeypatch):
    name = engine.id()
    engine("create", "--image", box, name, *SLEEP).ok()
    from fake import route  # pylint: disable=import-outside-toplevel
    key = next(key for key in route.HANDLERS if "/config" in str(key) and "GET" in str(key))
    plain = route.HANDLERS[key]
    with monkeypatch.context() as patch:
        patch.setitem(route.HANDLERS, key, lambda call: {**plain(call), "description": "x" * (17 << 20)})
        engine("state", name).fails("LimitExceeded", "MiB")
    time.sleep(1)
    pve.forget_faults()  # we hung up


def test_a_slow_server_is_not_waited_for_for_ever(engine, pve, box):
    name = engine.id()
    engine("create", "--image", box, name, *SLEEP).ok()
    engine.configure(timeout=1)
    pve.mischief.delay("/nodes/{node}/lxc/{vmid}/config", 5, method="GET")
    began = time.monotonic()
    engine("state", name).fails("Timeout", "timed out")
    assert is_soon(began, 8)


def test_a_lost_node_is_told(engine, pve, box):
    pve.mischief.lose_node("pve1")
    engine("create", "--image", box, "x").fails("ContainerCreateFailed", "595", code=125)
    pve.mischief.find_node("pve1")
    assert engine.list() == []


def test_an_old_server_is_told(engine, pve, box):
    pve.cluster.version.update(version="8.4.1", release="8.4")
    engine("create", "--image", box, "x").fails("UnsupportedOperation", "8.4.1", "9.1", code=125)

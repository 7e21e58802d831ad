# SPDX-License-Identifier: MIT
"""The service itself: started by who needs it, ended by nobody needing it, killed at any time."""

import fcntl
import os
import re
import shutil
import signal
import socket
import threading
import time

import pytest

from engine import await_that, is_soon

pytestmark = pytest.mark.service

NONE = ["--network", "none"]


def sleeper(engine, box, *flags):
    id = engine.id()
    engine("run", "-d", *NONE, *flags, "--image", box, id, "sleep", "1000").ok()
    return id


def metrics(engine, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(5)
        one.connect(str(engine.root / "metrics.sock"))
        one.sendall(request)
        data = b""
        while more := one.recv(65536):
            data += more
    head, _, body = data.decode().partition("\r\n\r\n")
    return head, body


def value(body, name, id):
    found = re.search(rf'^{name}{{id="{re.escape(id)}"}} (\S+)$', body, re.M)
    return float(found[1]) if found else None


def test_what_needs_it_starts_it_and_nothing_else_does(any_engine, box):
    plain = sleeper(any_engine, box)
    assert any_engine.service_pid() is None
    wanted = sleeper(any_engine, box, "--restart", "always")
    await_that(any_engine.service_pid, "the service runs")
    pid = any_engine.service_pid()
    sleeper(any_engine, box, "--health-cmd", "true")
    assert any_engine.service_pid() == pid
    assert any_engine.status(plain) == any_engine.status(wanted) == "running"


def test_it_ends_when_nothing_needs_it(any_engine, box):
    id = sleeper(any_engine, box, "--restart", "always")
    await_that(any_engine.service_pid, "the service runs")
    any_engine("stop", "--time", "0", id).ok()
    await_that(lambda: any_engine.service_pid() is None, "the service has ended")
    any_engine("start", id).ok()
    await_that(any_engine.service_pid, "the service runs again")


def test_one_serves_a_directory(any_engine):
    with any_engine.service():
        any_engine("serve").fails("InvalidState", "serves")
        time.sleep(2.5)
        assert any_engine.service_pid(), "one that was started by hand stays"


def test_it_ends_with_its_database(any_engine, box):
    """Or it would go on with one that nobody else sees, and take for half made what others make."""
    sleeper(any_engine, box, "--restart", "always")
    await_that(any_engine.service_pid, "the service runs")
    first = any_engine.service_pid()
    aside = any_engine.data.with_name("aside")
    any_engine.data.rename(aside)
    await_that(lambda: any_engine.service_pid() != first, "it has ended")
    id = sleeper(any_engine, box, "--restart", "always")
    await_that(any_engine.service_pid, "another one runs")
    os.kill(any_engine.pid(id), signal.SIGKILL)
    await_that(lambda: any_engine("inspect", id).ok().json()["restarts"] == 1, "it is started again")
    any_engine("delete", "--force", id).ok()
    shutil.rmtree(any_engine.data)
    aside.rename(any_engine.data)


def test_it_ends_and_begins_while_somebody_needs_it(any_engine, box):
    """However the end falls together with a new need, that is seen."""
    for i in range(6):
        id = sleeper(any_engine, box, "--restart", "always")
        await_that(any_engine.service_pid, "the service runs")
        any_engine("delete", "--force", id).ok()
        time.sleep(1.9 + 0.05 * i)
        other = any_engine.id()
        any_engine("run", "-d", *NONE, "--restart", "always", "--image", box, other, "sh", "-c", "exit 1").ok()
        await_that(lambda other=other: any_engine("inspect", other).ok().json()["restarts"] > 0,
                   "it is started again", 15)
        any_engine("delete", "--force", other).ok()


def test_who_looks_whether_it_runs_keeps_it_from_nothing(any_engine):
    any_engine.root.mkdir(mode=0o711, exist_ok=True)
    with open(any_engine.root / "serve.lock", "w", encoding="ascii") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        child = any_engine.open("serve")
        time.sleep(0.3)
    await_that(lambda: any_engine.service_pid() == child.pid, "the service runs")
    child.terminate()
    any_engine.finish(child).ok()


def test_containers_outlive_its_death(any_engine, box):
    ids = [sleeper(any_engine, box, "--restart", "always", "--health-cmd", "true", "--health-interval", "100ms")
           for _ in range(3)]
    pids = [any_engine.pid(id) for id in ids]
    for _ in range(5):
        await_that(any_engine.service_pid, "the service runs")
        os.kill(any_engine.service_pid(), signal.SIGKILL)
        assert [any_engine.pid(id) for id in ids] == pids
        with any_engine.service():
            await_that(lambda: all(any_engine("inspect", id).ok().json()["health"].get("checked") for id in ids),
                       "it asks them again")
        sleeper(any_engine, box, "--restart", "always")
    assert [any_engine.pid(id) for id in ids] == pids


def test_what_ended_while_it_was_dead_is_started_within_a_second(any_engine, box):
    ids = [sleeper(any_engine, box, "--restart", "always") for _ in range(3)]
    await_that(any_engine.service_pid, "the service runs")
    os.kill(any_engine.service_pid(), signal.SIGKILL)
    for id in ids:
        os.kill(any_engine.pid(id), signal.SIGKILL)
        any_engine.await_status(id, "stopped")
    start = time.monotonic()
    with any_engine.service():
        for id in ids:
            any_engine.await_status(id, "running")
        assert is_soon(start, 1)


def test_kills_under_load_lose_nothing(any_engine, box):
    """Clients start, stop and delete meanwhile; what ran runs on, and all converges."""
    steady = [sleeper(any_engine, box, "--restart", "always") for _ in range(3)]
    pids = [any_engine.pid(id) for id in steady]
    over = time.monotonic() + 15
    failed = []

    def work(number):
        while time.monotonic() < over:
            id = f"{any_engine.id()}-{number}"
            for words in (["run", "-d", *NONE, "--restart", "always", "--image", box, id, "sh", "-c",
                           "sleep 0.2; exit 1"], ["stop", "--time", "0", id], ["delete", "--force", id]):
                result = any_engine(*words)
                if result.code != 0:
                    failed.append(result)

    clients = [threading.Thread(target=work, args=[i]) for i in range(3)]
    for client in clients:
        client.start()
    kills = 0
    while time.monotonic() < over:
        pid = any_engine.service_pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            kills += 1
        time.sleep(0.2)
    for client in clients:
        client.join()
    assert not failed and kills > 5
    assert [any_engine.pid(id) for id in steady] == pids
    with any_engine.service():
        os.kill(pids[0], signal.SIGKILL)
        await_that(lambda: any_engine.pid(steady[0]) not in (0, pids[0]), "all goes on")
    assert any_engine.list() == sorted(steady)


def test_metrics_tell_of_containers(any_engine, box):
    id = sleeper(any_engine, box, "--restart", "always", "--health-cmd", "true", "--health-interval", "100ms")
    other = sleeper(any_engine, box)
    await_that(any_engine.service_pid, "the service runs")
    await_that(lambda: value(metrics(any_engine)[1], "lxcri_container_healthy", id) == 1, "it is well")
    head, body = metrics(any_engine)
    assert head.startswith("HTTP/1.1 200 OK\r\n") and "text/plain; version=0.0.4" in head
    assert value(body, "lxcri_container_up", id) == value(body, "lxcri_container_up", other) == 1
    assert value(body, "lxcri_container_restarts_total", id) == 0
    assert value(body, "lxcri_container_cpu_seconds_total", id) is not None
    assert value(body, "lxcri_container_memory_bytes", id) is not None
    assert value(body, "lxcri_container_pids", id) == 1
    assert "lxcri_containers 2\n" in body and 'lxcri_dns_total{what="queries"} 0\n' in body
    for line in body.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+({\w+="[^"]*"})? \S+', line), line
    os.kill(any_engine.pid(id), signal.SIGKILL)
    await_that(lambda: value(metrics(any_engine)[1], "lxcri_container_restarts_total", id) == 1, "it is counted")
    assert os.stat(any_engine.root / "metrics.sock").st_mode & 0o777 == 0o600


def test_bad_requests_harm_nobody(any_engine):
    with any_engine.service():
        for request, status in ((b"GET / HTTP/1.0\r\n\r\n", "404"), (b"POST /metrics HTTP/1.0\r\n\r\n", "405"),
                                (b"GET /metricsx HTTP/1.0\r\n\r\n", "404"), (b"BREW /\r\n\r\n", "405")):
            assert metrics(any_engine, request)[0].split()[1] == status
        for request in (b"GET /" + b"a" * 10000, b"GET /metrics\0 HTTP/1.0\r\n\r\n"):
            try:
                assert metrics(any_engine, request)[0] == ""
            except ConnectionError:
                pass  # it has hung up before all was sent
        silent = []
        for _ in range(20):
            one = socket.socket(socket.AF_UNIX)
            one.connect(str(any_engine.root / "metrics.sock"))
            silent.append(one)
        await_that(lambda: answered(any_engine), "the silent were hung up on", 15)
        for one in silent:
            one.close()


def answered(engine):
    try:
        return metrics(engine)[0].startswith("HTTP/1.1 200")
    except (ConnectionError, TimeoutError, BlockingIOError):  # the last: the silent ones fill the queue yet
        return False


def test_a_hangup_has_it_look_again(any_engine, box):
    """At what was changed behind its back."""
    id = sleeper(any_engine, box, "--restart", "always")
    with any_engine.service() as child:
        assert value(metrics(any_engine)[1], "lxcri_container_up", id) == 1
        child.send_signal(signal.SIGHUP)
        await_that(lambda: value(metrics(any_engine)[1], "lxcri_container_up", id) == 1, "it lives on")
        assert child.poll() is None


def memory_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def test_it_is_small_with_a_hundred_containers(any_engine, box):
    with any_engine.service() as child:
        idle = memory_kib(child.pid)
        assert idle < 6 << 10, idle
        for _ in range(100):
            sleeper(any_engine, box, "--restart", "always", "--health-cmd", "true", "--health-interval", "1h")
        metrics(any_engine)
        with_many = memory_kib(child.pid)
        print(f"idle {idle} KiB, with 100 containers {with_many} KiB")
        assert with_many < 12 << 10, with_many

# SPDX-License-Identifier: MIT
"""What the container's process gets hold of: exactly its own descriptors."""

import os
import pathlib
import subprocess

import pytest

from engine import await_that


def numbers(listing):
    """The descriptors in what a shell lists; 3 is the one with which ls reads the directory."""
    return {int(word) for word in listing.split()} - {3}


def test_run_leaks_no_descriptor(run):
    assert numbers(run("ls", "/proc/self/fd").ok().out) == {0, 1, 2}


def test_create_and_start_leak_no_descriptor(engine, create):
    id = create("sh", "-c", "ls /proc/self/fd > /fds; touch /done; sleep 1000")
    engine("start", id).ok()
    rootfs = pathlib.Path(engine.state(id)["bundle"]) / "rootfs"
    await_that((rootfs / "done").exists, "the report is written")
    assert numbers((rootfs / "fds").read_text()) == {0, 1, 2}


def test_exec_leaks_no_descriptor(engine, start):
    assert numbers(engine("exec", start(), "ls", "/proc/self/fd").ok().out) == {0, 1, 2}


def test_the_caller_s_own_descriptors_are_not_passed_on(run):
    with open("/etc/hostname") as secret:
        os.set_inheritable(secret.fileno(), True)
        result = run("ls", "/proc/self/fd", pass_fds=[secret.fileno()]).ok()
    assert numbers(result.out) == {0, 1, 2}


def test_preserved_descriptors_arrive(engine, make_bundle, work):
    (work / "a").write_text("first\n")
    (work / "b").write_text("second\n")
    bundle = make_bundle("sh", "-c", "cat <&3; cat <&4; ls /proc/self/fd")
    # The launcher puts them at 3 and 4, where the flag counts from.
    script = f'exec 3<"{work}/a" 4<"{work}/b" 5<"{work}/a"; exec "$@"'
    argv = engine.argv("run", "--preserve-fds", "2", "--bundle", bundle.path, engine.id())
    result = subprocess.run(["sh", "-c", script, "sh", *argv], capture_output=True, text=True,
                            env=engine.environment())
    assert result.returncode == 0, result
    assert result.stdout.splitlines()[:2] == ["first", "second"]
    assert "6" not in result.stdout.splitlines()[2:]


@pytest.mark.parametrize("number", range(3, 20))
def test_a_descriptor_of_the_runtime_is_no_way_out(engine, make_bundle, number):
    """CVE-2024-21626: a working directory below a descriptor that leaked."""
    bundle = make_bundle("sh", "-c", "cat etc/shadow ../../../../../etc/shadow 2>/dev/null; "
                         "ls ../../../../../../ ../../ ; pwd")
    bundle.process["cwd"] = f"/proc/self/fd/{number}"
    bundle.save()
    (bundle.path / "outside").touch()
    result = engine("run", "--bundle", bundle.path, engine.id())
    assert "work" not in result.out.split() and "outside" not in result.out.split()
    if result.code == 0:
        # It was resolved to a place inside.
        assert set(result.out.split()) & {"bin", "etc"} or result.out == "/\n", result
    assert engine.list() == []


def test_a_working_directory_that_links_to_a_descriptor_is_no_way_out(engine, make_bundle):
    for number in range(3, 20):
        bundle = make_bundle("sh", "-c", "ls ../../../../../../ ; pwd")
        (bundle.rootfs / "trap").symlink_to(f"/proc/self/fd/{number}")
        (bundle.path / "outside").touch()
        bundle.process["cwd"] = "/trap"
        bundle.save()
        result = engine("run", "--bundle", bundle.path, engine.id())
        assert "outside" not in result.out.split() and "work" not in result.out.split()


def test_exec_is_no_way_out_either(engine, start):
    id = start()
    for number in range(3, 20):
        result = engine("exec", "--cwd", f"/proc/self/fd/{number}", id, "sh", "-c",
                    "ls ../../../../../../")
        assert "work" not in result.out.split(), result


def test_the_pid_file_holds_the_process_s_number(engine, make_bundle, work):
    bundle = make_bundle("sleep", "1000")
    id = engine.id()
    engine("create", "--bundle", bundle.path, "--pid-file", work / "pid", id).ok()
    assert (work / "pid").read_text() == str(engine.pid(id))


def test_a_pid_file_that_cannot_be_written_undoes_the_create(engine, make_bundle, work):
    bundle = make_bundle("sleep", "1000")
    id = engine.id()
    result = engine("create", "--bundle", bundle.path, "--pid-file", work / "no/such/pid", id).exits(1)
    assert "no/such/pid" in result.err
    engine("state", id).fails("ContainerNotFound")


def test_exec_writes_a_pid_file_too(engine, start, work):
    id = start()
    engine("exec", "--detach", "--pid-file", work / "pid", id, "sleep", "4712").ok()
    pid = int((work / "pid").read_text())
    program = pathlib.Path(f"/proc/{pid}/cmdline")
    await_that(lambda: program.read_bytes() == b"sleep\x004712\x00", "the program is there: runc may not have executed it yet")

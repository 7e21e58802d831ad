# SPDX-License-Identifier: MIT
"""Arguments, environment, working directory and the other properties of the process itself."""

import os
import socket

import pytest


def test_arguments_arrive_as_they_are(run):
    words = ["", "two words", "quo\"te'", "$HOME", "tab\there", "line\nfeed", "\\", "ünïcode", "*"]
    result = run("sh", "-c", 'for a in "$@"; do printf "<%s>" "$a"; done', "name", *words).ok()
    assert result.out == "".join(f"<{word}>" for word in words)


def test_the_environment_is_the_one_of_the_specification_and_nothing_else(run):
    def edit(bundle):
        bundle.process["env"] = ["PATH=/bin", "A=1", "EMPTY=", "SPACES= a b ", "EQUALS=x=y=z"]

    result = run("sh", "-c", "exec /bin/env", edit=edit).ok()
    found = {line for line in result.lines if line.split("=")[0] not in ("HOME", "PWD", "SHLVL")}
    assert found == {"PATH=/bin", "A=1", "EMPTY=", "SPACES= a b ", "EQUALS=x=y=z"}


def test_the_caller_s_environment_stays_outside(run):
    result = run("env", env={"SECRET_OF_THE_CALLER": "1"}).ok()
    assert "SECRET_OF_THE_CALLER" not in result.out and "LXCRI_TEST" not in result.out


def test_home_is_the_user_s(run):
    def edit(bundle):
        bundle.process["user"] = {"uid": 1000, "gid": 1000}

    assert "HOME=/home/app" in run("env", edit=edit).ok().lines


def test_the_program_is_searched_in_the_container_s_path(run):
    def edit(bundle):
        (bundle.rootfs / "opt/own").mkdir(parents=True)
        (bundle.rootfs / "opt/own/tool").write_text("#!/bin/sh\necho found\n")
        (bundle.rootfs / "opt/own/tool").chmod(0o755)
        bundle.process["env"] = ["PATH=/nowhere:/opt/own:/bin"]

    assert run("tool", edit=edit).ok().out == "found\n"


@pytest.mark.parametrize("cwd", ["/", "/home/app", "/tmp/"])
def test_the_working_directory(run, cwd):
    def edit(bundle):
        bundle.process["cwd"] = cwd

    assert run("pwd", edit=edit).ok().out.strip() == (cwd.rstrip("/") or "/")


def test_a_working_directory_only_its_user_may_enter(run):
    def edit(bundle):
        private = bundle.rootfs / "home/app/private"
        private.mkdir(mode=0o700)
        os.chown(private, 1000, 1000)
        bundle.process["cwd"] = "/home/app/private"
        bundle.process["user"] = {"uid": 1000, "gid": 1000}

    assert run("pwd", edit=edit).ok().out == "/home/app/private\n"


@pytest.mark.parametrize("soft, hard", [(256, 512), (1024, 1024)])
def test_resource_limits(shell, soft, hard):
    def edit(bundle):
        bundle.process["rlimits"] = [
            {"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard},
            {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
            {"type": "RLIMIT_STACK", "soft": 4 << 20, "hard": 8 << 20},
        ]

    limits = shell("cat /proc/self/limits", edit=edit).ok().out
    rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert rows["Max open files"] == [str(soft), str(hard)]
    assert rows["Max core file size"] == ["0", "0"]
    assert rows["Max stack size"] == [str(4 << 20), str(8 << 20)]


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges(shell, wanted):
    def edit(bundle):
        bundle.process["noNewPrivileges"] = wanted

    assert f"NoNewPrivs:\t{int(wanted)}\n" in shell("cat /proc/self/status", edit=edit).ok().out


def test_the_oom_score(shell):
    def edit(bundle):
        bundle.process["oomScoreAdj"] = 250

    assert shell("cat /proc/self/oom_score_adj", edit=edit).ok().out == "250\n"


def test_the_umask(shell):
    def edit(bundle):
        bundle.process["user"]["umask"] = 0o027

    assert shell("umask", edit=edit).ok().out == "0027\n"


def test_the_host_name_is_the_container_s_own(shell):
    before = socket.gethostname()

    def edit(bundle):
        bundle.spec["hostname"] = "a-name.of-its-own"

    assert shell("hostname", edit=edit).ok().out == "a-name.of-its-own\n"
    assert socket.gethostname() == before


def test_standard_input_reaches_the_process(run):
    assert run("cat", input=b"through and through\n").ok().out == "through and through\n"


def test_standard_output_and_error_stay_apart(shell):
    result = shell("echo out; echo err >&2").ok()
    assert (result.out, result.err) == ("out\n", "err\n")


def test_the_process_is_the_first_of_its_namespace(shell):
    assert shell("echo $$").ok().out == "1\n"


def test_signals_are_neither_blocked_nor_ignored(run):
    status = run("cat", "/proc/self/status").ok().out
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["SigBlk"], 16) == 0
    assert int(fields["SigIgn"], 16) == 0

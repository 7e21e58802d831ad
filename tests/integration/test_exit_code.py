# SPDX-License-Identifier: MIT
"""The exit code of run is that of the container's process."""

import signal

import pytest

from engine import await_that


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_process_s(run, code):
    run("sh", "-c", f"exit {code}").exits(code)


# The first process of a pid namespace is only killed from outside, or by a signal it handles.
@pytest.mark.parametrize("name", ["TERM", "KILL", "INT", "USR1"])
def test_a_signal_is_128_and_its_number(run, name):
    def share_pids(bundle):
        bundle.remove_namespace("pid")

    number = getattr(signal, f"SIG{name}")
    run("sh", "-c", f"kill -{name} $$; sleep 5", edit=share_pids).exits(128 + number)


# The first process of a pid namespace gets only those signals that it handles.
TRAPS = "".join(f"trap 'exit {128 + number}' {number}; " for number in (10, 15, 34, 64))


@pytest.mark.parametrize("word, code", [("TERM", 143), ("sigterm", 143), ("15", 143),
                                        ("SIGKILL", 137), ("9", 137), ("usr1", 138),
                                        ("RTMIN", 162), ("64", 192)])
def test_kill_takes_names_in_any_case_and_numbers(engine, start, word, code):
    id = start("sh", "-c", f"{TRAPS} touch /ready; while :; do sleep 0.05; done")
    await_that(lambda: engine("exec", id, "test", "-e", "/ready").code == 0, "the traps are set")
    engine("kill", id, word).ok()
    engine.await_status(id, "stopped")
    assert engine("wait", id).out.strip() == str(code)


@pytest.mark.parametrize("word", ["0", "65", "-1", "SIGNOTHING", "", "TERM KILL", "9x"])
def test_what_is_no_signal_is_refused_and_nothing_is_sent(engine, start, word):
    id = start()
    engine("kill", id, word).fails("InvalidArgument", word)
    assert engine.status(id) == "running"


def test_the_default_signal_is_term(engine, start):
    id = start("sh", "-c", f"{TRAPS} touch /ready; while :; do sleep 0.05; done")
    await_that(lambda: engine("exec", id, "test", "-e", "/ready").code == 0, "the traps are set")
    engine("kill", id).ok()
    engine.await_status(id, "stopped")
    assert engine("wait", id).out.strip() == "143"


@pytest.mark.vm
def test_kill_all_reaches_every_process(engine, start):
    """Only --all ends the shell's children too where they do not share its pid namespace."""
    def share_pids(bundle):
        bundle.remove_namespace("pid")

    id = start("sh", "-c", "sleep 1000 & sleep 1000 & wait", edit=share_pids)
    engine("kill", "--all", id, "KILL").ok()
    engine.await_status(id, "stopped")

# SPDX-License-Identifier: MIT
"""System call filters."""

import platform

import pytest

ARCHITECTURES = {"x86_64": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                 "aarch64": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]}[platform.machine()]
MKDIR = ["mkdir", "mkdirat"]


def filter_of(*rules, default="SCMP_ACT_ALLOW", architectures=ARCHITECTURES, **more):
    seccomp = {"defaultAction": default, "syscalls": list(rules), **more}
    if architectures is not None:
        seccomp["architectures"] = architectures
    return seccomp


@pytest.fixture
def filtered(shell):
    """Runs a script under a filter."""
    def filtered(script, *rules, privileges=False, **more):
        def edit(bundle):
            bundle.process["noNewPrivileges"] = not privileges
            bundle.linux["seccomp"] = filter_of(*rules, **more)

        return shell(script, edit=edit)

    return filtered


@pytest.mark.parametrize("privileges", [False, True], ids=["nnp", "privileges"])
def test_a_denied_call_is_eperm(filtered, privileges):
    result = filtered("mkdir /tmp/d; echo $?; grep Seccomp: /proc/self/status",
                      {"names": MKDIR, "action": "SCMP_ACT_ERRNO"}, privileges=privileges).ok()
    assert result.lines == ["1", "Seccomp:\t2"] and "Operation not permitted" in result.err


def test_the_error_number_can_be_chosen(filtered):
    result = filtered("mkdir /tmp/d", {"names": MKDIR, "action": "SCMP_ACT_ERRNO", "errnoRet": 28})
    assert "No space left" in result.err


def test_without_a_list_of_architectures_the_native_one_counts(filtered):
    result = filtered("mkdir /tmp/d", {"names": MKDIR, "action": "SCMP_ACT_ERRNO"}, architectures=None)
    assert "not permitted" in result.err


def test_calls_that_do_not_exist_are_passed_over(filtered):
    filtered("true", {"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}).ok()


def test_a_killing_action_kills(filtered):
    filtered("mkdir /tmp/d; echo $?", {"names": MKDIR, "action": "SCMP_ACT_KILL_PROCESS"}).ok()
    result = filtered("mkdir /tmp/d; echo $?", {"names": MKDIR, "action": "SCMP_ACT_KILL_PROCESS"})
    assert "159" in result.out, result


def test_all_conditions_of_a_rule_must_hold(filtered):
    """chmod is denied for one mode and one path descriptor together, not for either."""
    rule = {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28,
            "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"},
                     {"index": 1, "value": 1, "op": "SCMP_CMP_MASKED_EQ", "valueTwo": 1}]}
    # An inet stream socket is denied; an inet datagram and a unix stream socket are not.
    assert "No space left" in filtered("nc 127.0.0.1 1 </dev/null", rule).err
    assert "No space left" not in filtered("nc -u -w 1 127.0.0.1 1 </dev/null", rule).err


def test_exec_is_filtered_too(engine, start):
    def edit(bundle):
        bundle.linux["seccomp"] = filter_of({"names": MKDIR, "action": "SCMP_ACT_ERRNO"})

    result = engine("exec", start(edit=edit), "mkdir", "/tmp/d").exits(1)
    assert "not permitted" in result.err

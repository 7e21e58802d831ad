# SPDX-License-Identifier: MIT
"""Device nodes: those that every container has, and those of the specification."""

import pytest

DEFAULT = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
           "tty": (5, 0)}


@pytest.mark.parametrize("name, numbers", DEFAULT.items(), ids=DEFAULT)
def test_a_default_device_is_there_with_its_numbers(shell, name, numbers):
    kind, *found = shell(f"stat -c '%F|%t|%T|%a' /dev/{name}").ok().out.strip().split("|")
    assert kind == "character special file"
    assert (int(found[0], 16), int(found[1], 16)) == numbers
    assert found[2] == "666"


def test_default_devices_can_be_used(shell):
    result = shell("echo gone > /dev/null && head -c 8 /dev/zero | od -An -tx1 && "
                   "head -c 16 /dev/urandom | wc -c; echo x > /dev/full || echo full").ok()
    assert result.lines == [" 00 00 00 00 00 00 00 00", "16", "full"]


def test_the_standard_links_are_there(shell):
    result = shell("for l in fd stdin stdout stderr ptmx; do readlink /dev/$l || stat -c %F /dev/$l; done")
    assert result.ok().lines[:4] == ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1",
                                     "/proc/self/fd/2"]
    assert result.lines[4] in ("pts/ptmx", "/dev/pts/ptmx", "character special file")


def test_a_pseudo_terminal_can_be_opened(shell):
    """dd opens the multiplexer; a terminal of the container's own appears."""
    result = shell("exec 3<>/dev/ptmx; ls /dev/pts").ok()
    assert sorted(result.lines) == ["0", "ptmx"]


def test_a_device_of_the_specification(shell):
    def edit(bundle):
        bundle.linux["devices"] = [
            {"path": "/dev/mine", "type": "c", "major": 1, "minor": 3, "fileMode": 0o640,
             "uid": 1000, "gid": 50},
            {"path": "/dev/sub/pipe", "type": "p", "fileMode": 0o600},
        ]

    result = shell("stat -c '%F %t %T %a %u %g' /dev/mine; stat -c '%F %a' /dev/sub/pipe",
                   edit=edit).ok()
    assert result.lines == ["character special file 1 3 640 1000 50", "fifo 600"]


@pytest.mark.vm
def test_a_device_that_is_not_allowed_cannot_be_opened(shell):
    def edit(bundle):
        add_kernel_log(bundle)
        bundle.linux["resources"] = {"devices": [DENY_ALL]}

    result = shell("echo > /dev/null && echo null; exec 3<>/dev/msg && echo open", edit=edit)
    assert result.out == "null\n" and "not permitted" in result.err


@pytest.mark.vm
def test_a_device_that_is_allowed_can_be_opened(shell):
    def edit(bundle):
        numbers = add_kernel_log(bundle)
        bundle.linux["resources"] = {"devices": [DENY_ALL, {"allow": True, "access": "rw", **numbers}]}

    assert shell("exec 3<>/dev/msg && echo open", edit=edit).ok().out == "open\n"


def test_a_later_rule_of_devices_wins(shell):
    def edit(bundle):
        numbers = add_kernel_log(bundle)
        bundle.linux["resources"] = {"devices": [
            DENY_ALL, {"allow": True, "access": "rwm", **numbers},
            {"allow": False, "access": "w", **numbers}]}

    result = shell("exec 3</dev/msg && echo read; exec 4>/dev/msg && echo written", edit=edit)
    assert result.out == "read\n" and "not permitted" in result.err


DENY_ALL = {"allow": False, "access": "rwm"}


def add_kernel_log(bundle):
    """Adds a device that nothing but the rules keeps the container from."""
    for kind in bundle.process["capabilities"]:
        bundle.process["capabilities"][kind] = ["CAP_SYSLOG"]
    numbers = {"type": "c", "major": 1, "minor": 11}
    bundle.linux["devices"] = [{"path": "/dev/msg", **numbers, "fileMode": 0o666}]
    return numbers

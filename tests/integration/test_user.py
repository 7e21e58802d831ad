# SPDX-License-Identifier: MIT
"""User, groups and capabilities of the process."""

import pytest

BITS = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_KILL": 5, "CAP_NET_BIND_SERVICE": 10,
        "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}
SETS = {"bounding": "CapBnd", "effective": "CapEff", "permitted": "CapPrm",
        "inheritable": "CapInh", "ambient": "CapAmb"}


def mask(names):
    return sum(1 << BITS[name] for name in names)


def status(result):
    return dict(line.split(":\t", 1) for line in result.ok().lines if ":\t" in line)


@pytest.mark.parametrize("uid, gid, groups", [(0, 0, []), (1000, 1000, [29, 50]), (4242, 77, [3])])
def test_numbers_of_user_and_groups(run, uid, gid, groups):
    def edit(bundle):
        bundle.process["user"] = {"uid": uid, "gid": gid, "additionalGids": groups}

    fields = status(run("cat", "/proc/self/status", edit=edit))
    assert fields["Uid"].split() == [str(uid)] * 4
    assert fields["Gid"].split() == [str(gid)] * 4
    assert sorted(map(int, fields["Groups"].split())) in (sorted(groups), sorted({gid, *groups}))


def test_the_caller_s_groups_are_not_inherited(run):
    fields = status(run("cat", "/proc/self/status", extra_groups=[4, 27]))
    assert not {"4", "27"} & set(fields["Groups"].split())


@pytest.mark.parametrize("wanted", [
    {kind: ["CAP_CHOWN", "CAP_KILL"] for kind in ("bounding", "effective", "permitted")},
    {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_KILL"],
     "effective": ["CAP_KILL"]},
    {kind: [] for kind in SETS},
], ids=["same", "bounding", "none"])
def test_root_gets_what_an_exec_leaves_of_its_sets(run, wanted):
    """The kernel gives root everything that is bounding or inheritable when it executes."""
    def edit(bundle):
        bundle.process["capabilities"] = wanted
        bundle.process["noNewPrivileges"] = False

    fields = status(run("cat", "/proc/self/status", edit=edit))
    bounding = mask(wanted["bounding"])
    assert int(fields["CapBnd"], 16) == bounding
    assert int(fields["CapPrm"], 16) == bounding | mask(wanted.get("inheritable", []))
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16)
    assert int(fields["CapAmb"], 16) == 0


def test_a_user_keeps_the_ambient_ones_only(run):
    names = ["CAP_NET_BIND_SERVICE", "CAP_KILL"]

    def edit(bundle):
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        bundle.process["capabilities"] = {kind: names for kind in SETS}

    fields = status(run("cat", "/proc/self/status", edit=edit))
    for field in SETS.values():
        assert int(fields[field], 16) == mask(names), field


def test_a_user_without_ambient_ones_has_none(run):
    def edit(bundle):
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
        bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in
                                          ("bounding", "effective", "permitted")}

    fields = status(run("cat", "/proc/self/status", edit=edit))
    assert int(fields["CapEff"], 16) == 0 and int(fields["CapPrm"], 16) == 0
    assert int(fields["CapBnd"], 16) == mask(["CAP_KILL"])


def test_what_is_dropped_cannot_be_done(shell):
    def edit(bundle):
        bundle.process["capabilities"] = {kind: ["CAP_KILL"] for kind in
                                          ("bounding", "effective", "permitted")}

    result = shell("chown 1000 /tmp; mount -t tmpfs none /mnt; echo done", edit=edit).ok()
    assert result.err.count("not permitted") + result.err.count("denied") == 2, result


def test_exec_runs_with_the_container_s_own_capabilities(engine, start):
    def edit(bundle):
        bundle.process["capabilities"] = {kind: ["CAP_CHOWN"] for kind in
                                          ("bounding", "effective", "permitted")}

    fields = status(engine("exec", start(edit=edit), "cat", "/proc/self/status"))
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == mask(["CAP_CHOWN"])

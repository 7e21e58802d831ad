# SPDX-License-Identifier: MIT
"""The mounts of the specification, in its order, with its options."""

import pytest

from host import mounts


def options(result, place):
    """The options of the topmost mount at a place, of a container's /proc/self/mountinfo."""
    found = None
    for line in result.ok().lines:
        words = line.split(" ")
        if words[4] == place:
            tail = words[words.index("-") + 1:]
            found = set(words[5].split(",")) | {tail[0]} | set(tail[2].split(","))
    assert found is not None, f"{place} is not mounted in {result}"
    return found


def test_a_bind_mount_shows_and_takes_data(shell, work):
    (work / "shared").mkdir()
    (work / "shared/in").write_text("from the host\n")

    def edit(bundle):
        bundle.mount("/data", "bind", work / "shared", "rbind", "rw")

    assert shell("cat /data/in; echo back > /data/out", edit=edit).ok().out == "from the host\n"
    assert (work / "shared/out").read_text() == "back\n"


def test_a_read_only_bind_mount_takes_none(shell, work):
    (work / "shared").mkdir()

    def edit(bundle):
        bundle.mount("/data", "bind", work / "shared", "bind", "ro")

    result = shell("echo back > /data/out || echo refused", edit=edit).ok()
    assert result.out == "refused\n" and "Read-only" in result.err
    assert list((work / "shared").iterdir()) == []


def test_a_file_can_be_bound_onto_a_place_that_is_not_there(shell, work):
    (work / "file").write_text("content\n")

    def edit(bundle):
        bundle.mount("/etc/deep/down/file", "bind", work / "file", "bind", "ro")

    assert shell("cat /etc/deep/down/file", edit=edit).ok().out == "content\n"


def test_places_with_odd_names(shell, work):
    name = "a space, a \\, a # and ünï"
    (work / name).mkdir()
    (work / name / "file").write_text("found\n")

    def edit(bundle):
        bundle.mount(f"/mnt/{name}", "bind", work / name, "rbind")

    assert shell("cat /mnt/*/file", edit=edit).ok().out == "found\n"


def test_a_tmpfs_has_its_options(run):
    def edit(bundle):
        bundle.mount("/scratch", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "size=1m", "mode=1750")

    found = options(run("cat", "/proc/self/mountinfo", edit=edit), "/scratch")
    assert {"tmpfs", "nosuid", "nodev", "noexec", "size=1024k", "mode=1750"} <= found


def test_the_size_of_a_tmpfs_is_its_limit(shell):
    def edit(bundle):
        bundle.mount("/scratch", "tmpfs", "tmpfs", "size=1m")

    result = shell("dd if=/dev/zero of=/scratch/f bs=64k count=64 2>&1; wc -c < /scratch/f", edit=edit)
    assert "No space left" in result.out and result.lines[-1] == str(1 << 20)


def test_mounts_are_made_in_order(shell, work):
    (work / "below").mkdir()
    (work / "below/hidden").touch()

    def edit(bundle):
        bundle.mount("/mnt", "bind", work / "below", "rbind")
        bundle.mount("/mnt", "tmpfs", "tmpfs", "mode=755")
        bundle.mount("/mnt/inner", "bind", work / "below", "rbind", "ro")

    assert shell("ls /mnt /mnt/inner", edit=edit).ok().out == "/mnt:\ninner\n\n/mnt/inner:\nhidden\n"


def test_a_mount_on_a_mount(shell):
    def edit(bundle):
        bundle.mount("/outer", "tmpfs", "tmpfs")
        bundle.mount("/outer/inner", "tmpfs", "tmpfs", "mode=1711")

    assert shell("stat -c %a /outer/inner", edit=edit).ok().lines[-1] == "1711"


def test_a_recursive_bind_brings_what_is_mounted_below(shell):
    def edit(bundle):
        bundle.mount("/host-dev", "bind", "/dev", "rbind", "ro")

    assert "ptmx" in shell("ls /host-dev/pts", edit=edit).ok().out


@pytest.mark.parametrize("flags", [["ro"], ["nosuid", "nodev"], ["noexec", "ro", "nosuid"]])
def test_flags_of_a_bind_mount(run, work, flags):
    (work / "shared").mkdir()

    def edit(bundle):
        bundle.mount("/data", "bind", work / "shared", "rbind", *flags)

    found = options(run("cat", "/proc/self/mountinfo", edit=edit), "/data")
    assert set(flags) <= found


def test_noexec_keeps_from_executing(shell):
    def edit(bundle):
        bundle.mount("/scratch", "tmpfs", "tmpfs", "noexec")

    shell("cp /bin/busybox /scratch/; /scratch/busybox true", edit=edit).exits(126)


@pytest.mark.vm
def test_the_host_sees_no_mount_of_a_container(start):
    before = mounts()
    start()
    assert mounts() == before


@pytest.mark.vm
def test_propagation_is_cut(engine, start):
    """In both directions, unless the specification asks for it. Where it says nothing of the root, runc has that
    follow the host."""
    lines = engine("exec", start(), "cat", "/proc/self/mountinfo").ok().lines
    spread = [line for line in lines if "shared:" in line or "master:" in line]
    if engine.backend == "runc":
        spread = [line for line in spread if line.split()[4] != "/" or "shared:" in line]
    assert lines and not spread


def test_a_link_in_the_image_leads_no_mount_outside(run, work):
    """A target that is a link is followed inside the root file system only."""
    (work / "outside").mkdir()
    (work / "source").mkdir()
    (work / "source/file").write_text("x")

    def edit(bundle):
        (bundle.rootfs / "trap").symlink_to(work / "outside")
        bundle.mount("/trap/deep", "bind", work / "source", "bind")

    run("true", edit=edit)
    assert list((work / "outside").iterdir()) == []

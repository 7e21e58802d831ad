# SPDX-License-Identifier: MIT
"""The root file system: read-only, masked and read-only paths, relative and absolute."""

import os
import subprocess

import pytest


def test_a_read_only_root_takes_nothing(shell):
    def edit(bundle):
        bundle.spec["root"]["readonly"] = True

    result = shell("touch /file || echo refused; touch /dev/shm/file && echo but here",
                   edit=edit).ok()
    assert result.lines == ["refused", "but here"] and "Read-only" in result.err


def test_a_writable_root_keeps_what_was_written(shell, make_bundle, engine):
    bundle = make_bundle("sh", "-c", "echo kept > /file")
    engine("run", "--bundle", bundle.path, engine.id()).ok()
    assert (bundle.rootfs / "file").read_text() == "kept\n"


def test_an_absolute_root(engine, make_bundle, work):
    elsewhere = make_bundle()
    bundle = make_bundle("cat", "/mark")
    (elsewhere.rootfs / "mark").write_text("elsewhere\n")
    bundle.spec["root"]["path"] = str(elsewhere.rootfs)
    bundle.save()
    assert engine("run", "--bundle", bundle.path, engine.id()).ok().out == "elsewhere\n"


def test_masked_files_are_empty_and_masked_directories_too(shell):
    def edit(bundle):
        (bundle.rootfs / "secret").mkdir()
        (bundle.rootfs / "secret/file").write_text("secret")
        (bundle.rootfs / "secret.txt").write_text("secret")
        bundle.linux["maskedPaths"] += ["/secret", "/secret.txt", "/not/there"]

    result = shell("ls -A /secret; cat /secret.txt /proc/kcore | wc -c; touch /secret/x || echo ro",
                   edit=edit).ok()
    assert result.lines == ["0", "ro"]


@pytest.mark.parametrize("path", ["/proc/sys/kernel/hostname", "/frozen/file"])
def test_read_only_paths_are(shell, path):
    def edit(bundle):
        (bundle.rootfs / "frozen").mkdir()
        (bundle.rootfs / "frozen/file").write_text("old\n")
        bundle.linux["readonlyPaths"] += ["/frozen", "/not/there"]

    result = shell(f"echo new > {path} || echo refused", edit=edit).ok()
    assert result.out == "refused\n" and "Read-only" in result.err


def test_the_host_s_root_is_out_of_sight(shell, work):
    assert shell(f"ls {work} 2>&1; ls /; ls /.. | wc -l; ls / | wc -l").code == 0
    result = shell("ls /../../.. > /tmp/a; ls / > /tmp/b; md5sum < /tmp/a; md5sum < /tmp/b").ok()
    assert result.lines[0] == result.lines[1]


@pytest.mark.parametrize("kind", ["bundle", "restart"])
def test_a_dev_that_is_a_link_makes_nothing_on_the_host(engine, make_bundle, make_image, work, kind):
    outside = work / "outside"
    outside.mkdir()
    id = engine.id()
    if kind == "bundle":
        bundle = make_bundle("true")
        (bundle.rootfs / "dev").rmdir()
        os.symlink(outside, bundle.rootfs / "dev")
        result = engine("run", "--bundle", bundle.path, id)
    else:
        engine("run", "--image", make_image(), id, "true").ok()
        upper = engine.data / "containers" / id / "upper"
        subprocess.run(["rm", "-rf", upper / "dev"], check=True)
        os.symlink(outside, upper / "dev")
        result = engine("start", id)
    assert os.listdir(outside) == []
    if engine.backend == "runc":
        result.fails("InvalidSpec", "/dev of its root file system is a symlink", code=result.code)

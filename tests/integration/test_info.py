# SPDX-License-Identifier: MIT
"""info says what there is."""

import json
import platform


def test_info_counts_containers_and_images(engine, box, box_start):
    empty = engine("info", "--format", "json").ok().json()
    assert empty["containers"]["total"] == 0 and empty["images"] == 0
    engine("image", "import", box, "mine:1").ok()
    running, stopped = box_start(image="mine:1"), engine.id()
    engine("run", "--image", "mine:1", stopped, "true").ok()
    info = engine("info", "--format", "json").ok().json()
    assert info["containers"] == {"creating": 0, "created": 0, "running": 1, "paused": 0,
                                  "stopped": 1, "total": 2}
    assert info["images"] == 1
    assert info["host"]["kernel"] == platform.release()
    assert info["storage"]["data"] == str(engine.data)
    assert info["storage"]["driver"] in ("overlay", "dir")
    assert info["runtimes"]["libcrun"] and info["runtimes"]["liblxc"] and info["runtimes"]["runc"]
    table = engine("info").ok().out
    assert f"storage.data         {engine.data}\n" in table
    engine("delete", "--force", running, stopped).ok()


def test_info_works_where_there_is_nothing_yet(any_engine):
    info = any_engine("info", "--format", "json").ok().json()
    assert "driver" not in info["storage"]
    assert not any_engine.data.exists()
    any_engine("info", "word").fails("InvalidArgument", "expected no argument")
    any_engine("info", "--format", "xml").fails("InvalidArgument", "xml")


def test_info_names_the_manager_of_cgroups(any_engine):
    any_engine.config = any_engine.work / "config.json"
    for manager in ("systemd", "cgroupfs"):
        any_engine.config.write_text(json.dumps({"runtime": {"cgroup_manager": manager}}))
        assert any_engine("info", "--format", "json").ok().json()["cgroups"]["manager"] == manager

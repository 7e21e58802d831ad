# SPDX-License-Identifier: MIT
"""The power goes while images, containers and volumes come and go: whatever was acknowledged is there
after the next boot, everything that is there is whole, and nothing is left that nobody accounts for."""

import os
import pathlib
import random
import sys

import pytest

import recording
from conftest import LONG
from outage import BUILD, Recording
from replay import Cut

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from host import Unchanged  # noqa: E402

CUTS = {"ext4": 200, "btrfs": 60} if LONG else {"ext4": 20}
SEED = int(os.environ.get("LXCRI_POWERCUT_SEED", random.randrange(1 << 32) if LONG else 1))
KEPT = BUILD / "powercut"
# What networks of containers need of a host; it is recorded here.
FORWARDING = [pathlib.Path("/proc/sys/net", name) for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding")]
AGAIN = os.environ.get("LXCRI_POWERCUT_AGAIN", "0") != "0"  # with the recordings that are there


@pytest.fixture(scope="module", autouse=True)
def host_stays_as_it_is():
    before = {path: path.read_text() for path in FORWARDING}
    try:
        with Unchanged(patience=10):
            yield
    finally:
        for path, text in before.items():
            path.write_text(text)


@pytest.fixture(scope="module")
def recorded():
    """Returns the recording on a file system of some kind, which is made when it is first asked for."""
    made = {}

    def get(kind):
        if kind not in pathlib.Path("/proc/filesystems").read_text().split():
            pytest.skip(f"this kernel cannot mount {kind}")
        if kind not in made:
            made[kind] = None  # one that failed is not tried again
            if not AGAIN:
                recording.make(KEPT / kind, kind)
            made[kind] = Recording(KEPT / kind, kind)
        assert made[kind], f"there is no recording on {kind}"
        return made[kind]

    return get


def tell(kind, step, cut, problems):
    return "\n  ".join([f"power cut at {cut} on {kind} (seed {SEED}), in the step '{step.name}'; once more:",
                        f"tests/powercut/cut {KEPT / kind} {kind} {cut}", *problems])


@pytest.mark.parametrize("kind, number", [(kind, number) for kind, count in CUTS.items()
                                          for number in range(count)])
def test_nothing_is_lost_and_nothing_is_left(recorded, kind, number):
    record = recorded(kind)
    cut = record.log.cuts(CUTS[kind], SEED)[number]
    problems = record.problems_after(cut)
    assert not problems, tell(kind, record.log.step_at(cut.position), cut, problems)


@pytest.mark.long
def test_what_is_not_flushed_is_found_to_be_lost(tmp_path):
    """The same, with a command that does not wait for its disk: at most acknowledgements something
    is lost."""
    recording.make(tmp_path, "ext4", BUILD / "tests/powercut/libnosync.so")
    careless = Recording(tmp_path, "ext4")
    found = [careless.problems_after(Cut(step.end)) for step in careless.log.steps]
    lost = sum(bool(problems) for problems in found)
    print(f"{lost} of {len(found)} acknowledgements were not kept")
    assert lost > len(found) // 2

# SPDX-License-Identifier: MIT
"""A fake Proxmox VE for each test that asks for one."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cluster_engine import pve  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
from fake.client import Client  # noqa: E402  pylint: disable=wrong-import-position
from fake.template import make_template  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def api(pve):
    """A client that the first token of root speaks through."""
    return Client(pve)


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """A template with busybox: /bin/busybox and its names, nothing of a distribution. /polite ends by the signal
    that LXC sends, /stubborn does not; each makes /tmp/ready when it listens."""
    return make_template(tmp_path_factory.mktemp("template") / "busybox.tar.zst", {
        "polite": "trap 'exit 0' PWR USR1\ntouch /tmp/ready\nwhile :; do sleep 0.1; done\n",
        "stubborn": "trap '' PWR\ntouch /tmp/ready\nwhile :; do sleep 0.1; done\n"})


@pytest.fixture
def template(pve, archive):
    """The volume id of that template."""
    return pve.add_template(archive)

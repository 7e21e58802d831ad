# SPDX-License-Identifier: MIT
"""Tests that run in a guest only, with all that the integration tests have."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
INTEGRATION = HERE.parents[1] / "integration"


def load(path):
    """Imports a file under a name of its own: there are two conftest.py."""
    spec = importlib.util.spec_from_file_location("integration_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.path.insert(0, str(INTEGRATION))
integration = load(INTEGRATION / "conftest.py")
globals().update({name: value for name, value in vars(integration).items()
                  if not name.startswith(("_", "pytest_"))})


SYSTEMD = pathlib.Path("/proc/1/comm").read_text() == "systemd\n"
LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"


def pytest_collection_modifyitems(config, items):
    """All of these belong to the quick ones of a guest, but for those marked long; those marked
    systemd, and no others, run where it is the first process."""
    here = [item for item in items if HERE in item.path.parents]
    other = [item for item in here if SYSTEMD != bool(item.get_closest_marker("systemd"))
             or (not LONG and item.get_closest_marker("long"))]
    for item in here:
        item.add_marker(pytest.mark.vm)
    items[:] = [item for item in items if item not in other]
    if other:
        config.hook.pytest_deselected(items=other)


def pytest_configure(config):
    integration.pytest_configure(config)
    config.addinivalue_line("markers", "systemd: needs systemd as the first process")
    config.addinivalue_line("markers", "long: only in a long check (LXCRI_TEST_LONG=1)")


def pytest_sessionstart(session):
    if not pathlib.Path("/sys/firmware/qemu_fw_cfg/by_name/opt/lxcri").exists():
        raise pytest.UsageError("these tests run in a guest: tests/vm/run -- python3 -m pytest ...")


@pytest.fixture(scope="session", autouse=True)
def units_that_stay():
    """What systemd starts when somebody first asks for it, and keeps: the bus, which runc speaks to,
    and the slice of machines."""
    if SYSTEMD:
        subprocess.run(["systemctl", "start", "dbus.service", "machine.slice"], check=True)

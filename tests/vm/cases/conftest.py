# SPDX-License-Identifier: MIT
"""Tests that run in a guest only, with all that the integration tests have."""

import importlib.util
import pathlib
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
globals().update({name: value for name, value in vars(load(INTEGRATION / "conftest.py")).items()
                  if not name.startswith("_") and name != "pytest_collection_modifyitems"})


def pytest_collection_modifyitems(items):
    """All of these belong to the quick ones of a guest."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.vm)


def pytest_sessionstart(session):
    if not pathlib.Path("/sys/firmware/qemu_fw_cfg/by_name/opt/lxcri").exists():
        raise pytest.UsageError("these tests run in a guest: tests/vm/run -- python3 -m pytest ...")

# SPDX-License-Identifier: MIT
"""Tests that need ZFS, with all that the integration tests have."""

import importlib.util
import os
import pathlib
import sys

import pytest

INTEGRATION = pathlib.Path(__file__).resolve().parents[1] / "integration"


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

# Fixtures count where conftest.py has their names.
from api_programs import programs  # noqa: E402,F401
from test_rootfs_drivers import grounds, image, make_placed  # noqa: E402,F401


def pytest_configure(config):
    integration.pytest_configure(config)


def pytest_sessionstart(session):
    if not os.environ.get("LXCRI_TEST_ZFS"):
        raise pytest.UsageError("these tests need ZFS: tests/zfs/run -- python3 -m pytest tests/zfs")

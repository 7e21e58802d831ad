# SPDX-License-Identifier: MIT
"""Tests of a build with fault points. They share the engines, bundles and images of the integration
tests."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from fixtures import *  # noqa: E402,F401,F403

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"


def pytest_collection_modifyitems(config, items):
    """Long tests are for long checks."""
    if not LONG:
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes many minutes; for make check-long")

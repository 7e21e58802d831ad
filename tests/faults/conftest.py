# SPDX-License-Identifier: MIT
"""Tests of a build with fault points. They share the engines, bundles and images of the integration
tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from fixtures import *  # noqa: E402,F401,F403
from sweep import LONG, Sweep  # noqa: E402

SWEEP = pytest.StashKey()


def the_sweep(config):
    """The one of this session, made when it is first asked for: the cases are needed before there
    are fixtures."""
    if SWEEP not in config.stash:
        config.stash[SWEEP] = Sweep()
    return config.stash[SWEEP]


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes many minutes; for make check-long")


def pytest_unconfigure(config):
    if SWEEP in config.stash:
        config.stash[SWEEP].remove()


def pytest_collection_modifyitems(config, items):
    """Long tests are for long checks."""
    if not LONG:
        items[:] = [item for item in items if not item.get_closest_marker("long")]

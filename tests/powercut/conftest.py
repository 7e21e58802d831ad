# SPDX-License-Identifier: MIT
"""What is told to pytest: which tests are for a long check."""

import os

LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"


def pytest_collection_modifyitems(config, items):
    other = [item for item in items if not LONG and item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in other]
    if other:
        config.hook.pytest_deselected(items=other)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only in a long check (LXCRI_TEST_LONG=1)")

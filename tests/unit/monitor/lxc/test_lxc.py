# SPDX-License-Identifier: MIT
"""Containers on LXC: what the backend promises to the monitor, on real containers."""

import pytest

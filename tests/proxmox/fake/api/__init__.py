# SPDX-License-Identifier: MIT
"""What answers each endpoint, by subject."""

from fake.api import (  # noqa: F401  each registers its endpoints
    access, cluster, config, create, node, power, storage, task)

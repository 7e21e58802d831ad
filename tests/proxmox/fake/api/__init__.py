# SPDX-License-Identifier: MIT
"""What answers each endpoint, by subject."""

from fake.api import (  # noqa: F401  each registers its endpoints
    access, backup, cluster, config, copy, create, firewall, ha, network, node, pool, power, sdn, snapshot, storage,
    task, volume)

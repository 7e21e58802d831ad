# SPDX-License-Identifier: MIT
"""A Proxmox VE for tests: its REST API, with containers that LXC runs on this machine.

    from fake.pve import FakeProxmox

    with FakeProxmox() as pve:
        pve.url, pve.token, pve.ca, pve.fingerprint    # what a client needs
        pve.mischief.fail("/nodes/{node}/lxc", status=500)
        pve.person.rename(100, "other")
"""

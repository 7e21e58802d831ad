# SPDX-License-Identifier: MIT
"""Installing, removing and purging in clean roots."""

import subprocess

import pytest

INSTALL = """apt-get update -qq
apt-get install -qq -y -o DPkg::Use-Pty=0 "$@"
"""

# A stand-in for the package that a Proxmox host has in place of Debian's lxc.
LXC_PVE = """mkdir -p /tmp/lxc-pve/DEBIAN
cat >/tmp/lxc-pve/DEBIAN/control <<-EOC
	Package: lxc-pve
	Version: 6.0.5-1
	Architecture: amd64
	Maintainer: test <test@example.org>
	Provides: liblxc1, lxc
	Conflicts: liblxc1, lxc
	Replaces: liblxc1, lxc
	Description: stand-in
EOC
dpkg-deb --build /tmp/lxc-pve /tmp/lxc-pve.deb >/dev/null
dpkg -i /tmp/lxc-pve.deb
"""
RUN = f"""proxmox-lxcri image import oci:{{}}:latest busybox >/dev/null
for runtime in lxc crun; do
	proxmox-lxcri run --rm --runtime $runtime --network host busybox echo "hello from $runtime"
done
"""


@pytest.fixture
def root(make_clean_root, suite):
    return make_clean_root(suite)


def install(root, packages, also=(), recommends=True):
    script = INSTALL if recommends else INSTALL.replace("install", "install --no-install-recommends")
    script = script.replace("apt-get", "apt-get -o APT::Install-Recommends=true", 2) if recommends else script
    return root(script, *packages, *also, binds=packages).ok()


def command_package(packages):
    return [path for path in packages if path.name.startswith("proxmox-lxcri_")]


def test_a_clean_root_runs_containers_after_installing_one_package(root, suite, debs):
    from conftest import BUSYBOX

    install(root, command_package(debs(suite)))
    installed = root("dpkg-query -W -f '${Package} '").ok().out.split()
    assert "liblxc1" in installed or "liblxc1t64" in installed
    out = root(RUN.format(BUSYBOX)).ok().out
    assert "hello from lxc" in out and "hello from crun" in out
    assert root("proxmox-lxcri version").ok().out.startswith("proxmox-lxcri version ")
    root("test -f /usr/share/bash-completion/completions/proxmox-lxcri").ok()


def test_it_is_installed_beside_lxc_pve_which_stays(root, suite, debs):
    root(LXC_PVE).ok()
    install(root, command_package(debs(suite)))
    installed = root("dpkg-query -W -f '${Package} '").ok().out.split()
    assert "lxc-pve" in installed
    assert not {"liblxc1", "liblxc1t64", "lxc", "busybox-static"} & set(installed)


def test_remove_and_purge_leave_the_root_as_it_was(root, suite, debs):
    packages = debs(suite)
    # What they need comes first, so that the packages alone make the difference.
    install(root, packages)
    root("dpkg -P proxmox-lxcri liblxcri0 liblxcri-dev").ok()
    before = root.files()
    root('dpkg -i "$@"', *packages, binds=packages).ok()
    added = root.files() - before
    assert "/usr/bin/proxmox-lxcri" in added and "/etc/proxmox-lxcri/config.json" in added
    root("proxmox-lxcri list").ok()
    root("dpkg -r liblxcri-dev liblxcri0 proxmox-lxcri").ok()
    root("test -f /etc/proxmox-lxcri/config.json; ! test -e /usr/bin/proxmox-lxcri").ok()
    root("dpkg -P proxmox-lxcri liblxcri0 liblxcri-dev").ok()
    assert root.files() == before


def test_removing_stops_containers_and_purge_asks_before_data_goes(root, suite, debs):
    from conftest import BUSYBOX

    packages = command_package(debs(suite))
    install(root, packages, also=["debconf"])
    root(f"proxmox-lxcri image import oci:{BUSYBOX}:latest busybox\n"
         "proxmox-lxcri run -d --name web --runtime crun --network host busybox sh -c"
         " 'trap \"exit 7\" TERM; echo mine >/kept; while :; do sleep 0.1; done'\n"
         "proxmox-lxcri exec web sh -c 'until [ -s /kept ]; do sleep 0.05; done'").ok()
    pid = root("proxmox-lxcri state web | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p'").ok().out.strip()
    root("dpkg -r proxmox-lxcri").ok()
    assert subprocess.run(["kill", "-0", pid], stderr=subprocess.DEVNULL, check=False).returncode != 0
    purged = root("dpkg -P proxmox-lxcri").ok()
    assert "are kept in /var/lib/proxmox-lxcri" in purged.out
    root("test ! -e /etc/proxmox-lxcri; test ! -e /run/proxmox-lxcri; grep -rqx mine /var/lib/proxmox-lxcri").ok()

    # It is there again when the package is.
    root('dpkg -i "$@"', *packages, binds=packages).ok()
    assert "exited (7)" in root("proxmox-lxcri list").ok().out
    assert root("proxmox-lxcri start web; proxmox-lxcri exec web cat /kept").ok().out.strip() == "mine"

    # And gone when that was said.
    root("echo 'proxmox-lxcri proxmox-lxcri/purge-data boolean true' | debconf-set-selections; "
         "dpkg -P proxmox-lxcri").ok()
    root("test ! -e /var/lib/proxmox-lxcri").ok()


def test_the_library_is_found_by_pkg_config_and_runs(root, suite, debs):
    packages = debs(suite)
    install(root, packages, also=["gcc", "libc6-dev", "pkg-config"], recommends=False)
    root("""cat >/tmp/one.c <<-EOC
	#include <lxcri/error.h>
	#include <lxcri/config.h>
	#include <stdio.h>
	int main(void)
	{
		struct lxcri_config *config = NULL;
		struct lxcri_error err = {0};
		if (lxcri_config_load(NULL, &config, &err) < 0)
			return 1;
		puts(lxcri_config_data_path(config));
		lxcri_config_free(config);
		return 0;
	}
	EOC
	gcc -o /tmp/one /tmp/one.c $(pkg-config --cflags --libs lxcri)""").ok()
    assert root("/tmp/one").ok().out == "/var/lib/proxmox-lxcri\n"

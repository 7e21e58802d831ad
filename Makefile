# The way in. Everything that these targets need is installed or built by them; a second call is
# quick. The build itself is meson's and ninja's.

BUILD ?= build
JOBS ?= $(shell nproc)
DESTDIR ?=
IMAGES = $(BUILD)/images

.NOTPARALLEL:
.PHONY: build demo check check-proxmox check-vm check-zfs check-powercut check-long check-trixie check-packages bench bench-vm bench-image bench-net bench-pod deb install uninstall
.PHONY: clean format images servers test-deps

build:
	@tools/install-deps build
	@tools/configure $(BUILD)
	@ninja -C $(BUILD) -j $(JOBS)

images:
	@tools/install-deps demo
	@tools/make-images $(IMAGES)

# Images of servers, for the tests of manifests.
servers:
	@tools/install-deps demo
	@tools/make-images $(BUILD)/servers servers

# Two real images on every backend, with what each printed.
demo: build images
	@demo/run $(BUILD) $(IMAGES)

check: test-deps build images servers
	@tools/check --build $(BUILD)

# Only what is tested against a Proxmox VE, which is a fake one whose containers are real; see tests/proxmox/README.md.
check-proxmox: test-deps build images
	@tools/check --build $(BUILD) --only proxmox

# Only what runs in a guest with a kernel of its own; see tests/vm/README.md.
check-vm: test-deps build images servers
	@tools/check --build $(BUILD) --only vm

# Root file systems on ZFS, in a guest with a pool; the first time builds Debian's module for its kernel.
check-zfs: test-deps build images
	@tools/check --build $(BUILD) --only zfs

# Power cuts at some hundred moments, on each file system; see tests/powercut/README.md.
check-powercut: test-deps build images
	@tools/check --build $(BUILD) --long --only powercut

# The same with a longer look: every fuzzer runs for a while, tests marked long run as well.
check-long: test-deps build images servers
	@tools/check --build $(BUILD) --long

bench: build images
	@tools/install-deps bench
	@tests/bench/run $(BUILD) $(IMAGES)

# The same in a guest, where cgroups are of version 2 alone; emulated, so only ratios tell something.
bench-vm: build images
	@tools/install-deps bench test
	@mkdir -p $(BUILD)/bench
	@tests/vm/run --cpus 2 --timeout 3000 --results $(BUILD)/bench/start-vm.json -- tests/bench/run $(BUILD) $(IMAGES) \
		-n 15 -o /dev/virtio-ports/results

# The same for images that come in: one of about 1 GB is pulled from a registry on loopback, beside skopeo with umoci,
# podman and containerd, and beside tar.
bench-image: build
	@tools/install-deps bench
	@tests/bench/image $(BUILD)

# Networks, ports and names, beside netavark, the CNI plugins, nft, iptables, dnsmasq and aardvark-dns; and what the
# service takes with a hundred containers.
bench-net: build images
	@tools/install-deps bench
	@tests/bench/net $(BUILD) $(IMAGES) -l

# Pods from manifests, beside podman: one, 100 and 500, what lists of them take, and memory.
bench-pod: build images
	@tools/install-deps bench
	@tests/bench/pod $(BUILD) $(IMAGES) --most

# Builds and tests in a root of Debian 13, which is made the first time.
check-trixie: images servers
	@tests/trixie/run $(BUILD) all

# Installs, upgrades and purges the packages in clean roots of Debian 12 and 13.
check-packages: test-deps images
	@tools/check --build $(BUILD) --only packages

# Debian packages of this machine's release, in $(BUILD)/deb.
deb:
	@tools/install-deps build package
	@tools/make-deb $(BUILD)/deb

install: build
	@tools/install-tree install $(BUILD) "$(DESTDIR)"

# Removes what install has placed, directories that it made included, and nothing else.
uninstall:
	@tools/install-tree uninstall $(BUILD) "$(DESTDIR)"

# Before the build: what is found when it is set up decides which tests are built.
test-deps:
	@tools/install-deps build test

format:
	@tools/format --write

# What is kept in /var/cache/proxmox-lxcri stays.
clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz $(BUILD)-trixie $(BUILD)-packages $(BUILD)-faults

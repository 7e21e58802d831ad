# SPDX-License-Identifier: MIT
"""Packages in clean roots of Debian: each test has one that nobody changed before, and that goes with
it."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build"))
LONG = os.environ.get("LXCRI_TEST_LONG", "0") != "0"
BUSYBOX = BUILD / "images/busybox"
JOBS = os.environ.get("JOBS", str(os.cpu_count()))
QUIET_APT = "apt-get -qq -y -o DPkg::Use-Pty=0"


def call(*command, **options):
    """Runs a tool of this tree and returns what it printed."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
    return done.stdout


def make_root(suite, *packages):
    return call("tools/debian-root", suite, *packages).splitlines()[-1]


class Result:
    def __init__(self, code, out):
        self.code, self.out = code, out

    def ok(self):
        assert self.code == 0, self.out
        return self


class Root:
    """A root directory whose changes live as long as the test, or until they are forgotten."""

    def __init__(self, base, work):
        self.work = work
        self.root = work / "root"
        self.tmp = work / "tmp"
        self.run = work / "run"
        # A copy: what the engine mounts could not lie on an overlay.
        call("cp", "-a", base, self.root)
        for directory in (self.tmp, self.run):
            directory.mkdir()
        self.tmp.chmod(0o1777)

    def __call__(self, script, *arguments, binds=()):
        """Runs a shell script in the root."""
        bound = [word for path in (BUSYBOX, *binds) for word in ("--bind", str(path))]
        done = subprocess.run(
            [str(ROOT / "tools/in-root"), "--keep", *bound, "--tmp", str(self.tmp),
             "--run", str(self.run), str(self.root), "/bin/sh", "-euc", script, "sh", *map(str, arguments)],
            text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive",
                                           "DEBCONF_NOWARNINGS": "yes"})
        return Result(done.returncode, done.stdout)

    def files(self):
        """All paths of the root but those that any package leaves behind."""
        found = self("find / -xdev '!' -path '/proc/*' '!' -path '/var/cache/*' '!' -path '/var/log/*'"
                     " '!' -path '/var/lib/dpkg/*' '!' -path '/var/lib/apt/*' '!' -path '/tmp/*'").ok()
        return set(found.out.splitlines())


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """Builds the packages of a suite, or finds them built: debs("bookworm"), debs("trixie", next)."""
    built = {}

    def debs(suite, following=False):
        if (suite, following) not in built:
            built[suite, following] = build_packages(suite, following)
        return built[suite, following]

    return debs


def build_packages(suite, following):
    """The packages are built in a root of their suite, as a release would be. Those that follow are
    of a higher version, with another protocol and database."""
    output = BUILD.with_name(BUILD.name + "-packages") / (suite + ("-next" if following else ""))
    output.mkdir(parents=True, exist_ok=True)
    cache = pathlib.Path(os.environ.get("LXCRI_CACHE", "/var/cache/proxmox-lxcri"))
    # libcrun is kept for each suite; this machine's own has it already.
    own = cache if suite == platform.freedesktop_os_release().get("VERSION_CODENAME") else cache / suite
    own.mkdir(parents=True, exist_ok=True)
    needed = call("tools/install-deps", "--list", "build", "package").split()
    root = make_root(suite, "ccache", *needed)
    following = ["--next"] if following else []
    call("tools/make-deb", *following, "--copy", output)
    tmp = tempfile.mkdtemp(dir=output)
    try:
        call("tools/in-root", "--bind", output, "--bind", cache, "--tmp", tmp, root, "/bin/sh", "-euc",
             'cd "$1/source"; export LXCRI_CACHE="$2" CCACHE_DIR="$2/ccache" JOBS="$3"\n'
             'tools/make-deb ${4:-} --build "$1"\n'
             'lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$1"/*.changes',
             "sh", output, own, JOBS, *following)
    finally:
        shutil.rmtree(tmp)
    names = re.compile(r"(proxmox-lxcri|liblxcri0|liblxcri-dev)_")
    return [path for path in sorted(output.glob("*.deb")) if names.match(path.name)]


@pytest.fixture
def make_clean_root():
    """Makes a root of a suite with nothing in it but what the suite's smallest system has."""
    made = []

    def make(suite, *packages):
        work = pathlib.Path(tempfile.mkdtemp(prefix="lxcri-root.", dir="/tmp"))
        made.append(work)
        return Root(make_root(suite, *packages), work)

    yield make
    for work in made:
        shutil.rmtree(work)


@pytest.fixture(params=["bookworm", "trixie"])
def suite(request):
    return request.param

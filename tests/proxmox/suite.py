# SPDX-License-Identifier: MIT
"""The tests of tests/integration with containers of a fake Proxmox VE: LXCRI_TEST_CLUSTER=1 makes theirs the fixtures
of this file. What a bundle says that an image can say too is taken from it. suite.json names what does not apply."""

import json
import pathlib
import tarfile
import tempfile

import pytest

import fixtures
from bundle import SPEC
from cluster_engine import BRIDGES, ClusterEngine
from fake import access
from fake.pve import ROOT_PASSWORD, FakeProxmox
from images import Image, pack

__all__ = ["pytest_collection_modifyitems", "cluster", "pve", "make_engine", "engine"]

# {file, file::test or file::test[case]: why it does not apply}
ELSEWHERE = json.loads((pathlib.Path(__file__).parent / "suite.json").read_text())


def names(item):
    """What an entry may call a test, the whole of it last."""
    file = item.path.name
    return [f"{file}::{item.name}", f"{file}::{item.originalname}", file]


def pytest_collection_modifyitems(session, config, items):
    """Leaves out what is listed. An entry that names no test is a mistake; what is not listed is run."""
    met = {name for item in items for name in names(item)}
    files = {item.path.name for item in items}
    unknown = [entry for entry in ELSEWHERE if entry not in met and entry.split("::")[0] in files]
    if unknown and not config.option.keyword and not any("::" in word for word in config.args):
        raise pytest.UsageError(f"suite.json names tests that do not exist: {unknown}")
    fixtures.pytest_collection_modifyitems(session, config, items)
    left = [item for item in items if not ELSEWHERE.keys() & set(names(item))]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


class SuiteEngine(ClusterEngine):
    """An engine on the first node, which makes an image of a bundle."""

    def __init__(self, work, pve, config=None):
        password = pathlib.Path(work) / "password"
        password.touch(mode=0o600)
        password.write_text(ROOT_PASSWORD)
        super().__init__(work, pve, local_node=pve.node, lxc_directory=str(pve.cluster.host.lxcpath), token_file=None,
                         user=access.ROOT, password_file=str(password))
        self.given = config

    def argv(self, *words):
        if self.given:
            self.sections = json.loads(self.given.read_text())
            self.configure()
        if "--bundle" in words:
            at = words.index("--bundle")
            image, arguments = self.image_of(pathlib.Path(words[at + 1]))
            words = [*words[:at], "--image", image, *words[at + 2:], *arguments]
            if "run" in words and "--detach" not in words and "-d" not in words:
                words.insert(words.index("run") + 1, "--rm")
        return super().argv(*words)

    def image_of(self, bundle):
        """Returns an image of the bundle's files and the arguments of its process."""
        spec = json.loads((bundle / "config.json").read_text())
        process = spec.pop("process")
        arguments, env, cwd = process.pop("args"), process.pop("env"), process.pop("cwd")
        user = process.pop("user")
        known = {key: value for key, value in SPEC["process"].items() if key in process}
        assert process == known and spec == {key: SPEC.get(key) for key in spec} and user.keys() == {"uid", "gid"}, \
            "an image cannot say that"
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                tar.add(bundle / "rootfs", ".")
            file.seek(0)
            layer = pack(file.read())
        image = Image([layer], Env=env, WorkingDir=cwd, User=f"{user['uid']}:{user['gid']}", Cmd=None)
        return image.oci(tempfile.mkdtemp(dir=self.work)), arguments


@pytest.fixture(scope="session")
def cluster():
    """One for all tests: to make one takes as long as most tests do."""
    with FakeProxmox(bridges=BRIDGES) as pve:
        yield pve


@pytest.fixture
def pve(cluster):
    """The cluster, where nothing is left afterwards. Volumes with a name are nobody's to remove."""
    yield cluster
    left = [guest for guest in cluster.cluster.guests.values() if not guest.config.get("protection")]
    for vmid, guest in list(cluster.cluster.guests.items()):
        guest.config.pop("protection", None)
        cluster.person.destroy(vmid)
    cluster.forget_requests()
    assert cluster.faults() == [] and left == []


@pytest.fixture
def make_engine(request, pve, work):
    """Makes engines of the cluster, whatever backend is asked for."""
    engines = []

    def make(_, **options):
        directory = work / f"e{len(engines)}"
        directory.mkdir(mode=0o711)
        engines.append(SuiteEngine(directory, pve, **options))
        if request.node.get_closest_marker("service"):
            engines[-1].service_lock.close()
        return engines[-1]

    yield make
    for one in engines:
        one.remove_all()


@pytest.fixture
def engine(make_engine):
    return make_engine(None)

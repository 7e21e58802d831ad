# SPDX-License-Identifier: MIT
"""What bytes from outside could do if they took over the worker that parses them."""

import os
import pathlib
import re
import subprocess
import time

import pytest

from engine import BUILD, TAG
from images import Image, Layer, pack


@pytest.fixture
def worker(work):
    """A worker in the middle of a layer, with its data directory."""
    layer = Layer()
    for number in range(60):
        layer.add(str(number), os.urandom(500_000))
    source = Image([pack(layer.finish())]).oci(work / "image")
    data = work / "data"
    process = subprocess.Popen([BUILD / "lxcri-worker", "import", data, source], stdout=subprocess.PIPE,
                               env={"LXCRI_TEST": TAG})
    deadline = time.monotonic() + 10
    while not list(data.glob("layers/.tmp-*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(19)
    yield process.pid, data
    process.send_signal(18)
    assert b"code" not in process.communicate()[0]
    assert process.returncode == 0


def test_a_device_that_the_worker_makes_cannot_be_opened(worker):
    """Its layers are a mount of its own, without devices; the host's mount of them is not in reach."""
    pid, data = worker
    layers = (data / "layers").stat()
    host = {line.split()[0] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()}
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        status = os.stat(f"/proc/{pid}/fd/{fd}")
        if (status.st_dev, status.st_ino) == (layers.st_dev, layers.st_ino):
            info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            found.append(re.search(r"^mnt_id:\s+(\d+)$", info, re.M)[1])
            os.mknod(f"/proc/{pid}/fd/{fd}/.tmp-device", 0o20666, os.makedev(1, 5))
            try:
                with pytest.raises(PermissionError):
                    os.open(f"/proc/{pid}/fd/{fd}/.tmp-device", os.O_RDWR)
            finally:
                os.unlink(f"/proc/{pid}/fd/{fd}/.tmp-device")
    assert found and not set(found) & host


def test_the_worker_has_no_more_rights_than_it_needs(worker):
    pid, _ = worker
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    keep = sum(1 << bit for bit in (0, 1, 3, 4, 21, 27, 31))
    for kind in ("CapPrm", "CapEff"):
        assert int(re.search(rf"^{kind}:\s+(\w+)$", status, re.M)[1], 16) & ~keep == 0
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)

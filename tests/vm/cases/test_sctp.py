# SPDX-License-Identifier: MIT
"""Published ports of SCTP, which need a kernel that has the protocol."""

import subprocess
import sys

import pytest

from engine import await_that
from nets import *  # noqa: F401,F403
from test_network_ports import WAYS

pytestmark = pytest.mark.long

SERVER = ("import socket\n"
          "s=socket.socket(socket.AF_INET6,socket.SOCK_STREAM,socket.IPPROTO_SCTP)\n"
          "s.bind(('::',7)); s.listen()\n"
          "print('ready',flush=True)\n"
          "while True:\n"
          " c,a=s.accept()\n"
          " c.sendall(c.recv(65536)); c.close()\n")

CLIENT = ("import socket,sys\n"
          "a=sys.argv[1]\n"
          "s=socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET,socket.SOCK_STREAM,socket.IPPROTO_SCTP)\n"
          "s.settimeout(float(sys.argv[4]))\n"
          "s.connect((a,int(sys.argv[2])))\n"
          "s.sendall(sys.argv[3].encode())\n"
          "sys.stdout.write(s.recv(65536).decode())\n")


def echoed(ground, address, port, text, timeout=30):
    """What comes back over an association from somewhere to an address, or None."""
    done = subprocess.run(ground.words(sys.executable, "-c", CLIENT, address, port, text, timeout),
                          capture_output=True, text=True, timeout=timeout + 60, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture(scope="module", autouse=True)
def protocol():
    subprocess.run(["modprobe", "sctp"], check=True)


def test_an_association_comes_from_everywhere(one, box, world):
    id = one.id()
    one("run", "--detach", "--publish", "7000:7/sctp", "--image", box, id, "sleep", "1000").ok()
    assert one("port", id).ok().lines == ["7/sctp -> *:7000"]
    inside = one.inside(id)
    child = inside.start(sys.executable, "-c", SERVER, stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline() == b"ready\n"
        for who, address in WAYS:
            if address == "127.1.2.3":
                continue  # an end of an association has only addresses that an interface has
            text = f"{who} {address}"
            assert echoed(getattr(world, who), address, 7000, text) == text, text
        assert echoed(inside, "192.0.2.1", 7000, "hairpin") == "hairpin"
        assert echoed(world.lan, "192.0.2.1", 7, "not published", timeout=3) is None
        one("forward", "remove", id, "7000:7/sctp").ok()
        await_that(lambda: echoed(world.lan, "192.0.2.1", 7000, "taken back", timeout=3) is None, "it is taken back")
    finally:
        child.kill()
        child.wait()
    one("delete", "--force", id).ok()


def test_a_port_of_sctp_is_taken_by_sctp_alone(one, box, world):
    holder = world.host.start(sys.executable, "-c", SERVER.replace("('::',7)", "('::',7000)"), stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"ready\n"
        one("run", "--rm", "--publish", "7000:7/sctp", "--image", box, one.id(), "true") \
            .fails("PortForwardingFailed", "7000", code=125)
        one("run", "--rm", "--publish", "7000:7/tcp", "--image", box, one.id(), "true").ok()
    finally:
        holder.kill()
        holder.wait()

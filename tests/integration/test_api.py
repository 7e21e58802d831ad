# SPDX-License-Identifier: MIT
"""The programs of docs/api.md, compiled against the library and run; and the command line that the
first notes of the project show."""

import json
import os

from api_programs import call, programs  # noqa: F401: a fixture
from images import Layer, digest

def test_the_example_programs_work(programs, engine, make_bundle, make_image, work):
    backend = engine.backend
    root, data = work / "api-root", work / "api-data"

    file = work / "config.json"
    file.write_text('{"routing": [{"pattern": "^db-[0-9]+$", "runtime": "runc"}]}')
    done = call(programs / "config", file, "db-7", "kube-ovn-cni", "web")
    assert (done.returncode, done.stdout) == (0, "db-7 runc\nkube-ovn-cni crun (kube-ovn)\nweb lxc\n")
    done = call(programs / "config", work / "missing.json")
    assert done.returncode == 1 and done.stderr.endswith("[ConfigNotFound]\n")

    bundle = make_bundle("sleep", "1000")
    bundle.save()
    done = call(programs / "manager", backend, root, data, bundle.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"my-container is created on {backend}", f"my-container is running on {backend}",
        f"my-container is paused on {backend}", "exit code 137",
        f"my-container is stopped on {backend}", "ContainerNotFound"]

    bundle = make_bundle("true")
    bundle.save()
    done = call(programs / "spec", backend, root, data, bundle.path)
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "")
    assert "GREETING=hello" in (bundle.path / "config.json").read_text()

    image = make_image(Entrypoint=["sh", "-c", "exit 5"])
    done = call(programs / "image", backend, root, data, image, work / "made-bundle")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sha256:\nexit code 5\n", "")


def test_the_example_of_mounted_layers_works(programs, work):
    layer = Layer().add("mark", b"of the layer").finish()
    (work / "layer.tar").write_bytes(layer)
    done = call(programs / "layer_fs", work / "base", work / "mnt", work / "layer.tar", digest(layer), len(layer))
    assert (done.returncode, done.stdout, done.stderr) == (0, "of the layer\n0 layers collected\n", "")
    assert os.listdir(work / "mnt") == [] and len(os.listdir(work / "base/layers")) == 1


def test_the_command_of_the_notes_works(make_engine, make_bundle):
    engine = make_engine("crun")
    bundle = make_bundle("true")
    bundle.save()
    engine("create", "--runtime=crun", f"--bundle={bundle.path}", "my-container").ok()
    assert engine.state("my-container")["status"] == "created"
    engine("delete", "--force", "my-container").ok()
    engine("create", "--runtime", "crun", "--bundle", bundle.path, "my-container").ok()
    engine("start", "my-container").ok()
    engine("delete", "--force", "my-container").ok()


def test_the_examples_of_layers_work(programs, any_engine, make_image):
    any_engine("image", "import", make_image(), "layered:1").ok()
    for layer in json.loads(any_engine("layer", "list", "--format", "json").ok().out):
        blob = any_engine.data / "images/blobs/sha256" / layer["digest"].removeprefix("sha256:")
        done = call(programs / "layers", layer["mediaType"], layer["digest"], layer["size"], blob)
        assert (done.returncode, done.stdout, done.stderr) == (0, "again: DependencyError\ncached: sha256:\n", "")
    done = call(programs / "layers", "text/html", layer["digest"], layer["size"], blob)
    assert done.returncode == 1 and done.stderr.endswith("[InvalidMediaType]\n")


def test_the_example_of_conversions_works(programs, any_engine, make_image, work):
    image = make_image()
    done = call(programs / "prepare", any_engine.root, any_engine.data, image, work / "disk.raw")
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == ["image.tar.zst ct-template 1", "raw", "InvalidArgument",
                                        "image.tar.zst ct-template 0"]
    assert (work / "disk.raw").stat().st_size == 64 << 20


def test_the_seeds_network_program_works(programs, make_engine, make_image, work):
    """What the notes show of bridges, run on the host's own network."""
    backend = make_engine("crun").backend
    done = call(programs / "network", backend, work / "net-root", work / "net-data", make_image())
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "ConfigurationFailed", "published", "1 container, 0 faults", "InvalidState", "BridgeNotFound"]), done


def test_the_example_of_services_works(programs, make_engine, make_image, work):
    backend = make_engine("crun").backend
    done = call(programs / "service", backend, work / "net-root", work / "net-data", make_image())
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        '"web-0.nginx.shop.svc.cluster.local" is a member', '"web-1.nginx.shop.svc.cluster.local" is a member',
        "ServiceNotFound"]), done

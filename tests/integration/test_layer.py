# SPDX-License-Identifier: MIT
"""layer list, inspect and verify."""

import os

from images import Image, Layer, pack


def two_images(engine, work):
    """Stores two images that share their base, and returns the digests of what is stored of each layer."""
    base, one, two = (pack(Layer().add(name, os.urandom(5000)).finish()) for name in ("base", "one", "two"))
    for name, top in (("first", one), ("second", two)):
        engine("image", "import", Image([base, top]).oci(work / name), f"{name}:1").ok()


def listed(engine):
    return engine("layer", "list", "--format", "json").ok().json()


def test_each_layer_is_listed_once_with_the_number_of_its_images(any_engine, work):
    engine = any_engine
    assert listed(engine) == []
    two_images(engine, work)
    layers = listed(engine)
    assert sorted(layer["images"] for layer in layers) == [1, 1, 2]
    base = next(layer for layer in layers if layer["images"] == 2)
    assert "parent" not in base or base["parent"] is None
    for layer in layers:
        assert layer["unpacked"] and layer["contentBytes"] > 5000
        assert os.stat(layer["path"]).st_size == layer["size"]
        assert layer is base or layer["parent"] == base["chainId"]
    table = engine("layer", "list").ok().lines
    assert len(table) == 4 and table[0].split()[:2] == ["CHAIN", "ID"]
    assert [line.split()[0] for line in table[1:]] == [layer["chainId"][:19] for layer in layers]


def test_a_layer_is_found_by_each_of_its_names(any_engine, work):
    engine = any_engine
    two_images(engine, work)
    layer = listed(engine)[0]
    for name in (layer["chainId"], layer["diffId"], layer["digest"], layer["chainId"][:19], layer["digest"][7:15]):
        assert engine("layer", "inspect", name).ok().json() == layer
    assert engine("layer", "inspect", "--format", "diffId", layer["digest"]).ok().out == layer["diffId"] + "\n"
    for name in ("sha256:" + "0" * 64, "abc", "x" * 40, ""):
        result = engine("layer", "inspect", name)
        assert result.code == 1 and result.error == "LayerNotFound", result


def test_stored_bytes_that_changed_are_told(any_engine, work):
    engine = any_engine
    two_images(engine, work)
    layers = listed(engine)
    assert engine("layer", "verify").ok().lines == [layer["chainId"] for layer in layers]
    with open(layers[1]["path"], "r+b") as blob:
        blob.seek(100)
        blob.write(b"changed")
    result = engine("layer", "verify")
    assert result.code == 1 and result.error == "IntegrityCheckFailed", result
    assert layers[1]["chainId"] in result.err and result.out.count("\n") == 2
    assert engine("layer", "verify", layers[0]["chainId"]).ok().lines == [layers[0]["chainId"]]
    os.unlink(layers[1]["path"])
    assert engine("layer", "verify", layers[1]["chainId"]).error == "StorageError"


def test_a_verb_of_layers_is_one_of_three(any_engine):
    for words in ([], ["remove"], ["list", "x"], ["inspect"]):
        assert any_engine("layer", *words).code != 0

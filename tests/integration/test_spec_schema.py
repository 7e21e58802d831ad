"""The validator of specifications against a JSON schema written from the specification's text.

Both see the same few thousand changes of one specification that uses every field, and must name
the same fields as wrong."""

import copy
import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LXCRI_BUILD", ROOT / "build"))
SCHEMA = json.loads((ROOT / "tests/schema/runtime_spec.json").read_text())
FULL = json.loads((ROOT / "tests/schema/full_spec.json").read_text())

OF_EACH_TYPE = [None, True, 7, 1.5, "word", [], {}]
NUMBERS = [-2**63, -1001, -1, 0, 1, 6, 8, 101, 1001, 2**16, 2**31, 2**32, 10**9, 2**63, 2**64 - 1]
TEXTS = ["", "relative", "/absolute", "line\nbreak", "ends in line break\n", "tab\t", "delete\x7f",
         "/absolute\r", "CAP_KILL\n", "CAP_", "CAP_kill", "RLIMIT_", "1.0", "2.0.0", "1.02.0",
         "1.0.0-rc.1", "1.0.0-", "1.0.0\n", "0MB", "2MB", "2MBB", "2mB", "rwmx", "PID", "private "]


def verdicts(documents, *options):
    """Returns, for each document, the set of [path, text] that the validator reports."""
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    answer = subprocess.run([BUILD / "tests/schema/spec-verdict", *options], input=lines, text=True,
                            capture_output=True, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def written(steps):
    """Returns a path as the validator writes it."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z0-9_$-]+", step):
            path += f".{step}" if path else step
        else:
            path += '["' + re.sub(r'(["\\])', r"\\\1", step) + '"]'
    return path


def places(value, steps=()):
    """Yields the steps to every value below @value."""
    members = (value.items() if isinstance(value, dict) else
               enumerate(value) if isinstance(value, list) else ())
    for key, member in members:
        yield (*steps, key)
        yield from places(member, (*steps, key))


def changed(steps, change):
    """Returns a copy of the full specification in which change(parent, key) has been made."""
    document = copy.deepcopy(FULL)
    parent = document
    for step in steps[:-1]:
        parent = parent[step]
    change(parent, steps[-1])
    return document


def at(steps):
    value = FULL
    for step in steps:
        value = value[step]
    return value


def mutations():
    """Yields (what was done, the steps to where, the document)."""
    for steps in places(FULL):
        value = at(steps)
        if isinstance(steps[-1], str):
            yield "delete", steps, changed(steps, lambda parent, key: parent.pop(key))
        others = list(OF_EACH_TYPE)
        first = not any(isinstance(step, int) and step > 0 for step in steps)
        if first and isinstance(value, int) and not isinstance(value, bool):
            others += NUMBERS
        if first and isinstance(value, str):
            others += TEXTS
        for other in others:
            def replace(parent, key, other=other):
                parent[key] = other
            yield f"replace by {other!r}", steps, changed(steps, replace)
        if isinstance(value, list):
            for other in (None, "word", {}):
                yield (f"append {other!r}", steps,
                       changed(steps, lambda parent, key, other=other: parent[key].append(other)))
        if isinstance(value, dict):
            for other in (None, "word"):
                def add(parent, key, other=other):
                    parent[key]["x-not yet \"known\""] = other
                yield f"add {other!r}", steps, changed(steps, add)


def branch(document, steps):
    """Returns the part of the document in which @steps lead, and what is required beside it: all
    else is as in the full specification, which is valid, and costs time."""
    top = {key: document[key] for key in {*SCHEMA["required"], steps[0]} if key in document}
    if steps[0] == "linux" and len(steps) > 1:
        top["linux"] = {key: value for key, value in top["linux"].items() if key == steps[1]}
    return top


def oracle_paths(validator, document):
    """Returns the paths that the JSON schema finds fault with."""
    paths = set()
    for error in validator.iter_errors(document):
        steps = list(error.absolute_path)
        if error.validator == "required":
            steps.append(re.match(r"'(.*)' is a required", error.message)[1])
        paths.add(written(steps))
    return paths


def fields(schema, document, path=""):
    """Yields (path, is it in the document?) for every property that the schema names."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for name, below in schema.get("properties", {}).items():
        found = [value[name] for value in document if name in value]
        yield f"{path}.{name}", bool(found)
        yield from fields(below, found, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"], [item for value in document for item in value], path + "[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from fields(schema["additionalProperties"],
                          [item for value in document for item in value.values()], path + "{}")


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def test_the_full_specification_uses_every_field_and_is_valid(validator):
    assert [path for path, used in fields(SCHEMA, [FULL]) if not used] == []
    assert list(validator.iter_errors(FULL)) == []
    assert verdicts([FULL]) == [[]]


def test_the_validator_and_the_schema_find_the_same_fields_wrong(validator):
    cases = list(mutations())
    assert len(cases) > 2000
    reported = verdicts((document for _, _, document in cases), "--shape")
    assert len(reported) == len(cases)

    wrong = []
    refused = 0
    for (what, steps, document), faults in zip(cases, reported):
        ours = {path for path, _ in faults}
        theirs = oracle_paths(validator, branch(document, steps))
        refused += bool(theirs)
        if ours != theirs:
            wrong.append((what, written(steps), sorted(map(str, ours)), sorted(theirs)))
        for path in ours:
            assert path.startswith(written(steps)), (what, steps, path)
    assert wrong == []
    assert 500 < refused < len(cases) - 500


@pytest.mark.parametrize("number", [2**64, -2**63 - 1, 10**40])
def test_an_integer_beyond_64_bits_is_no_specification(number):
    document = copy.deepcopy(FULL)
    document["linux"]["resources"]["cpu"]["shares"] = number
    [[[path, text]]] = verdicts([document])
    assert path is None
    assert "64 bits" in text


def meaning(path, value):
    """Returns what the validator finds in the full specification after one change by path; the
    changed copies are valid for the schema."""
    *above, last = path

    def change(parent, key):
        if value is ...:
            parent.pop(key)
        else:
            parent[key] = value
    document = changed((*above, last), change)
    assert verdicts([document], "--shape") == [[]]
    return {found for found, _ in verdicts([document])[0]}


@pytest.mark.parametrize("path, value, expected", [
    (("process", "env", 0), "PATH", "process.env[0]"),
    (("process", "env", 0), "=x", "process.env[0]"),
    (("process", "rlimits", 1, "type"), "RLIMIT_NOFILE", "process.rlimits[1].type"),
    (("process", "rlimits", 0, "soft"), 5000, "process.rlimits[0].soft"),
    (("hostname",), "x" * 65, "hostname"),
    (("domainname",), "x" * 65, "domainname"),
    (("linux", "namespaces", 1, "type"), "pid", "linux.namespaces[1].type"),
    (("linux", "uidMappings", 0, "size"), 0, "linux.uidMappings[0].size"),
    (("linux", "gidMappings", 0, "hostID"), 2**32 - 1, "linux.gidMappings[0].hostID"),
    (("linux", "devices", 0, "major"), ..., "linux.devices[0].major"),
    (("linux", "devices", 1, "type"), "c", "linux.devices[1].major"),
    (("linux", "resources", "cpu", "burst"), 200000, "linux.resources.cpu.burst"),
    (("linux", "resources", "blockIO", "weightDevice", 0), {"major": 8, "minor": 0},
     "linux.resources.blockIO.weightDevice[0]"),
    (("linux", "resources", "rdma", "mlx5_1"), {}, "linux.resources.rdma.mlx5_1"),
    (("linux", "resources", "unified", "../x"), "1", 'linux.resources.unified["../x"]'),
    (("linux", "seccomp", "listenerPath"), ..., "linux.seccomp.listenerMetadata"),
    (("linux", "timeOffsets", "realtime"), {}, "linux.timeOffsets.realtime"),
    (("linux", "sysctl", "a\nb"), "1", 'linux.sysctl["a\nb"]'),
    (("linux", "sysctl", "net/../../x"), "1", 'linux.sysctl["net/../../x"]'),
    (("linux", "sysctl", "/x"), "1", 'linux.sysctl["/x"]'),
    (("linux", "cgroupsPath"), "/a/../../b", "linux.cgroupsPath"),
    (("linux", "intelRdt", "closID"), "../x", "linux.intelRdt.closID"),
    (("linux", "netDevices", "x" * 16), {}, "linux.netDevices." + "x" * 16),
    (("linux", "netDevices", "a/b"), {}, 'linux.netDevices["a/b"]'),
    (("annotations", ""), "x", 'annotations[""]'),
])
def test_fields_must_agree_with_each_other(path, value, expected):
    assert expected in meaning(path, value)


def test_names_and_mappings_need_their_namespaces():
    assert meaning(("linux", "namespaces"), [{"type": "mount"}]) == {
        "hostname", "domainname", "linux.uidMappings", "linux.gidMappings"}


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_what_a_runtime_writes_as_its_example_is_valid(runtime, tmp_path):
    subprocess.run([runtime, "spec"], cwd=tmp_path, check=True)
    assert verdicts([json.loads((tmp_path / "config.json").read_text())]) == [[]]

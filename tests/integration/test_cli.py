# SPDX-License-Identifier: MIT
"""The command line where no container is needed: options, suggestions, exit codes, help."""

import json
import re
import shlex
import subprocess

import pytest

from conftest import PROGRAM, ROOT

VERBS = ["run", "create", "start", "stop", "restart", "kill", "pause", "resume", "exec", "delete", "rename", "list",
         "ps", "top", "state", "stats", "update", "rollback", "history", "inspect", "logs", "events", "wait", "cp", "diff",
         "apply", "get", "describe", "scale", "rollout", "pod", "image", "layer", "volume",
         "network", "port", "forward", "login", "logout", "spec", "config", "doctor", "info", "serve", "system", "version",
         "help", "completion"]


def test_help_names_every_verb_and_each_has_its_own(lx):
    overview = lx.plain("--help").succeeds().stdout
    assert lx.plain("help").succeeds().stdout == overview
    assert re.findall(r"^  (\w+) +\S", overview.split("options before")[0], re.M) == VERBS
    for verb in VERBS:
        help = lx.plain("help", verb).succeeds().stdout
        assert help.startswith(f"usage: proxmox-lxcri {verb}")
        assert lx.plain(verb, "--help").succeeds().stdout == help
        assert lx.plain(verb, "-h").succeeds().stdout == help


def test_the_version_is_in_the_form_of_runc(lx):
    text = lx.plain("--version").succeeds().stdout
    assert re.fullmatch(r"proxmox-lxcri version \d+\.\d+\.\d+\nspec: 1\.\d+\.\d+\n", text)
    assert lx.plain("version").stdout == lx.plain("-v").stdout == text


@pytest.mark.parametrize("word, suggestion", [
    ("strat", "start"), ("dlete", "delete"), ("inspekt", "inspect"), ("lst", "list")])
def test_an_unknown_verb_suggests_the_nearest(lx, word, suggestion):
    lx(word).fails("InvalidArgument", f'"{word}"', f"did you mean {suggestion}?")


def test_a_word_that_is_near_nothing_points_to_help(lx):
    result = lx("frobnicate").fails("InvalidArgument", '"frobnicate"', "help")
    assert "did you mean" not in result.stderr


@pytest.mark.parametrize("words, expected", [
    (["stop", "--tme=3", "x"], "did you mean --time?"),
    (["list", "--fromat", "json"], "did you mean --format?"),
    (["--rot", "/x", "list"], "did you mean --root?"),
    (["list", "--root", "/x"], "list: --root stands before the verb"),
    (["delete", "--froce", "x"], "did you mean --force?"),
])
def test_an_unknown_option_suggests_the_nearest(lx, words, expected):
    lx.plain(*words).fails("InvalidArgument", expected)


@pytest.mark.parametrize("words, expected", [
    (["stop", "--time", "soon", "x"], '--time: "soon" is not a number'),
    (["stop", "--time=-1", "x"], '--time: "-1"'),
    (["stop", "--time"], "--time needs a value (SECONDS)"),
    (["list", "--format", "yaml"], '--format: "yaml" is not table or json'),
    (["kill", "-s", "SIGNOPE", "x"], '-s: "SIGNOPE" is not a signal'),
    (["kill", "x", "0"], '"0" is not a signal'),
    (["kill", "x", "65"], '"65" is not a signal'),
    (["kill", "x", "KILL\n"], "is not a signal"),
    (["--log-format", "xml", "version"], '--log-format: "xml"'),
    (["logs", "--tail", "many", "x"], '--tail: "many"'),
    ([], "expected a verb"),
    (["start"], "expected the id"),
    (["state"], "expected the id"),
    (["state", "a", "b"], "expected the id"),
    (["kill", "a", "TERM", "c"], "expected the id of a container and a signal"),
    (["list", "a"], "expected no argument"),
    (["ps", "a", "b"], "expected at most one id"),
    (["image"], "expected a verb, as in image list"),
    (["image", "lst"], "did you mean list?"),
    (["image", "import"], "expected SOURCE [NAME]"),
    (["image", "remove"], "expected the name"),
    (["config"], "expected show, check or example"),
    (["config", "chekc"], "did you mean check?"),
    (["config", "check"], "expected a file"),
    (["config", "check", "--format", "json", "x"], "check has no --format"),
    (["forward", "rm", "web", "80", "--format", "json"], "remove has no --format"),
    (["layer", "verify", "--format", "json"], "verify has no --format"),
    (["layer", "lsit"], "did you mean list?"),
    (["update", "--image", "busybox", "--restart", "always", "web"], "--restart"),
    (["update", "--check", "--restart", "always", "web"], "--restart"),
    (["events", "--since", "1h", "web"], "--since, --until and --filter go without an id"),
    (["get", "nonsense"], "; there are configmap, secret,"),
    (["get", "podz"], "did you mean pod?"),
    (["help", "strat"], "did you mean start?"),
    (["completion"], "expected the name of a shell"),
])
def test_a_usage_error_is_one_line_and_exit_code_1(lx, words, expected):
    result = lx(*words).fails("InvalidArgument", expected)
    assert result.stdout == ""


@pytest.mark.parametrize("words, expected", [
    (["run"], "expected an image"),
    (["run", "--memory", "lots", "busybox"], '--memory: "lots" is not a size'),
    (["run", "--cpus", "0", "busybox"], '--cpus: "0"'),
    (["run", "--cpus", "1,5", "busybox"], '--cpus: "1,5"'),
    (["run", "--memroy=1g", "busybox"], "did you mean --memory?"),
    (["run", "-v", "a:b:c:d", "busybox"], '--volume: "a:b:c:d"'),
    (["run", "-v", "data:relative", "busybox"], '--volume: "data:relative"'),
    (["run", "--ulimit", "nofile", "busybox"], '--ulimit: "nofile"'),
    (["run", "--ulimit", "nofile=9:1", "busybox"], "the soft limit is above the hard one"),
    (["run", "--device", "null", "busybox"], '--device: "null"'),
    (["run", "--publish", "80/icmp", "busybox"], '--publish: "80/icmp"'),
    (["run", "-e", "=x", "busybox"], '--env: "=x"'),
    (["run", "--stop-signal", "SIGNOPE", "busybox"], '--stop-signal: "SIGNOPE"'),
    (["run", "--keep", "busybox"], "--keep needs a bundle"),
    (["run", "--image", "busybox"], "expected a name"),
    (["create", "--shm-size", "-1", "busybox"], '--shm-size: "-1"'),
    (["exec"], "expected the id"),
    (["exec", "web"], "expected a command"),
])
def test_the_forms_of_docker_fail_with_125(lx, words, expected, inventory):
    lx(*words).fails("InvalidArgument", expected, code=125)
    inventory.unchanged()


@pytest.mark.parametrize("words, expected", [
    (["run", "--bundle", "B"], "expected the id"),
    (["run", "--bundle", "B", "web", "sh"], '"sh"'),
    (["run", "-b", "B", "-e", "A=1", "web"], "--env does not go with a bundle"),
    (["create", "--bundle=B", "--image", "busybox", "web"], "--image does not go with a bundle"),
    (["exec", "--process", "p.json", "web", "sh"], "does not go with --process"),
])
def test_the_form_of_runc_fails_with_1(lx, words, expected):
    lx(*words).fails("InvalidArgument", expected, code=1)


def test_a_bundle_that_nobody_named_is_told(lx):
    (lx.directory / "config.json").write_text('{"ociVersion": "1.0.2"}')
    done = subprocess.run([PROGRAM, "run", "-p", "80", "busybox"], cwd=lx.directory, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and done.stderr.startswith(
        "proxmox-lxcri: run: --publish does not go with a bundle, which this directory is; ")


def test_env_files_name_the_line_at_fault(lx):
    file = lx.directory / "env"
    file.write_text("GOOD=1\n# comment\nBAD NAME=2\n")
    lx("run", "--env-file", file, "busybox").fails("InvalidArgument", f"{file}:3:", code=125)
    lx("run", "--env-file", "missing", "busybox").fails("SystemError", "missing", code=125)


def test_a_manifest_is_never_taken_for_a_container(lx):
    for word in ("-", "a/b", "pod.yaml", "pod.yml", "pod.json"):
        lx("delete", "-f", word, input="").succeeds() if word == "-" else \
            lx("delete", "-f", word).fails("PathNotFound", word)


@pytest.mark.parametrize("words", [
    ["state", "web"], ["start", "web"], ["stop", "web"], ["kill", "web", "TERM"], ["pause", "web"],
    ["resume", "web"], ["delete", "web"], ["delete", "--force", "web"], ["inspect", "web"],
    ["logs", "web"], ["wait", "web"], ["ps", "web"]])
def test_a_container_that_is_not_there_is_said_so(lx, words, inventory):
    lx(*words).fails("ContainerNotFound", "web", words[0])
    inventory.unchanged()


def test_of_several_containers_each_is_tried_and_reported(lx):
    result = lx("stop", "one", "two")
    assert result.code == 1
    assert [line.split()[-1] for line in result.stderr.splitlines()] == ["[ContainerNotFound]"] * 2
    assert "one" in result.stderr and "two" in result.stderr


def test_an_empty_listing_is_a_heading_or_an_empty_array(lx):
    assert lx("list").succeeds().stdout.split() == ["ID", "IMAGE", "RUNTIME", "STATUS", "PID", "CREATED"]
    for verb in (["list"], ["ls"], ["ps"], ["ps", "-a"]):
        assert lx(*verb, "-f", "json").succeeds().json == []
        assert lx(*verb, "-q").succeeds().stdout == ""
    assert lx("image", "list", "--format=json").succeeds().json == []


def test_messages_go_to_the_log_as_well(lx):
    log = lx.directory / "log"
    lx("--log", log, "state", "web").fails("ContainerNotFound")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z error: state web: .* \[ContainerNotFound\]\n",
                        log.read_text())
    log.unlink()
    lx("--log", log, "--log-format", "json", "state", "web").fails("ContainerNotFound")
    line = json.loads(log.read_text())
    assert line["level"] == "error" and "[ContainerNotFound]" in line["msg"] and "time" in line


def test_a_line_end_in_an_argument_forges_no_line(lx):
    log = lx.directory / "log"
    result = lx("--log", log, "state", "web\nproxmox-lxcri: all is well")
    assert result.code == 1
    assert result.stderr.count("\n") == 1
    assert log.read_text().count("\n") == 1


def test_output_that_cannot_be_written_is_a_failure(lx):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False)
    assert done.returncode == 1
    assert done.stderr == ("proxmox-lxcri: write to standard output: No space left on device "
                           "[SystemError]\n")


def test_spec_writes_a_bundle_once(lx):
    bundle = lx.directory / "bundle"
    bundle.mkdir()
    lx("spec", "--bundle", bundle).succeeds()
    spec = json.loads((bundle / "config.json").read_text())
    assert spec["ociVersion"].startswith("1.") and spec["root"]["path"] == "rootfs"
    lx("spec", "-b", bundle).fails("InvalidArgument", f"{bundle}/config.json", "exists")


def test_every_verb_and_option_is_in_the_manual(lx):
    manual = (ROOT / "docs/man/proxmox-lxcri.1").read_text()
    for verb in VERBS:
        assert re.search(rf"^\.It (Nm )?{verb}\b", manual, re.M), verb
        for option in re.findall(r"--([a-z-]+)", lx.plain("help", verb).stdout.partition("option")[2]):
            assert f"Fl -{option}" in manual or option == "help", (verb, option)


def commands_of(file):
    """The commands that a document shows, each in words."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    blocks = re.findall(r"^\.Bd -literal.*?^\.Ed" if file.suffix == ".1" else r"^```sh$.*?^```$", text, re.S | re.M)
    for block in blocks:
        for line in block.splitlines():
            line = line.split("  #")[0].strip()
            if line.startswith("proxmox-lxcri "):
                yield shlex.split(line)[1:]


@pytest.mark.parametrize("file", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "docs/man/proxmox-lxcri.1"],
                         ids=lambda file: file.name)
def test_what_documents_show_can_be_typed(lx, file):
    for words in commands_of(file):
        before = []
        while words[0].startswith("-"):
            before += [words.pop(0)] + ([words.pop(0)] if words[0] == "proxmox-lxc" else [])
        assert words[0] in VERBS, words
        help = lx.plain("help", words[0]).succeeds().stdout
        # What follows a container's image or id is its own.
        options = words[1:words.index("busybox")] if "busybox" in words else words[1:]
        for option in options[:1 + options.index("--") if "--" in options else None]:
            if option.startswith("--"):
                assert re.search(rf"^  .{{4}}{option.partition('=')[0]}\b", help, re.M) or option == "--runtime" or \
                    option.startswith("--runtime="), (words, option)
            elif words[0] not in ("exec", "top") and re.match(r"-[a-zA-Z]", option):
                assert all(re.search(rf"^  -{letter}, ", help, re.M) for letter in option[1:]), (words, option)

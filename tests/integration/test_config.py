# SPDX-License-Identifier: MIT
"""The configuration: search order, show, check, secrets, routing on the command line."""

import json
import os
import re

import pytest

from conftest import ROOT


def test_a_check_reports_every_fault_with_path_and_line(lx):
    lx.config.write_text("""{
  "runtime": {
    "stop_timeout": "ten",
    "root_pth": "/x"
  },
  "container_config": { "crun_name_patterns": ["ok-*", "[x"],
    "default_container_type": "vm" },
  "network": { "mtu": 70000 }
}
""")
    result = lx("config", "check", lx.config)
    result.fails("InvalidConfig", "has 4 errors")
    assert result.stdout.splitlines() == [
        f"{lx.config}:3: error: runtime.stop_timeout: expected an integer, not a string",
        f"{lx.config}:4: warning: runtime.root_pth: unknown key; did you mean runtime.root_path?",
        f'{lx.config}:6: error: container_config.crun_name_patterns[1]: pattern "[x": [ is not closed',
        f'{lx.config}:7: error: container_config.default_container_type: "vm" is no container type '
        "(lxc, crun, runc, proxmox-lxc)",
        f"{lx.config}:8: error: network.mtu: 70000 is outside 1280 to 65535",
    ]


def test_a_good_file_passes_its_check_without_a_word(lx):
    lx.configure({"//": "hello", "routing": [{"//": "x", "pattern": "a*", "runtime": "crun"}]})
    result = lx("config", "check", lx.config).succeeds()
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize("text, words", [
    ("{", "line 1"),
    ('{"runtime": {"log_level": "info", "log_level": "debug"}}', "the same key twice"),
    ("[1]", "expected an object"),
    ('{"runtime": {"stop_timeout": 1e400}}', ""),
    ("\x00", "line 1"),
])
def test_a_broken_file_is_an_error_for_every_verb(lx, text, words):
    lx.config.write_text(text)
    for verb in (["config", "show"], ["list"], ["state", "web"]):
        lx(*verb).fails("InvalidConfig", str(lx.config), words)


def test_an_unknown_key_is_a_warning_only(lx):
    lx.configure({"colour": "red"})
    result = lx("config", "show").succeeds()
    assert result.stderr == f"proxmox-lxcri: warning: {lx.config}:1: colour: unknown key\n"


def test_show_tells_where_each_value_comes_from(lx):
    lx.configure({"runtime": {"stop_timeout": 3}, "proxmox": {"node": "pve1"}})
    shown = lx("config", "show", "--format", "json").succeeds().json
    assert shown["runtime.stop_timeout"] == {"value": 3, "origin": str(lx.config)}
    assert shown["proxmox.node"] == {"value": "pve1", "origin": str(lx.config)}
    assert shown["network.mtu"] == {"value": 1500, "origin": "default"}
    assert shown["runtime.root_path"] == {"value": str(lx.root), "origin": "command line"}
    assert shown["container_config.crun_name_patterns"]["value"] == ["kube-ovn-*", "cilium-*"]
    table = lx("config", "show").succeeds().stdout
    assert re.search(r"^KEY +VALUE +FROM$", table, re.M)
    assert re.search(rf"^runtime.stop_timeout +3 +{lx.config}$", table, re.M)


def test_a_given_file_that_is_missing_is_an_error(lx):
    missing = lx.directory / "missing.json"
    lx.plain("--config", missing, "config", "show").fails("ConfigNotFound", str(missing))
    lx.plain("config", "show", env={"PROXMOX_LXCRI_CONFIG": str(missing)}).fails(
        "ConfigNotFound", str(missing))
    lx("config", "check", missing).fails("ConfigNotFound", str(missing))


def test_the_option_beats_the_environment(lx):
    other = lx.directory / "other.json"
    other.write_text('{"runtime": {"stop_timeout": 77}}')
    lx.configure({"runtime": {"stop_timeout": 5}})
    shown = lx("config", "show", "-f", "json", env={"PROXMOX_LXCRI_CONFIG": str(other)}).json
    assert shown["runtime.stop_timeout"]["value"] == 5
    shown = lx.plain("config", "show", "-f=json", env={"PROXMOX_LXCRI_CONFIG": str(other)}).json
    assert shown["runtime.stop_timeout"] == {"value": 77, "origin": str(other)}


def test_a_config_in_the_current_directory_is_not_taken(lx):
    lx.configure({"runtime": {"stop_timeout": 5}})
    shown = lx.plain("config", "show", "--format=json", cwd=lx.directory).succeeds().json
    assert shown["runtime.stop_timeout"]["origin"] != str(lx.config)


def test_no_output_has_the_secret(lx):
    secret = "root@pam!t=0f0e0d0c-secret"
    log = lx.directory / "log"
    lx.configure({"proxmox": {"token": secret}})
    os.chmod(lx.config, 0o644)
    refused = lx("--log", log, "--debug", "config", "show")
    refused.fails("InvalidConfig", "proxmox.token", "0644", "0600")
    checked = lx("config", "check", lx.config)
    checked.fails("InvalidConfig")
    os.chmod(lx.config, 0o600)
    shown = lx("--log", log, "--debug", "config", "show").succeeds()
    assert re.search(r'^proxmox.token +"\*\*\*" ', shown.stdout, re.M)
    for text in (refused.stderr, checked.stdout, checked.stderr, shown.stdout, shown.stderr,
                 log.read_text()):
        assert secret not in text


@pytest.mark.parametrize("section, key", [("proxmox", "token_file"), ("proxmox", "password_file"),
                                          ("registries", "auth_file")])
def test_a_file_of_secrets_must_be_private(lx, section, key):
    secret = lx.directory / "secret"
    secret.write_text("s3cret")
    lx.configure({section: {key: str(secret)}})
    os.chmod(secret, 0o604)
    lx("config", "show").fails("InvalidConfig", f"{section}.{key}", str(secret), "0604")
    os.chmod(secret, 0o600)
    lx("config", "show").succeeds()


def test_an_unknown_runtime_is_refused_wherever_it_stands(lx):
    for words in (["--runtime", "vm", "list"], ["--runtime=vm", "list"], ["list", "--runtime", "vm"],
                  ["list", "--runtime=vm"]):
        lx(*words).fails("UnsupportedOperation", "--runtime", '"vm"')
    lx("list", env={"PROXMOX_LXCRI_RUNTIME": "podman"}).fails(
        "UnsupportedOperation", "PROXMOX_LXCRI_RUNTIME", '"podman"')
    lx("--runtime", "", "list").fails("UnsupportedOperation", "--runtime")
    lx.configure({"routing": [{"pattern": "*", "runtime": "kvm"}]})
    lx("list").fails("UnsupportedOperation", "routing[0].runtime", '"kvm"')


def test_the_shipped_example_is_the_table(lx):
    example = ROOT / "examples/config.json"
    # Versions of json-c write an empty list differently.
    assert json.dumps(lx("config", "example").succeeds().json) == json.dumps(json.loads(example.read_text()))
    assert lx("config", "check", example).succeeds().stdout == ""
    shown = lx("config", "show", "-f", "json").json
    for section, members in json.loads(example.read_text()).items():
        if section in ("//", "routing"):
            continue
        for key in members:
            assert key == "//" or f"{section}.{key}" in shown


def test_every_key_is_in_the_manual(lx):
    manual = (ROOT / "docs/man/proxmox-lxcri.config.5").read_text()
    for path, shown in lx("config", "show", "-f", "json").succeeds().json.items():
        assert path in manual, path
        if path not in ("runtime.root_path", "runtime.data_path") and shown["value"] not in (None, []):
            value = json.dumps(shown["value"], separators=(",", ":")).strip('"')
            described = re.search(rf"^\.It Cm {re.escape(path)} .*$", manual, re.M)
            assert described and value.replace('"', '\\(dq') in described[0], (path, value)

# SPDX-License-Identifier: MIT
"""What the shells offer at the end of a line: each shell itself is asked."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import tempfile
import termios
import time

import pytest

import engine as engine_module
from nets import make_host_engine, one, world  # noqa: F401: fixtures

COMMAND = engine_module.COMMAND
PROMPT = r"\r%(\x1b\[\?2004h)?$"  # of zsh, ready for the next line
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"


def ask_bash(lines, script, scripted):
    """Completes each line in a bash with its usual completion functions."""
    asked = "".join(f"""
        COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
        split_line "$COMP_LINE"; COMPREPLY=()
        _proxmox_lxcri {COMMAND} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
        echo "${{COMPREPLY[*]}}"
    """ for line in lines)
    # As readline does it: words end at blanks, and at = and : too.
    split = """
        split_line()
        {
            local rest=$1 word
            COMP_WORDS=()
            while [[ $rest =~ ^[[:space:]]*([=:]+|[^[:space:]=:]+)(.*)$ ]]; do
                COMP_WORDS+=("${BASH_REMATCH[1]}"); rest=${BASH_REMATCH[2]}
            done
            [[ $1 == *" " ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        }
    """
    done = subprocess.run(["bash", "--norc", "-c", f". {scripted}\n{script}\n{split}\n{asked}"],
                          capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def ask_fish(lines, script, _):
    asked = "".join(f"echo (complete -C {line!r} | string replace -r '\\t.*' '')\n" for line in lines)
    with tempfile.TemporaryDirectory() as home:  # it writes there whatever it is told
        done = subprocess.run(["fish", "--no-config", "-c", script + "\n" + asked], capture_output=True,
                              text=True, check=True, env={**os.environ, "HOME": home})
    return [line.split() for line in done.stdout.splitlines()]


def ask_zsh(lines, script, directory):
    """A zsh completes at a terminal only: each line is typed, with a tab that lists what there is."""
    (directory / "_proxmox-lxcri").write_text(script)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 400, 0, 0))
    setup = (f"PS1='%%'; fpath=({directory} $fpath); autoload -Uz compinit; compinit -u -D; "
             "setopt no_list_beep; LISTMAX=1000; zstyle ':completion:*' list-separator '#'; "
             "bindkey '^I' list-choices; echo READY\n")
    shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                             start_new_session=True, env={**os.environ, "TERM": "dumb", "HOME": str(directory)})
    os.close(slave)

    def read_until(pattern, seconds=180):  # zsh reads a thousand files first
        text, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, text):
            ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
            assert ready, text
            text += os.read(master, 65536).decode(errors="replace")
        return text

    answers = []
    try:
        os.write(master, setup.encode())
        read_until(r"\nREADY[\s\S]*" + PROMPT)
        for number, line in enumerate(lines):
            os.write(master, line.encode() + b"\t\x15echo END" + str(number).encode() + b"\n")
            found = re.search(r"\r\r\n(.*?)\r\n%", read_until(rf"[\r\n]END{number}\r[\s\S]*" + PROMPT), re.S)
            rows = found[1].splitlines() if found else []
            answers.append([word for row in rows for word in (row.split() if "#" not in row
                                                              else row.split()[:1])])
    finally:
        shell.kill()
        shell.wait()
        os.close(master)
    return answers


SHELLS = {"bash": ask_bash, "fish": ask_fish, "zsh": ask_zsh}


@pytest.fixture(params=SHELLS)
def ask(request, any_engine, work, monkeypatch):
    """Asks a shell what may stand at the end of lines that begin with the command."""
    shell = request.param
    assert shutil.which(shell), f"{shell} is not installed"
    script = any_engine("completion", shell).ok().out
    extra = work if shell == "zsh" else BASH_COMPLETION
    monkeypatch.setenv("PATH", f"{os.path.dirname(COMMAND)}:{os.environ['PATH']}")
    globals_ = f"--root {any_engine.root} --data {any_engine.data} "
    return lambda *lines: SHELLS[shell](["proxmox-lxcri " + globals_ + line for line in lines], script, extra)


def test_verbs_options_and_their_values_are_offered(ask):
    verbs, options, values, types, image = ask("st", "run --mem", "list --format ", "--runtime l", "image ")
    assert sorted(verbs) == ["start", "state", "stats", "stop"]
    assert set(options) in (set(), {"--memory", "--memory-reservation", "--memory-swap", "--memory-swappiness"})
    assert sorted(values) == ["json", "table"]
    assert types in (["lxc"], [])
    assert sorted(image) == ["convert", "copy", "df", "gc", "history", "import", "inspect", "list", "load", "prepare",
                             "prepared", "pull", "push", "release", "remove", "save", "tag",
                             "templates", "untag", "verify"]


def test_a_verb_is_offered_the_containers_it_can_be_about(ask, any_engine, box):
    stopped, running, paused = (f"{engine_module.TAG}-{word}" for word in ("stopped", "running", "paused"))
    any_engine("run", "--image", box, stopped, "true").ok()
    for id in (running, paused):
        any_engine("run", "--detach", "--image", box, id, "sleep", "1000").ok()
    any_engine("pause", paused).ok()
    start, stop, delete, exec_ = ask("start ", "stop ", "delete ", "exec ")
    assert start == [stopped]
    assert sorted(stop) == [paused, running]
    assert sorted(delete) == [paused, running, stopped]
    assert exec_ == [running]


def test_images_are_offered_by_their_names(ask, any_engine, box):
    any_engine("image", "import", box, "busybox").ok()
    run, remove = ask("run ", "image remove ")
    assert {"busybox", "docker.io/library/busybox"} & set(run) and run == remove


def test_the_answer_to_a_script_is_quick_to_read_and_never_an_error(any_engine):
    def answer(*words):
        return any_engine("__complete", "--", *words).ok().out.splitlines()

    assert answer("run", "--bundle", "") == [":directories"]
    assert answer("image", "import", "") == [":files"]
    assert answer("list", "--format=j") == ["--format=json"]
    assert answer("list", "--format", "=", "t") == ["table"]
    assert answer("exec", "one", "--", "x") == []
    assert answer("apply", "-f", "") == answer("delete", "-f", "") == answer("update", "-r", "") == [":files"]
    assert answer("inspect", "--format", "") == ["json"]  # a field is nothing to choose from
    assert answer("image", "convert", "--format=") == [f"--format={form}" for form in
                                                       ("table", "json", "raw", "ct-template", "zfs")]
    assert answer("update", "--check", "") == answer("layer", "inspect", "") == []
    assert answer("describe", "stat") == ["statefulset"]
    assert answer("nonsense", "x") == answer("--nonsense", "nonsense", "--x") == []
    assert answer("--config", "/nonexistent", "start", "") == []
    assert "__complete" not in any_engine("help").ok().out
    assert answer("__com") == []


def test_names_of_what_is_there_are_offered(one):
    def answer(*words):
        line = ["--root", str(one.root), "--data", str(one.data), *words]
        return {line.split("\t")[0] for line in one("__complete", "--", *line).ok().out.splitlines()}

    one("network", "create", "shop").ok()
    one("volume", "create", "data").ok()
    one("pod", "create", "web").ok()
    one("apply", "-f", "-", input=b"{apiVersion: v1, kind: ConfigMap, metadata: {name: site}, data: {a: b}}").ok()
    assert answer("volume", "remove", "") == answer("volume", "export", "") == {"data"}
    assert answer("network", "remove", "sh") == answer("run", "--network", "sh") == answer("get", "-n", "sh") == {"shop"}
    assert answer("network", "connect", "sh") == answer("network", "service", "list", "sh") == {"shop"}
    assert answer("pod", "stop", "") == {"web"} and "web" in answer("logs", "")
    assert answer("describe", "configmap", "") == answer("get", "cm", "") == {"site"}
    # What is to be made has a name of its own, and a label is none of these.
    for words in (["network", "create"], ["volume", "create"], ["pod", "create"], ["pod", "create", "--label"],
                  ["network", "service", "remove", "shop"]):
        assert answer(*words, "") == set(), words

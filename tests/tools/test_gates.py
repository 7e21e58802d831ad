"""Each gate lets a good tree pass and refuses a bad one, naming the place."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"

ERRORS = """#define LXCRI_ERRORS(X)              \\
	X(SYSTEM, "SystemError", SYSTEM) \\
	X(NOT_FOUND, "ThingNotFound", NOT_FOUND)
"""
THING_H = """/* Things. */
#include "base/mem.h"

struct thing {
	int (*run)(void); /* not a prototype */
};
typedef int (*thing_fn)(struct thing *thing);
static inline int thing_size(void)
{
	return 1;
}
DEFINE_AUTOPTR(thing)

/* Opens the thing @name and
 * returns it. */
[[nodiscard, gnu::pure]] int thing_open(const char *name,
					struct thing **ret);

/* Both stop it. */
void thing_stop(void);
void thing_kill(void);
"""
THING_C = """#include "os/thing.h"
#include <lxcri/error.h>
#include <errno.h>

/* TODO: give back what the kernel holds, see close_range(2) */
int thing_open(const char *name, struct thing **ret)
{
	const char *url = "http://not.a.comment";

	return fail(LXCRI_E_NOT_FOUND, "%s %s", name, url) + fail(LXCRI_E_SYSTEM, "");
}
"""
POD_C = """#include "engine/pod.h"

int pod_start(void)
{
	thing_kill();
	thing_stop();
	return thing_open("x", NULL);
}
"""
TEST_C = """static void a_missing_thing_is_told(void **state)
{
	assert_int_equal(thing_open("x", NULL), LXCRI_E_NOT_FOUND);
}
"""
TEST_PY = """def test_system():
    assert run("x").error == "SystemError"
"""
API_MD = """# API

| seed | function | test |
|------|----------|------|
| `Thing.open` | `lxcri_thing_open()` | `a_missing_thing_is_told`, `tests/integration/test_thing.py: test_system` |
"""


@pytest.fixture
def tree(tmp_path):
    """A project that passes every gate."""
    files = {
        "include/lxcri/error.h": ERRORS,
        "include/lxcri/thing.h": "/* Opens. */\nint lxcri_thing_open(void);\n",
        "src/main.c": '#include "engine/pod.h"\n',
        "src/base/mem.h": '/* Memory. */\n#include "lxcri/error.h"\n',
        "src/os/thing.h": THING_H,
        "src/os/thing.c": THING_C,
        "src/engine/pod.h": '#include "os/thing.h"\n#include "runtime/ops.h"\n#include "engine/record.h"\n',
        "src/engine/pod.c": POD_C,
        "tests/unit/os/test_thing.c": TEST_C,
        "tests/integration/test_thing.py": TEST_PY,
        "docs/api.md": API_MD,
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def append(root, name, text):
    write(root, name, (root / name).read_text() + text)


def gate(name, root):
    """Returns (exit status, output)."""
    argument = root / "src" if name == "check-layers" else root
    done = subprocess.run([TOOLS / name, argument], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def refuses(name, root, *words):
    status, output = gate(name, root)
    assert status == 1
    for word in words:
        assert word in output
    assert len(output.splitlines()) == 1, output


def function(name, body, arguments="void"):
    return f"\nint {name}({arguments})\n{{\n{body}}}\n"


@pytest.mark.parametrize("name", ["check-layers", "check-size", "check-docs", "check-errors", "check-unused",
                                  "check-words"])
def test_a_good_tree_passes(tree, name):
    assert gate(name, tree) == (0, "")


# -- what nobody uses


def test_a_function_that_nobody_calls_is_refused(tree):
    append(tree, "src/os/thing.h", "\n/* Bends it. */\nvoid thing_bend(void);\n")
    append(tree, "src/os/thing.c", function("thing_bend", "\treturn 0;\n"))
    refuses("check-unused", tree, "src/os/thing.h:24: no other file calls thing_bend()")
    append(tree, "src/engine/pod.c", "/* thing_bend() */\nstatic const char *name = \"thing_bend\";\n")
    refuses("check-unused", tree, "thing_bend()")
    append(tree, "src/engine/pod.c", function("pod_bend", "\treturn thing_bend();\n"))
    assert gate("check-unused", tree) == (0, "")


def test_a_function_for_its_own_file_is_static_unless_it_is_tested(tree):
    append(tree, "src/os/thing.h", "\n/* Bends it. */\nvoid thing_bend(void);\n")
    append(tree, "src/os/thing.c", function("thing_bend", "\treturn 0;\n"))
    append(tree, "tests/unit/os/test_thing.c", function("test", "\treturn thing_bend();\n"))
    refuses("check-unused", tree, "thing_bend()")
    append(tree, "src/os/thing.c", function("thing_break", "\treturn thing_bend();\n"))
    assert gate("check-unused", tree) == (0, "")


def test_autoptr_calls_what_frees(tree):
    append(tree, "src/os/thing.h", "\n/* Frees it. */\nvoid thing_free(struct thing *thing);\n")
    refuses("check-unused", tree, "thing_free()")
    append(tree, "src/engine/pod.c", "static void f(void)\n{\n\tautoptr(thing) thing = NULL;\n}\n")
    assert gate("check-unused", tree) == (0, "")


@pytest.mark.parametrize("name", ["src/os/thing.c", "src/os/thing.h"])
def test_a_macro_that_nobody_uses_is_refused(tree, name):
    append(tree, name, "#define THING_MAX 5 /* THING_MAX */\n")
    refuses("check-unused", tree, f"{name}:", "nothing uses THING_MAX")
    append(tree, "src/engine/pod.c", "static int most = THING_MAX;\n")
    assert gate("check-unused", tree)[0] == (name == "src/os/thing.c")
    append(tree, name, "static int most = THING_MAX;\n")
    assert gate("check-unused", tree) == (0, "")


# -- layers


@pytest.mark.parametrize("line", [
    '#include "engine/pod.h"',
    "#include <engine/pod.h>",
    "# include \"runtime/ops.h\"",
    '#include "attic/old.h"',
    '#include "../engine/pod.h"',
    '#include "sibling.h"',
])
def test_an_include_that_leads_up_or_around_is_refused(tree, line):
    append(tree, "src/os/thing.c", line + "\n")
    refuses("check-layers", tree, "src/os/thing.c:12: ")


@pytest.mark.parametrize("here, there", [("image", "net"), ("runtime", "image"), ("cli", "serve"), ("oci", "manifest")])
def test_siblings_do_not_include_each_other(tree, here, there):
    write(tree, f"src/{here}/x.c", f'#include "{there}/y.h"\n')
    refuses("check-layers", tree, f"src/{here}/x.c:1: {here}/ must not include {there}/")


def test_a_public_header_includes_no_internal_one(tree):
    write(tree, "include/lxcri/pod.h", '#include "base/mem.h"\n')
    refuses("check-layers", tree, "lxcri/ must not include base/")


def test_a_directory_that_is_no_layer_is_refused(tree):
    write(tree, "src/helpers/x.c", "")
    refuses("check-layers", tree, "helpers/ is no known layer")


# -- size


@pytest.mark.parametrize("kind, text", [
    ("function-lines", function("big", "\tstep();\n" * 78)),
    ("complexity", function("big", "\tif (x && y)\n\t\tstep();\n" * 10)),
    ("parameters", function("big", "\treturn 0;\n", "int a, int b, int (*c)(int, int), int d, int e, int f, int g")),
    ("nesting", function("big", "".join("\t" * depth + "if (x)\n" for depth in range(1, 6)) + "\t" * 6 + "step();\n")),
    ("source-lines", "\n" * 800),
])
def test_what_is_too_large_is_refused_and_can_be_excused_exactly(tree, kind, text):
    append(tree, "src/os/thing.c", text)
    refuses("check-size", tree, "src/os/thing.c", kind)

    where = "src/os/thing.c" if kind == "source-lines" else "src/os/thing.c:big"
    value = int(gate("check-size", tree)[1].split(" is ")[1].split(",")[0])
    write(tree, "tools/size-exceptions", f"# why\n{kind} {where} {value} a table reads better in one piece\n")
    assert gate("check-size", tree) == (0, "")

    write(tree, "tools/size-exceptions", f"{kind} {where} {value + 1} a table reads better in one piece\n")
    refuses("check-size", tree, "the exception says")


@pytest.mark.parametrize("kind, text", [
    ("function-lines", function("fits", "\tstep();\n" * 76)),
    ("complexity", function("fits", "\tif (x && y)\n\t\tstep();\n" * 9 + "\tif (x)\n\t\tstep();\n")),
    ("parameters", function("fits", "\treturn 0;\n", "int a, int b, int (*c)(int, int), int d, int e, int f")),
    ("nesting", function("fits", "".join("\t" * depth + "if (x)\n" for depth in range(1, 5)) + "\t" * 5 + "step();\n")),
])
def test_what_is_just_small_enough_passes(tree, kind, text):
    append(tree, "src/os/thing.c", text)
    assert gate("check-size", tree) == (0, "")


def test_a_header_may_have_250_lines(tree):
    write(tree, "src/os/long.h", "\n" * 250)
    assert gate("check-size", tree) == (0, "")
    append(tree, "src/os/long.h", "\n")
    refuses("check-size", tree, "src/os/long.h: header-lines is 251")


def test_a_directory_may_have_20_modules(tree):
    for number in range(19):
        write(tree, f"src/os/m{number}.c", "")
        write(tree, f"src/os/m{number}.h", "")
    assert gate("check-size", tree) == (0, "")
    write(tree, "src/os/m19.c", "")
    refuses("check-size", tree, "src/os: directory-modules is 21")


@pytest.mark.parametrize("where", ["src/os/thing.c:thing_open", "src/os/gone.c:gone"])
def test_an_exception_that_is_not_needed_is_refused(tree, where):
    write(tree, "tools/size-exceptions", f"function-lines {where} 99 it was long once\n")
    refuses("check-size", tree, where)


def test_an_exception_without_a_reason_is_refused(tree):
    write(tree, "tools/size-exceptions", "function-lines src/os/thing.c:thing_open 99\n")
    refuses("check-size", tree, "REASON")


# -- docs


@pytest.mark.parametrize("text, fault", [
    ("\nint thing_new(void);\n", "thing_new() has no comment"),
    ("\n/* Apart. */\n\nint thing_new(void);\n", "thing_new() has no comment"),
    ("\nextern int level; /* of noise */\nint thing_new(void);\n", "thing_new() has no comment"),
    ("\nDEFINE_AUTOPTR(other)\n\n[[nodiscard]] struct thing *thing_new(int (*each)(void));\n",
     "thing_new() has no comment"),
    ("/* XXX */\n", "XXX"),
    ("/* Runs. @param name */\n", "@param"),
    ("/* Runs.\n * @param\n */\n", "@param"),
    ("// later\n", "comments are written"),
    ("/* TODO */\n", "a TODO says"),
    ("/* TODO: fix */\n", "a TODO says"),
    ("/* FIXME: sometimes this fails */\n", "a TODO says"),
])
def test_a_header_that_leaves_a_question_is_refused(tree, text, fault):
    append(tree, "src/os/thing.h", text)
    refuses("check-docs", tree, "src/os/thing.h:", fault)


def test_a_two_slash_comment_in_a_source_is_refused(tree):
    append(tree, "src/os/thing.c", "int level; // of noise\n")
    refuses("check-docs", tree, "src/os/thing.c:12: ")


def test_public_headers_for_cxx_are_understood(tree):
    write(tree, "include/lxcri/pod.h", '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
          "int lxcri_pod_stop(void);\n\n#ifdef __cplusplus\n}\n#endif\n")
    append(tree, "docs/api.md", "| `Pod.stop` | `lxcri_pod_stop` | `test_system` |\n")
    refuses("check-docs", tree, "include/lxcri/pod.h:5: lxcri_pod_stop() has no comment")


@pytest.mark.parametrize("row, fault", [
    ("| `a` | `lxcri_thing_shut` | `test_system` |", "lxcri_thing_shut()"),
    ("| `a` | `lxcri_thing_open` | `test_nothing` |", "there is no test test_nothing"),
    ("| `a` | `lxcri_thing_open` | `tests/unit/none.c: test_system` |", "there is no file tests/unit/none.c"),
    ("| `a` | `lxcri_thing_open` | `tests/unit/os/test_thing.c:test_system` |", "there is no test"),
])
def test_a_row_of_the_api_that_promises_too_much_is_refused(tree, row, fault):
    append(tree, "docs/api.md", row + "\n")
    refuses("check-docs", tree, "docs/api.md:6: ", fault)


def test_a_public_function_without_a_row_of_the_api_is_refused(tree):
    append(tree, "include/lxcri/thing.h", "\n/* Shuts. */\nint lxcri_thing_shut(void);\n")
    append(tree, "docs/api.md", "`lxcri_thing_shut` in a sentence is no row.\n")
    refuses("check-docs", tree, "docs/api.md:6: no row names lxcri_thing_shut()")


# -- errors


@pytest.mark.parametrize("use", ["", "/* LXCRI_E_GONE */", "if (r == LXCRI_E_GONE)", "case LXCRI_E_GONE:"])
def test_a_code_that_is_never_raised_is_refused(tree, use):
    write(tree, "include/lxcri/error.h", ERRORS.rstrip() + ' \\\n\tX(GONE, "Gone", STATE)\n')
    append(tree, "src/os/thing.c", use + "\n")
    append(tree, "tests/integration/test_thing.py", "    assert error != 'Gone'\n")
    refuses("check-errors", tree, "LXCRI_E_GONE is raised nowhere")


@pytest.mark.parametrize("text", ["", "# Gone is tested elsewhere\n", "x = 'Gone with the wind'\n"])
def test_a_code_that_no_test_expects_is_refused(tree, text):
    write(tree, "include/lxcri/error.h", ERRORS.rstrip() + ' \\\n\tX(GONE, "Gone", STATE)\n')
    append(tree, "src/os/thing.c", "\treturn fail(LXCRI_E_GONE);\n")
    append(tree, "tests/integration/test_thing.py", text)
    refuses("check-errors", tree, "LXCRI_E_GONE (Gone) is expected by no test")


def test_a_code_outside_the_table_and_a_name_used_twice_are_refused(tree):
    append(tree, "src/os/thing.c", "\treturn fail(LXCRI_E_NEW);\n")
    refuses("check-errors", tree, "LXCRI_E_NEW is not in the table")
    write(tree, "include/lxcri/error.h", ERRORS.rstrip() + ' \\\n\tX(NEW, "SystemError", STATE)\n')
    refuses("check-errors", tree, "2 codes are called SystemError")


def test_an_error_table_that_cannot_be_read_is_refused(tree):
    write(tree, "include/lxcri/error.h", "enum { LXCRI_E_SYSTEM };\n")
    assert gate("check-errors", tree)[0] == 1


# -- words


@pytest.mark.parametrize("text", ["see http://deb." + "debian.org/debian", "cd /" + "work/main", "ftp.de." + "debian.org"])
def test_a_word_of_one_machine_is_refused(tree, text):
    write(tree, "docs/guide.md", f"# Guide\n\n{text}\n")
    refuses("check-words", tree, "docs/guide.md:3: ")


def test_directories_called_work_are_nothing_special(tree):
    write(tree, "docs/guide.md", "containers/ID/work/ and <id>/work/x, https://www.debian.org/\n")
    assert gate("check-words", tree) == (0, "")


# -- counting


def count_unit_test(**entry):
    loader = importlib.machinery.SourceFileLoader("check", str(TOOLS / "check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
    loader.exec_module(module)
    return tuple(module.count_unit_test(entry)[key] for key in ("passed", "failed", "skipped"))


@pytest.mark.parametrize("output, result, counts", [
    ("1..3\nok 1 - a\nok 2 - b\nok 3 - c\n", "OK", (3, 0, 0)),
    ("1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP no kernel\n", "FAIL", (1, 1, 1)),
    ("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", "OK", (1, 0, 1)),
    ("1..3\nok 1 - a\n", "FAIL", (1, 1, 0)),
    ("no TAP at all\n", "OK", (1, 0, 0)),
    (None, "SKIP", (0, 0, 1)),
    (None, "TIMEOUT", (0, 1, 0)),
])
def test_unit_tests_are_counted_one_by_one(output, result, counts):
    assert count_unit_test(stdout=output, result=result) == counts

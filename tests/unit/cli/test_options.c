/* SPDX-License-Identifier: MIT */
#include "cli/options.h"
#include "test.h"

#include <string.h>

struct sample_options {
	bool force;
	bool tty;
	const char *name;
	struct strings env;
	int count;
	uint64_t limit;
	uint64_t bytes;
	double number;
	int signal;
};

struct shared_options {
	const char *runtime;
};

static const struct option_entry entries[] = {
	OPTION(sample_options, force, "force", 'f', OPTION_FLAG, NULL, ""),
	OPTION(sample_options, tty, "tty", 't', OPTION_FLAG, NULL, ""),
	OPTION(sample_options, name, "name", 'n', OPTION_TEXT, "NAME", ""),
	OPTION(sample_options, env, "env", 'e', OPTION_LIST, "VAR", ""),
	OPTION(sample_options, count, "count", 0, OPTION_COUNT, "N", ""),
	OPTION(sample_options, limit, "limit", 0, OPTION_LIMIT, "N", ""),
	OPTION(sample_options, bytes, "bytes", 0, OPTION_BYTES, "SIZE", ""),
	OPTION(sample_options, number, "number", 0, OPTION_NUMBER, "N", ""),
	OPTION(sample_options, signal, "signal", 0, OPTION_SIGNAL, "SIGNAL", ""),
	{},
};

static const struct option_entry shared[] = {
	OPTION(shared_options, runtime, "runtime", 0, OPTION_TEXT, "TYPE", ""),
	{},
};

/* One parsed line. */
struct parsed {
	struct sample_options options;
	struct shared_options shared;
	struct option_parser parser;
	struct lxcri_error err;
	char words[512];
	char *argv[16];
	int count; /* what options_parse() returned */
};

/* Parses @line, whose words are separated by one space each. */
static void parse(struct parsed *parsed, const char *line, enum option_order order)
{
	int argc = 0;

	memset(parsed, 0, sizeof(*parsed));
	strcpy(parsed->words, line);
	for (char *word = strtok(parsed->words, " "); word; word = strtok(NULL, " "))
		parsed->argv[argc++] = word;
	parsed->parser = (struct option_parser){
		.entries = entries,
		.inherited = shared,
		.target = &parsed->options,
		.inherited_target = &parsed->shared,
		.order = order,
	};
	parsed->count = options_parse(&parsed->parser, argc, parsed->argv, &parsed->err);
}

static void every_spelling_of_an_option_means_the_same(void **state)
{
	static const char *const lines[] = { "--name web --force", "--name=web -f", "-n web -f",
					     "-nweb --force=true", "-fn web",       "-fnweb",
					     "-f -n=web" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct parsed parsed;

		parse(&parsed, lines[i], OPTIONS_ANYWHERE);
		if (parsed.count != 0)
			fail_msg("%s: %s", lines[i], parsed.err.text);
		assert_string_equal(parsed.options.name, "web");
		assert_true(parsed.options.force);
		assert_false(parsed.options.tty);
	}
}

static void options_and_arguments_may_be_mixed(void **state)
{
	struct parsed parsed;

	parse(&parsed, "a -f b --env X=1 -e Y=2 c -- -t", OPTIONS_ANYWHERE);
	assert_int_equal(parsed.count, 4);
	assert_string_equal(parsed.argv[2], "c");
	assert_string_equal(parsed.argv[3], "-t");
	assert_null(parsed.argv[4]);
	assert_false(parsed.options.tty);
	assert_int_equal(parsed.options.env.count, 2);
	assert_string_equal(parsed.options.env.items[1], "Y=2");
	options_finish(&parsed.parser);
	assert_int_equal(parsed.options.env.count, 0);
}

static void what_follows_an_image_belongs_to_the_command(void **state)
{
	struct parsed parsed;

	parse(&parsed, "-t busybox ls -f --name x --", OPTIONS_FIRST);
	assert_int_equal(parsed.count, 6);
	assert_true(parsed.options.tty);
	assert_false(parsed.options.force);
	assert_null(parsed.options.name);
	assert_string_equal(parsed.argv[5], "--");
}

static void a_shared_option_goes_to_its_own_struct(void **state)
{
	struct parsed parsed;

	parse(&parsed, "--runtime=crun x", OPTIONS_FIRST);
	assert_int_equal(parsed.count, 1);
	assert_string_equal(parsed.shared.runtime, "crun");
}

static void values_are_converted(void **state)
{
	struct parsed parsed;

	parse(&parsed, "--count 7 --limit -1 --bytes 512m --number 1.5 --signal hup",
	      OPTIONS_ANYWHERE);
	assert_int_equal(parsed.count, 0);
	assert_int_equal(parsed.options.count, 7);
	assert_int_equal(parsed.options.limit, 0);
	assert_int_equal(parsed.options.bytes, 512 << 20);
	assert_true(parsed.options.number == 1.5);
	assert_int_equal(parsed.options.signal, 1);
	assert_string_equal(parsed.parser.given[OPTION_ANY_FORM], "signal");
}

static void an_error_names_option_and_value(void **state)
{
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{ "--count x", "--count: \"x\" is not a number" },
		{ "--count=-1", "--count: \"-1\" is not" },
		{ "--count 99999999999", "--count" },
		{ "--limit many", "--limit: \"many\" is not" },
		{ "--bytes 5q", "--bytes: \"5q\" is not a size" },
		{ "--number 0", "--number: \"0\" is not a number above 0" },
		{ "--number 1e3", "--number: \"1e3\"" },
		{ "--number 1.2.3", "--number: \"1.2.3\"" },
		{ "--number -1", "--number: \"-1\"" },
		{ "--number .", "--number: \".\"" },
		{ "--signal 65", "--signal: \"65\" is not a signal" },
		{ "--signal SIGFOO", "--signal: \"SIGFOO\"" },
		{ "--force=maybe", "--force: \"maybe\" is not true or false" },
		{ "--name", "--name needs a value (NAME)" },
		{ "-fn", "-n needs a value (NAME)" },
		{ "--forse", "unknown option --forse; did you mean --force?" },
		{ "--runtim=x", "did you mean --runtime?" },
		{ "--qqqqqqqq", "unknown option --qqqqqqqq" },
		{ "-fx", "unknown option -x in -fx" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed parsed;

		parse(&parsed, cases[i].line, OPTIONS_ANYWHERE);
		assert_int_equal(parsed.count, -1);
		assert_int_equal(parsed.err.code, LXCRI_E_INVALID_ARGUMENT);
		if (!strstr(parsed.err.text, cases[i].expected))
			fail_msg("%s: \"%s\"", cases[i].line, parsed.err.text);
	}
}

static void help_is_an_option_of_everything(void **state)
{
	struct parsed parsed;

	parse(&parsed, "a --help --nonsense", OPTIONS_ANYWHERE);
	assert_true(parsed.count >= 0);
	assert_true(parsed.parser.wants_help);
	parse(&parsed, "-h", OPTIONS_ANYWHERE);
	assert_true(parsed.parser.wants_help);
	parse(&parsed, "busybox --help", OPTIONS_FIRST);
	assert_false(parsed.parser.wants_help);
	assert_int_equal(parsed.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_an_option_means_the_same),
		cmocka_unit_test(options_and_arguments_may_be_mixed),
		cmocka_unit_test(what_follows_an_image_belongs_to_the_command),
		cmocka_unit_test(a_shared_option_goes_to_its_own_struct),
		cmocka_unit_test(values_are_converted),
		cmocka_unit_test(an_error_names_option_and_value),
		cmocka_unit_test(help_is_an_option_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

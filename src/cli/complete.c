/* SPDX-License-Identifier: MIT */
/* Completion. The words of the line are read from left to right as the command itself would; what
 * is known then of verb, option and position says what may stand at the cursor. Nothing here fails
 * loudly: an engine that cannot be opened has no names to offer. */

#include "cli/complete.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/scope.h"
#include "cli/help.h"
#include "lxcri/files.h"
#include "lxcri/image.h"
#include "lxcri/layer.h"
#include "lxcri/network.h"
#include "lxcri/workload/manifest.h"
#include "lxcri/workload/pod.h"
#include "os/signal.h"

#include <string.h>

/* What is left to the shell itself, where nothing else is offered. */
#define ASK_FILES       ":files"
#define ASK_DIRECTORIES ":directories"

#define SHORT_PREFIX "docker.io/library/"
#define SHORT_SUFFIX ":latest"

#define MASK(status) (1u << (status))
#define MASK_ALIVE   (MASK(LXCRI_STATUS_RUNNING) | MASK(LXCRI_STATUS_PAUSED))

/* Which containers a verb may be about; others take all. 0: it names a new one. */
static const struct verb_mask {
	const char *verb;
	unsigned int mask;
} verb_masks[] = {
	{ "create", 0 },
	{ "run", 0 },
	{ "start", MASK(LXCRI_STATUS_CREATED) | MASK(LXCRI_STATUS_STOPPED) },
	{ "stop", MASK_ALIVE | MASK(LXCRI_STATUS_CREATED) },
	{ "kill", MASK_ALIVE | MASK(LXCRI_STATUS_CREATED) },
	{ "pause", MASK(LXCRI_STATUS_RUNNING) },
	{ "resume", MASK(LXCRI_STATUS_PAUSED) },
	{ "exec", MASK(LXCRI_STATUS_RUNNING) },
	{ "ps", MASK_ALIVE },
	{ "top", MASK_ALIVE },
};

/* The line as far as it has been read. */
struct line {
	struct cli *cli;
	const struct verb *verb;
	const struct option_entry *awaits; /* the option whose value the next word is */
	struct strings arguments;          /* of the verb */
	struct strings options;            /* that were given, by name */
	bool options_over;
	const char *word; /* what the cursor stands behind */
	const char *asks; /* what the shell has to offer itself; or NULL */
};

static void offer(const struct line *line, const char *candidate, const char *help)
{
	if (strncmp(candidate, line->word, strlen(line->word)) != 0)
		return;
	/* A name that would break the shell's lines is none of ours. */
	if (!strpbrk(candidate, "\t\n"))
		(void)printf("%s%s%s\n", candidate, help ? "\t" : "", help ? help : "");
}

static const struct option_entry *find_letter(const struct option_entry *entries, char letter)
{
	for (; entries && entries->name; entries++)
		if (entries->letter == letter)
			return entries;
	return NULL;
}

static const struct option_entry *find_option(const struct line *line, const char *name)
{
	const struct option_entry *found =
		line->verb ? options_find(line->verb->options, name) : NULL;

	if (!found && (!line->verb || strcmp(name, "runtime") == 0))
		found = options_find(cli_global_options, name);
	return found;
}

/* Where the names come from is said before the verb: --root and the like. */
static void take_value(struct line *line, const struct option_entry *entry, const char *value)
{
	if (!line->verb && entry->kind == OPTION_TEXT)
		*(const char **)((char *)&line->cli->globals + entry->offset) = value;
}

static void take_option(struct line *line, const char *word)
{
	const struct option_entry *entry;

	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");
		autofree char *name = xstrndup(word + 2, length);

		entry = find_option(line, name);
		strings_add(&line->options, name);
		if (entry && word[2 + length] == '=')
			take_value(line, entry, word + 2 + length + 1);
		else if (entry && entry->kind != OPTION_FLAG)
			line->awaits = entry;
		return;
	}
	for (word++; *word; word++) {
		entry = find_letter(line->verb ? line->verb->options : cli_global_options, *word);
		if (!entry)
			continue;
		strings_add(&line->options, entry->name);
		if (entry->kind == OPTION_FLAG)
			continue;
		if (!word[1])
			line->awaits = entry;
		return;
	}
}

static void take_word(struct line *line, const char *word)
{
	struct lxcri_error ignored = {};

	if (line->awaits) {
		/* bash takes "--name=value" apart. */
		if (strcmp(word, "=") == 0)
			return;
		take_value(line, line->awaits, word);
		line->awaits = NULL;
	} else if (!line->options_over && strcmp(word, "--") == 0) {
		line->options_over = true;
	} else if (!line->options_over && word[0] == '-' && word[1]) {
		take_option(line, word);
	} else if (!line->verb) {
		line->verb = cli_find_verb(word, &ignored);
	} else {
		strings_add(&line->arguments, word);
		if (line->verb->order == OPTIONS_FIRST)
			line->options_over = true;
	}
}

static unsigned int mask_of(const struct verb *verb)
{
	for (size_t i = 0; i < ARRAY_LEN(verb_masks); i++)
		if (strcmp(verb_masks[i].verb, verb->name) == 0)
			return verb_masks[i].mask;
	return ~0u;
}

static int offer_container(void *userdata, const struct lxcri_state *state)
{
	const struct line *line = userdata;
	autofree char *help = NULL;

	if (!(mask_of(line->verb) & MASK(state->status)))
		return 0;
	for (size_t i = 0; i < line->arguments.count; i++)
		if (strcmp(line->arguments.items[i], state->id) == 0)
			return 0;
	help = xformat("%s%s%s", lxcri_status_name(state->status), state->image ? ", " : "",
		       state->image ? state->image : "");
	offer(line, state->id, help);
	return 0;
}

static void offer_containers(struct line *line)
{
	struct lxcri_error ignored = {};

	if (mask_of(line->verb))
		(void)lxcri_container_list(line->cli->engine, offer_container, line, &ignored);
}

/* "busybox" is shorter than "docker.io/library/busybox:latest" and the same. */
static int offer_image(void *userdata, const struct lxcri_image_info *info)
{
	const struct line *line = userdata;
	const size_t prefix = strlen(SHORT_PREFIX);
	const char *name = info->name;

	offer(line, name, NULL);
	if (strncmp(name, SHORT_PREFIX, prefix) == 0) {
		size_t length = strlen(name) - prefix;
		autofree char *shorter = xstrdup(name + prefix);

		if (length > strlen(SHORT_SUFFIX) &&
		    strcmp(shorter + length - strlen(SHORT_SUFFIX), SHORT_SUFFIX) == 0)
			shorter[length - strlen(SHORT_SUFFIX)] = '\0';
		offer(line, shorter, NULL);
	}
	return 0;
}

static void offer_signals(struct line *line)
{
	for (int number = 1; number < 32; number++) {
		const char *name = sigabbrev_np(number);

		if (name && signal_parse(name) == number)
			offer(line, name, NULL);
	}
}

static void offer_verbs(struct line *line)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (!(*verb)->hidden)
			offer(line, (*verb)->name, (*verb)->summary);
}

/* Tells whether @length characters of @what are a word that is typed as it stands. */
static bool is_literal(const char *what, size_t length)
{
	static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

	return length > 0 && what[0] != '-' && strspn(what, others) >= length;
}

static int offer_layer(void *userdata, const struct lxcri_layer_info *info)
{
	offer(userdata, info->chain_id, NULL);
	return 0;
}

static void offer_kept(struct line *line, bool layers)
{
	struct lxcri_image_manager *images = NULL;
	struct lxcri_error ignored = {};

	if (lxcri_image_manager_open(line->cli->engine, NULL, NULL, &images, &ignored) < 0)
		return;
	if (layers)
		(void)lxcri_layer_list(images, offer_layer, line, &ignored);
	else
		(void)lxcri_image_list(images, offer_image, line, &ignored);
	lxcri_image_manager_free(images);
}

static void offer_images(struct line *line)
{
	offer_kept(line, false);
}

static void offer_layers(struct line *line)
{
	offer_kept(line, true);
}

static int offer_volume(void *userdata, const struct lxcri_volume_info *info)
{
	offer(userdata, info->name, NULL);
	return 0;
}

static void offer_volumes(struct line *line)
{
	struct lxcri_error ignored = {};

	(void)lxcri_volume_list(line->cli->engine, offer_volume, line, &ignored);
}

static int offer_pod(void *userdata, const struct lxcri_pod_state *state)
{
	offer(userdata, state->id, lxcri_pod_status_name(state->status));
	return 0;
}

static void offer_pods(struct line *line)
{
	struct lxcri_error ignored = {};

	(void)lxcri_pod_list(line->cli->engine, offer_pod, line, &ignored);
}

/* Offers the name that each of the array @json has, in its member @part if that is given. */
static void offer_names_of(struct line *line, const char *json, const char *part)
{
	autojson array = json_tokener_parse(json);

	for (size_t i = 0; i < json_count(array); i++) {
		struct json_object *one = json_object_array_get_idx(array, i);
		const char *name = json_get_text(part ? json_get(one, part) : one, "name");

		if (name)
			offer(line, name, NULL);
	}
}

static void offer_networks(struct line *line)
{
	struct lxcri_error ignored = {};
	autofree char *json = NULL;

	if (lxcri_network_list_json(line->cli->engine, &json, &ignored) == 0)
		offer_names_of(line, json, NULL);
}

/* What was applied of the kind that stands before. */
static void offer_objects(struct line *line)
{
	const struct strings *words = &line->arguments;
	struct lxcri_error ignored = {};
	autofree char *json = NULL;

	if (words->count > 0 &&
	    lxcri_manifest_get_json(line->cli->engine, words->items[words->count - 1], NULL, NULL,
				    &json, &ignored) == 0)
		offer_names_of(line, json, "metadata");
}

/* The alternatives that stand for a word in capitals; NULL where it has none. */
static const char *alternatives_of(const char *word)
{
	static const char *const words[][2] = {
		{ "TYPE", "lxc|crun|runc|proxmox-lxc" },
		{ "FORMAT", "text|json" },
		{ "KIND", "pod|deployment|statefulset|service|configmap|secret|"
			  "persistentvolumeclaim" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], word) == 0)
			return words[i][1];
	return NULL;
}

typedef void offer_fn(struct line *line);

/* What a word in capitals stands for, of all verbs or of one. */
static const struct named_value {
	const char *word, *verb;
	offer_fn *offer;
} named_values[] = {
	{ "ID", "layer", offer_layers },       { "ID", NULL, offer_containers },
	{ "IMAGE", NULL, offer_images },       { "NAME", "image", offer_images },
	{ "NETWORK", NULL, offer_networks },   { "NAME", "network", offer_networks },
	{ "NAME", "volume", offer_volumes },   { "POD", NULL, offer_pods },
	{ "NAME", "describe", offer_objects }, { "NAME", "get", offer_objects },
	{ "NAME", "scale", offer_objects },    { "NAME", "rollout", offer_objects },
};

/* Finds who offers what @word stands for: nobody for the name of what is to be made, nor for most
 * that an option gives. */
static offer_fn *find_offer(const struct line *line, const char *word)
{
	const struct strings *words = &line->arguments;
	bool is_name = strcmp(word, "NAME") == 0;

	/* A namespace is a network of that name. */
	if (line->awaits && is_name)
		return strcmp(line->awaits->name, "network") == 0 ||
				       strcmp(line->awaits->name, "namespace") == 0
			       ? offer_networks
			       : NULL;
	if (!line->verb || (words->count > 0 && strcmp(words->items[0], "create") == 0))
		return NULL;
	/* Here the second name is a service's. */
	if (is_name && words->count > 1 && strcmp(words->items[0], "service") == 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(named_values); i++) {
		const struct named_value *value = &named_values[i];

		if (strcmp(value->word, word) == 0 &&
		    (!value->verb || strcmp(value->verb, line->verb->name) == 0))
			return value->offer;
	}
	return NULL;
}

static void offer_named(struct line *line, const char *what)
{
	offer_fn *found = find_offer(line, what);
	struct lxcri_error ignored = {};

	if (strcmp(what, "VERB") == 0)
		offer_verbs(line);
	else if (strcmp(what, "SIGNAL") == 0)
		offer_signals(line);
	else if (strcmp(what, "DIR") == 0)
		line->asks = line->asks ? line->asks : ASK_DIRECTORIES;
	else if (strcmp(what, "FILE") == 0 || strcmp(what, "PATH") == 0 ||
		 strcmp(what, "SOURCE") == 0)
		line->asks = ASK_FILES;
	else if (found && cli_open_engine(line->cli, &ignored) == 0)
		found(line);
}

/* "table|json|FIELD": any of them. What has optional parts is nothing to choose from. */
static void offer_values(struct line *line, const char *what)
{
	const char *others = alternatives_of(what);

	if (others)
		what = others;
	for (; *what && !strchr(what, '['); what += strspn(what, "|")) {
		size_t length = strcspn(what, "|");
		autofree char *one = xstrndup(what, length);

		if (is_literal(what, length))
			offer(line, one, NULL);
		else
			offer_named(line, one);
		what += length;
	}
}

/* Returns the option that usage writes as "--name" or "-n"; NULL where the verb has none. */
static const struct option_entry *option_of(const struct verb *verb, const char *token)
{
	return token[1] == '-' ? options_find(verb->options, token + 2)
			       : find_letter(verb->options, token[1]);
}

/* One way of using a verb, "import SOURCE [NAME]", against the arguments that are there: what its
 * words are called must be found in them, and what the next is called is offered. */
static void offer_usage(struct line *line, char *usage)
{
	size_t position = 0;
	char *rest = NULL;

	for (char *token = strtok_r(usage, " []", &rest); token;
	     token = strtok_r(NULL, " []", &rest)) {
		char *dots = strstr(token, "...");
		bool repeats = dots != NULL;

		if (dots)
			*dots = '\0';
		if (token[0] == '-') {
			const struct option_entry *entry = option_of(line->verb, token);

			if (!entry || !strings_has(&line->options, entry->name))
				return;
			if (entry->kind != OPTION_FLAG)
				(void)strtok_r(NULL, " []", &rest);
			continue;
		}
		if (position == line->arguments.count || repeats) {
			offer_values(line, token);
			return;
		}
		if (is_literal(token, strlen(token)) &&
		    strcmp(token, line->arguments.items[position]) != 0)
			return;
		position++;
	}
}

static void offer_arguments(struct line *line)
{
	autofree char *usages = xstrdup(line->verb->arguments);
	char *rest = usages;

	while (rest) {
		char *bar = strstr(rest, " | ");
		char *usage = rest;

		rest = bar ? bar + 3 : NULL;
		if (bar)
			*bar = '\0';
		offer_usage(line, usage);
	}
}

static void offer_options(struct line *line, const struct option_entry *entries)
{
	for (; entries && entries->name; entries++) {
		autofree char *spelling = xformat("--%s", entries->name);

		offer(line, spelling, entries->help);
	}
}

/* "--name=value" in one word, as all shells but bash give it: the answer has the name too. */
static bool offer_joined(struct line *line)
{
	const char *equals = strchr(line->word, '=');
	autofree char *name = NULL;
	const struct option_entry *entry;

	if (strncmp(line->word, "--", 2) != 0 || !equals)
		return false;
	name = xstrndup(line->word + 2, (size_t)(equals - line->word) - 2);
	entry = find_option(line, name);

	const char *what = entry && entry->value ? entry->value : "";

	if (alternatives_of(what))
		what = alternatives_of(what);
	for (; *what && !strchr(what, '['); what += strspn(what, "|")) {
		size_t length = strcspn(what, "|");
		autofree char *whole = xformat("--%s=%.*s", name, (int)length, what);

		if (is_literal(what, length))
			offer(line, whole, NULL);
		what += length;
	}
	return true;
}

static void offer_word(struct line *line)
{
	if (line->awaits) {
		if (strcmp(line->word, "=") == 0)
			line->word = "";
		offer_values(line, line->awaits->value);
	} else if (line->word[0] == '-' && !line->options_over) {
		if (offer_joined(line))
			return;
		offer_options(line, line->verb ? line->verb->options : cli_global_options);
		if (line->verb)
			offer(line, "--runtime", "container type");
		offer(line, "--help", "tell what it does");
	} else if (line->verb) {
		offer_arguments(line);
	} else {
		offer_verbs(line);
	}
}

static int cmd_complete(struct cli *cli, const void *options, int argc, char **argv,
			struct lxcri_error *err)
{
	struct line line = { .cli = cli, .word = argc > 0 ? argv[argc - 1] : "" };

	cli->globals = (struct cli_globals){};
	for (int i = 0; i + 1 < argc; i++)
		take_word(&line, argv[i]);
	offer_word(&line);
	if (line.asks)
		(void)puts(line.asks);
	strings_finish(&line.arguments);
	strings_finish(&line.options);
	return EXIT_SUCCESS;
}

const struct verb verb_complete = {
	.name = "__complete",
	.arguments = "[WORD...]",
	.summary = "print what may stand at the end of a line, for the scripts of completion",
	.order = OPTIONS_FIRST,
	.hidden = true,
	.run = cmd_complete,
};

static const char bash_script[] = ""
#include "cli/shell-bash.inc"
	;

static const char zsh_script[] = ""
#include "cli/shell-zsh.inc"
	;

static const char fish_script[] = ""
#include "cli/shell-fish.inc"
	;

int complete_print_script(const char *shell, struct lxcri_error *err)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		if (strcmp(shell, scripts[i].shell) != 0)
			continue;
		(void)fputs(scripts[i].script, stdout);
		return 0;
	}
	return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
		    "completion: no script for \"%s\", only for bash, zsh and fish", shell);
}

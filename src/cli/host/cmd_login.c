/* SPDX-License-Identifier: MIT */
/* login and logout: who we are to a registry. */

#include "base/mem.h"
#include "base/scope.h"
#include "cli/commands.h"
#include "lxcri/image.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <termios.h>

#define PASSWORD_BYTES_MAX ((size_t)64 << 10)
#define DEFAULT_REGISTRY   "docker.io"

struct login_options {
	const char *user;
	bool password_stdin;
};

static const struct option_entry options_of_login[] = {
	OPTION(login_options, user, "username", 'u', OPTION_TEXT, "NAME", "user name"),
	OPTION(login_options, password_stdin, "password-stdin", 0, OPTION_FLAG, NULL,
	       "read the password from standard input"),
	{},
};

DEFINE_AUTOPTR(lxcri_image_manager)

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(steal(*secret));
}

static int read_stdin(char **ret, struct lxcri_error *err)
{
	size_t size = 0;
	int r = file_read_fd(STDIN_FILENO, PASSWORD_BYTES_MAX, ret, &size);

	if (r < 0)
		return fail_errno(err, r, "read the password");
	if (strlen(*ret) != size)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "the password has a NUL byte");
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return 0;
}

/* Asks on the terminal; what is typed is shown only for @is_shown. */
static int ask(const char *question, bool is_shown, char **ret, struct lxcri_error *err)
{
	struct termios before;
	struct termios hidden;
	size_t capacity = 0;
	ssize_t length;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT,
			    "standard input is no terminal: give --username and --password-stdin");
	hidden = before;
	hidden.c_lflag &= (tcflag_t)~ECHO;
	(void)fprintf(stderr, "%s", question);
	if (!is_shown)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	length = getline(ret, &capacity, stdin);
	if (!is_shown) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	if (length < 0)
		return fail(err, LXCRI_E_INVALID_ARGUMENT, "no answer was given");
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return 0;
}

static int open_manager(struct cli *cli, int argc, struct lxcri_image_manager **ret,
			struct lxcri_error *err)
{
	if (argc > 1)
		return cli_usage(cli, err, "expected one registry");
	if (cli_open_engine(cli, err) < 0)
		return -1;
	return lxcri_image_manager_open(cli->engine, NULL, NULL, ret, err);
}

static int cmd_login(struct cli *cli, const void *verb_options, int argc, char **argv,
		     struct lxcri_error *err)
{
	const struct login_options *options = verb_options;
	const char *registry = argc > 0 ? argv[0] : DEFAULT_REGISTRY;
	autoptr(lxcri_image_manager) images = NULL;
	autorun(wipe) char *user = xstrdup(options->user);
	autorun(wipe) char *password = NULL;

	if (options->password_stdin && !user)
		return cli_usage(cli, err, "--password-stdin needs --username");
	if (open_manager(cli, argc, &images, err) < 0)
		return -1;
	if (!user && ask("Username: ", true, &user, err) < 0)
		return fail_while(err, "login");
	if ((options->password_stdin ? read_stdin(&password, err)
				     : ask("Password: ", false, &password, err)) < 0)
		return fail_while(err, "login");
	if (lxcri_registry_login(images, registry, user, password, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

static int cmd_logout(struct cli *cli, const void *options, int argc, char **argv,
		      struct lxcri_error *err)
{
	autoptr(lxcri_image_manager) images = NULL;

	(void)options;
	if (open_manager(cli, argc, &images, err) < 0 ||
	    lxcri_registry_logout(images, argc > 0 ? argv[0] : DEFAULT_REGISTRY, err) < 0)
		return -1;
	return EXIT_SUCCESS;
}

const struct verb verb_login = {
	.name = "login",
	.arguments = "[REGISTRY]",
	.summary = "try credentials at a registry, and keep them",
	.details = "Without a registry it is docker.io. A password is never an argument.",
	.options = options_of_login,
	.options_size = sizeof(struct login_options),
	.run = cmd_login,
};

const struct verb verb_logout = {
	.name = "logout",
	.arguments = "[REGISTRY]",
	.summary = "forget the credentials for a registry",
	.run = cmd_logout,
};

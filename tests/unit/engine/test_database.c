/* SPDX-License-Identifier: MIT */
#include "engine/database/database.h"
#include "engine/database/networks.h"
#include "engine/database/objects.h"
#include "engine/database/schema.h"
#include "os/path.h"
#include "base/mem.h"
#include "test.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/test-database-XXXXXX";

static int make_directory(void **state)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	return path_remove_tree(AT_FDCWD, directory);
}

static void a_record_survives_the_process_that_wrote_it(void **state)
{
	autoptr(database) writer = NULL;
	autoptr(database) reader = NULL;
	autofree char *record = NULL;
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &writer, &err), 0);
	assert_int_equal(database_put_container(writer, "web", "{\"a\":1}", &err), 0);
	database_free(steal(writer));
	assert_int_equal(database_open(directory, &reader, &err), 0);
	assert_int_equal(database_find_container(reader, "web", &record, &err), 0);
	assert_string_equal(record, "{\"a\":1}");
}

static void an_unknown_container_is_no_error(void **state)
{
	autoptr(database) database = NULL;
	char *record = (char *)"untouched";
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_find_container(database, "web", &record, &err), 0);
	assert_null(record);
	assert_int_equal(database_delete_container(database, "web", &err), 0);
}

static int collect_ids(void *userdata, const char *id, const char *record)
{
	strcat(userdata, id);
	strcat(userdata, record);
	return 0;
}

static void a_later_record_replaces_the_earlier_and_the_walk_is_sorted(void **state)
{
	autoptr(database) database = NULL;
	char seen[64] = "";
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_put_container(database, "b", "1", &err), 0);
	assert_int_equal(database_put_container(database, "a", "2", &err), 0);
	assert_int_equal(database_put_container(database, "b", "3", &err), 0);
	assert_int_equal(database_each_container(database, collect_ids, seen, &err), 0);
	assert_string_equal(seen, "a2b3");
}

static void add_up(void *userdata, uint32_t start, uint32_t size)
{
	*(uint64_t *)userdata += start + size;
}

static uint64_t sum_of_ranges(struct database *database)
{
	struct lxcri_error err = {};
	uint64_t sum = 0;

	assert_int_equal(database_each_range(database, add_up, &sum, &err), 0);
	return sum;
}

static void ids_stay_with_a_container_until_it_is_deleted(void **state)
{
	autoptr(database) database = NULL;
	autoptr(database) other = NULL;
	struct lxcri_error err = {};

	assert_int_equal(database_open_other(directory, &other, &err), -1);
	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_begin(database, &err), 0);
	assert_int_equal(database_put_container(database, "web", "1", &err), 0);
	assert_int_equal(database_put_range(database, "web", 1000000, 65536, &err), 0);
	assert_int_equal(database_commit(database, &err), 0);
	assert_int_equal(database_put_container(database, "web", "2", &err), 0);
	assert_int_equal(sum_of_ranges(database), 1065536);

	assert_int_equal(database_open_other(directory, &other, &err), 0);
	assert_int_equal(sum_of_ranges(other), 1065536);

	assert_int_equal(database_put_successor(database, "web", "shop", "3", &err), 0);
	assert_int_equal(database_delete_container(database, "web", &err), 0);
	assert_int_equal(sum_of_ranges(database), 1065536);
	assert_int_equal(database_delete_container(database, "shop", &err), 0);
	assert_int_equal(sum_of_ranges(database), 0);
}

static void what_was_not_committed_takes_no_ids(void **state)
{
	autoptr(database) database = NULL;
	autofree char *record = NULL;
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_begin(database, &err), 0);
	assert_int_equal(database_put_container(database, "web", "1", &err), 0);
	assert_int_equal(database_put_range(database, "web", 1000000, 65536, &err), 0);
	database_roll_back(database);
	assert_int_equal(sum_of_ranges(database), 0);
	assert_int_equal(database_find_container(database, "web", &record, &err), 0);
	assert_null(record);
}

static void a_database_of_the_first_layout_is_brought_up_to_date(void **state)
{
	autoptr(database) database = NULL;
	autofree char *path = xformat("%s/state.db", directory);
	autofree char *record = NULL;
	sqlite3 *handle = NULL;
	struct lxcri_error err = {};

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle,
				      "CREATE TABLE container (id TEXT PRIMARY KEY NOT NULL,"
				      " record TEXT NOT NULL) WITHOUT ROWID;"
				      "INSERT INTO container VALUES ('old', 'kept');"
				      "PRAGMA user_version = 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_close(handle), SQLITE_OK);

	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_find_container(database, "old", &record, &err), 0);
	assert_string_equal(record, "kept");
	assert_int_equal(database_put_range(database, "old", 1, 2, &err), 0);
	assert_int_equal(sum_of_ranges(database), 3);
}

static void a_database_of_a_later_program_is_refused(void **state)
{
	autoptr(database) database = NULL;
	autofree char *path = xformat("%s/state.db", directory);
	sqlite3 *handle = NULL;
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &database, &err), 0);
	database_free(steal(database));
	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "PRAGMA user_version = 99", NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(handle);
	assert_true(database_open(directory, &database, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_non_null(strstr(err.text, "later program"));
}

static void alter(const char *sql)
{
	autofree char *path = xformat("%s/state.db", directory);
	sqlite3 *handle = NULL;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(handle);
}

static void a_layout_that_cannot_be_had_leaves_the_database_as_it_was(void **state)
{
	autoptr(database) database = NULL;
	struct lxcri_error err = {};

	/* The last step has done its work already, so it fails, behind all others. */
	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_put_container(database, "web", "{}", &err), 0);
	database_free(steal(database));
	alter("PRAGMA user_version = 0");
	assert_true(database_open(directory, &database, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
	assert_non_null(strstr(err.text, "take the layout from 0 to"));

	autofree char *set = xformat("PRAGMA user_version = %d", schema_version);

	alter(set);
	assert_int_equal(database_open(directory, &database, &err), 0);

	autofree char *record = NULL;

	assert_int_equal(database_find_container(database, "web", &record, &err), 0);
	assert_string_equal(record, "{}");
}

static void an_earlier_layout_becomes_ours_with_what_is_in_it(void **state)
{
	autoptr(database) database = NULL;
	autofree char *path = xformat("%s/state.db", directory);
	autofree char *record = NULL;
	sqlite3 *handle = NULL;
	struct lxcri_error err = {};

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, schema_steps[0], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle,
				      "INSERT INTO container VALUES ('web', '{}');"
				      "PRAGMA user_version = 1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(handle);
	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(database_find_container(database, "web", &record, &err), 0);
	assert_string_equal(record, "{}");
}

/* Begins to write @path, says so on @fd, and takes its time. */
static void write_for_a_while(const char *path, int fd)
{
	sqlite3 *handle = NULL;

	if (sqlite3_open(path, &handle) != SQLITE_OK ||
	    sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    write(fd, "r", 1) != 1)
		_exit(1);
	(void)usleep(200000);
	_exit(0);
}

static void whoever_makes_the_database_waits_for_another_who_does(void **state)
{
	autoptr(database) database = NULL;
	autofree char *path = xformat("%s/state.db", directory);
	sqlite3 *handle = NULL;
	struct lxcri_error err = {};
	char byte;
	int ready[2];
	int status;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "CREATE TABLE other (a)", NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(handle);
	assert_int_equal(pipe(ready), 0);

	pid_t child = fork();

	if (child == 0)
		write_for_a_while(path, ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(err.code, LXCRI_E_NONE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void bytes_that_are_no_database_are_refused(void **state)
{
	autoptr(database) database = NULL;
	autofree char *path = xformat("%s/state.db", directory);
	FILE *file = fopen(path, "w");
	struct lxcri_error err = {};

	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	assert_true(database_open(directory, &database, &err) < 0);
	assert_int_equal(err.code, LXCRI_E_STORAGE_ERROR);
}

static void a_container_s_place_in_networks_goes_with_its_record(void **state)
{
	autoptr(database) database = NULL;
	struct lxcri_error err = {};
	const struct network_row network = { .name = (char *)"web",
					     .deployment = (char *)"shop",
					     .bridge = (char *)"web",
					     .options = (char *)"{}" };
	struct endpoint_row endpoint = { .container = (char *)"c",
					 .network = (char *)"web",
					 .mac = { 2, 0, 0, 0, 0, 1 },
					 .interface = (char *)"vethx1",
					 .hostname = (char *)"c" };
	struct port_row port = {
		.container = (char *)"c", .protocol = 6, .host_port = 80, .container_port = 8080
	};
	struct port_row other = {
		.container = (char *)"d", .protocol = 6, .host_port = 80, .container_port = 1
	};
	char *taker = NULL;

	assert_int_equal(address_parse("10.0.0.2", AF_INET, &endpoint.addresses[0]), 0);
	assert_int_equal(database_open(directory, &database, &err), 0);
	assert_int_equal(networks_put(database, &network, &err), 0);
	assert_int_equal(database_put_container(database, "c", "{}", &err), 0);
	assert_int_equal(endpoints_put(database, &endpoint, &err), 0);
	assert_int_equal(ports_put(database, &port, &err), 0);
	assert_int_equal(endpoints_have(database, "web", &endpoint.addresses[0], NULL, &err), 1);
	assert_int_equal(endpoints_count_attached(database, "web", NULL, &err), 1);
	assert_int_equal(endpoints_count_attached(database, "web", "c", &err), 0);

	/* A port is another's while that one runs; any address is each address. */
	assert_int_equal(address_parse("127.0.0.1", AF_INET, &other.host), 0);
	assert_int_equal(ports_find_taker(database, &other, &taker, &err), 1);
	assert_string_equal(taker, "c");
	free(taker);
	assert_int_equal(ports_find_taker(database, &port, &taker, &err), 0);

	assert_int_equal(endpoints_rename(database, "c", "e", &err), 0);
	assert_int_equal(database_delete_container(database, "c", &err), 0);
	assert_int_equal(endpoints_count_attached(database, "web", NULL, &err), 1);
	assert_int_equal(database_put_container(database, "e", "{}", &err), 0);
	assert_int_equal(database_delete_container(database, "e", &err), 0);
	assert_int_equal(endpoints_count_attached(database, "web", NULL, &err), 0);
	assert_int_equal(ports_find_taker(database, &other, &taker, &err), 0);
}

struct pair {
	struct database *ours;
	struct database *others;
};

/* Somebody else has changed something since the walk began. */
static int change_what_is_read(void *userdata, const struct object_key *key, const char *document,
			       int64_t revision, struct lxcri_error *err)
{
	const struct pair *pair = userdata;
	const struct object_key seen = { "Seen", key->name_space, key->name };

	assert_int_equal(database_put_container(pair->others, key->name, "{}", err), 0);
	return objects_put(pair->ours, &seen, document, revision, err);
}

static void objects_can_be_changed_while_they_are_walked_through(void **state)
{
	static const char *const names[] = { "a", "b" };
	const struct object_key all = { "Pod", NULL, NULL };
	const struct object_key seen = { "Seen", NULL, NULL };
	autoptr(database) ours = NULL;
	autoptr(database) others = NULL;
	struct lxcri_error err = {};

	assert_int_equal(database_open(directory, &ours, &err), 0);
	assert_int_equal(database_open(directory, &others, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (int64_t revision = 1; revision <= 2; revision++) {
			const struct object_key key = { "Pod", "default", names[i] };

			assert_int_equal(objects_put(ours, &key, "{}", revision, &err), 0);
		}

	struct pair pair = { ours, others };
	const struct object_key a = { "Pod", "default", "a" };

	assert_int_equal(objects_each(ours, &all, change_what_is_read, &pair, &err), 2);
	assert_int_equal(objects_each_revision(ours, &a, change_what_is_read, &pair, &err), 2);
	assert_int_equal(objects_each(ours, &seen, change_what_is_read, &pair, &err), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_survives_the_process_that_wrote_it,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			a_container_s_place_in_networks_goes_with_its_record, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(an_unknown_container_is_no_error, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(
			a_later_record_replaces_the_earlier_and_the_walk_is_sorted, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(ids_stay_with_a_container_until_it_is_deleted,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(what_was_not_committed_takes_no_ids, make_directory,
						remove_directory),
		cmocka_unit_test_setup_teardown(
			a_database_of_the_first_layout_is_brought_up_to_date, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(a_database_of_a_later_program_is_refused,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			a_layout_that_cannot_be_had_leaves_the_database_as_it_was, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(an_earlier_layout_becomes_ours_with_what_is_in_it,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			whoever_makes_the_database_waits_for_another_who_does, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_database_are_refused,
						make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			objects_can_be_changed_while_they_are_walked_through, make_directory,
			remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

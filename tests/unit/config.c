/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lib/config: what a file means, what is said about a wrong one, who wins a look-up, and where the log goes. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/config/config.h"
#include "lib/config/directory.h"
#include "lib/config/logging.h"

static char directory[] = "/tmp/spectrum2-config-XXXXXX";
static struct str errors, warnings;

static int make_directory(void **state)
{
	if (!mkdtemp(directory) || chdir(directory))
		return -1;
	return 0;
}

static int remove_directory(void **state)
{
	str_fini(&errors);
	str_fini(&warnings);
	return chdir("/") || remove(directory);
}

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

/* Loads a file "gw.cfg" with that text. */
static struct config *load(const char *text, const char *jid, const struct config_override *overrides, size_t count)
{
	str_clear(&errors, 0);
	str_clear(&warnings, 0);
	write_file("gw.cfg", text, strlen(text));
	struct config *config = config_load("gw.cfg", jid, overrides, count, &errors, &warnings);
	unlink("gw.cfg");
	return config;
}

/* One line of a file, the value that a key then has, and the warning that is given, if any. */
static void C_1_files_mean_what_they_say(void **state)
{
	static const struct {
		const char *text, *key, *value, *warning;
	} cases[] = {
	    {"[service]\njid = irc.example.org\n", "service.jid", "irc.example.org", NULL},
	    {"[ service ]\njid=irc.example.org", "service.jid", "irc.example.org", NULL},
	    {"[service]\n[identity]\nname=x\n[service]\njid=a\n", "service.jid", "a", NULL},
	    {"service.jid = irc.example.org\n", "service.jid", "irc.example.org", NULL},
	    {"[service]\r\njid = irc.example.org\r\n", "service.jid", "irc.example.org", NULL},
	    {"\xef\xbb\xbf[service]\njid = a\n", "service.jid", "a", NULL},
	    {"[service]\npassword = b=c\n", "service.password", "b=c", NULL},
	    {"[service]\npassword = \"quoted\"\n", "service.password", "\"quoted\"", NULL},
	    {"[service]\npassword =\n", "service.password", "", NULL},
	    {"[database]\ntype=sqlite3 # or \"none\"\n", "database.type", "sqlite3", NULL},
	    {"# a comment\n  # another = one\n[database]\t# yes\ntype=none\t# x # y\n", "database.type", "none", NULL},
	    {"[database]# comment\ntype=none\n", "database.type", "none", NULL},
	    {"[service]\npassword = pa#ss\n", "service.password", "pa#ss",
	     "gw.cfg:2: service.password: the '#' is part of the value; put a blank before it to start a comment\n"},
	    {"[service]\n;jid = a\n", "service.;jid", "a",
	     "gw.cfg:2: service.;jid: unknown key; use '#' to start a comment\n"},
	    {"[service]\nserver_mode=\n", "service.server_mode", "1",
	     "gw.cfg:2: service.server_mode: no value, which means 1; write 1 or 0\n"},
	    {"[service]\njdi = a\n", "service.jdi", "a",
	     "gw.cfg:2: service.jdi: unknown key; did you mean service.jid?\n"},
	    {"[Service]\njid = a\n", "Service.jid", "a",
	     "gw.cfg:2: Service.jid: unknown key; did you mean service.jid?\n"},
	    {"[service]\nusername_mask = a\n", "service.username_mask", "a",
	     "gw.cfg:2: service.username_mask: unknown key; did you mean registration.username_mask?\n"},
	    {"[weather]\nforecast = rain\n", "weather.forecast", "rain",
	     "gw.cfg:2: weather.forecast: unknown key; kept for backends that know it\n"},
	    {"[purple]\nusensec = 1\n", "purple.usensec", "1", NULL},
	    {"", "service.users_per_backend", "100", NULL},
	    {"", "database.database", "/var/lib/spectrum2//database.sql", NULL},
	    {"[service]\njid = a.b\n", "database.database", "/var/lib/spectrum2/a.b/database.sql", NULL},
	    {"[x]\ny = $jid and $jid\n[service]\njid = a\n", "x.y", "a and a",
	     "gw.cfg:2: x.y: unknown key; kept for backends that know it\n"},
	    {"[components]\na.example = x\n", "components.a.example", "x", NULL},
	    {"", "components.a.example", NULL, NULL},
	    {"", "nothing.there", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct config *config = load(cases[i].text, NULL, NULL, 0);
		assert_string_equal(str_text(&errors), "");
		assert_non_null(config);
		assert_string_equal(str_text(&warnings), cases[i].warning ? cases[i].warning : "");
		const char *value = config_text(config, cases[i].key);
		assert_true(text_equal(value, cases[i].value));
		config_free(&config);
	}
}

static void C_3_CR_9_wrong_files_are_told_what_to_do(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"[service]\nport = abc\n", "gw.cfg:2: service.port: \"abc\" is no number; give a port from 1 to 65535\n"},
	    {"[service]\nport = 0x10\n",
	     "gw.cfg:2: service.port: \"0x10\" is no number; give a port from 1 to 65535\n"},
	    {"[service]\nport =\n", "gw.cfg:2: service.port: \"\" is no number; give a port from 1 to 65535\n"},
	    {"[service]\nport = 65536\n",
	     "gw.cfg:2: service.port: 65536 is out of range; give a port from 1 to 65535\n"},
	    {"[service]\nlogin_delay = -1\n",
	     "gw.cfg:2: service.login_delay: -1 is out of range; give a number from 0 on\n"},
	    {"[service]\nlogin_delay = 3000000000\n",
	     "gw.cfg:2: service.login_delay: \"3000000000\" is no number; give a number from 0 on\n"},
	    {"[service]\nserver_mode = maybe\n",
	     "gw.cfg:2: service.server_mode: \"maybe\" is neither true nor false; write 1 or 0\n"},
	    {"[database]\ntype = oracle\n",
	     "gw.cfg:2: database.type: \"oracle\" is not possible; choose one of sqlite3|mysql|pqxx|none\n"},
	    {"[database]\ntype = sql\n",
	     "gw.cfg:2: database.type: \"sql\" is not possible; choose one of sqlite3|mysql|pqxx|none\n"},
	    {"[service]\njid = a\n\njid = b\n", "gw.cfg:4: service.jid: given before, in line 2; keep one of them\n"},
	    {"[components]\na.example = b\na.example = c\n",
	     "gw.cfg:3: components.a.example: given before, in line 2; keep one of them\n"},
	    {"hello world\n", "gw.cfg:1: \"hello ...\": there is no '='; write key = value, or '#' before a comment\n"},
	    {"; hello\n", "gw.cfg:1: \"; ...\": ';' starts no comment; use '#'\n"},
	    {"[service\n", "gw.cfg:1: \"[service\": the section has no ']'; write [service] or the like\n"},
	    {"[]\n", "gw.cfg:1: \"[]\": the section has no name; write [service] or the like\n"},
	    {"= x\n", "gw.cfg:1: there is no key before the '='; write key = value\n"},
	    {"a = \xff\n", "gw.cfg:1: the line holds bytes that are no UTF-8 text or control characters; save the file "
	                   "as UTF-8\n"},
	    /* All of them, not only the first. */
	    {"[service]\nport = x\nusers_per_backend = 0\nfoo\n",
	     "gw.cfg:2: service.port: \"x\" is no number; give a port from 1 to 65535\n"
	     "gw.cfg:3: service.users_per_backend: 0 is out of range; give a number from 1 to 1000000\n"
	     "gw.cfg:4: \"foo\": there is no '='; write key = value, or '#' before a comment\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_null(load(cases[i].text, NULL, NULL, 0));
		assert_string_equal(str_text(&errors), cases[i].error);
	}
	str_clear(&errors, 0);
	assert_null(config_load("nowhere.cfg", NULL, NULL, 0, &errors, &warnings));
	assert_string_equal(str_text(&errors),
	                    "nowhere.cfg: cannot be read: No such file or directory; check path and permissions\n");
	str_clear(&errors, 0);
	assert_null(config_load("/", NULL, NULL, 0, &errors, &warnings));
	assert_non_null(strstr(str_text(&errors), "Is a directory"));
}

static bool count_assignment(void *arg, const char *key, const char *value, unsigned line)
{
	++*(unsigned *)arg;
	return true;
}

/* `count` times `piece`, and what the parser makes of it. */
static bool parse_many(const char *piece, size_t count, unsigned *assignments)
{
	struct str text = {0};
	str_clear(&errors, 0);
	*assignments = 0;
	for (size_t i = 0; i < count; i++)
		str_adds(&text, piece);
	bool fine = config_parse("big.cfg", str_text(&text), text.len, &errors, count_assignment, assignments);
	str_fini(&text);
	return fine;
}

static void size_has_limits(void **state)
{
	unsigned assignments;
	assert_true(parse_many("a=b\n", CONFIG_ASSIGNMENTS, &assignments));
	assert_int_equal(assignments, CONFIG_ASSIGNMENTS);
	assert_false(parse_many("a=b\n", CONFIG_ASSIGNMENTS + 5, &assignments));
	assert_int_equal(assignments, CONFIG_ASSIGNMENTS);
	assert_string_equal(str_text(&errors), "big.cfg:10001: more than 10000 assignments; split the file\n");

	assert_true(parse_many("a=", CONFIG_LINE_BYTES / 2, &assignments));
	assert_false(parse_many("a=", CONFIG_LINE_BYTES / 2 + 1, &assignments));
	assert_string_equal(str_text(&errors), "big.cfg:1: the line is longer than 64 KiB; shorten it\n");

	assert_true(parse_many("#\n", CONFIG_FILE_BYTES / 2, &assignments));
	assert_false(parse_many("#\n", CONFIG_FILE_BYTES / 2 + 1, &assignments));
	assert_string_equal(str_text(&errors),
	                    "big.cfg: the file is larger than 1 MiB; is this a configuration file?\n");

	assert_false(parse_many("wrong\n", 100000, &assignments));
	assert_true(errors.len < 20000);
	assert_non_null(strstr(str_text(&errors), "big.cfg: more than 100 errors; is this a configuration file?\n"));
}

static void C_2_values_have_the_type_that_is_asked_for(void **state)
{
	struct config *config =
	    load("[service]\nusers_per_backend = +7\nserver_mode = On\nadmin_jid = a@b\nadmin_jid = c@d\n"
	         "[mine]\nlist = x\nlist = y\nnumber = 12\ntruth = TRUE\n",
	         NULL, NULL, 0);
	assert_non_null(config);
	assert_int_equal(config_number(config, "service.users_per_backend"), 7);
	assert_true(config_bool(config, "service.server_mode"));
	assert_int_equal(config_count(config, "service.admin_jid"), 2);
	assert_string_equal(config_item(config, "service.admin_jid", 1), "c@d");
	assert_null(config_item(config, "service.admin_jid", 2));
	assert_int_equal(config_count(config, "mine.list"), 2);
	assert_string_equal(config_item(config, "mine.list", 1), "y");
	assert_int_equal(config_number(config, "mine.number"), 12);
	assert_true(config_bool(config, "mine.truth"));
	assert_int_equal(config_number(config, "mine.list"), 0);
	assert_false(config_bool(config, "mine.list"));
	assert_int_equal(config_count(config, "service.allowed_servers"), 0);
	assert_int_equal(config_number(config, "service.backend_timeout"), 4);
	assert_true(config_bool(config, "service.verify_certs"));
	assert_string_equal(config_path(config), "gw.cfg");
	assert_int_equal(config_line(config, "service.admin_jid"), 4);
	assert_int_equal(config_line(config, "service.jid"), 0);
	assert_true(config_is_set(config, "service.admin_jid"));
	assert_false(config_is_set(config, "service.jid"));
	config_free(&config);
	assert_null(config);
}

static void command_line_wins(void **state)
{
	static const struct config_override overrides[] = {{"service.port", "5347"},
	                                                   {"service.admin_jid", "x@y"},
	                                                   {"mine.key", "$jid!"},
	                                                   {"service.jid", "override.example.org"}};
	const char *text = "[service]\nport = 1\nadmin_jid = a@b\nadmin_jid = c@d\njid = file.example.org\n";
	struct config *config = load(text, NULL, overrides, 4);
	assert_non_null(config);
	assert_int_equal(config_number(config, "service.port"), 5347);
	assert_int_equal(config_count(config, "service.admin_jid"), 1);
	assert_string_equal(config_text(config, "service.jid"), "override.example.org");
	assert_string_equal(config_text(config, "mine.key"), "override.example.org!");
	assert_string_equal(config_text(config, "service.pidfile"), "/var/run/spectrum2/override.example.org.pid");
	config_free(&config);

	config = load(text, "dash-j.example.org", overrides, 4);
	assert_string_equal(config_text(config, "service.jid"), "dash-j.example.org");
	config_free(&config);
	config = load("", "dash-j.example.org", NULL, 0);
	assert_string_equal(config_text(config, "service.working_dir"), "/var/lib/spectrum2/dash-j.example.org");
	assert_true(config_is_set(config, "service.jid"));
	config_free(&config);

	static const struct config_override wrong[] = {
	    {"service.port", "x"}, {"service.server", "a"}, {"service.server", "b"}};
	assert_null(load("", NULL, wrong, 3));
	assert_string_equal(str_text(&errors),
	                    "command line: service.port: \"x\" is no number; give a port from 1 to 65535\n"
	                    "command line: service.server: given twice; keep one of them\n");
	str_clear(&errors, 0);
	config = config_load(NULL, "a", NULL, 0, &errors, &warnings);
	assert_non_null(config);
	assert_null(config_path(config));
	config_free(&config);
}

static void backends_add_what_the_file_leaves_open(void **state)
{
	struct config *config =
	    load("[service]\njid_escaping = 1\n[registration]\nneedPassword = 1\n[mine]\nkey = file\n", NULL, NULL, 0);
	assert_true(config_bool(config, "registration.needPassword"));
	assert_false(config_bool(config, "features.muc"));
	config_offer(config, "[registration]\nneedPassword=0\nextraField=a\nextraField=b\n"
	                     "[features]\nmuc = true\n[mine]\nkey=backend\n[service]\njid_escaping=0\nlogin_delay=5\n");
	assert_false(config_bool(config, "registration.needPassword"));
	assert_true(config_bool(config, "features.muc"));
	assert_int_equal(config_count(config, "registration.extraField"), 2);
	assert_string_equal(config_text(config, "mine.key"), "backend");
	assert_true(config_bool(config, "service.jid_escaping"));
	assert_int_equal(config_number(config, "service.login_delay"), 5);
	assert_false(config_is_set(config, "features.muc"));

	/* The last explicit value wins; what is not repeated stays. */
	config_offer(config, "garbage\n[features]\nmuc=0\n");
	assert_false(config_bool(config, "features.muc"));
	assert_false(config_bool(config, "registration.needPassword"));
	config_free(&config);
}

/* What a hostile backend sends takes no more than a fixed amount of memory. */
static void backends_cannot_fill_the_memory(void **state)
{
	struct config *config = load("", NULL, NULL, 0);
	unsigned found = 0;
	for (unsigned i = 0; i < 2000; i++) {
		char text[64];
		snprintf(text, sizeof text, "a%u=1\n", i);
		config_offer(config, text);
		text[strlen(text) - 3] = '\0';
		found += config_bool(config, text);
	}
	assert_int_equal(found, 256);
	config_free(&config);
}

static void every_key_is_described(void **state)
{
	struct config *config = load("", NULL, NULL, 0);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		int64_t number;
		bool truth;
		assert_non_null(strchr(key->name, '.'));
		assert_true(strlen(key->help) > 5 && key->help[strlen(key->help) - 1] == '.');
		if (key->type == CONFIG_NUMBER)
			assert_true(config_parse_number(key->fallback, &number) && number <= key->most);
		if (key->type == CONFIG_BOOL)
			assert_true(config_parse_bool(key->fallback, &truth));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(key->name, config_keys[j].name);
	}
	config_free(&config);
}

static void property_files_say_where_the_log_goes(void **state)
{
	static const struct {
		const char *text;
		enum log_level level;
		const char *file;
		size_t max_bytes;
		unsigned backups;
		const char *warnings;
	} cases[] = {
	    {"log4j.rootLogger=debug, R\nlog4j.appender.R=org.apache.log4j.RollingFileAppender\n"
	     "log4j.appender.R.File=/var/log/${jid}/b-${id}.log\nlog4j.appender.R.MaxFileSize=10000KB\n"
	     "log4j.appender.R.MaxBackupIndex=3\nlog4j.appender.R.layout=org.apache.log4j.PatternLayout\n",
	     LOG_DEBUG_, "/var/log/irc.example.org/b-7.log", 10000 << 10, 3, ""},
	    {"# comment = x\r\n log4j.rootLogger = WARN , C, F "
	     "\r\nlog4j.appender.C=org.apache.log4j.ConsoleAppender\r\n"
	     "log4j.appender.F = org.apache.log4j.FileAppender\r\nlog4j.appender.F.File : x.log\r\n",
	     LOG_WARN_, "x.log", 0, 0, ""},
	    {"log4j.rootLogger=OFF\n", LOG_OFF_, NULL, 0, 0, ""},
	    {"log4j.rootLogger=info, R\nlog4j.appender.R=RollingFileAppender\nlog4j.appender.R.File=a\n"
	     "log4j.appender.R.MaxFileSize=2MB\n",
	     LOG_INFO_, "a", 2 << 20, 1, ""},
	    {"log4j.rootLogger=debug, R\nlog4j.appender.R=RollingFileAppender\nlog4j.appender.R.File=a\n"
	     "log4j.appender.R.MaxFileSize=-2\nlog4j.appender.R.Threshold=error\n",
	     LOG_ERROR_, "a", 10 << 20, 1, "MaxFileSize \"-2\" is no size; 10 MB it is\n"},
	    {"log4j.rootLogger=info, S\nlog4j.appender.S=org.apache.log4j.net.SyslogAppender\n", LOG_INFO_, NULL, 0, 0,
	     "appender S: \"SyslogAppender\" is not known; its lines go to stderr\n"},
	    {"log4j.rootLogger=chatty\n", LOG_INFO_, NULL, 0, 0, "level \"chatty\" is not known; info it is\n"},
	    {"nothing", LOG_INFO_, NULL, 0, 0, "x: there is no log4j.rootLogger; level info, to stderr\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct logging logging;
		logging_parse(&logging, "x", cases[i].text, strlen(cases[i].text), "irc.example.org", "7");
		assert_int_equal(logging.level, cases[i].level);
		assert_true(text_equal(logging.file, cases[i].file));
		assert_int_equal(logging.max_bytes, cases[i].max_bytes);
		assert_int_equal(logging.backups, cases[i].backups);
		assert_string_equal(str_text(&logging.warnings), cases[i].warnings);
		logging_fini(&logging);
	}
}

static void log_file_and_its_directories_appear(void **state)
{
	const char *properties = "log4j.rootLogger=warn, F\nlog4j.appender.F=org.apache.log4j.FileAppender\n"
	                         "log4j.appender.F.File=logs/${jid}/main.log\n";
	struct stat info;
	write_file("log.cfg", properties, strlen(properties));
	struct config *config = load("[logging]\nconfig = log.cfg\n", NULL, NULL, 0);
	str_clear(&errors, 0);
	assert_true(logging_setup(config, "logging.config", NULL, "a.b", NULL, &errors));
	assert_int_equal(log_level(), LOG_WARN_);
	assert_false(stat("logs/a.b/main.log", &info));
	assert_false(stat("logs/a.b", &info));
	assert_int_equal(info.st_mode & 07777, 0750);
	config_free(&config);

	config = load("", NULL, NULL, 0);
	assert_true(logging_setup(config, "logging.config", "logs/fallback.log", "a.b", NULL, &errors));
	assert_int_equal(log_level(), LOG_INFO_);
	assert_false(stat("logs/fallback.log", &info));
	config_free(&config);

	config = load("[logging]\nconfig = missing.cfg\n", NULL, NULL, 0);
	assert_false(logging_setup(config, "logging.config", NULL, "a.b", NULL, &errors));
	assert_string_equal(str_text(&errors), "logging.config: missing.cfg cannot be read: No such file or directory; "
	                                       "check path and permissions, or leave the key out\n");
	config_free(&config);
	log_close();
	static const char *const made[] = {"logs/a.b/main.log", "logs/a.b", "logs/fallback.log", "logs", "log.cfg"};
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		assert_false(remove(made[i]));
}

static void directories_are_made_as_deep_as_needed(void **state)
{
	assert_true(directory_make("one/two/three/", 0750, (uid_t)-1, (gid_t)-1));
	assert_true(directory_make("one/two/three", 0750, (uid_t)-1, (gid_t)-1));
	write_file("one/file", "", 0);
	assert_false(directory_make("one/file/two", 0750, (uid_t)-1, (gid_t)-1));
	static const char *const made[] = {"one/file", "one/two/three", "one/two", "one"};
	for (size_t i = 0; i < sizeof made / sizeof *made; i++)
		assert_false(remove(made[i]));
	static const char *const parents[][2] = {{"/a/b", "/a"}, {"/a", "/"}, {"a", "."}, {"a/b/c", "a/b"}};
	for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
		char *parent = directory_of(parents[i][0]);
		assert_string_equal(parent, parents[i][1]);
		free(parent);
	}
}

static void samples_are_right(void **state)
{
	struct logging logging;
	str_clear(&errors, 0);
	str_clear(&warnings, 0);
	static const struct config_override overrides[] = {{"logging.config", DATA "/logging.cfg"},
	                                                   {"logging.backend_config", DATA "/backend-logging.cfg"}};
	struct config *config = config_load(DATA "/transports/xmpp.cfg.example", NULL, overrides, 2, &errors, &warnings);
	config_free(&config);
	config = config_load(DATA "/transports/libpurple.cfg.example", NULL, overrides, 2, &errors, &warnings);
	config_free(&config);
	config = config_load(DATA "/transports/irc.cfg.example", NULL, overrides, 2, &errors, &warnings);
	assert_string_equal(str_text(&errors), "");
	assert_string_equal(str_text(&warnings), "");
	assert_string_equal(config_text(config, "service.password"), "change me");
	static const char *const logs[][2] = {
	    {"logging.config", "/var/log/spectrum2/irc.example.org/spectrum2.log"},
	    {"logging.backend_config", "/var/log/spectrum2/irc.example.org/backends/backend-3.log"},
	};
	for (size_t i = 0; i < 2; i++) {
		assert_true(logging_read(&logging, config, logs[i][0], NULL, "irc.example.org", "3", &errors));
		assert_string_equal(logging.file, logs[i][1]);
		assert_int_equal(logging.max_bytes, 10000 << 10);
		assert_string_equal(str_text(&logging.warnings), "");
		logging_fini(&logging);
	}
	config_free(&config);
}

static void C_6_a_reload_takes_over_what_it_can(void **state)
{
	struct config *config = load("[service]\njid=a\nworking_dir=/old/$jid\nadmin_jid=x@y\nadmin_jid=z@y\n"
	                             "[identity]\nname=Old\n[purple]\nfirst=1\n",
	                             NULL, NULL, 0);
	const char *name = config_text(config, "identity.name"), *gone = config_text(config, "purple.first");
	config_offer(config, "[features]\nmuc=1\n");
	struct config *fresh = load("[service]\njid=a\nworking_dir=/new/$jid\nadmin_jid=z@y\n[identity]\nname=New\n"
	                            "[purple]\nsecond=2\n",
	                            NULL, NULL, 0);
	struct str later = {0};
	config_replace(config, &fresh, &later);
	assert_null(fresh);
	assert_string_equal(str_text(&later), "service.working_dir");
	assert_string_equal(config_text(config, "identity.name"), "New");
	assert_string_equal(config_text(config, "service.working_dir"), "/old/a");
	assert_int_equal(config_count(config, "service.admin_jid"), 1);
	assert_null(config_text(config, "purple.first"));
	assert_string_equal(config_text(config, "purple.second"), "2");
	assert_true(config_bool(config, "features.muc"));
	/* Who borrowed a text before still has it. */
	assert_string_equal(name, "Old");
	assert_string_equal(gone, "1");
	fresh = load("[service]\njid=a\nworking_dir=/new/$jid\n", NULL, NULL, 0);
	str_clear(&later, 0);
	config_replace(config, &fresh, &later);
	assert_string_equal(config_text(config, "identity.name"), "Spectrum 2 Transport");
	assert_false(config_is_set(config, "identity.name"));
	str_fini(&later);
	config_free(&config);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(C_6_a_reload_takes_over_what_it_can),
    cmocka_unit_test(C_1_files_mean_what_they_say),
    cmocka_unit_test(C_3_CR_9_wrong_files_are_told_what_to_do),
    cmocka_unit_test(size_has_limits),
    cmocka_unit_test(C_2_values_have_the_type_that_is_asked_for),
    cmocka_unit_test(command_line_wins),
    cmocka_unit_test(backends_add_what_the_file_leaves_open),
    cmocka_unit_test(backends_cannot_fill_the_memory),
    cmocka_unit_test(every_key_is_described),
    cmocka_unit_test(property_files_say_where_the_log_goes),
    cmocka_unit_test(log_file_and_its_directories_appear),
    cmocka_unit_test(directories_are_made_as_deep_as_needed),
    cmocka_unit_test(samples_are_right),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

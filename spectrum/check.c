/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spectrum/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"
#include "lib/config/directory.h"
#include "lib/config/logging.h"

/* One key under examination. */
struct check {
	const struct config *config;
	const char *key;
	const char *value; /* never NULL */
	struct str *errors, *warnings;
};

static void complain(const struct check *check, struct str *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void complain(const struct check *check, struct str *out, const char *format, ...)
{
	unsigned line = config_line(check->config, check->key);
	if (line)
		str_addf(out, "%s:%u: %s: ", config_path(check->config), line, check->key);
	else if (config_is_set(check->config, check->key))
		str_addf(out, "command line: %s: ", check->key);
	else
		str_addf(out, "%s: %s: ", config_path(check->config), check->key);
	va_list args;
	va_start(args, format);
	str_addv(out, format, args);
	va_end(args);
	str_addc(out, '\n');
}

static bool server_mode(const struct check *check)
{
	return config_bool(check->config, "service.server_mode");
}

/* Labels of 1 to 63 bytes of letters, digits, '-', '_' and everything beyond ASCII. */
static bool is_domain(const char *domain)
{
	size_t len = strlen(domain);
	if (!len || len > 255 || !utf8_xml_valid(domain, len))
		return false;
	for (const char *label = domain; label; label = strchr(label, '.') ? strchr(label, '.') + 1 : NULL) {
		size_t label_len = strcspn(label, ".");
		if (!label_len || label_len > 63 || label[0] == '-' || label[label_len - 1] == '-')
			return false;
		for (size_t i = 0; i < label_len; i++) {
			unsigned char c = (unsigned char)label[i];
			bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
			if (!letter && c != '-' && c != '_' && c < 0x80)
				return false;
		}
	}
	return true;
}

static void check_jid(const struct check *check)
{
	if (!*check->value)
		complain(check, check->errors,
		         "not given; set it to the domain of this instance, such as irc.example.org");
	else if (!is_domain(check->value))
		complain(check, check->errors, "\"%s\" is no domain; give one such as irc.example.org", check->value);
}

static void check_password(const struct check *check)
{
	if (!*check->value && !server_mode(check))
		complain(check, check->errors, "not given; set it to the component's secret in the XMPP server");
}

static void check_port(const struct check *check)
{
	int64_t port = config_number(check->config, check->key);
	if (port == 0 && server_mode(check))
		complain(check, check->errors, "not given; set it to the port for clients, usually 5222");
	else if (port == 0)
		complain(check, check->errors,
		         "not given; set it to the component port of the XMPP server, usually 5347");
	else if (port == 5222 && !server_mode(check))
		complain(check, check->warnings, "5222 is for clients; the component port is usually 5347");
	else if (port == 5347 && server_mode(check))
		complain(check, check->warnings, "5347 is for components; clients expect 5222");
}

static void check_readable(const struct check *check)
{
	struct stat info;
	if (!*check->value)
		return;
	if (access(check->value, R_OK) || stat(check->value, &info))
		complain(check, check->errors, "%s cannot be read: %s; correct path or permissions", check->value,
		         strerror(errno));
	else if (!S_ISREG(info.st_mode))
		complain(check, check->errors, "%s is no file; correct the path", check->value);
}

static void check_cert(const struct check *check)
{
	if (!server_mode(check))
		return;
	if (!*check->value)
		complain(check, check->warnings, "not given, so clients get a certificate that is signed by nobody; give a PEM or PKCS#12 file");
	check_readable(check);
}

/* The first word, with quotes as in a shell. Owned by the caller. */
static char *first_word(const char *at)
{
	struct str word = {0};
	char quote = '\0';
	at += strspn(at, " \t");
	for (; *at && (quote || !strchr(" \t", *at)); at++) {
		if (*at == quote)
			quote = '\0';
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else if (*at == '\\' && quote != '\'' && at[1])
			str_addc(&word, *++at);
		else
			str_addc(&word, *at);
	}
	return str_take(&word);
}

static void check_backend(const struct check *check)
{
	struct stat info;
	char *program = first_word(check->value);
	if (!*program)
		complain(check, check->errors, "not given; set it to the path of a backend program");
	else if (stat(program, &info))
		complain(check, check->errors, "%s: %s; give the full path of a backend program", program,
		         strerror(errno));
	else if (!S_ISREG(info.st_mode) || access(program, X_OK))
		complain(check, check->errors, "%s cannot be executed; give the full path of a backend program",
		         program);
	free(program);
}

/* A directory that can be written, or made below one that can. */
static void check_directory(const struct check *check, const char *path)
{
	struct stat info;
	char *at = mem_strdup(path);
	while (stat(at, &info) && errno == ENOENT && strcmp(at, "/") && strcmp(at, ".")) {
		char *up = directory_of(at);
		free(at);
		at = up;
	}
	if (access(at, W_OK | X_OK))
		complain(check, check->errors, "directory %s cannot be %s: %s: %s; correct path or permissions", path,
		         strcmp(at, path) ? "made" : "written", at, strerror(errno));
	else if (stat(at, &info) || !S_ISDIR(info.st_mode))
		complain(check, check->errors, "%s is no directory; correct the path", at);
	free(at);
}

static void check_own_directory(const struct check *check)
{
	check_directory(check, check->value);
}

static void check_parent(const struct check *check)
{
	char *directory = directory_of(check->value);
	check_directory(check, directory);
	free(directory);
}

static void check_database(const struct check *check)
{
	struct stat info;
	if (!text_equal(config_text(check->config, "database.type"), "sqlite3"))
		return;
	if (!stat(check->value, &info) && (!S_ISREG(info.st_mode) || access(check->value, R_OK | W_OK)))
		complain(check, check->errors, "%s is no file that can be written; correct path or permissions",
		         check->value);
	else
		check_parent(check);
}

static void check_pattern(const struct check *check)
{
	regex_t regex;
	char reason[128];
	if (!*check->value)
		return;
	int failed = regcomp(&regex, check->value, REG_EXTENDED | REG_NOSUB);
	if (failed) {
		regerror(failed, NULL, reason, sizeof reason);
		complain(check, check->errors, "no extended regular expression: %s; see regex(7)", reason);
		return;
	}
	regfree(&regex);
	if (strstr(check->value, "\\d") || strstr(check->value, "\\D"))
		complain(check, check->warnings, "\\d has no meaning in extended regular expressions; write [0-9]");
}

static void check_stored_passwords(const struct check *check)
{
	const char *database = config_text(check->config, "database.type");
	check_pattern(check);
	if (!*check->value)
		return;
	if (!server_mode(check))
		complain(check, check->warnings, "has a meaning in server mode only; leave it out");
	else if (text_empty(database) || !strcmp(database, "none"))
		complain(check, check->warnings,
		         "without a database they are kept in memory, until the end of the process; set database.type");
}

static void check_user(const struct check *check)
{
	if (*check->value && !getpwnam(check->value))
		complain(check, check->errors, "there is no user %s; create it or correct the key", check->value);
}

static void check_group(const struct check *check)
{
	if (*check->value && !getgrnam(check->value))
		complain(check, check->errors, "there is no group %s; create it or correct the key", check->value);
}

static void check_logging(const struct check *check)
{
	struct logging logging;
	struct str error = {0};
	const char *jid = config_text(check->config, "service.jid");
	if (!*check->value)
		return;
	check_readable(check);
	if (logging_read(&logging, check->config, check->key, NULL, jid, "1", &error)) {
		char *rest = logging.warnings.data, *line;
		while ((line = strsep(&rest, "\n")) && *line)
			complain(check, check->warnings, "%s: %s", check->value, line);
		char *directory = logging.file ? directory_of(logging.file) : NULL;
		if (directory)
			check_directory(check, directory);
		free(directory);
	}
	logging_fini(&logging);
	str_fini(&error);
}

static void check_verify(const struct check *check)
{
	if (!config_bool(check->config, check->key))
		complain(check, check->warnings,
		         "certificates are not verified, so anybody on the way can read and change "
		         "everything; set it to 1");
}

static void check_admin(const struct check *check)
{
	if (*check->value && server_mode(check) && text_empty(config_text(check->config, "service.admin_password")))
		complain(check, check->warnings,
		         "nobody can log in as admin; set service.admin_password, or leave this key out");
}

/* One key of the section, the name of which is the domain. */
static void check_component(const struct check *check)
{
	const char *domain = strchr(check->key, '.') + 1;
	if (!is_domain(domain))
		complain(check, check->errors, "the key is no domain; write a line such as irc.example.org = SECRET");
	else if (text_equal(domain, config_text(check->config, "service.jid")))
		complain(check, check->errors, "this is our own domain; give the component one of its own");
	else if (!*check->value)
		complain(check, check->errors, "has no secret; write the one that the component has");
	else if (!server_mode(check))
		complain(check, check->warnings, "has no effect without service.server_mode");
	else if (!config_number(check->config, "service.component_port"))
		complain(check, check->warnings,
		         "can't connect; set service.component_port to the port for components, usually 5347");
}

static void check_component_address(const struct check *check)
{
	if (config_number(check->config, "service.component_port") && strncmp(check->value, "127.", 4) != 0 &&
	    strcmp(check->value, "::1") != 0)
		complain(check, check->warnings,
		         "there is no TLS for components, so anybody on the way can read and change everything; use a "
		         "loopback address, or a network that is yours alone");
}

static const struct {
	const char *key;
	void (*run)(const struct check *);
} checks[] = {
    {"service.jid", check_jid},
    {"service.password", check_password},
    {"service.port", check_port},
    {"service.store_passwords", check_stored_passwords},
    {"service.cert", check_cert},
    {"service.component_address", check_component_address},
    {"service.backend", check_backend},
    {"service.user", check_user},
    {"service.group", check_group},
    {"service.working_dir", check_own_directory},
    {"service.pidfile", check_parent},
    {"service.portfile", check_parent},
    {"service.verify_certs", check_verify},
    {"service.admin_jid", check_admin},
    {"registration.allowed_usernames", check_pattern},
    {"database.database", check_database},
    {"logging.config", check_logging},
    {"logging.backend_config", check_logging},
    {"registration.local_account_ca_file", check_readable},
    {"irc.tls_ca_file", check_readable},
    {"irc.verify_cert", check_verify},
};

struct components {
	const struct config *config;
	struct str *errors, *warnings;
};

static void check_one_component(void *arg, const char *key)
{
	const struct components *components = arg;
	check_component(&(struct check){components->config, key, config_text(components->config, key),
	                                components->errors, components->warnings});
}

void check_config(const struct config *config, struct str *errors, struct str *warnings)
{
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		const char *value = config_text(config, checks[i].key);
		struct check check = {config, checks[i].key, value ? value : "", errors, warnings};
		checks[i].run(&check);
	}
	config_each(config, "components", check_one_component, &(struct components){config, errors, warnings});
}

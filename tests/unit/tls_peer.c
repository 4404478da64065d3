/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/tls_peer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/io/process.h"
#include "tests/unit/test.h"

enum { DAY = 86400 };

static char folder[] = "/tmp/spectrum2-tls-XXXXXX";

const char *tls_peer_file(const char *name, const char *ending)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof *paths, "%s/%s.%s", folder, name, ending);
	return path;
}

static void make_certificate(const char *name, long from, long until)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), until);
	X509_set_pubkey(certificate, key);
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"chat.test", -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_EXTENSION *names =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:chat.test,DNS:*.rooms.test,IP:127.0.0.1");
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	FILE *file = fopen(tls_peer_file(name, "pem"), "w");
	assert_non_null(file);
	PEM_write_X509(file, certificate);
	fclose(file);
	file = fopen(tls_peer_file(name, "key"), "w");
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

int tls_peer_make_certificates(void **state)
{
	assert_non_null(mkdtemp(folder));
	make_certificate("good", -DAY, DAY);
	make_certificate("other", -DAY, DAY);
	make_certificate("old", -2 * DAY, -DAY);
	make_certificate("young", DAY, 2 * DAY);
	return 0;
}

int tls_peer_remove_certificates(void **state)
{
	static const char *names[] = {"good", "other", "old", "young"};
	for (size_t i = 0; i < 4; i++) {
		unlink(tls_peer_file(names[i], "pem"));
		unlink(tls_peer_file(names[i], "key"));
	}
	return rmdir(folder);
}

static struct loop *server_loop;
static struct process *server;

static void server_exited(void *arg, int status, int number)
{
	process_free(&server);
	loop_stop(server_loop);
}

uint16_t tls_peer_start(struct loop *loop, const char *certificate, const char *more)
{
	int fd[2];
	unsigned port;
	char *script = mem_printf("exec openssl s_server -accept 127.0.0.1:0 -cert %s -key %s -rev %s >&3 2>/dev/null",
	                          tls_peer_file(certificate, "pem"), tls_peer_file(certificate, "key"), more);
	char *const argv[] = {"/bin/sh", "-c", script, NULL};
	assert_int_equal(pipe(fd), 0);
	server_loop = loop;
	server = process_spawn(loop, argv, NULL, fd[1], server_exited, NULL);
	assert_non_null(server);
	close(fd[1]);
	FILE *said = fdopen(fd[0], "r");
	char line[256];
	do
		assert_non_null(fgets(line, sizeof line, said));
	while (sscanf(line, "ACCEPT 127.0.0.1:%u", &port) != 1);
	fclose(said);
	free(script);
	return (uint16_t)port;
}

void tls_peer_wait(void)
{
	while (server)
		loop_run(server_loop);
}

void tls_peer_stop(void)
{
	if (server)
		process_kill(server, SIGKILL);
	tls_peer_wait();
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "backends/libpurple/certificates.h"

#include <purple.h>
#include <stdlib.h>

#include "backends/libpurple/settings.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define LOG_AREA "libpurple"

static struct {
	PurpleCertificateVerifier *before; /* libpurple's own */
	enum s2_connection_error error;
	char *text; /* NULL = no problem is being told */
} here;

/* The first that holds is told. A name means something only in a certificate that is trusted. */
static const struct {
	PurpleCertificateInvalidityFlags flag;
	enum s2_connection_error error;
	const char *text;
} problems[] = {
    {PURPLE_CERTIFICATE_REVOKED, S2_ERROR_CERT_OTHER, "has been revoked"},
    {PURPLE_CERTIFICATE_NOT_ACTIVATED, S2_ERROR_CERT_NOT_ACTIVATED, "is not valid yet"},
    {PURPLE_CERTIFICATE_EXPIRED, S2_ERROR_CERT_EXPIRED, "has expired"},
    {PURPLE_CERTIFICATE_SELF_SIGNED, S2_ERROR_CERT_SELF_SIGNED, "is signed by nobody but itself"},
    {PURPLE_CERTIFICATE_CA_UNKNOWN, S2_ERROR_CERT_UNTRUSTED, "comes from an authority that is not trusted here"},
    {PURPLE_CERTIFICATE_NO_CA_POOL, S2_ERROR_CERT_UNTRUSTED, "cannot be checked, as no authority is known here"},
    {PURPLE_CERTIFICATE_NAME_MISMATCH, S2_ERROR_CERT_HOSTNAME_MISMATCH, "is for another name"},
    {PURPLE_CERTIFICATE_INVALID_CHAIN, S2_ERROR_CERT_OTHER, "has a chain of signatures that is not valid"},
};

static void refuse(PurpleCertificateVerificationRequest *request, PurpleCertificateInvalidityFlags flags)
{
	const char *what = "is not valid";
	here.error = S2_ERROR_CERT_OTHER;
	for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
		if (!(flags & problems[i].flag))
			continue;
		here.error = problems[i].error;
		what = problems[i].text;
		break;
	}
	here.text =
	    mem_printf("The certificate of the server %s %s. The password was not sent.", request->subject_name, what);
	log_info("the certificate of %s %s", log_quote(request->subject_name), what);
	/* Tells the protocol, which ends its connection inside of this call. */
	purple_certificate_verify_complete(request, PURPLE_CERTIFICATE_INVALID);
	free(here.text);
	here.text = NULL;
}

static void verify(PurpleCertificateVerificationRequest *request)
{
	PurpleCertificateInvalidityFlags flags = PURPLE_CERTIFICATE_NO_PROBLEMS;
	/* Authorities are read when somebody first asks for one. */
	PurpleCertificatePool *authorities = purple_certificate_find_pool("x509", "ca");
	if (authorities)
		purple_certificate_pool_contains(authorities, "");
	if (settings.verify)
		request->scheme->verify_cert(request, &flags);
	/* NSS does not tell the two apart. */
	time_t begin, end;
	if (flags & PURPLE_CERTIFICATE_EXPIRED &&
	    purple_certificate_get_times(request->cert_chain->data, &begin, &end) && begin > time(NULL))
		flags |= PURPLE_CERTIFICATE_NOT_ACTIVATED;
	if (flags)
		refuse(request, flags);
	else
		purple_certificate_verify_complete(request, PURPLE_CERTIFICATE_VALID);
}

static void forget(PurpleCertificateVerificationRequest *request)
{
}

static PurpleCertificateVerifier ours = {.scheme_name = (char *)"x509",
                                         .name = (char *)"tls_cached",
                                         .start_verification = verify,
                                         .destroy_request = forget};

void certificates_start(void)
{
	if (settings.ca_dir)
		purple_certificate_add_ca_search_path(settings.ca_dir);
	/* TLS connections look for a checker of this name. */
	here.before = purple_certificate_find_verifier("x509", "tls_cached");
	if (here.before)
		purple_certificate_unregister_verifier(here.before);
	purple_certificate_register_verifier(&ours);
}

void certificates_stop(void)
{
	purple_certificate_unregister_verifier(&ours);
	if (here.before)
		purple_certificate_register_verifier(here.before);
}

bool certificates_problem(enum s2_connection_error *error, const char **text)
{
	if (!here.text)
		return false;
	*error = here.error;
	*text = here.text;
	return true;
}

/* SPDX-License-Identifier: MIT */
/* Certificates. libcurl pins public keys; Proxmox VE and its own client show and pin the SHA-256 of
 * the whole certificate, so that is compared here, as OpenSSL verifies the chain. */

#include "proxmox/rest/tls.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* That of the cluster itself, on a node of it. */
#define CLUSTER_CA "/etc/pve/pve-root-ca.pem"

static void format(const unsigned char *digest, char *to)
{
	for (size_t i = 0; i < FINGERPRINT_BYTES; i++)
		(void)snprintf(to + 3 * i, 4 - (i == FINGERPRINT_BYTES - 1), "%02X%s", digest[i],
			       i == FINGERPRINT_BYTES - 1 ? "" : ":");
}

/* Takes the place of OpenSSL's own verification. Returns 1 when the certificate is one that was
 * named. */
static int verify(X509_STORE_CTX *context, void *userdata)
{
	struct tls_seen *seen = userdata;
	const struct rest_settings *settings = seen->settings;
	X509 *certificate = X509_STORE_CTX_get0_cert(context);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (certificate && X509_digest(certificate, EVP_sha256(), digest, &size) == 1 &&
	    size == FINGERPRINT_BYTES) {
		format(digest, seen->fingerprint);
		for (unsigned int i = 0; i < settings->n_fingerprints; i++)
			if (CRYPTO_memcmp(digest, settings->fingerprints[i], size) == 0) {
				X509_STORE_CTX_set_error(context, X509_V_OK);
				return 1;
			}
	}
	seen->is_refused = true;
	X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

static CURLcode prepare_context(CURL *easy, void *context, void *userdata)
{
	(void)easy;
	SSL_CTX_set_cert_verify_callback(context, verify, userdata);
	return CURLE_OK;
}

static int set_authorities(CURL *easy, const struct rest_settings *settings,
			   struct lxcri_error *err)
{
	const char *file = settings->ca_file ? settings->ca_file : CLUSTER_CA;

	if (settings->ca_file && access(file, R_OK) < 0)
		return fail_code_errno(err, LXCRI_E_INVALID_CONFIG, errno, "proxmox.ca_file: %s",
				       file);
	if (access(file, R_OK) == 0)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, file);
	return 0;
}

int tls_prepare(CURL *easy, struct tls_seen *seen, struct lxcri_error *err)
{
	const struct rest_settings *settings = seen->settings;
	const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
	bool pinned = settings->n_fingerprints > 0;
	long check = settings->verify || pinned ? 1 : 0;

	(void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* A resumed session would not be verified again. */
	(void)curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, check);
	/* Whoever has that certificate is that server, however it is called. */
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, check && !pinned ? 2L : 0L);
	if (!pinned)
		return check ? set_authorities(easy, settings, err) : 0;
	if (!version->ssl_version || strncmp(version->ssl_version, "OpenSSL", 7) != 0 ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, prepare_context) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, seen) != CURLE_OK)
		return fail(err, LXCRI_E_UNSUPPORTED_OPERATION,
			    "proxmox.fingerprint needs a libcurl with OpenSSL, and this one has %s",
			    version->ssl_version ? version->ssl_version : "no TLS");
	return 0;
}

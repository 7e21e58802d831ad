/* SPDX-License-Identifier: MIT */
/* SHA-256 of a stream. libcrypto fails here only without memory or without its default provider,
 * and then no digest can be trusted: the process ends. */

#include "image/layer/hash.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/evp.h>

struct hash {
	EVP_MD_CTX *context;
};

/* Fetched once: a lookup by name takes locks in OpenSSL 3.0. */
static EVP_MD *sha256;

void hash_prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	assert(sha256);
}

struct hash *hash_create(void)
{
	struct hash *hash = xnew(struct hash);

	hash->context = EVP_MD_CTX_new();
	assert(hash->context);
	hash_reset(hash);
	return hash;
}

void hash_reset(struct hash *hash)
{
	int ok = EVP_DigestInit_ex2(hash->context, sha256, NULL);

	assert(ok == 1);
}

void hash_free(struct hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->context);
	free(hash);
}

void hash_add(struct hash *hash, const void *bytes, size_t size)
{
	int ok = EVP_DigestUpdate(hash->context, bytes, size);

	assert(ok == 1);
}

void hash_end(struct hash *hash, char ret_hex[SHA256_HEX_SIZE])
{
	unsigned char raw[32];
	unsigned int size = sizeof(raw);
	int ok = EVP_DigestFinal_ex(hash->context, raw, &size);

	assert(ok == 1 && size == sizeof(raw));
	for (size_t i = 0; i < 2 * sizeof(raw); i++)
		ret_hex[i] = "0123456789abcdef"[raw[i / 2] >> (i % 2 ? 0 : 4) & 0xf];
	ret_hex[2 * sizeof(raw)] = '\0';
}

/* SPDX-License-Identifier: MIT */
/* SHA-256 as FIPS 180-4 writes it down; the names are the standard's. */

#include "base/sha256.h"

#include <string.h>

#define BLOCK_SIZE 64

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void schedule(uint32_t W[64], const uint8_t block[BLOCK_SIZE])
{
	for (int t = 0; t < 16; t++)
		W[t] = load_be32(block + 4 * t);
	for (int t = 16; t < 64; t++) {
		uint32_t s0 = rotr(W[t - 15], 7) ^ rotr(W[t - 15], 18) ^ W[t - 15] >> 3;
		uint32_t s1 = rotr(W[t - 2], 17) ^ rotr(W[t - 2], 19) ^ W[t - 2] >> 10;

		W[t] = W[t - 16] + s0 + W[t - 7] + s1;
	}
}

static void add_block(uint32_t H[8], const uint8_t block[BLOCK_SIZE])
{
	uint32_t W[64];
	uint32_t v[8]; /* a to h */

	schedule(W, block);
	memcpy(v, H, sizeof(v));
	for (int t = 0; t < 64; t++) {
		uint32_t S1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t T1 = v[7] + S1 + ch + K[t] + W[t];
		uint32_t S0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += T1;
		v[0] = T1 + S0 + maj;
	}
	for (int i = 0; i < 8; i++)
		H[i] += v[i];
}

void sha256_init(struct sha256 *sha256)
{
	*sha256 = (struct sha256){ .state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}

void sha256_add(struct sha256 *sha256, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	size_t taken = sha256->size % BLOCK_SIZE;

	sha256->size += size;
	if (taken > 0 && taken + size >= BLOCK_SIZE) {
		memcpy(sha256->pending + taken, at, BLOCK_SIZE - taken);
		add_block(sha256->state, sha256->pending);
		at += BLOCK_SIZE - taken;
		size -= BLOCK_SIZE - taken;
		taken = 0;
	}
	for (; taken == 0 && size >= BLOCK_SIZE; size -= BLOCK_SIZE, at += BLOCK_SIZE)
		add_block(sha256->state, at);
	if (size > 0)
		memcpy(sha256->pending + taken, at, size);
}

void sha256_finish_hex(struct sha256 *sha256, char ret_hex[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t last[2 * BLOCK_SIZE] = {};
	size_t rest = sha256->size % BLOCK_SIZE;
	size_t padded = rest + 9 <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;

	memcpy(last, sha256->pending, rest);
	last[rest] = 0x80;
	for (size_t i = 0; i < 8; i++)
		last[padded - 1 - i] = (uint8_t)(sha256->size * 8 >> 8 * i);
	for (size_t done = 0; done < padded; done += BLOCK_SIZE)
		add_block(sha256->state, last + done);

	for (size_t i = 0; i < 64; i++)
		ret_hex[i] = digits[sha256->state[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
	ret_hex[64] = '\0';
}

void sha256_hex(const void *bytes, size_t size, char ret_hex[SHA256_HEX_SIZE])
{
	struct sha256 sha256;

	sha256_init(&sha256);
	sha256_add(&sha256, bytes, size);
	sha256_finish_hex(&sha256, ret_hex);
}

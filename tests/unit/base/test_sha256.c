/* SPDX-License-Identifier: MIT */
#include "base/sha256.h"
#include "test.h"

#include <string.h>

static void digests_are_those_of_the_standard(void **state)
{
	static const struct {
		const char *text;
		const char *hex;
	} vectors[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
		  "klmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char hex[SHA256_HEX_SIZE];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		sha256_hex(vectors[i].text, strlen(vectors[i].text), hex);
		assert_string_equal(hex, vectors[i].hex);
	}
}

/* 55, 56, 63 and 64 bytes are where the padding changes its shape. */
static void the_padding_is_right_at_every_length(void **state)
{
	static const struct {
		size_t length;
		const char *hex;
	} vectors[] = {
		{ 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
		{ 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
		{ 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
		{ 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
		{ 1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3" },
	};
	char bytes[1000];
	char hex[SHA256_HEX_SIZE];

	memset(bytes, 'a', sizeof(bytes));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		sha256_hex(bytes, vectors[i].length, hex);
		assert_string_equal(hex, vectors[i].hex);
	}
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
	static const size_t pieces[] = { 1, 7, 63, 64, 65, 127, 128, 999 };
	char bytes[1000];
	char whole[SHA256_HEX_SIZE];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31);
	sha256_hex(bytes, sizeof(bytes), whole);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char hex[SHA256_HEX_SIZE];
		struct sha256 sha256;

		sha256_init(&sha256);
		for (size_t at = 0; at < sizeof(bytes); at += pieces[i])
			sha256_add(&sha256, bytes + at,
				   at + pieces[i] < sizeof(bytes) ? pieces[i] : sizeof(bytes) - at);
		sha256_finish_hex(&sha256, hex);
		assert_string_equal(hex, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_standard),
		cmocka_unit_test(the_padding_is_right_at_every_length),
		cmocka_unit_test(pieces_give_the_digest_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

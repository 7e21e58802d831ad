/* SPDX-License-Identifier: MIT */
#pragma once

/* A text that grows, and strict readings of small texts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty; `data` is NULL or ended by NUL. End it with text_finish(). */
struct text {
	char *data;
	size_t length;
	size_t capacity;
};

/* Appends @size bytes. */
void text_append(struct text *text, const char *bytes, size_t size);

/* Appends a NUL-terminated string. */
void text_add(struct text *text, const char *string);

/* Appends the formatted string. */
[[gnu::format(printf, 2, 3)]] void text_addf(struct text *text, const char *format, ...);

/* Appends @string as a string of JSON, in quotes. */
void text_add_quoted(struct text *text, const char *string);

/* Hands out the string, never NULL, which the caller ends with free(); @text is empty again. */
[[nodiscard]] char *text_steal(struct text *text);

/* Frees what @text holds and empties it. Safe to repeat. */
void text_finish(struct text *text);

/* Reads @string as an unsigned decimal number: digits only, no sign, no space, no leading zero
 * except "0". Returns 0, -EINVAL, or -ERANGE outside [@min, @max]; *@ret is written on success
 * only. */
[[nodiscard]] int text_parse_u64(const char *string, uint64_t min, uint64_t max, uint64_t *ret);

/* Reads a size in bytes: a decimal number with at most one of the suffixes b, k, m, g, t in either
 * case, powers of 1024, an optional trailing "b" or "ib" ("512m", "1GiB"); with a suffix it may
 * have a fraction ("1.5g"). Errors as text_parse_u64(). */
[[nodiscard]] int text_parse_bytes(const char *string, uint64_t *ret_bytes);

/* Tells how many bytes the control character has with which @string begins; 0: it begins with none.
 * Those of 8 bits count too, in UTF-8 from C2 80 to C2 9F: U+009B is to a terminal what ESC [ is.
 */
size_t text_control_length(const char *string);

/* Tells whether @string has a control character: such bytes never reach a configuration file, a
 * hosts file or a log record. */
bool text_has_control(const char *string);

/* Replaces each byte of each control character of @string by @by. */
void text_mask_controls(char *string, char by);

/* Returns the length of the UTF-8 sequence of more than one byte at @string, which goes on until
 * @end, or 0 when it is none: overlong forms, surrogates and what is beyond Unicode are none. */
size_t text_utf8_length(const char *string, const char *end);

/* Replaces each byte of @string that is not part of well-formed UTF-8 by @by. */
void text_mask_malformed(char *string, char by);

/* Tells whether @string begins with @prefix. */
bool text_starts_with(const char *string, const char *prefix);

/* Tells whether @string ends with @suffix. */
bool text_ends_with(const char *string, const char *suffix);

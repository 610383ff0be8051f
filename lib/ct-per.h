/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PER_H
#define CT_PER_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ASN.1 in packed encoding rules, aligned (ITU-T X.691), as far as needed.
 * ========================================================================
 *
 * What
 * ----
 * Such a message says neither what a field is nor where it ends: who wants one
 * field has to read all before it.  'struct ct_per_type' describes a type, so
 * that ct_per_read() can walk over it; types are const tables.  Most of what
 * is read is of no interest.  What is has a mark: that of the field, or else
 * of the closest one around it.  A type with 'emit' that is met under a mark
 * becomes an item: of which mark, where, and its value.
 *
 * Promises
 * --------
 * - Nothing is read outside of the message, and a hostile one takes time in
 *   proportion to its length.
 * - Additions to a type that came later than its table are skipped: the
 *   encoding has their length.
 *
 * What is not needed and therefore not read: strings and lists of 16384 and
 * more elements, more than 64 additions, extensible sizes.
 *
 * Threads: pure functions.
 *
 * Example
 * -------
 * Point ::= SEQUENCE { x INTEGER (0..9), y INTEGER (0..9) OPTIONAL, ... }
 *
 *     static const struct ct_per_type digit = CT_PER_EMIT(CT_PER_INT(0, 9));
 *     static const struct ct_per_type point = CT_PER_SEQ(
 *         CT_PER_FIELD(x, &digit, MARK_X),
 *         CT_PER_OPTION(y, &digit, MARK_Y),
 *         CT_PER_MORE);
 */

enum ct_per_kind {
    CT_PER_NULL,                /* No bits at all. */
    CT_PER_INTEGER,             /* 'min' to 'max'. */
    CT_PER_STRING,              /* 'min' to 'max' elements of 'bits'. */
    CT_PER_CONTAINER,           /* An OCTET STRING of which the content is
                                 * encoded, too: one field. */
    CT_PER_SEQUENCE,
    CT_PER_LIST,                /* 'min' to 'max' times the one field. */
    CT_PER_CHOICE,
    CT_PER_NULLS,               /* An extensible CHOICE of 'max' + 1 NULLs. */
    CT_PER_REST                 /* Nothing of interest is behind, up to the
                                 * end of the container or message. */
};

#define CT_PER_UNBOUNDED UINT32_MAX

struct ct_per_type {
    enum ct_per_kind kind;
    bool emit;
    uint8_t bits;
    uint32_t min, max;
    const struct ct_per_field *fields;
};

/* A component of a SEQUENCE or alternative of a CHOICE.  The list of them has
 * CT_PER_MORE where the "..." is, and behind it as many additions as matter.
 * Without a type: an addition that does not matter. */
struct ct_per_field {
    const struct ct_per_type *type;
    uint8_t mark;               /* 0: that of the field around it. */
    enum { CT_PER_IS_END, CT_PER_IS_FIELD, CT_PER_IS_OPTION,
           CT_PER_IS_MORE } is;
};

/* The name of a field is for the reader. */
#define CT_PER_FIELD(NAME, TYPE, MARK)                                       \
    { .type = TYPE, .mark = MARK, .is = CT_PER_IS_FIELD }
#define CT_PER_OPTION(NAME, TYPE, MARK)                                      \
    { .type = TYPE, .mark = MARK, .is = CT_PER_IS_OPTION }
#define CT_PER_SKIP(NAME) CT_PER_OPTION(NAME, NULL, 0)
#define CT_PER_MORE { .is = CT_PER_IS_MORE }

#define CT_PER_FIELDS(...)                                                   \
    .fields = (const struct ct_per_field[]) {                                \
        __VA_ARGS__, { .is = CT_PER_IS_END }                                 \
    }
#define CT_PER_ONE(TYPE) CT_PER_FIELDS(CT_PER_FIELD(one, TYPE, 0))

#define CT_PER_INT(MIN, MAX) { .kind = CT_PER_INTEGER, .min = MIN, .max = MAX }
#define CT_PER_STRING_OF(BITS, MIN, MAX)                                     \
    { .kind = CT_PER_STRING, .bits = BITS, .min = MIN, .max = MAX }
#define CT_PER_OCTETS(MIN, MAX) CT_PER_STRING_OF(8, MIN, MAX)
#define CT_PER_CONTAINER_OF(TYPE)                                            \
    { .kind = CT_PER_CONTAINER, .max = CT_PER_UNBOUNDED, CT_PER_ONE(TYPE) }
#define CT_PER_LIST_OF(TYPE)                                                 \
    { .kind = CT_PER_LIST, .max = CT_PER_UNBOUNDED, CT_PER_ONE(TYPE) }
#define CT_PER_SEQ(...)                                                      \
    { .kind = CT_PER_SEQUENCE, CT_PER_FIELDS(__VA_ARGS__) }
#define CT_PER_CHOICE_OF(...)                                                \
    { .kind = CT_PER_CHOICE, CT_PER_FIELDS(__VA_ARGS__) }
#define CT_PER_N_NULLS(N) { .kind = CT_PER_NULLS, .max = (N) - 1 }

/* What many messages have. */
extern const struct ct_per_type ct_per_null, ct_per_bool, ct_per_u8,
    ct_per_u16, ct_per_u32, ct_per_octets, ct_per_rest;

struct ct_per_item {
    uint8_t mark;
    uint16_t ofs;               /* Of a string: of its first byte in the
                                 * payload. */
    uint32_t value;             /* INTEGER: its value.  String: its length.
                                 * CHOICE: its index, additions counted on.
                                 * Others: 0. */
};

/* More than any sane message has. */
#define CT_PER_MAX_ITEMS 160

struct ct_per_items {
    unsigned int n;
    struct ct_per_item item[CT_PER_MAX_ITEMS];
};

/* Reads a 'type' from the bytes 'begin' to 'end' of 'payload' and adds what it
 * finds to 'items', in the order of the message.  False: these bytes are no
 * such message, or it has more items than there is room for. */
bool ct_per_read(const struct ct_per_type *type, const uint8_t *payload,
                 size_t begin, size_t end, struct ct_per_items *items);

#endif /* ct-per.h */

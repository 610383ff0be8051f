/* SPDX-License-Identifier: Apache-2.0 */

/* Called by helpers whose protocols are encoded by aligned PER.  Numbers of
 * sections are those of ITU-T X.691 (02/2002). */

#include <config.h>

#include "ct-per.h"

#include "ct-bits.h"
#include "util.h"

enum result {
    OK,
    END,                        /* Of what is of interest. */
    BAD
};

struct reading {
    struct ct_bits bits;
    struct ct_per_items *items;
    unsigned int depth;
};

/* Types that contain each other are none of ours, but a limit costs little. */
#define MAX_DEPTH 32

typedef enum result read_func(struct reading *, const struct ct_per_type *,
                              uint8_t mark);

static read_func read_null, read_integer, read_string, read_container,
    read_sequence, read_list, read_choice, read_nulls, read_rest;

static enum result read_type(struct reading *, const struct ct_per_type *,
                             uint8_t mark);
static enum result read_addition(struct reading *,
                                 const struct ct_per_field *, uint8_t mark);
static bool read_length(struct reading *, uint32_t min, uint32_t max,
                        uint32_t *n);
static bool read_number(struct ct_bits *, uint32_t range, uint32_t *value);
static bool read_small(struct ct_bits *, uint32_t *value);
static bool emit(struct reading *, const struct ct_per_type *, uint8_t mark,
                 uint32_t value);

static read_func *const readers[] = {
    [CT_PER_NULL] = read_null,
    [CT_PER_INTEGER] = read_integer,
    [CT_PER_STRING] = read_string,
    [CT_PER_CONTAINER] = read_container,
    [CT_PER_SEQUENCE] = read_sequence,
    [CT_PER_LIST] = read_list,
    [CT_PER_CHOICE] = read_choice,
    [CT_PER_NULLS] = read_nulls,
    [CT_PER_REST] = read_rest,
};

const struct ct_per_type ct_per_null = { .kind = CT_PER_NULL };
const struct ct_per_type ct_per_bool = CT_PER_INT(0, 1);
const struct ct_per_type ct_per_u8 = CT_PER_INT(0, UINT8_MAX);
const struct ct_per_type ct_per_u16 = CT_PER_INT(0, UINT16_MAX);
const struct ct_per_type ct_per_u32 = CT_PER_INT(0, UINT32_MAX);
const struct ct_per_type ct_per_octets = CT_PER_OCTETS(0, CT_PER_UNBOUNDED);
const struct ct_per_type ct_per_rest = { .kind = CT_PER_REST };

bool
ct_per_read(const struct ct_per_type *type, const uint8_t *payload,
            size_t begin, size_t end, struct ct_per_items *items)
{
    struct reading r = {
        .bits = { payload, begin * 8, end * 8 },
        .items = items,
    };

    return read_type(&r, type, 0) != BAD;
}

static enum result
read_type(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    enum result result;

    if (r->depth == MAX_DEPTH) {
        return BAD;
    }
    r->depth++;
    result = readers[type->kind](r, type, mark);
    r->depth--;
    return result;
}

static enum result
read_field(struct reading *r, const struct ct_per_field *f, uint8_t mark)
{
    return read_type(r, f->type, f->mark ? f->mark : mark);
}

static enum result
read_null(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    return emit(r, type, mark, 0) ? OK : BAD;
}

static enum result
read_rest(struct reading *r OVS_UNUSED,
          const struct ct_per_type *type OVS_UNUSED, uint8_t mark OVS_UNUSED)
{
    return END;
}

static enum result
read_integer(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    uint32_t value;

    return (read_number(&r->bits, type->max - type->min, &value)
            && emit(r, type, mark, type->min + value)
            ? OK : BAD);
}

/* 15, 16, 27: strings of bits, octets and characters differ in the width of an
 * element alone.  What takes at most two bytes is not aligned. */
static enum result
read_string(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    uint32_t n;

    if (!read_length(r, type->min, type->max, &n)) {
        return BAD;
    }
    if (type->min != type->max || type->max * type->bits > 16) {
        ct_bits_align(&r->bits);
    }
    return (emit(r, type, mark, n)
            && ct_bits_skip(&r->bits, (size_t) n * type->bits)
            ? OK : BAD);
}

/* The bits of an open type or OCTET STRING: 'n' octets, alone. */
static enum result
read_inside(struct reading *r, const struct ct_per_field *f, uint8_t mark,
            uint32_t n)
{
    struct ct_bits outside = r->bits;
    enum result result;

    if (!ct_bits_skip(&outside, (size_t) n * 8)) {
        return BAD;
    }
    r->bits.end = outside.pos;
    result = read_field(r, f, mark);
    r->bits = outside;
    return result == BAD ? BAD : OK;
}

static enum result
read_container(struct reading *r, const struct ct_per_type *type,
               uint8_t mark)
{
    uint32_t n;

    if (!read_length(r, type->min, type->max, &n)) {
        return BAD;
    }
    ct_bits_align(&r->bits);
    return read_inside(r, type->fields, mark, n);
}

static enum result
read_list(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    enum result result = OK;
    uint32_t n;

    if (!read_length(r, type->min, type->max, &n)) {
        return BAD;
    }
    while (n-- && result == OK) {
        result = read_field(r, type->fields, mark);
    }
    return result;
}

static bool
is_root(const struct ct_per_field *f)
{
    return f->is == CT_PER_IS_FIELD || f->is == CT_PER_IS_OPTION;
}

/* Behind the root fields: CT_PER_MORE or the end. */
static const struct ct_per_field *
skip_root(const struct ct_per_field *f, unsigned int *n_options)
{
    for (*n_options = 0; is_root(f); f++) {
        *n_options += f->is == CT_PER_IS_OPTION;
    }
    return f;
}

/* 18.7 to 18.9: which additions there are, and each as an open type. */
static enum result
read_additions(struct reading *r, const struct ct_per_field *f, uint8_t mark)
{
    uint32_t n, half[2] = { 0, 0 };

    if (!read_small(&r->bits, &n)
        || !ct_bits_read(&r->bits, MIN(n + 1, 32), &half[0])
        || (n >= 32 && !ct_bits_read(&r->bits, n - 31, &half[1]))) {
        return BAD;
    }
    for (uint32_t i = 0; i <= n; i++) {
        uint32_t width = i < 32 ? MIN(n + 1, 32) : n - 31;

        if (half[i / 32] >> (width - 1 - i % 32) & 1
            && read_addition(r, is_root(f) ? f : NULL, mark) == BAD) {
            return BAD;
        }
        f += is_root(f);
    }
    return OK;
}

/* 18. */
static enum result
read_sequence(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    uint32_t extended = 0, options;
    unsigned int n;
    const struct ct_per_field *more = skip_root(type->fields, &n);

    if ((more->is == CT_PER_IS_MORE && !ct_bits_read(&r->bits, 1, &extended))
        || !ct_bits_read(&r->bits, n, &options)
        || !emit(r, type, mark, 0)) {
        return BAD;
    }
    for (const struct ct_per_field *f = type->fields; f < more; f++) {
        if (f->is == CT_PER_IS_FIELD || options >> --n & 1) {
            enum result result = read_field(r, f, mark);

            if (result != OK) {
                return result;
            }
        }
    }
    return extended ? read_additions(r, more + 1, mark) : OK;
}

/* An addition of a CHOICE is an open type, behind its index (22.8). */
static enum result
read_more_of_choice(struct reading *r, const struct ct_per_type *type,
                    const struct ct_per_field *f, unsigned int n_root,
                    uint8_t mark)
{
    uint32_t index;

    if (!read_small(&r->bits, &index)
        || !emit(r, type, mark, n_root + index)) {
        return BAD;
    }
    while (index && is_root(f)) {
        index--;
        f++;
    }
    return read_addition(r, is_root(f) ? f : NULL, mark);
}

/* 22. */
static enum result
read_choice(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    uint32_t extended = 0, index;
    unsigned int n_options;
    const struct ct_per_field *more = skip_root(type->fields, &n_options);
    unsigned int n_root = more - type->fields;

    if (more->is == CT_PER_IS_MORE && !ct_bits_read(&r->bits, 1, &extended)) {
        return BAD;
    }
    if (extended) {
        return read_more_of_choice(r, type, more + 1, n_root, mark);
    }
    if (!read_number(&r->bits, n_root - 1, &index) || index >= n_root
        || !emit(r, type, mark, index)) {
        return BAD;
    }
    return read_field(r, &type->fields[index], mark);
}

static enum result
read_nulls(struct reading *r, const struct ct_per_type *type, uint8_t mark)
{
    static const struct ct_per_field none = { .is = CT_PER_IS_END };
    uint32_t extended, index;

    if (!ct_bits_read(&r->bits, 1, &extended)) {
        return BAD;
    }
    if (extended) {
        return read_more_of_choice(r, type, &none, type->max + 1, mark);
    }
    return (read_number(&r->bits, type->max, &index) && index <= type->max
            && emit(r, type, mark, index)
            ? OK : BAD);
}

/* An open type (10.2) of 'f'; NULL or without a type: of no interest. */
static enum result
read_addition(struct reading *r, const struct ct_per_field *f, uint8_t mark)
{
    uint32_t n;

    if (!read_length(r, 0, CT_PER_UNBOUNDED, &n)) {
        return BAD;
    }
    if (!f || !f->type) {
        return ct_bits_skip(&r->bits, (size_t) n * 8) ? OK : BAD;
    }
    return read_inside(r, f, mark, n);
}

/* 10.9: how many elements there are. */
static bool
read_length(struct reading *r, uint32_t min, uint32_t max, uint32_t *n)
{
    uint32_t more;

    if (max <= UINT16_MAX) {
        if (!read_number(&r->bits, max - min, n)) {
            return false;
        }
        *n += min;
        return *n <= max;
    }

    ct_bits_align(&r->bits);
    if (!ct_bits_read(&r->bits, 1, &more)) {
        return false;
    }
    if (!more) {
        return ct_bits_read(&r->bits, 7, n);
    }
    /* A second 1 would be that of a fragment of 16384 and more. */
    return (ct_bits_read(&r->bits, 1, &more) && !more
            && ct_bits_read(&r->bits, 14, n));
}

/* 10.5.7: a number of 0 to 'range'. */
static bool
read_number(struct ct_bits *bits, uint32_t range, uint32_t *value)
{
    uint32_t n_octets;

    if (range < UINT8_MAX) {
        return ct_bits_read(bits, range ? 32 - clz32(range) : 0, value);
    }
    if (range > UINT16_MAX) {
        /* As few octets as will do, and before them how many: 0 for 1. */
        if (!ct_bits_read(bits, 2, &n_octets)) {
            return false;
        }
        n_octets++;
    } else {
        n_octets = range > UINT8_MAX ? 2 : 1;
    }
    ct_bits_align(bits);
    return ct_bits_read(bits, n_octets * 8, value);
}

/* 10.6: a number that is normally small, up to 63. */
static bool
read_small(struct ct_bits *bits, uint32_t *value)
{
    uint32_t large;

    return (ct_bits_read(bits, 1, &large) && !large
            && ct_bits_read(bits, 6, value));
}

static bool
emit(struct reading *r, const struct ct_per_type *type, uint8_t mark,
     uint32_t value)
{
    if (!type->emit || !mark) {
        return true;
    }
    if (r->items->n == CT_PER_MAX_ITEMS) {
        return false;
    }
    r->items->item[r->items->n++] = (struct ct_per_item) {
        .mark = mark, .ofs = r->bits.pos / 8, .value = value,
    };
    return true;
}

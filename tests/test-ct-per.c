/* SPDX-License-Identifier: Apache-2.0 */

/* Aligned PER: small types with encodings worked out by hand from X.691; and
 * messages of H.323 from a file, one a line, "TYPE BYTES ITEM...", which
 * another encoder made, whole and damaged. */

#include <config.h>

#include "ct-test.h"

#include "ct-h323-types.h"
#include "openvswitch/dynamic-string.h"

/* By hand. */

static const struct ct_per_type digit = {
    .kind = CT_PER_INTEGER, .emit = true, .max = 9,
};
static const struct ct_per_type octet = {
    .kind = CT_PER_INTEGER, .emit = true, .min = 1, .max = 256,
};
static const struct ct_per_type thousand = {
    .kind = CT_PER_INTEGER, .emit = true, .min = 1, .max = 1000,
};
static const struct ct_per_type seconds = {
    .kind = CT_PER_INTEGER, .emit = true, .min = 1, .max = UINT32_MAX,
};
static const struct ct_per_type integers = CT_PER_SEQ(
    CT_PER_FIELD(a, &digit, 1),
    CT_PER_FIELD(b, &octet, 2),
    CT_PER_FIELD(c, &digit, 0),
    CT_PER_FIELD(d, &thousand, 4),
    CT_PER_FIELD(e, &seconds, 5));

static const struct ct_per_type two = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 2, .max = 2,
};
static const struct ct_per_type three = {
    .kind = CT_PER_STRING, .emit = true, .bits = 8, .min = 3, .max = 3,
};
static const struct ct_per_type name = {
    .kind = CT_PER_STRING, .emit = true, .bits = 4, .min = 1, .max = 128,
};
static const struct ct_per_type any_bits = {
    .kind = CT_PER_STRING, .emit = true, .bits = 1, .max = CT_PER_UNBOUNDED,
};
static const struct ct_per_type strings = CT_PER_SEQ(
    CT_PER_FIELD(a, &digit, 1),
    CT_PER_FIELD(b, &two, 2),
    CT_PER_FIELD(c, &three, 3),
    CT_PER_FIELD(d, &name, 4),
    CT_PER_FIELD(e, &any_bits, 5),
    CT_PER_FIELD(f, &digit, 6));

static const struct ct_per_type options = CT_PER_SEQ(
    CT_PER_OPTION(a, &digit, 1),
    CT_PER_OPTION(b, &digit, 2),
    CT_PER_FIELD(c, &digit, 3),
    CT_PER_MORE,
    CT_PER_SKIP(d),
    CT_PER_OPTION(e, &digit, 5));

static const struct ct_per_type alternative = {
    .kind = CT_PER_CHOICE, .emit = true,
    CT_PER_FIELDS(CT_PER_FIELD(a, &ct_per_null, 0),
                  CT_PER_FIELD(b, &digit, 2),
                  CT_PER_FIELD(c, &ct_per_rest, 0),
                  CT_PER_MORE,
                  CT_PER_SKIP(d),
                  CT_PER_FIELD(e, &digit, 5)),
};
static const struct ct_per_type list = {
    .kind = CT_PER_LIST, .max = CT_PER_UNBOUNDED,
    CT_PER_FIELDS(CT_PER_FIELD(x, &alternative, 1)),
};
static const struct ct_per_type container = CT_PER_CONTAINER_OF(&list);
static const struct ct_per_type contained = CT_PER_SEQ(
    CT_PER_FIELD(a, &container, 0),
    CT_PER_FIELD(b, &digit, 3));

static const struct {
    const struct ct_per_type *type;
    const char *bytes;
    const char *items;          /* "mark=value@offset"; NULL: no such
                                 * message. */
} by_hand[] = {
    /* 4 bits, to a byte's end, 8; 4, to a byte's end, 2 bytes; how many bytes
     * less 1 in 2 bits, to a byte's end, those. */
    { &integers, "700430" "01f3" "c0fffffffe",
      "1=7@0 2=5@2 4=500@5 5=4294967295@10" },
    { &integers, "700430" "01f3" "0000", "1=7@0 2=5@2 4=500@5 5=1@7" },
    { &integers, "700430" "01f3" "40ff", NULL },

    /* Two octets stand where they are, three at a byte's beginning; a length
     * of 7 bits and characters of 4; a length of 8 and bits. */
    { &strings, "1abcd0" "414243" "04" "1230" "0b" "ffe8",
      "1=1@0 2=2@0 3=3@3 4=3@7 5=11@10 6=4@11" },
    { &strings, "1abcd0" "414243" "04" "1230" "0d" "ffe8", NULL },

    { &options, "0a", "3=5@0" },
    { &options, "6290", "1=1@0 2=4@1 3=8@1" },
    /* Additions: how many less 1 in 7 bits, one bit for each, to a byte's end;
     * a length before each. */
    { &options, "8a05" "0130", "3=5@0 5=3@3" },
    { &options, "8a06" "02ffff", "3=5@0" },
    { &options, "8a07" "02ffff" "0130", "3=5@0 5=3@6" },
    { &options, "8a05", NULL },
    { &options, "8a06" "03ffff", NULL },
    /* More than the table has; more than can be read. */
    { &options, "8a0880" "02ffff", "3=5@0" },
    { &options, "8bff", NULL },

    /* Alternatives: of the root; one behind which nothing matters; additions
     * known and unknown. */
    { &contained, "02" "0100" "70", "1=0@2 3=7@3" },
    { &contained, "02" "0140" "70", "1=2@2 3=7@3" },
    { &contained, "04" "01810130" "70", "1=4@3 5=3@4 3=7@5" },
    { &contained, "05" "018502ffff" "70", "1=8@3 3=7@6" },
    { &contained, "02" "0160" "70", NULL },
    { &contained, "03" "0100" "70", NULL },
    /* A length of two bytes; one of a fragment. */
    { &contained, "8002" "0100" "70", "1=0@3 3=7@4" },
    { &contained, "c1" "0100" "70", NULL },
};

static struct ct_per_items items;

static size_t
parse_hex(const char *hex, uint8_t *bytes)
{
    size_t n;

    for (n = 0; hex[0] && hex[0] != ' ' && hex[0] != '\n'; n++, hex += 2) {
        bool ok;

        bytes[n] = hexits_value(hex, 2, &ok);
        ovs_assert(ok);
    }
    return n;
}

/* In memory of just that size, for tools that look at each access. */
static bool
read_message(const struct ct_per_type *type, const uint8_t *bytes, size_t n)
{
    uint8_t *copy = xmemdup(bytes, n ? n : 1);
    bool ok;

    items.n = 0;
    ok = ct_per_read(type, copy, 0, n, &items);
    for (unsigned int i = 0; ok && i < items.n; i++) {
        CHECK(items.item[i].ofs <= n);
    }
    free(copy);
    return ok;
}

static void
test_by_hand(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        uint8_t bytes[64];
        size_t n = parse_hex(by_hand[i].bytes, bytes);
        bool ok = read_message(by_hand[i].type, bytes, n);

        for (unsigned int j = 0; j < items.n; j++) {
            const struct ct_per_item *item = &items.item[j];

            ds_put_format(&ds, "%s%u=%u@%u", j ? " " : "", item->mark,
                          item->value, item->ofs);
        }
        if (ok != (by_hand[i].items != NULL)
            || (ok && strcmp(ds_cstr(&ds), by_hand[i].items))) {
            fprintf(stderr, "%s: %s %s\n", by_hand[i].bytes,
                    ok ? "ok" : "bad", ds_cstr(&ds));
            ct_test_failures++;
        }
        ds_destroy(&ds);
    }
}

/* From a file. */

/* The mark is that of the field around it. */
static const struct ct_per_type open = CT_PER_SEQ(
    CT_PER_FIELD(x, &ct_h245_open, CT_H323_OPEN));

static const struct type {
    const char *name;
    const struct ct_per_type *type;
} types[] = {
    { "OpenLogicalChannel", &open },
    { "MultimediaSystemControlMessage", &ct_h245_message },
    { "H323-UserInformation", &ct_h225_call },
    { "RasMessage", &ct_h225_ras },
};

static const char *const marks[] = {
    [CT_H323_H245] = "h245", [CT_H323_SOURCE] = "source",
    [CT_H323_DEST] = "dest", [CT_H323_FORWARD] = "forward",
    [CT_H323_REASON] = "reason", [CT_H323_OPEN] = "open",
    [CT_H323_ACK] = "ack", [CT_H323_MEDIA] = "media",
    [CT_H323_DATA] = "data", [CT_H323_STACK] = "stack",
    [CT_H323_RAS] = "ras", [CT_H323_RAS_ADDR] = "rasaddr",
    [CT_H323_SIGNAL] = "signal", [CT_H323_TTL] = "ttl",
};

static const struct ct_per_type *
find_type(const char *line)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        size_t n = strlen(types[i].name);

        if (!strncmp(line, types[i].name, n) && line[n] == ' ') {
            return types[i].type;
        }
    }
    return NULL;
}

/* As the file has them. */
static void
format_items(const uint8_t *bytes, struct ds *ds)
{
    for (unsigned int i = 0; i < items.n; i++) {
        const struct ct_per_item *item = &items.item[i];

        ds_put_format(ds, " %s=", marks[item->mark]);
        if (item->mark == CT_H323_REASON || item->mark == CT_H323_OPEN
            || item->mark == CT_H323_ACK || item->mark == CT_H323_DATA
            || item->mark == CT_H323_RAS || item->mark == CT_H323_TTL) {
            ds_put_format(ds, "%u", item->value);
        } else {
            const uint8_t *p = bytes + item->ofs;

            for (unsigned int j = 0; j < item->value; j++) {
                ds_put_format(ds, "%02x", *p++);
            }
            ds_put_format(ds, ":%u", p[0] << 8 | p[1]);
        }
    }
}

static void
test_damaged(const struct ct_per_type *type, uint8_t *bytes, size_t n)
{
    static uint64_t r = 11;

    for (size_t cut = 0; cut < n; cut += 1 + n / 50) {
        read_message(type, bytes, cut);
    }
    for (int i = 0; i < 50; i++) {
        size_t at = ct_test_random(&r) % (n * 8);

        bytes[at / 8] ^= 1 << at % 8;
        read_message(type, bytes, n);
        bytes[at / 8] ^= i % 4 ? 1 << at % 8 : 0;
    }
}

static unsigned int
test_file(const char *file)
{
    static char line[1 << 18];
    static uint8_t bytes[1 << 17];
    FILE *f = fopen(file, "r");
    unsigned int n_read = 0;

    ovs_assert(f);
    while (fgets(line, sizeof line, f)) {
        const struct ct_per_type *type = find_type(line);
        char *hex = strchr(line, ' '), *rest;
        struct ds ds = DS_EMPTY_INITIALIZER;

        if (line[0] == '#' || !type) {
            CHECK(line[0] == '#');
            continue;
        }
        size_t n = parse_hex(++hex, bytes);
        rest = hex + strcspn(hex, " \n");
        rest[strcspn(rest, "\n")] = '\0';

        bool ok = read_message(type, bytes, n);
        format_items(bytes, &ds);
        if (!ok || strcmp(ds_cstr(&ds), strcmp(rest, " ") ? rest : "")) {
            fprintf(stderr, "%u: %s, got%s, expected%s\n", n_read,
                    ok ? "ok" : "bad", ds_cstr(&ds), rest);
            ct_test_failures++;
        }
        ds_destroy(&ds);
        test_damaged(type, bytes, n);
        n_read++;
    }
    fclose(f);
    return n_read;
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    test_by_hand();
    for (int i = 1; i < argc; i++) {
        CHECK(test_file(argv[i]) >= 10);
    }
    return ct_test_end("ct-per");
}

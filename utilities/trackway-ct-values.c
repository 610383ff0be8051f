/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: values on the command line. */

#include <config.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ct-event-type.h"
#include "packets.h"
#include "trackway-ct.h"
#include "util.h"

/* As iptables and conntrack(8) have it: "BIT NAME" a line. */
#define LABEL_FILE "/etc/xtables/connlabel.conf"
#define N_LABELS 128

static int find_label(const char *name);
static char *label_name(int bit);
static bool set_prefix(struct ct_filter_addr *, const char *prefix);

/* The protocols that conntrack(8) knows by name. */
static const struct {
    const char *name;
    uint8_t proto;
} protos[] = {
    { "tcp", IPPROTO_TCP },
    { "udp", IPPROTO_UDP },
    { "icmp", IPPROTO_ICMP },
    { "icmpv6", IPPROTO_ICMPV6 },
    { "sctp", IPPROTO_SCTP },
    { "gre", IPPROTO_GRE },
    { "udplite", IPPROTO_UDPLITE },
    { "dccp", IPPROTO_DCCP },
    { "ipv6-icmp", IPPROTO_ICMPV6 },
};

static const struct {
    const char *name;
    uint32_t bits;
} statuses[] = {
#define CT_DPIF_STATUS_FLAG(FLAG) { #FLAG, CT_DPIF_STATUS_##FLAG },
    CT_DPIF_STATUS_FLAGS
#undef CT_DPIF_STATUS_FLAG
    { "UNSET", 0 },
};

static const struct {
    const char *name;
    enum tct_output bit;
} outputs[] = {
    { "extended", TCT_OUT_EXTENDED },
    { "id", TCT_OUT_ID },
    { "timestamp", TCT_OUT_TIMESTAMP },
    { "ktimestamp", TCT_OUT_KTIMESTAMP },
    { "labels", TCT_OUT_LABELS },
    { "userspace", TCT_OUT_USERSPACE },
    { "xml", TCT_OUT_XML },
    { "json", TCT_OUT_JSON },
    { "ipfix", TCT_OUT_IPFIX },
    { "save", TCT_OUT_SAVE },
    { "count", TCT_OUT_COUNT },
};

bool
tct_try_proto(const char *s, uint8_t *proto)
{
    unsigned int number;

    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (!strcasecmp(protos[i].name, s)) {
            *proto = protos[i].proto;
            return true;
        }
    }
    if (!str_to_uint(s, 10, &number) || number > UINT8_MAX) {
        return false;
    }
    *proto = number;
    return true;
}

uint8_t
tct_parse_proto(const char *s)
{
    uint8_t proto;

    if (!tct_try_proto(s, &proto)) {
        tct_usage_error("`%s' unsupported protocol", s);
    }
    return proto;
}

const char *
tct_proto_name(uint8_t proto)
{
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
        if (protos[i].proto == proto) {
            return protos[i].name;
        }
    }
    return "unknown";
}

uint8_t
tct_parse_family(const char *s)
{
    if (strcmp(s, "ipv4") && strcmp(s, "ipv6")) {
        tct_usage_error("`%s' unsupported protocol", s);
    }
    return !strcmp(s, "ipv6") ? AF_INET6 : AF_INET;
}

uint32_t
tct_parse_u32(const char *what, const char *s, uint32_t max)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(s, &end, 0);
    if (!isdigit((unsigned char) *s) || *end || errno || value > max) {
        tct_usage_error("`%s' is not a %s from 0 to %"PRIu32, s, what, max);
    }
    return value;
}

static const char bad_mask[] = "Invalid netmask";

const char *
tct_try_addr(const char *s, struct ct_filter_addr *a, bool prefix)
{
    char *copy = xstrdup(s);
    char *slash = prefix ? strchr(copy, '/') : NULL;
    const char *wrong = NULL;

    if (slash) {
        *slash = '\0';
    }
    memset(a, 0, sizeof *a);
    a->set = true;
    if (inet_pton(AF_INET, copy, &a->addr.ip) == 1) {
        memset(&a->mask, 0xff, sizeof a->mask.ip);
    } else if (inet_pton(AF_INET6, copy, &a->addr.ip6) == 1) {
        a->ipv6 = true;
        memset(&a->mask, 0xff, sizeof a->mask.ip6);
    } else {
        wrong = "Invalid IP address";
    }
    if (!wrong && slash && !set_prefix(a, slash + 1)) {
        wrong = bad_mask;
    }
    free(copy);
    return wrong;
}

void
tct_parse_addr(const char *s, struct ct_filter_addr *a, bool prefix)
{
    const char *wrong = tct_try_addr(s, a, prefix);

    if (wrong == bad_mask) {
        tct_usage_error("%s", wrong);
    } else if (wrong) {
        tct_usage_error("%s `%s'", wrong, s);
    }
}

/* A length, or a mask of the address's own family. */
static bool
set_prefix(struct ct_filter_addr *a, const char *prefix)
{
    unsigned int max = a->ipv6 ? 128 : 32, len;

    if (str_to_uint(prefix, 10, &len)) {
        if (len > max) {
            return false;
        }
        if (a->ipv6) {
            a->mask.ip6 = ipv6_create_mask(len);
        } else {
            a->mask.ip = be32_prefix_mask(len);
        }
    } else if (inet_pton(a->ipv6 ? AF_INET6 : AF_INET, prefix, &a->mask)
               != 1) {
        return false;
    }
    a->addr.u64[0] &= a->mask.u64[0];
    a->addr.u64[1] &= a->mask.u64[1];
    return true;
}

/* ADDRESS, ADDRESS/PREFIX, ADDRESS:PORT, [ADDRESS]:PORT. */
void
tct_parse_nat(const char *s, struct ct_filter_tuple *t)
{
    char *copy = xstrdup(s);
    char *addr = copy, *port = NULL;

    if (*copy == '[') {
        char *bracket = strchr(++addr, ']');

        if (!bracket || (bracket[1] && bracket[1] != ':')) {
            tct_usage_error("Invalid IP address `%s'", s);
        }
        port = bracket[1] ? bracket + 2 : NULL;
        *bracket = '\0';
    } else if (strchr(copy, ':') == strrchr(copy, ':')
               && strchr(copy, ':')) {
        port = strchr(copy, ':') + 1;
        port[-1] = '\0';
    }
    tct_parse_addr(addr, &t->src, true);
    if (port) {
        t->src_port = htons(tct_parse_u32("port", port, UINT16_MAX));
        t->given |= 1u << CT_FILTER_T_SRC_PORT;
    }
    t->given |= 1u << CT_FILTER_T_SRC;
    free(copy);
}

void
tct_parse_mark(const char *s, uint32_t *mark, uint32_t *mask)
{
    char *copy = xstrdup(s);
    char *slash = strchr(copy, '/');

    if (slash) {
        *slash++ = '\0';
    }
    *mark = tct_parse_u32("mark", copy, UINT32_MAX);
    *mask = slash ? tct_parse_u32("mask", slash, UINT32_MAX) : UINT32_MAX;
    free(copy);
}

/* Sets '*mask' to the bits that are named; "UNSET" names those of a connection
 * that was neither answered nor assured, and asks for none of them. */
uint32_t
tct_parse_status(const char *s, uint32_t *mask)
{
    char *copy = xstrdup(s), *save = NULL;
    uint32_t bits = 0;

    *mask = 0;
    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        size_t i = 0;

        while (strcasecmp(statuses[i].name, word)) {
            if (++i >= ARRAY_SIZE(statuses)) {
                tct_usage_error("Bad parameter `%s'", word);
            }
        }
        bits |= statuses[i].bits;
        *mask |= (statuses[i].bits ? statuses[i].bits
                  : CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED);
    }
    free(copy);
    return bits;
}

unsigned int
tct_parse_output(const char *s)
{
    char *copy = xstrdup(s), *save = NULL;
    unsigned int bits = 0;

    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        size_t i = 0;

        while (strcasecmp(outputs[i].name, word)) {
            if (++i >= ARRAY_SIZE(outputs)) {
                tct_usage_error("Bad parameter `%s'", word);
            }
        }
        bits |= outputs[i].bit;
    }
    free(copy);
    return bits;
}

/* Events of connections, as bits of enum ct_event_type. */
uint32_t
tct_parse_events(const char *s)
{
    static const struct {
        const char *name;
        uint32_t bits;
    } events[] = {
        { "ALL", CT_EVENTS_OF_CONNS },
        { "NEW", 1u << CT_EVENT_NEW },
        { "UPDATES", 1u << CT_EVENT_UPDATE },
        { "DESTROY", 1u << CT_EVENT_DESTROY },
    };
    char *copy = xstrdup(s), *save = NULL;
    uint32_t bits = 0;

    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        size_t i = 0;

        while (strcasecmp(events[i].name, word)) {
            if (++i >= ARRAY_SIZE(events)) {
                tct_usage_error("Bad parameter `%s'", word);
            }
        }
        bits |= events[i].bits;
    }
    free(copy);
    return bits;
}

/* Labels. */

/* A name of LABEL_FILE, a number of a bit, or bits in hexadecimal. */
static ovs_u128
parse_label(const char *word)
{
    ovs_u128 label = OVS_U128_ZERO;
    unsigned int bit;

    if (!strncasecmp(word, "0x", 2)) {
        ovs_be128 be;
        char *tail;

        if (!parse_int_string(word, (uint8_t *) &be, sizeof be, &tail)
            && !*tail) {
            return ntoh128(be);
        }
        tct_usage_error("`%s' is no label of 128 bits", word);
    }
    if (!str_to_uint(word, 10, &bit)) {
        int found = find_label(word);

        if (found < 0) {
            tct_usage_error("unknown label '%s'", word);
        }
        bit = found;
    } else if (bit >= N_LABELS) {
        tct_usage_error("a label is a bit from 0 to %d", N_LABELS - 1);
    }
    if (bit < 64) {
        label.u64.lo = UINT64_C(1) << bit;
    } else {
        label.u64.hi = UINT64_C(1) << (bit - 64);
    }
    return label;
}

ovs_u128
tct_parse_labels(const char *s)
{
    char *copy = xstrdup(s), *save = NULL;
    ovs_u128 labels = OVS_U128_ZERO;

    for (char *word = strtok_r(copy, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        labels = tct_u128_or(labels, parse_label(word));
    }
    free(copy);
    return labels;
}

static bool
has_label(ovs_u128 labels, int bit)
{
    return (bit < 64 ? labels.u64.lo >> bit : labels.u64.hi >> (bit - 64)) & 1;
}

void
tct_put_labels(struct ds *ds, ovs_u128 labels)
{
    struct ds names = DS_EMPTY_INITIALIZER;

    for (int bit = 0; bit < N_LABELS; bit++) {
        char *name = has_label(labels, bit) ? label_name(bit) : NULL;

        if (name) {
            ds_put_format(&names, "%s%s", names.length ? "," : "", name);
        } else if (has_label(labels, bit)) {
            /* Not all have one. */
            ds_clear(&names);
            ds_put_cstr(&names, "0x");
            if (labels.u64.hi) {
                ds_put_format(&names, "%"PRIx64"%016"PRIx64, labels.u64.hi,
                              labels.u64.lo);
            } else {
                ds_put_format(&names, "%"PRIx64, labels.u64.lo);
            }
            break;
        }
        free(name);
    }
    tct_put(ds, ds_cstr(&names));
    ds_destroy(&names);
}

/* By bit; NULL: none.  Read once. */
static char *const *
label_names(void)
{
    static char *names[N_LABELS];
    static bool read;
    char line[256], name[256];
    FILE *file;
    int bit;

    if (!read) {
        read = true;
        file = fopen(LABEL_FILE, "r");
        while (file && fgets(line, sizeof line, file)) {
            if (sscanf(line, "%d %255s", &bit, name) == 2 && bit >= 0
                && bit < N_LABELS && !names[bit]) {
                names[bit] = xstrdup(name);
            }
        }
        if (file) {
            fclose(file);
        }
    }
    return names;
}

static int
find_label(const char *name)
{
    char *const *names = label_names();

    for (int bit = 0; bit < N_LABELS; bit++) {
        if (names[bit] && !strcmp(names[bit], name)) {
            return bit;
        }
    }
    return -1;
}

static char *
label_name(int bit)
{
    return nullable_xstrdup(label_names()[bit]);
}

/* --top. */

static const char *const sorts[TCT_N_SORTS] = {
    [TCT_BY_BYTES] = "bytes",
    [TCT_BY_PACKETS] = "packets",
    [TCT_BY_CONNECTIONS] = "connections",
};

static const char *const groups[CT_TOP_N_GROUPS] = {
    [CT_TOP_SOURCE] = "source",
    [CT_TOP_DESTINATION] = "destination",
    [CT_TOP_SERVICE] = "service",
};

/* In ms, from seconds that may have a fraction. */
uint32_t
tct_parse_interval(const char *s)
{
    double seconds;

    if (!str_to_double(s, &seconds) || !(seconds >= 0.1)
        || seconds > 86400) {
        tct_usage_error("`%s' is not a number of seconds from 0.1 to 86400",
                        s);
    }
    return seconds * 1000;
}

static int
parse_word(const char *s, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(words[i], s)) {
            return i;
        }
    }
    tct_usage_error("Bad parameter `%s'", s);
}

enum tct_sort
tct_parse_sort(const char *s)
{
    return parse_word(s, sorts, ARRAY_SIZE(sorts));
}

enum ct_top_group
tct_parse_group(const char *s)
{
    return parse_word(s, groups, ARRAY_SIZE(groups));
}

const char *
tct_sort_name(enum tct_sort sort)
{
    return sorts[sort];
}

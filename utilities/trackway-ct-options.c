/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: the command line. */

#include <config.h>

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "trackway-ct.h"
#include "util.h"

OVS_NO_RETURN static void refuse_unknown(const char *word);
static void take_command(struct tct_options *, int c, char *argv[]);
static void take_option(struct tct_options *, int c, char *argv[]);
static void take_address(struct tct_options *, enum tct_option,
                         const char *);
static void take_expected_port(struct tct_options *, enum tct_option,
                               const char *);
static void take_port(struct tct_options *, enum tct_option, const char *);
static void take_nat(struct tct_options *, enum tct_option, const char *);
static void take_own(struct tct_options *, enum tct_option, const char *);
static void take_log(struct tct_options *, enum tct_option, const char *);
static void take_mark(struct tct_options *, const char *);
static void take_status(struct tct_options *, const char *);
static void take_state(struct tct_options *, const char *);
static void take_label(struct tct_options *, enum tct_option, const char *);
static void finish(struct tct_options *);
static void apply_masks(struct tct_options *);

enum {
    OPT_DATAPATH = UCHAR_MAX + 1,
    OPT_SOCKET,
    OPT_FIRST                   /* + enum tct_option. */
};
#define OPT(OPTION) (OPT_FIRST + TCT_O_##OPTION)

/* Of a command that has none. */
#define LETTER_TOP '\002'

static const char short_options[] =
    ":LGDIAUEFCSR:hVs:d:r:q:p:t:u:e:zm:f:o:ngjb:w:l:";

static const struct option long_options[] = {
    { "dump", no_argument, NULL, 'L' },
    { "get", no_argument, NULL, 'G' },
    { "delete", no_argument, NULL, 'D' },
    { "create", no_argument, NULL, 'I' },
    { "add", no_argument, NULL, 'A' },
    { "update", no_argument, NULL, 'U' },
    { "event", no_argument, NULL, 'E' },
    { "flush", no_argument, NULL, 'F' },
    { "count", no_argument, NULL, 'C' },
    { "stats", no_argument, NULL, 'S' },
    { "load-file", required_argument, NULL, 'R' },
    { "top", no_argument, NULL, LETTER_TOP },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "orig-src", required_argument, NULL, 's' },
    { "src", required_argument, NULL, 's' },
    { "orig-dst", required_argument, NULL, 'd' },
    { "dst", required_argument, NULL, 'd' },
    { "reply-src", required_argument, NULL, 'r' },
    { "reply-dst", required_argument, NULL, 'q' },
    { "protonum", required_argument, NULL, 'p' },
    { "proto", required_argument, NULL, 'p' },
    { "timeout", required_argument, NULL, 't' },
    { "status", required_argument, NULL, 'u' },
    { "event-mask", required_argument, NULL, 'e' },
    { "zero", no_argument, NULL, 'z' },
    { "mark", required_argument, NULL, 'm' },
    { "family", required_argument, NULL, 'f' },
    { "output", required_argument, NULL, 'o' },
    { "src-nat", no_argument, NULL, 'n' },
    { "dst-nat", no_argument, NULL, 'g' },
    { "any-nat", no_argument, NULL, 'j' },
    { "buffer-size", required_argument, NULL, 'b' },
    { "zone", required_argument, NULL, 'w' },
    { "orig-zone", required_argument, NULL, 'w' },
    { "reply-zone", required_argument, NULL, 'w' },
    { "label", required_argument, NULL, 'l' },
    { "label-add", required_argument, NULL, OPT(LABEL_ADD) },
    { "label-del", no_argument, NULL, OPT(LABEL_DEL) },
    { "mask-src", required_argument, NULL, OPT(MASK_SRC) },
    { "mask-dst", required_argument, NULL, OPT(MASK_DST) },
    { "tuple-src", required_argument, NULL, OPT(TUPLE_SRC) },
    { "tuple-dst", required_argument, NULL, OPT(TUPLE_DST) },
    { "tuple-port-src", required_argument, NULL, OPT(TUPLE_SPORT) },
    { "tuple-port-dst", required_argument, NULL, OPT(TUPLE_DPORT) },
    { "mask-port-src", required_argument, NULL, OPT(MASK_SPORT) },
    { "mask-port-dst", required_argument, NULL, OPT(MASK_DPORT) },
    { "tuple-key-src", required_argument, NULL, OPT(TUPLE_SPORT) },
    { "tuple-key-dst", required_argument, NULL, OPT(TUPLE_DPORT) },
    { "mask-key-src", required_argument, NULL, OPT(MASK_SPORT) },
    { "mask-key-dst", required_argument, NULL, OPT(MASK_DPORT) },
    { "id", required_argument, NULL, OPT(ID) },
    { "helper", required_argument, NULL, OPT(HELPER) },
    { "orig-port-src", required_argument, NULL, OPT(SPORT) },
    { "sport", required_argument, NULL, OPT(SPORT) },
    { "srckey", required_argument, NULL, OPT(SPORT) },
    { "orig-port-dst", required_argument, NULL, OPT(DPORT) },
    { "dport", required_argument, NULL, OPT(DPORT) },
    { "dstkey", required_argument, NULL, OPT(DPORT) },
    { "reply-port-src", required_argument, NULL, OPT(REPLY_SPORT) },
    { "reply-key-src", required_argument, NULL, OPT(REPLY_SPORT) },
    { "reply-port-dst", required_argument, NULL, OPT(REPLY_DPORT) },
    { "reply-key-dst", required_argument, NULL, OPT(REPLY_DPORT) },
    { "state", required_argument, NULL, OPT(STATE) },
    { "icmp-type", required_argument, NULL, OPT(ICMP_TYPE) },
    { "icmpv6-type", required_argument, NULL, OPT(ICMP_TYPE) },
    { "icmp-code", required_argument, NULL, OPT(ICMP_CODE) },
    { "icmpv6-code", required_argument, NULL, OPT(ICMP_CODE) },
    { "icmp-id", required_argument, NULL, OPT(ICMP_ID) },
    { "icmpv6-id", required_argument, NULL, OPT(ICMP_ID) },
    { "reply-icmp-id", required_argument, NULL, OPT(REPLY_ICMP_ID) },
    { "orig-vtag", required_argument, NULL, OPT(ORIG_VTAG) },
    { "reply-vtag", required_argument, NULL, OPT(REPLY_VTAG) },
    { "log", required_argument, NULL, OPT(LOG) },
    { "observation-domain", required_argument, NULL, OPT(DOMAIN) },
    { "template-refresh", required_argument, NULL, OPT(REFRESH) },
    { "batch", no_argument, NULL, OPT(BATCH) },
    { "frames", required_argument, NULL, OPT(FRAMES) },
    { "interval", required_argument, NULL, OPT(INTERVAL) },
    { "sort", required_argument, NULL, OPT(SORT) },
    { "group", required_argument, NULL, OPT(GROUP) },
    { "datapath", required_argument, NULL, OPT_DATAPATH },
    { "socket", required_argument, NULL, OPT_SOCKET },
    { NULL, 0, NULL, 0 },
};

/* Letters of commands, by enum tct_command. */
static const char commands[TCT_N_COMMANDS + 1] = "\001LGDIAUEFCSR\002hV";

/* Of options that have one. */
static const struct {
    char letter;
    enum tct_option option;
} letters[] = {
    { 's', TCT_O_SRC }, { 'd', TCT_O_DST }, { 'r', TCT_O_REPLY_SRC },
    { 'q', TCT_O_REPLY_DST }, { 'p', TCT_O_PROTO }, { 't', TCT_O_TIMEOUT },
    { 'u', TCT_O_STATUS }, { 'e', TCT_O_EVENT_MASK }, { 'z', TCT_O_ZERO },
    { 'm', TCT_O_MARK }, { 'f', TCT_O_FAMILY }, { 'o', TCT_O_OUTPUT },
    { 'n', TCT_O_SRC_NAT }, { 'g', TCT_O_DST_NAT }, { 'j', TCT_O_ANY_NAT },
    { 'b', TCT_O_BUFFER }, { 'w', TCT_O_ZONE }, { 'l', TCT_O_LABEL },
};

void
tct_parse(int argc, char *argv[], struct tct_options *o)
{
    int c;

    memset(o, 0, sizeof *o);
    ct_filter_init(&o->filter);
    optind = 0;                 /* glibc: begin anew, with -R. */
    opterr = 0;
    while ((c = getopt_long(argc, argv, short_options, long_options, NULL))
           != -1) {
        if (c == '?') {
            refuse_unknown(argv[optind - 1]);
        } else if (c == ':') {
            tct_usage_error("option `%s' requires an argument",
                            argv[optind - 1]);
        } else if (c > 1 && c <= UCHAR_MAX && strchr(commands, c)) {
            take_command(o, c, argv);
        } else {
            take_option(o, c, argv);
        }
    }
    if (optind < argc) {
        tct_usage_error("unexpected argument `%s'", argv[optind]);
    }
    finish(o);
}

/* 'word' is the last that getopt_long() is done with.  With an unknown letter
 * before others, as in "-Xy", it is not done. */
static void
refuse_unknown(const char *word)
{
    if (optopt > ' ' && optopt <= UCHAR_MAX
        && (optopt == ':' || !strchr(short_options, optopt))) {
        tct_usage_error("unknown option `-%c'", optopt);
    }
    tct_usage_error("unknown option `%s'", word);
}

/* The next word, if it is no option; NULL if it is one, or there is none. */
static const char *
optional_argument_of(char *argv[])
{
    return (optind > 0 && argv[optind] && argv[optind][0] != '-'
            ? argv[optind++] : NULL);
}

static enum tct_table
parse_table(const char *word)
{
    static const char *const tables[] = {
        [TCT_CONNTRACK] = "conntrack",
        [TCT_EXPECT] = "expect",
        [TCT_DYING] = "dying",
        [TCT_UNCONFIRMED] = "unconfirmed",
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        if (!strcmp(tables[i], word)
            || (i == TCT_EXPECT && !strcmp("expectation", word))) {
            return i;
        }
    }
    tct_usage_error("unknown type `%s'", word);
}

static void
take_command(struct tct_options *o, int c, char *argv[])
{
    const char *table;

    if (o->command != TCT_NONE) {
        tct_usage_error("Invalid commands combination");
    }
    o->command = strchr(commands, c) - commands;
    if (o->command == TCT_LOAD) {
        o->load = optarg;
    } else if (o->command != TCT_STATS && o->command < TCT_TOP) {
        table = optional_argument_of(argv);
        o->table = table ? parse_table(table) : TCT_CONNTRACK;
    }
}

static enum tct_option
option_of(int c)
{
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
        if (letters[i].letter == c) {
            return letters[i].option;
        }
    }
    return c - OPT_FIRST;
}

static void
take_option(struct tct_options *o, int c, char *argv[])
{
    if (c == OPT_DATAPATH) {
        o->datapath = optarg;
        return;
    } else if (c == OPT_SOCKET) {
        o->socket = optarg;
        return;
    }

    enum tct_option option = option_of(c);
    if (tct_has(o, option) && option != TCT_O_LABEL && option != TCT_O_OUTPUT
        && option != TCT_O_LABEL_ADD && option != TCT_O_LABEL_DEL) {
        tct_usage_error("Can't use `--%s' twice", tct_option_name(option));
    }
    o->given |= TCT_BIT(option);
    switch (option) {
    case TCT_O_SRC: case TCT_O_DST: case TCT_O_REPLY_SRC:
    case TCT_O_REPLY_DST: case TCT_O_MASK_SRC: case TCT_O_MASK_DST:
    case TCT_O_TUPLE_SRC: case TCT_O_TUPLE_DST:
        take_address(o, option, optarg);
        break;
    case TCT_O_SPORT: case TCT_O_DPORT: case TCT_O_REPLY_SPORT:
    case TCT_O_REPLY_DPORT: case TCT_O_ICMP_TYPE: case TCT_O_ICMP_CODE:
    case TCT_O_ICMP_ID:
        take_port(o, option, optarg);
        break;
    case TCT_O_TUPLE_SPORT: case TCT_O_TUPLE_DPORT: case TCT_O_MASK_SPORT:
    case TCT_O_MASK_DPORT:
        take_expected_port(o, option, optarg);
        break;
    case TCT_O_SRC_NAT: case TCT_O_DST_NAT: case TCT_O_ANY_NAT:
        take_nat(o, option, optional_argument_of(argv));
        break;
    case TCT_O_LABEL_DEL:
        take_label(o, option, optional_argument_of(argv));
        break;
    case TCT_O_LABEL: case TCT_O_LABEL_ADD:
        take_label(o, option, optarg);
        break;
    case TCT_O_PROTO: case TCT_O_TIMEOUT: case TCT_O_STATUS:
    case TCT_O_EVENT_MASK: case TCT_O_ZERO: case TCT_O_MARK:
    case TCT_O_FAMILY: case TCT_O_OUTPUT: case TCT_O_BUFFER:
    case TCT_O_ZONE: case TCT_O_ID: case TCT_O_HELPER: case TCT_O_STATE:
    case TCT_O_REPLY_ICMP_ID: case TCT_O_ORIG_VTAG: case TCT_O_REPLY_VTAG:
    case TCT_O_LOG: case TCT_O_DOMAIN: case TCT_O_REFRESH:
    case TCT_O_BATCH: case TCT_O_FRAMES: case TCT_O_INTERVAL:
    case TCT_O_SORT: case TCT_O_GROUP: case TCT_N_OPTIONS:
    default:
        take_own(o, option, optarg);
        break;
    }
}

static void
take_address(struct tct_options *o, enum tct_option option, const char *s)
{
    struct ct_filter *f = &o->filter;
    struct ct_filter_addr mask;

    switch ((int) option) {
    case TCT_O_SRC:
        tct_parse_addr(s, &f->orig.src, true);
        break;
    case TCT_O_DST:
        tct_parse_addr(s, &f->orig.dst, true);
        break;
    case TCT_O_TUPLE_SRC:
        tct_parse_addr(s, &o->expect.src, true);
        break;
    case TCT_O_TUPLE_DST:
        tct_parse_addr(s, &o->expect.dst, true);
        break;
    case TCT_O_REPLY_SRC:
        tct_parse_addr(s, &f->reply.src, true);
        break;
    case TCT_O_REPLY_DST:
        tct_parse_addr(s, &f->reply.dst, true);
        break;
    default:
        tct_parse_addr(s, &mask, false);
        if (option == TCT_O_MASK_SRC) {
            o->mask_src = mask.addr;
        } else {
            o->mask_dst = mask.addr;
        }
        o->mask_family[option == TCT_O_MASK_DST] = (mask.ipv6 ? AF_INET6
                                                    : AF_INET);
        return;
    }
    ct_filter_give(f, (option == TCT_O_REPLY_SRC || option == TCT_O_REPLY_DST
                       ? CT_FILTER_REPLY : CT_FILTER_ORIG));
}

static void
take_expected_port(struct tct_options *o, enum tct_option option,
                   const char *s)
{
    ovs_be16 port = htons(tct_parse_u32("port", s, UINT16_MAX));

    if (option == TCT_O_TUPLE_SPORT) {
        o->expect.src_port = port;
        o->expect.given |= 1u << CT_FILTER_T_SRC_PORT;
    } else if (option == TCT_O_TUPLE_DPORT) {
        o->expect.dst_port = port;
        o->expect.given |= 1u << CT_FILTER_T_DST_PORT;
    } else if (option == TCT_O_MASK_SPORT) {
        o->mask_sport = port;
    } else {
        o->mask_dport = port;
    }
}

/* What else belongs to a tuple. */
static void
take_port(struct tct_options *o, enum tct_option option, const char *s)
{
    bool reply = (option == TCT_O_REPLY_SPORT
                  || option == TCT_O_REPLY_DPORT);
    struct ct_filter_tuple *t = reply ? &o->filter.reply : &o->filter.orig;
    enum ct_nla_filter_tuple condition;

    switch ((int) option) {
    case TCT_O_SPORT: case TCT_O_REPLY_SPORT:
        t->src_port = htons(tct_parse_u32("port", s, UINT16_MAX));
        condition = CT_FILTER_T_SRC_PORT;
        break;
    case TCT_O_DPORT: case TCT_O_REPLY_DPORT:
        t->dst_port = htons(tct_parse_u32("port", s, UINT16_MAX));
        condition = CT_FILTER_T_DST_PORT;
        break;
    case TCT_O_ICMP_TYPE:
        t->icmp_type = tct_parse_u32("type", s, UINT8_MAX);
        condition = CT_FILTER_T_ICMP_TYPE;
        break;
    case TCT_O_ICMP_CODE:
        t->icmp_code = tct_parse_u32("code", s, UINT8_MAX);
        condition = CT_FILTER_T_ICMP_CODE;
        break;
    default:
        t->icmp_id = htons(tct_parse_u32("id", s, UINT16_MAX));
        condition = CT_FILTER_T_ICMP_ID;
        break;
    }
    t->given |= 1u << condition;
    ct_filter_give(&o->filter, reply ? CT_FILTER_REPLY : CT_FILTER_ORIG);
}

static void
take_nat(struct tct_options *o, enum tct_option option, const char *s)
{
    struct ct_filter *f = &o->filter;

    if (option != TCT_O_DST_NAT) {
        f->nat |= CT_FILTER_NAT_S;
        if (s) {
            tct_parse_nat(s, &f->nat_src);
            ct_filter_give(f, CT_FILTER_NAT_SRC);
        }
    }
    if (option != TCT_O_SRC_NAT) {
        f->nat |= CT_FILTER_NAT_D;
        if (s) {
            tct_parse_nat(s, &f->nat_dst);
            ct_filter_give(f, CT_FILTER_NAT_DST);
        }
    }
    if (option == TCT_O_ANY_NAT) {
        f->nat = CT_FILTER_NAT_ANY;
    }
    ct_filter_give(f, CT_FILTER_NAT);
}

static void
take_own(struct tct_options *o, enum tct_option option, const char *s)
{
    struct ct_filter *f = &o->filter;

    switch ((int) option) {
    case TCT_O_PROTO:
        f->proto = tct_parse_proto(s);
        ct_filter_give(f, CT_FILTER_PROTO);
        break;
    case TCT_O_FAMILY:
        f->family = tct_parse_family(s);
        ct_filter_give(f, CT_FILTER_FAMILY);
        break;
    case TCT_O_ZONE:
        f->zone = tct_parse_u32("zone", s, UINT16_MAX);
        ct_filter_give(f, CT_FILTER_ZONE);
        break;
    case TCT_O_ID:
        f->id = tct_parse_u32("id", s, UINT32_MAX);
        ct_filter_give(f, CT_FILTER_ID);
        break;
    case TCT_O_TIMEOUT:
        o->timeout = tct_parse_u32("timeout", s, UINT32_MAX);
        break;
    case TCT_O_MARK:
        take_mark(o, s);
        break;
    case TCT_O_STATUS:
        take_status(o, s);
        break;
    case TCT_O_STATE:
        take_state(o, s);
        break;
    case TCT_O_EVENT_MASK:
        o->events |= tct_parse_events(s);
        break;
    case TCT_O_OUTPUT:
        o->output |= tct_parse_output(s);
        break;
    case TCT_O_BUFFER:
        o->buffer_size = tct_parse_u32("size", s, INT32_MAX);
        break;
    case TCT_O_HELPER:
        o->helper = s;
        break;
    case TCT_O_REPLY_ICMP_ID:
        o->reply_icmp_id = htons(tct_parse_u32("id", s, UINT16_MAX));
        break;
    case TCT_O_ORIG_VTAG:
        o->orig_vtag = tct_parse_u32("tag", s, UINT32_MAX);
        break;
    case TCT_O_REPLY_VTAG:
        o->reply_vtag = tct_parse_u32("tag", s, UINT32_MAX);
        break;
    case TCT_O_FRAMES:
        o->n_frames = tct_parse_u32("number", s, UINT32_MAX);
        break;
    case TCT_O_INTERVAL:
        o->interval = tct_parse_interval(s);
        break;
    case TCT_O_SORT:
        o->sort = tct_parse_sort(s);
        break;
    case TCT_O_GROUP:
        o->group = tct_parse_group(s);
        break;
    default:
        take_log(o, option, s);
        break;
    }
}

static void
take_log(struct tct_options *o, enum tct_option option, const char *s)
{
    if (option == TCT_O_LOG) {
        o->log = s;
    } else if (option == TCT_O_DOMAIN) {
        o->domain = tct_parse_u32("domain", s, UINT32_MAX);
    } else if (option == TCT_O_REFRESH) {
        o->refresh = tct_parse_u32("number of seconds", s, INT32_MAX);
    }
}

static bool
makes_or_changes(const struct tct_options *o)
{
    return (o->command == TCT_CREATE || o->command == TCT_ADD
            || o->command == TCT_UPDATE);
}

/* To be set, or a condition: finish() knows. */

static void
take_mark(struct tct_options *o, const char *s)
{
    tct_parse_mark(s, &o->mark, &o->mark_mask);
}

static void
take_status(struct tct_options *o, const char *s)
{
    o->status = tct_parse_status(s, &o->filter.status_mask);
}

static void
take_state(struct tct_options *o, const char *s)
{
    bool sctp = o->filter.proto == IPPROTO_SCTP;
    int state = sctp ? ct_nl_sctp_state(s) : ct_nl_tcp_state(s);

    if (state < 0) {
        tct_usage_error("unknown %s state `%s'", sctp ? "SCTP" : "TCP", s);
    }
    o->filter.state = state;
    ct_filter_give(&o->filter, CT_FILTER_STATE);
}

static void
take_label(struct tct_options *o, enum tct_option option, const char *s)
{
    ovs_u128 labels = s ? tct_parse_labels(s) : OVS_U128_MAX;
    ovs_u128 *to = (option == TCT_O_LABEL ? &o->filter.labels
                    : option == TCT_O_LABEL_ADD ? &o->label_add
                    : &o->label_del);

    *to = tct_u128_or(*to, labels);
    if (option == TCT_O_LABEL) {
        ct_filter_give(&o->filter, CT_FILTER_LABELS);
    }
}

/* What the tuple of an expectation has to be. */
static void
merge_expected(struct tct_options *o)
{
    struct ct_filter_tuple *orig = &o->filter.orig;

    if (tct_has(o, TCT_O_TUPLE_SRC)) {
        orig->src = o->expect.src;
    }
    if (tct_has(o, TCT_O_TUPLE_DST)) {
        orig->dst = o->expect.dst;
    }
    if (tct_has(o, TCT_O_TUPLE_SPORT)) {
        orig->src_port = o->expect.src_port;
        o->given |= TCT_BIT(TCT_O_SPORT);
    }
    if (tct_has(o, TCT_O_TUPLE_DPORT)) {
        orig->dst_port = o->expect.dst_port;
        o->given |= TCT_BIT(TCT_O_DPORT);
    }
}

static void
finish(struct tct_options *o)
{
    struct ct_filter *f = &o->filter;

    if (o->command != TCT_CREATE) {
        merge_expected(o);
        apply_masks(o);
    }
    f->labels_mask = f->labels;
    if (!makes_or_changes(o)) {
        if (tct_has(o, TCT_O_MARK)) {
            f->mark = o->mark & o->mark_mask;
            f->mark_mask = o->mark_mask;
            ct_filter_give(f, CT_FILTER_MARK);
        }
        if (tct_has(o, TCT_O_STATUS)) {
            f->status = o->status;
            ct_filter_give(f, CT_FILTER_STATUS);
        }
    }
    o->only_all = !f->given;
}

static void
apply_mask(struct ct_filter_addr *a, const union ct_inet_addr *mask,
           uint8_t family)
{
    if (!family || !a->set) {
        return;
    }
    if (a->ipv6 != (family == AF_INET6)) {
        tct_usage_error("mismatched address family");
    }
    a->mask = *mask;
    a->addr.u64[0] &= mask->u64[0];
    a->addr.u64[1] &= mask->u64[1];
}

static void
apply_masks(struct tct_options *o)
{
    apply_mask(&o->filter.orig.src, &o->mask_src, o->mask_family[0]);
    apply_mask(&o->filter.orig.dst, &o->mask_dst, o->mask_family[1]);
}

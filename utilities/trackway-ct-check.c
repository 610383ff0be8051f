/* SPDX-License-Identifier: Apache-2.0 */

/* trackway-ct: which options go with which command and which protocol. */

#include <config.h>

#include "ct-event-type.h"
#include "packets.h"
#include "trackway-ct.h"
#include "util.h"

#define B(OPTION) TCT_BIT(TCT_O_##OPTION)

#define ADDRS (B(SRC) | B(DST) | B(REPLY_SRC) | B(REPLY_DST))
#define PORTS (B(SPORT) | B(DPORT) | B(REPLY_SPORT) | B(REPLY_DPORT))
#define ICMP (B(ICMP_TYPE) | B(ICMP_CODE) | B(ICMP_ID) | B(REPLY_ICMP_ID))
#define VTAGS (B(ORIG_VTAG) | B(REPLY_VTAG))
#define NATS (B(SRC_NAT) | B(DST_NAT) | B(ANY_NAT))
#define TUPLE (ADDRS | PORTS | ICMP | B(PROTO) | B(ZONE) | B(FAMILY))
#define FILTER ((TUPLE & ~B(REPLY_ICMP_ID)) | NATS | B(STATE) | B(MARK) \
                | B(LABEL) | B(STATUS) | B(MASK_SRC) | B(MASK_DST) | B(ID))
#define CREATE (TUPLE | B(SRC_NAT) | B(DST_NAT) | B(STATE) | B(MARK)     \
                | B(STATUS) | B(TIMEOUT) | B(LABEL_ADD) | B(HELPER) | VTAGS)
#define LOGGING (B(LOG) | B(DOMAIN) | B(REFRESH))
#define TUPLE_PORTS (B(TUPLE_SPORT) | B(TUPLE_DPORT))
#define MASK_PORTS (B(MASK_SPORT) | B(MASK_DPORT))
#define EXPECTS (ADDRS | PORTS | B(PROTO) | B(TUPLE_SRC) | B(TUPLE_DST) \
                 | TUPLE_PORTS | B(MASK_SRC) | B(MASK_DST) | B(ZONE)    \
                 | B(ID) | B(FAMILY))
#define EXPECT (ADDRS | PORTS | B(PROTO) | B(TUPLE_SRC) | B(TUPLE_DST)  \
                | TUPLE_PORTS | B(MASK_SRC) | B(MASK_DST) | MASK_PORTS  \
                | B(ZONE) | B(FAMILY) | B(TIMEOUT) | B(HELPER))

/* What each command may have, for connections and for expectations. */
static const struct {
    uint64_t conn, expect;
} allowed[TCT_N_COMMANDS] = {
    [TCT_LIST] = { FILTER | B(OUTPUT) | B(ZERO), EXPECTS | B(OUTPUT) },
    [TCT_GET] = { TUPLE | B(OUTPUT) | B(ID), EXPECTS | B(OUTPUT) },
    [TCT_DELETE] = { FILTER | B(OUTPUT), EXPECTS | B(OUTPUT) },
    [TCT_CREATE] = { CREATE, EXPECT },
    [TCT_ADD] = { CREATE, 0 },
    [TCT_UPDATE] = { FILTER | B(OUTPUT) | B(TIMEOUT) | B(LABEL_ADD)
                     | B(LABEL_DEL), 0 },
    [TCT_EVENT] = { FILTER | B(OUTPUT) | B(EVENT_MASK) | LOGGING, B(OUTPUT) },
    [TCT_TOP] = { FILTER | B(BATCH) | B(FRAMES) | B(INTERVAL) | B(SORT)
                  | B(GROUP), 0 },
    [TCT_FLUSH] = { B(ZONE), B(ZONE) },
    [TCT_COUNT] = { FILTER, 0 },
};

static void check_allowed(const struct tct_options *);
static void check_proto(const struct tct_options *);
static void check_families(const struct tct_options *);
static void check_masks(const struct tct_options *);
static void check_output(const struct tct_options *);
static void check_log(const struct tct_options *);
static void check_tuple(const struct tct_options *);
static void check_create(const struct tct_options *);
static void check_expect(const struct tct_options *);

void
tct_check(const struct tct_options *o)
{
    check_allowed(o);
    check_proto(o);
    check_families(o);
    check_masks(o);
    check_output(o);
    check_log(o);
    if (o->table == TCT_CONNTRACK
        && (o->command == TCT_GET || o->command == TCT_CREATE
            || o->command == TCT_ADD)) {
        check_tuple(o);
    }
    if (o->command == TCT_CREATE && o->table == TCT_EXPECT) {
        check_expect(o);
    }
    if (o->command == TCT_CREATE || o->command == TCT_ADD) {
        check_create(o);
    }
}

bool
tct_proto_has_ports(uint8_t proto)
{
    return (proto == IPPROTO_TCP || proto == IPPROTO_UDP
            || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP
            || proto == IPPROTO_UDPLITE);
}

const char *
tct_option_name(enum tct_option option)
{
    static const char *const names[] = {
#define TCT_OPTION(ENUM, NAME) NAME,
        TCT_OPTIONS
#undef TCT_OPTION
    };

    return names[option];
}

static void
check_allowed(const struct tct_options *o)
{
    bool expect = o->table == TCT_EXPECT;

    if (expect && (o->command == TCT_UPDATE || o->command == TCT_ADD)) {
        tct_usage_error("Can't do --%s on expectations",
                        o->command == TCT_ADD ? "add" : "update");
    }

    uint64_t may = (expect ? allowed[o->command].expect
                    : allowed[o->command].conn) | B(BUFFER);

    for (int i = 0; i < TCT_N_OPTIONS; i++) {
        if (o->given & ~may & TCT_BIT(i)) {
            tct_usage_error("Illegal option `--%s' with this command",
                            tct_option_name(i));
        }
    }
    if ((o->table == TCT_DYING || o->table == TCT_UNCONFIRMED)
        && o->command != TCT_LIST) {
        tct_usage_error("this table can only be listed");
    }
}

/* As conntrack(8) asks for it. */
static const char *
conntrack_name(enum tct_option option)
{
    return (option == TCT_O_SRC ? "src" : option == TCT_O_DST ? "dst"
            : option == TCT_O_SPORT ? "sport" : option == TCT_O_DPORT ? "dport"
            : tct_option_name(option));
}

static void
need(const struct tct_options *o, enum tct_option option)
{
    if (!tct_has(o, option)) {
        tct_usage_error("You need to supply the `--%s' option for this "
                        "command", conntrack_name(option));
    }
}

/* Exits if one of 'options' was given. */
static void
refuse(const struct tct_options *o, uint64_t options, const char *why)
{
    for (int i = 0; i < TCT_N_OPTIONS; i++) {
        if (o->given & options & TCT_BIT(i)) {
            tct_usage_error("`--%s' %s", tct_option_name(i), why);
        }
    }
}

static void
check_proto(const struct tct_options *o)
{
    uint8_t proto = o->filter.proto;

    if (!tct_has(o, TCT_O_PROTO)) {
        refuse(o, PORTS | TUPLE_PORTS | MASK_PORTS | ICMP | VTAGS | B(STATE),
               "needs `-p' and its protocol before it");
        return;
    }
    if (!tct_proto_has_ports(proto) && proto != IPPROTO_GRE) {
        refuse(o, PORTS | TUPLE_PORTS | MASK_PORTS,
               "is not for this protocol");
    }
    if (proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6) {
        refuse(o, ICMP, "is not for this protocol");
    }
    if (proto != IPPROTO_TCP && proto != IPPROTO_SCTP) {
        refuse(o, B(STATE), "is not for this protocol");
    }
    if (proto != IPPROTO_SCTP) {
        refuse(o, VTAGS, "is not for this protocol");
    }
}

static void
check_families(const struct tct_options *o)
{
    const struct ct_filter *f = &o->filter;
    const struct ct_filter_addr *const addrs[] = {
        &f->orig.src, &f->orig.dst, &f->reply.src, &f->reply.dst,
        &f->nat_src.src, &f->nat_dst.src, &o->expect.src, &o->expect.dst,
    };
    int family = tct_has(o, TCT_O_FAMILY) ? f->family : AF_UNSPEC;

    for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
        int this = addrs[i]->ipv6 ? AF_INET6 : AF_INET;

        if (addrs[i]->set && family != AF_UNSPEC && family != this) {
            tct_usage_error("mismatched address family");
        }
        family = addrs[i]->set ? this : family;
    }
}

static void
check_masks(const struct tct_options *o)
{
    if (tct_has(o, TCT_O_MASK_SRC) && !tct_has(o, TCT_O_SRC)
        && !tct_has(o, TCT_O_TUPLE_SRC)) {
        tct_usage_error("Can't use --mask-src without --src");
    }
    if (tct_has(o, TCT_O_MASK_DST) && !tct_has(o, TCT_O_DST)
        && !tct_has(o, TCT_O_TUPLE_DST)) {
        tct_usage_error("Can't use --mask-dst without --dst");
    }
}

static void
check_output(const struct tct_options *o)
{
    const unsigned int kinds = TCT_OUT_SAVE | TCT_OUT_XML | TCT_OUT_JSON
                               | TCT_OUT_COUNT | TCT_OUT_IPFIX;
    unsigned int kind = o->output & kinds;

    if (kind & TCT_OUT_SAVE && o->output != TCT_OUT_SAVE) {
        tct_failed("cannot combine save output with any other output type, "
                   "use -o save only");
    }
    if (o->table == TCT_EXPECT && kind & TCT_OUT_SAVE) {
        tct_usage_error("expectations can't be saved: `-o save' is for "
                        "connections");
    }
    if (o->table == TCT_EXPECT && kind & TCT_OUT_COUNT) {
        tct_usage_error("`-o count' is for connections: `-C expect' counts "
                        "expectations");
    }
    if (kind & (kind - 1)) {
        tct_usage_error("only one of xml, json, ipfix and count can be had");
    }
}

static void
check_log(const struct tct_options *o)
{
    bool ipfix = o->output & TCT_OUT_IPFIX;

    if (ipfix && !o->log) {
        tct_usage_error("IPFIX needs `-E' and `--log'");
    }
    if (!ipfix) {
        refuse(o, B(DOMAIN) | B(REFRESH), "is for `-o ipfix' only");
    }
    if (o->log && !(o->output & (TCT_OUT_JSON | TCT_OUT_IPFIX))) {
        tct_usage_error("a log is written with `-o json' or `-o ipfix'");
    }
    if (ipfix && o->events & 1u << CT_EVENT_UPDATE) {
        tct_usage_error("IPFIX tells of connections that begin and end: "
                        "`-e NEW,DESTROY'");
    }
    if (tct_has(o, TCT_O_REFRESH) && !o->refresh) {
        tct_usage_error("templates are repeated every second at most");
    }
}

/* Not a network. */
static bool
is_host(const struct ct_filter_addr *a)
{
    return (!a->set
            || (a->ipv6 ? ipv6_mask_is_exact(&a->mask.ip6)
                : a->mask.ip == OVS_BE32_MAX));
}

/* Of one connection: both ends, in one direction. */
static void
check_tuple(const struct tct_options *o)
{
    bool orig = tct_has(o, TCT_O_SRC) && tct_has(o, TCT_O_DST);
    bool reply = tct_has(o, TCT_O_REPLY_SRC) && tct_has(o, TCT_O_REPLY_DST);
    bool ports = ((orig && tct_has(o, TCT_O_SPORT)
                   && tct_has(o, TCT_O_DPORT))
                  || (reply && tct_has(o, TCT_O_REPLY_SPORT)
                      && tct_has(o, TCT_O_REPLY_DPORT)));

    need(o, TCT_O_PROTO);
    if (o->command != TCT_GET) {
        need(o, TCT_O_TIMEOUT);
    }
    if (!orig && !reply) {
        tct_usage_error("you have to specify `--src' and `--dst'");
    }
    if (tct_proto_has_ports(o->filter.proto) && !ports) {
        tct_usage_error("you have to specify `--sport' and `--dport'");
    }
    if (o->filter.proto == IPPROTO_ICMP
        || o->filter.proto == IPPROTO_ICMPV6) {
        need(o, TCT_O_ICMP_TYPE);
    }
    if (!is_host(&o->filter.orig.src) || !is_host(&o->filter.orig.dst)
        || !is_host(&o->filter.reply.src)
        || !is_host(&o->filter.reply.dst)) {
        tct_usage_error("an address, not a network, is needed");
    }
}

static void
check_create(const struct tct_options *o)
{
    if (o->table == TCT_CONNTRACK
        && (o->filter.proto == IPPROTO_TCP
            || o->filter.proto == IPPROTO_SCTP)) {
        need(o, TCT_O_STATE);
    }
    if (tct_has(o, TCT_O_TIMEOUT) && !o->timeout) {
        tct_usage_error("%s needs a timeout of at least 1 s",
                        (o->table == TCT_EXPECT ? "an expectation"
                         : "a connection"));
    }
}

/* Of an expectation all is needed, in conntrack(8)'s order. */
static void
check_expect(const struct tct_options *o)
{
    static const enum tct_option ends[] = {
        TCT_O_SRC, TCT_O_DST, TCT_O_PROTO, TCT_O_TIMEOUT, TCT_O_TUPLE_SRC,
        TCT_O_TUPLE_DST, TCT_O_MASK_SRC, TCT_O_MASK_DST,
    };
    static const enum tct_option ports[] = {
        TCT_O_SPORT, TCT_O_DPORT, TCT_O_TUPLE_SPORT, TCT_O_TUPLE_DPORT,
        TCT_O_MASK_SPORT, TCT_O_MASK_DPORT,
    };

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        need(o, ends[i]);
    }
    for (size_t i = 0; (i < ARRAY_SIZE(ports)
                        && tct_proto_has_ports(o->filter.proto)); i++) {
        need(o, ports[i]);
    }
    if (!is_host(&o->filter.orig.src) || !is_host(&o->filter.orig.dst)
        || !is_host(&o->expect.src) || !is_host(&o->expect.dst)) {
        tct_usage_error("an address, not a network, is needed");
    }
    for (int i = 0; i < 2; i++) {
        if (o->mask_family[i]
            != (o->expect.src.ipv6 ? AF_INET6 : AF_INET)) {
            tct_usage_error("mismatched address family");
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */

/* ct actions as dpctl writes them, decoded; actions that are refused; which
 * request belongs to which ct action of a list. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ct-dpif.h"
#include "ct-test.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "tw-actions.h"
#include "tw-actions-check.h"
#include "tw-ct.h"
#include "util.h"

/* 's' in the form of dpctl, as attributes. */
static struct ofpbuf *
parse(const char *s)
{
    struct ofpbuf *actions = ofpbuf_new(256);

    if (odp_actions_from_string(s, NULL, actions)) {
        ovs_fatal(0, "%s: no actions", s);
    }
    return actions;
}

static int
decode(const char *s, struct ct_request *request)
{
    struct ofpbuf *actions = parse(s);
    int error = tw_ct_decode(actions->data, request);

    ofpbuf_delete(actions);
    return error;
}

static struct ct_request
decode_ok(const char *s)
{
    struct ct_request request;
    int error = decode(s, &request);

    if (error) {
        printf("not ok: %s: error %d\n", s, error);
        ct_test_failures++;
        memset(&request, 0, sizeof request);
    }
    return request;
}

static void
test_plain(void)
{
    struct ct_request r;

    r = decode_ok("ct");
    CHECK(!r.commit && !r.force && !r.zone && !r.mark_mask);
    CHECK(r.nat.kind == CT_NAT_NONE && !r.helper[0]);
    CHECK(r.timeout_policy == DEFAULT_TP_ID);

    r = decode_ok("ct(zone=5)");
    CHECK(r.zone == 5 && !r.commit);
    r = decode_ok("ct(commit,zone=65535)");
    CHECK(r.zone == 65535 && r.commit && !r.force);
    r = decode_ok("ct(force_commit)");
    CHECK(r.commit && r.force);

    r = decode_ok("ct(commit,mark=0xa0a0a0a0/0xfefefefe)");
    CHECK(r.mark == 0xa0a0a0a0 && r.mark_mask == 0xfefefefe);
    r = decode_ok("ct(commit,label=0x1234567890abcdef1234567890abcdef/"
                  "0xf1f2f3f4f5f6f7f8f9f0fafbfcfdfeff)");
    CHECK(!ovs_u128_is_zero(r.label) && !ovs_u128_is_zero(r.label_mask));
    CHECK(r.label.u64.lo != r.label.u64.hi || r.label.u64.lo);

    r = decode_ok("ct(commit,helper=ftp)");
    CHECK(!strcmp(r.helper, "ftp"));
    r = decode_ok("ct(helper=tftp)");
    CHECK(!strcmp(r.helper, "tftp"));
    r = decode_ok("ct(commit,timeout=17)");
    CHECK(r.timeout_policy == 17);
}

static void
test_nat(void)
{
    struct in6_addr addr;
    struct ct_request r;

    r = decode_ok("ct(nat)");
    CHECK(r.nat.kind == CT_NAT_EXISTING && !r.nat.have_addr);
    CHECK(!r.nat.have_port);

    r = decode_ok("ct(commit,nat(src))");
    CHECK(r.nat.kind == CT_NAT_SRC && !r.nat.have_addr);

    r = decode_ok("ct(commit,nat(src=10.0.0.240,random))");
    CHECK(r.nat.kind == CT_NAT_SRC && r.nat.have_addr && !r.nat.ipv6);
    CHECK(r.nat.min_addr.ip == htonl(0x0a0000f0));
    CHECK(r.nat.max_addr.ip == r.nat.min_addr.ip);
    CHECK(r.nat.random && !r.nat.hash && !r.nat.persistent);
    CHECK(!r.nat.have_port);
    /* Bytes behind an IPv4 address are zero. */
    CHECK(!r.nat.min_addr.u64[1] && !(r.nat.min_addr.ip6.s6_addr[4]));

    r = decode_ok("ct(commit,nat(src=10.0.0.240-10.0.1.255:32768-65535,"
                  "hash,persistent))");
    CHECK(r.nat.min_addr.ip == htonl(0x0a0000f0));
    CHECK(r.nat.max_addr.ip == htonl(0x0a0001ff));
    CHECK(r.nat.have_port && r.nat.min_port == 32768);
    CHECK(r.nat.max_port == 65535 && r.nat.hash && r.nat.persistent);

    r = decode_ok("ct(commit,nat(dst=10.0.0.128:80))");
    CHECK(r.nat.kind == CT_NAT_DST);
    CHECK(r.nat.min_port == 80 && r.nat.max_port == 80);

    r = decode_ok("ct(commit,nat(src=fe80::20c:29ff:fe88:a18b))");
    ipv6_parse("fe80::20c:29ff:fe88:a18b", &addr);
    CHECK(r.nat.ipv6 && ipv6_addr_equals(&r.nat.min_addr.ip6, &addr));
    CHECK(ipv6_addr_equals(&r.nat.max_addr.ip6, &addr));

    r = decode_ok("ct(commit,nat(dst=[fe80::20c:29ff:fe88:1]-"
                  "[fe80::20c:29ff:fe88:a18b]:255-4096))");
    CHECK(ipv6_addr_equals(&r.nat.max_addr.ip6, &addr));
    CHECK(r.nat.min_port == 255 && r.nat.max_port == 4096);
}

/* Starts an OVS_ACTION_ATTR_CT in 'b'. */
static size_t
start_ct(struct ofpbuf *b)
{
    ofpbuf_clear(b);
    return nl_msg_start_nested(b, OVS_ACTION_ATTR_CT);
}

/* Ends it, and tells whether it is refused. */
static bool
end_ct_refused(struct ofpbuf *b, size_t offset)
{
    struct ct_request request;

    nl_msg_end_nested(b, offset);
    return tw_ct_decode(b->data, &request) == EINVAL;
}

static void
test_bad_attributes(void)
{
    static const uint8_t bytes[64];
    static const struct {
        uint16_t type;
        size_t good, bad;
    } sizes[] = {
        { OVS_CT_ATTR_COMMIT, 0, 1 },
        { OVS_CT_ATTR_FORCE_COMMIT, 0, 4 },
        { OVS_CT_ATTR_ZONE, 2, 1 },
        { OVS_CT_ATTR_ZONE, 2, 4 },
        { OVS_CT_ATTR_MARK, 8, 4 },
        { OVS_CT_ATTR_MARK, 8, 12 },
        { OVS_CT_ATTR_LABELS, 32, 16 },
        { OVS_CT_ATTR_LABELS, 32, 33 },
        { OVS_CT_ATTR_EVENTMASK, 4, 8 },
    };
    struct ofpbuf b;
    size_t offset;

    ofpbuf_init(&b, 0);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        offset = start_ct(&b);
        nl_msg_put_unspec(&b, sizes[i].type, bytes, sizes[i].good);
        CHECK(!end_ct_refused(&b, offset));
        offset = start_ct(&b);
        nl_msg_put_unspec(&b, sizes[i].type, bytes, sizes[i].bad);
        CHECK(end_ct_refused(&b, offset));
    }

    /* Unknown. */
    offset = start_ct(&b);
    nl_msg_put_flag(&b, OVS_CT_ATTR_UNSPEC);
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_flag(&b, 77);
    CHECK(end_ct_refused(&b, offset));

    /* An attribute that is longer than what holds it, and a rest that is
     * none. */
    offset = start_ct(&b);
    nl_msg_put_u16(&b, OVS_CT_ATTR_ZONE, 1);
    ((struct nlattr *) ((char *) b.data + NLA_HDRLEN))->nla_len = 200;
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_u16(&b, OVS_CT_ATTR_ZONE, 1);
    ofpbuf_put(&b, "\1\2", 2);
    CHECK(end_ct_refused(&b, offset));

    /* Strings: without end, empty, too long, and no number. */
    offset = start_ct(&b);
    nl_msg_put_unspec(&b, OVS_CT_ATTR_HELPER, "ftp", 3);
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_string(&b, OVS_CT_ATTR_HELPER, "");
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_string(&b, OVS_CT_ATTR_HELPER, "sixteencharacter");
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_unspec(&b, OVS_CT_ATTR_TIMEOUT, "1\0" "2", 4);
    CHECK(end_ct_refused(&b, offset));
    offset = start_ct(&b);
    nl_msg_put_string(&b, OVS_CT_ATTR_TIMEOUT, "fast");
    CHECK(end_ct_refused(&b, offset));
    ofpbuf_uninit(&b);
}

static void
test_bad_requests(void)
{
    static const char *const bad[] = {
        "ct(mark=1/1)",                         /* Without commit. */
        "ct(label=1/1)",
        "ct(nat(src=10.0.0.1))",
        "ct(nat(dst))",
    };
    struct ct_request request;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (decode(bad[i], &request) != EINVAL) {
            printf("not ok: %s accepted\n", bad[i]);
            ct_test_failures++;
        }
    }
}

/* A nat() of 'n' attributes, in a ct() that commits. */
struct nat_attr {
    uint16_t type;
    size_t size;
    const char *data;
};

static bool
nat_refused(const struct nat_attr *attrs, size_t n)
{
    struct ofpbuf b;
    size_t offset, nat;
    bool refused;

    ofpbuf_init(&b, 0);
    offset = start_ct(&b);
    nl_msg_put_flag(&b, OVS_CT_ATTR_COMMIT);
    nat = nl_msg_start_nested(&b, OVS_CT_ATTR_NAT);
    for (size_t i = 0; i < n; i++) {
        nl_msg_put_unspec(&b, attrs[i].type, attrs[i].data, attrs[i].size);
    }
    nl_msg_end_nested(&b, nat);
    refused = end_ct_refused(&b, offset);
    ofpbuf_uninit(&b);
    return refused;
}

static void
test_bad_nat(void)
{
    static const uint16_t port_low = 80, port_high = 90;
    const struct nat_attr src = { OVS_NAT_ATTR_SRC, 0, "" };
    const struct nat_attr dst = { OVS_NAT_ATTR_DST, 0, "" };
    const struct nat_attr min4 = { OVS_NAT_ATTR_IP_MIN, 4, "\12\0\0\1" };
    const struct nat_attr max4 = { OVS_NAT_ATTR_IP_MAX, 4, "\12\0\0\2" };
    const struct nat_attr low4 = { OVS_NAT_ATTR_IP_MAX, 4, "\11\0\0\3" };
    const struct nat_attr max6 = { OVS_NAT_ATTR_IP_MAX, 16,
                                   "\377\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" };
    const struct nat_attr odd = { OVS_NAT_ATTR_IP_MIN, 5, "\12\0\0\1\1" };
    const struct nat_attr pmin = { OVS_NAT_ATTR_PROTO_MIN, 2,
                                   (const char *) &port_high };
    const struct nat_attr pmax = { OVS_NAT_ATTR_PROTO_MAX, 2,
                                   (const char *) &port_low };
    const struct nat_attr pbig = { OVS_NAT_ATTR_PROTO_MIN, 4, "\0\0\0\0" };
    const struct nat_attr unknown = { 40, 0, "" };

#define REFUSED(...)                                                    \
    nat_refused((struct nat_attr[]) { __VA_ARGS__ },                    \
                ARRAY_SIZE(((struct nat_attr[]) { __VA_ARGS__ })))
    CHECK(!REFUSED(src));
    CHECK(!REFUSED(src, min4));
    CHECK(!REFUSED(src, min4, max4));
    CHECK(!REFUSED(dst, min4, max4, pmin));
    CHECK(REFUSED(src, dst));
    CHECK(REFUSED(min4));               /* No direction. */
    CHECK(REFUSED(pmin));
    CHECK(REFUSED(src, max4));          /* No beginning. */
    CHECK(REFUSED(src, min4, low4));    /* Empty ranges. */
    CHECK(REFUSED(src, min4, pmin, pmax));
    CHECK(REFUSED(src, min4, max6));    /* Families mixed. */
    CHECK(REFUSED(src, odd));
    CHECK(REFUSED(src, pbig));
    CHECK(REFUSED(src, unknown));
#undef REFUSED
}

/* Collects the zones that ct actions of 'actions' have, in order. */
struct collected {
    const struct tw_actions *actions;
    char zones[64];
};

static bool
collect(const struct nlattr *ct, void *collected_)
{
    struct collected *collected = collected_;
    const struct ct_request *request = tw_actions_get_ct(collected->actions,
                                                         ct);
    size_t len = strlen(collected->zones);

    snprintf(collected->zones + len, sizeof collected->zones - len, "%d,",
             request->zone);
    return true;
}

static void
test_lists(void)
{
    struct collected collected;
    struct tw_actions *actions;
    struct ofpbuf *b;

    b = parse("ct(zone=1),clone(ct(zone=2),ct(commit,zone=3),4),"
              "sample(sample=50%,actions(ct(zone=4),clone(ct(zone=5)))),"
              "check_pkt_len(size=200,gt(ct(zone=6),1),le(ct(zone=7))),"
              "ct(zone=8),recirc(9)");
    CHECK(!tw_actions_create(b->data, b->size, &actions));
    CHECK(actions->n_ct == 8 && actions->size == b->size);
    CHECK(!memcmp(actions->nlattrs, b->data, b->size));
    memset(&collected, 0, sizeof collected);
    collected.actions = actions;
    CHECK(tw_actions_check(actions->nlattrs, actions->size, collect,
                           &collected));
    CHECK(!strcmp(collected.zones, "1,2,3,4,5,6,7,8,"));
    tw_actions_free(actions);
    ofpbuf_delete(b);

    CHECK(!tw_actions_create(NULL, 0, &actions));
    CHECK(actions && !actions->size);
    tw_actions_free(actions);
}

static void
test_accepted_actions(void)
{
    static const char *const good[] = {
        "1,2,3",
        "userspace(pid=6633)",
        "userspace(pid=9765,slow_path(cfm))",
        "userspace(pid=9765,userdata(0102030405),tunnel_out_port=10)",
        "set(tunnel(tun_id=0xabcdef,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,"
            "flags(df|csum|key))),1",
        "set(eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a))",
        "set(ipv4(src=10.0.0.1,dst=1.2.3.4,ttl=3))",
        "set(icmpv6(type=1,code=2))",
        "set(mpls(label=1,tc=2,ttl=3,bos=1))",
        "push_vlan(vid=12,pcp=0),pop_vlan",
        "add_mpls(label=200,tc=7,ttl=64,bos=1,eth_type=0x8847)",
        "sample(sample=9.7%,actions(1,2,3,push_vlan(vid=1,pcp=2)))",
        "trunc(100),1",
        "meter(8)",
        "lb_output(7)",
        "push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x123456,si=255,"
            "c1=0x1,c2=0x2,c3=0x3,c4=0x4),pop_nsh()",
        "ct_clear",
        "tnl_pop(4)",
        "tnl_push(tnl_port(4),header(size=42,type=3,eth(dst=f8:bc:12:44:34:b6,"
            "src=f8:bc:12:46:58:e0,dl_type=0x0800),ipv4(src=1.1.2.88,"
            "dst=1.1.2.92,proto=47,tos=0,ttl=64,frag=0x40),gre((flags=0x2000,"
            "proto=0x6558),key=0x1e241)),out_port(1))",
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct ofpbuf *b = parse(good[i]);
        struct tw_actions *actions;
        int error = tw_actions_create(b->data, b->size, &actions);

        if (error) {
            printf("not ok: refused %s\n", good[i]);
            ct_test_failures++;
        }
        tw_actions_free(actions);
        ofpbuf_delete(b);
    }
}

/* What dpctl has no words for. */
static void
test_accepted_by_size(void)
{
    static const uint8_t zeros[64];
    static const struct {
        uint16_t type;
        size_t size;
    } good[] = {
        { OVS_ACTION_ATTR_PUSH_MPLS, sizeof(struct ovs_action_push_mpls) },
        { OVS_ACTION_ATTR_POP_MPLS, sizeof(ovs_be16) },
        { OVS_ACTION_ATTR_DROP, sizeof(uint32_t) },
        { OVS_ACTION_ATTR_RECIRC, sizeof(uint32_t) },
        { OVS_ACTION_ATTR_PUSH_ETH, sizeof(struct ovs_action_push_eth) },
        { OVS_ACTION_ATTR_POP_ETH, 0 },
        { OVS_ACTION_ATTR_HASH, sizeof(struct ovs_action_hash) },
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct tw_actions *actions;
        struct ofpbuf b;

        ofpbuf_init(&b, 0);
        nl_msg_put_unspec(&b, good[i].type, zeros, good[i].size);
        CHECK(!tw_actions_create(b.data, b.size, &actions));
        tw_actions_free(actions);
        ofpbuf_uninit(&b);
    }
}

/* Whether 'b' is refused; anything but EINVAL is a failure. */
static bool
refused(const struct ofpbuf *b)
{
    struct tw_actions *actions;
    int error = tw_actions_create(b->data, b->size, &actions);

    CHECK(!error == !!actions);
    tw_actions_free(actions);
    return error == EINVAL;
}

static void
test_refused_actions(void)
{
    static const uint8_t zeros[128];
    struct ofpbuf b;
    size_t offset;

    ofpbuf_init(&b, 0);

    /* Every type, with a size that none has. */
    for (int type = 0; type < 64; type++) {
        bool ignores_size = (type == OVS_ACTION_ATTR_POP_VLAN
                             || type == OVS_ACTION_ATTR_POP_ETH
                             || type == OVS_ACTION_ATTR_POP_NSH
                             || type == OVS_ACTION_ATTR_CT_CLEAR);

        ofpbuf_clear(&b);
        nl_msg_put_unspec(&b, type, zeros, 3);
        CHECK(refused(&b) != ignores_size);
    }

    /* A bad ct deep down. */
    ofpbuf_clear(&b);
    offset = nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_CT, zeros, 3);
    nl_msg_end_nested(&b, offset);
    CHECK(refused(&b));

    /* Fields that cannot be set, or not so. */
    for (int type = 0; type < 64; type++) {
        ofpbuf_clear(&b);
        offset = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET);
        nl_msg_put_unspec(&b, type, zeros, 5);
        nl_msg_end_nested(&b, offset);
        CHECK(refused(&b));
    }
    ofpbuf_clear(&b);
    offset = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET);
    nl_msg_put_u32(&b, OVS_KEY_ATTR_IN_PORT, 1);
    nl_msg_end_nested(&b, offset);
    CHECK(refused(&b));
    ofpbuf_clear(&b);
    offset = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET_MASKED);
    nl_msg_put_unspec(&b, OVS_KEY_ATTR_ICMP, zeros,
                      2 * sizeof(struct ovs_key_icmp));
    nl_msg_end_nested(&b, offset);
    CHECK(refused(&b));

    /* Two fields in one set. */
    ofpbuf_clear(&b);
    offset = nl_msg_start_nested(&b, OVS_ACTION_ATTR_SET);
    nl_msg_put_u32(&b, OVS_KEY_ATTR_SKB_MARK, 1);
    nl_msg_put_u32(&b, OVS_KEY_ATTR_SKB_MARK, 1);
    nl_msg_end_nested(&b, offset);
    CHECK(refused(&b));

    /* A hash that nobody knows. */
    ofpbuf_clear(&b);
    nl_msg_put_unspec(&b, OVS_ACTION_ATTR_HASH,
                      &(struct ovs_action_hash) { .hash_alg = 9 },
                      sizeof(struct ovs_action_hash));
    CHECK(refused(&b));

    /* Lists in lists without end. */
    ofpbuf_clear(&b);
    for (int i = 0; i < 1000; i++) {
        nl_msg_start_nested(&b, OVS_ACTION_ATTR_CLONE);
    }
    for (int i = 0; i < 1000; i++) {
        nl_msg_end_nested(&b, i * NLA_HDRLEN);
    }
    CHECK(refused(&b));
    ofpbuf_uninit(&b);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    set_program_name(argv[0]);
    test_plain();
    test_nat();
    test_bad_attributes();
    test_bad_requests();
    test_bad_nat();
    test_lists();
    test_accepted_actions();
    test_accepted_by_size();
    test_refused_actions();
    return ct_test_end("tw-ct");
}

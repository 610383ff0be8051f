/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker as its users see it: sequences of real packets through
 * ct_execute(), and what states, metadata, dumps and counters say then. */

#include <config.h>

#include "ct-core-test.h"

#include "ct-helper-policy.h"

/* A firewall: ct(), and on +new ct(commit) from one side only. */

static void
test_firewall_tcp(void)
{
    struct test_spec syn = segment(tcp, TCP_SYN, 100, 0);
    struct test_spec synack = segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101);
    struct test_spec ack = segment(tcp, TCP_ACK, 101, 501);
    struct ct_dpif_entry e;

    /* Nothing is stored without commit. */
    assert(state(syn, &look) == NEW);
    assert(state(syn, &look) == NEW);
    assert(!ct_get_nconns(ct) && !dump_first(-1, &e));

    /* Not from outside. */
    assert(state(synack, &look) == INV);
    assert(ct_counter_get(ct, CT_C_INVALID_TCP_NEW) == 1);

    assert(state(syn, &commit) == NEW);
    assert(ct_get_nconns(ct) == 1);
    assert(state(syn, &look) == NEW);
    assert(state(synack, &look) == RPL);
    assert(state(ack, &look) == EST);

    assert(dump_first(-1, &e));
    assert(e.tuple_orig.src.ip == test_ip(1)
           && e.tuple_orig.dst.ip == test_ip(2)
           && e.tuple_orig.l3_type == AF_INET
           && e.tuple_orig.ip_proto == IPPROTO_TCP
           && e.tuple_orig.src_port == htons(1000)
           && e.tuple_orig.dst_port == htons(80));
    assert(e.tuple_reply.src.ip == test_ip(2)
           && e.tuple_reply.dst_port == htons(1000));
    assert(e.counters_orig.packets == 3 && e.counters_orig.bytes == 120);
    assert(e.counters_reply.packets == 1 && e.counters_reply.bytes == 40);
    assert(e.status == (CT_DPIF_STATUS_SEEN_REPLY | CT_DPIF_STATUS_ASSURED
                        | CT_DPIF_STATUS_CONFIRMED));
    assert(e.protoinfo.proto == IPPROTO_TCP
           && e.protoinfo.tcp.state_orig == CT_DPIF_TCPS_ESTABLISHED);
    assert(e.timeout > 431000 && e.timeout <= 432000);
    assert(e.id && !e.zone && !e.mark && !e.have_labels && !e.helper.name);
    assert(llabs((long long) (e.timestamp.start / 1000000)
                 - time_wall_msec()) < 10000);

    /* Both close; what is left expires. */
    assert(state(segment(tcp, TCP_FIN | TCP_ACK, 101, 501), &look) == EST);
    assert(state(segment(back(tcp), TCP_FIN | TCP_ACK, 501, 102), &look)
           == RPL);
    assert(state(segment(tcp, TCP_ACK, 102, 502), &look) == EST);
    assert(dump_first(-1, &e)
           && e.protoinfo.tcp.state_orig == CT_DPIF_TCPS_TIME_WAIT);
    advance(119 * 1000);
    assert(ct_get_nconns(ct) == 1);
    advance(2000);
    assert(!ct_get_nconns(ct));
    assert(ct_counter_get(ct, CT_C_EXPIRED) == 1);
}

/* A connection that is over is replaced by the SYN that reopens it. */
static void
test_reopen(void)
{
    struct ct_dpif_entry e;
    uint32_t id;

    state(segment(tcp, TCP_SYN, 100, 0), &commit);
    state(segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101), &look);
    state(segment(tcp, TCP_ACK, 101, 501), &look);
    state(segment(tcp, TCP_FIN | TCP_ACK, 101, 501), &look);
    state(segment(back(tcp), TCP_FIN | TCP_ACK, 501, 102), &look);
    state(segment(tcp, TCP_ACK, 102, 502), &look);
    assert(dump_first(-1, &e));
    id = e.id;

    assert(state(segment(tcp, TCP_SYN, 9000, 0), &commit) == NEW);
    assert(dump_first(-1, &e) && e.id != id && ct_get_nconns(ct) == 1);
    assert(e.protoinfo.tcp.state_orig == CT_DPIF_TCPS_SYN_SENT);
}

static void
test_one_way(struct test_spec s)
{
    struct ct_dpif_entry e;

    /* However often it is repeated, one side alone establishes nothing. */
    assert(state(s, &commit) == NEW);
    assert(state(s, &look) == NEW);
    assert(state(s, &commit) == NEW);
    assert(state(back(s), &look) == RPL);
    assert(state(s, &look) == EST);
    assert(dump_first(-1, &e));
    assert(e.counters_orig.packets == 4 && e.counters_reply.packets == 1);
    assert(e.status & CT_DPIF_STATUS_SEEN_REPLY);
    assert(ct_get_nconns(ct) == 1);
    assert(ct_counter_get(ct, CT_C_CREATED) == 1);
}

static void
test_one_way_all(void)
{
    struct test_spec udp6 = udp, ping6 = ping;

    udp6.ipv6 = ping6.ipv6 = true;
    ping6.proto = IPPROTO_ICMPV6;
    ping6.sport = 128;

    const struct test_spec specs[] = {
        udp, udp6, ping, ping6,
        { .proto = 112, .src = 1, .dst = 2 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        test_one_way(specs[i]);
        stop();
        start();
    }
}

static void
test_metadata(void)
{
    const struct ct_request set = {
        .zone = 7, .commit = true,
        .mark = 0x5, .mark_mask = 0xf,
        .label = { .u64 = { .lo = 1, .hi = 2 } },
        .label_mask = { .u64 = { .lo = 0xff, .hi = 0xff } },
    };
    struct ct_request get = { .zone = 7 };
    struct ct_request change = {
        .zone = 7, .commit = true,
        .mark = 0x20, .mark_mask = 0x21,
        .label = { .u64 = { .lo = 0x10 } },
        .label_mask = { .u64 = { .lo = 0x11 } },
    };
    struct test_spec reply = back(udp);
    struct dp_packet *p;
    struct ct_dpif_entry e;

    assert(state(udp, &set) == NEW);
    p = test_ct(ct, test_packet(&reply), false, &get, now);
    assert(p->md.ct_state == RPL && p->md.ct_zone == 7
           && p->md.ct_mark == 5
           && p->md.ct_label.u64.lo == 1 && p->md.ct_label.u64.hi == 2
           && !p->md.ct_orig_tuple_ipv6
           && p->md.ct_orig_tuple.ipv4.ipv4_src == test_ip(1)
           && p->md.ct_orig_tuple.ipv4.dst_port == htons(53)
           && p->md.ct_orig_tuple.ipv4.ipv4_proto == IPPROTO_UDP);
    dp_packet_delete(p);

    /* Masked, and by a packet of either direction. */
    p = test_ct(ct, test_packet(&reply), false, &change, now);
    assert(p->md.ct_mark == 0x24 && p->md.ct_label.u64.lo == 0x10
           && p->md.ct_label.u64.hi == 2);
    dp_packet_delete(p);
    assert(dump_first(7, &e) && e.mark == 0x24 && e.labels.u64.lo == 0x10
           && e.have_labels && e.zone == 7);

    /* Not without commit. */
    change.commit = false;
    change.mark = 0x1;
    assert(state(udp, &change) == EST);
    assert(dump_first(7, &e) && e.mark == 0x24);

    /* Of an ICMP query: type and code.  Not committed: the packet's own. */
    p = test_ct(ct, test_packet(&ping), false, &look, now);
    assert(p->md.ct_state == NEW && !p->md.ct_mark
           && ovs_u128_is_zero(p->md.ct_label)
           && p->md.ct_orig_tuple.ipv4.src_port == htons(8)
           && !p->md.ct_orig_tuple.ipv4.dst_port);
    ct_clear(p);
    assert(!p->md.ct_state && !p->md.conn);
    dp_packet_delete(p);

    /* Nothing of an invalid one. */
    reply = segment(back(tcp), TCP_SYN | TCP_ACK, 1, 1);
    p = test_ct(ct, test_packet(&reply), false, &get, now);
    assert(p->md.ct_state == INV && p->md.ct_zone == 7 && !p->md.ct_mark
           && !p->md.ct_orig_tuple.ipv4.ipv4_proto && !p->md.conn);
    dp_packet_delete(p);
}

static void
test_zones(void)
{
    const struct ct_request commit1 = { .zone = 1, .commit = true };
    const struct ct_request look1 = { .zone = 1 }, look2 = { .zone = 2 };
    struct ct_dpif_entry e;

    assert(state(udp, &commit1) == NEW);
    assert(state(back(udp), &look1) == RPL);
    /* The same addresses elsewhere are somebody else. */
    assert(state(back(udp), &look2) == NEW);
    assert(state(udp, &look2) == NEW);
    assert(dump_count(-1) == 1 && dump_count(1) == 1 && !dump_count(2));

    /* One packet through two zones and back counts in both. */
    struct dp_packet *p = test_packet(&udp);
    p = test_ct(ct, p, false, &look1, now);
    p = test_ct(ct, p, false, &look2, now);
    p = test_ct(ct, p, false, &look1, now);
    assert(p->md.ct_state == EST);
    dp_packet_delete(p);
    assert(dump_first(1, &e) && e.counters_orig.packets == 3);
}

/* A packet counts once in a zone, with or without its cached connection. */
static void
test_cached(void)
{
    struct test_spec reply = back(udp), other = udp;
    struct ct_dpif_entry e;
    struct dp_packet *p;

    assert(state(udp, &commit) == NEW);

    p = test_ct(ct, test_packet(&udp), false, &look, now);
    assert(p->md.conn);
    p = test_ct(ct, p, false, &commit, now);
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.ct_state == NEW);
    assert(dump_first(-1, &e) && e.counters_orig.packets == 2);

    /* Behind an upcall. */
    p->md.conn = NULL;
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.ct_state == NEW);
    assert(dump_first(-1, &e) && e.counters_orig.packets == 2);

    /* After ct_clear it is another packet. */
    ct_clear(p);
    p = test_ct(ct, p, false, &look, now);
    assert(dump_first(-1, &e) && e.counters_orig.packets == 3);
    dp_packet_delete(p);

    /* With another port it belongs to another connection, in which it has not
     * been counted. */
    other.dport = 54;
    assert(state(other, &commit) == NEW);
    p = test_ct(ct, test_packet(&reply), false, &look, now);
    assert(p->md.ct_state == RPL);
    packet_set_udp_port(p, htons(54), htons(1000));
    assert(!p->md.conn);
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.ct_state == RPL);
    assert(p->md.ct_orig_tuple.ipv4.dst_port == htons(54));
    dp_packet_delete(p);
    assert(ct_flush(ct, NULL, &e.tuple_orig) == 0);
    assert(dump_first(-1, &e) && e.counters_reply.packets == 1);

    /* A pointer to what has become another connection is not believed. */
    struct test_spec third = udp;
    struct dp_packet *q;
    third.dport = 55;
    assert(state(third, &commit) == NEW);
    p = test_ct(ct, test_packet(&other), false, &look, now);
    q = test_ct(ct, test_packet(&third), false, &look, now);
    q->md.conn = p->md.conn;
    q = test_ct(ct, q, false, &look, now);
    assert(q->md.conn != p->md.conn);
    assert(q->md.ct_orig_tuple.ipv4.dst_port == htons(55));
    dp_packet_delete(p);
    dp_packet_delete(q);

    /* Nor is one of the other family: its headers have another shape. */
    struct test_spec udp6 = udp;
    udp6.ipv6 = true;
    q = test_ct(ct, test_packet(&udp6), true, &commit, now);
    assert(q->md.conn);
    p = test_packet(&third);
    p->md = q->md;
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.conn && p->md.conn != q->md.conn);
    dp_packet_delete(p);
    dp_packet_delete(q);

    /* A cached connection that is gone is forgotten. */
    p = test_ct(ct, test_packet(&other), false, &look, now);
    assert(p->md.ct_state == EST);
    assert(ct_flush(ct, NULL, &e.tuple_orig) == 0);
    p = test_ct(ct, p, false, &look, now);
    assert(p->md.ct_state == NEW && !p->md.conn);
    dp_packet_delete(p);
}

/* The packet that ends its connection stays its packet, in what else the zone
 * does to it: a client that is refused gets to know, through translation
 * too. */
static void
test_last_packet(void)
{
    const struct ct_request request = snat(100, 5000);
    const struct ct_request look1 = { .zone = 1 };
    const struct ct_request nat1 = {
        .zone = 1, .nat.kind = CT_NAT_EXISTING,
    };
    struct test_spec rst = segment(back(tcp), TCP_RST | TCP_ACK, 0, 101);
    struct dp_packet *p;

    rst.dst = 100;
    rst.dport = 5000;
    assert(state(segment(tcp, TCP_SYN, 100, 0), &request)
           == (NEW | CS_SRC_NAT));
    p = test_ct(ct, test_packet(&rst), false, &look1, now);
    assert(p->md.ct_state == RPL && !ct_get_nconns(ct));
    p = test_ct(ct, p, false, &nat1, now);
    assert(p->md.ct_state == (RPL | CS_DST_NAT));
    const struct ip_header *ip = dp_packet_l3(p);
    assert(get_16aligned_be32(&ip->ip_dst) == test_ip(1));
    dp_packet_delete(p);

    /* Nobody else's. */
    assert(state(rst, &look1) == INV);
}

static void
test_batch(void)
{
    struct dp_packet_batch batch;
    struct test_spec reply = back(udp), bad = udp;
    struct ct_dpif_entry e;

    /* Later packets of a batch find what earlier ones commit. */
    dp_packet_batch_init(&batch);
    dp_packet_batch_add(&batch, test_packet(&udp));
    dp_packet_batch_add(&batch, test_packet(&udp));
    dp_packet_batch_add(&batch, test_packet(&reply));
    dp_packet_batch_add(&batch, test_packet(&bad));
    struct udp_header *uh = dp_packet_l4(batch.packets[3]);
    uh->udp_csum = htons(ntohs(uh->udp_csum) + 1);
    dp_packet_batch_add(&batch, test_packet(&udp));
    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &commit, now);
    assert(dp_packet_batch_size(&batch) == 5);
    assert(batch.packets[0]->md.ct_state == NEW);
    assert(batch.packets[1]->md.ct_state == NEW);
    assert(batch.packets[2]->md.ct_state == RPL);
    assert(batch.packets[3]->md.ct_state == INV);
    assert(batch.packets[4]->md.ct_state == EST);
    dp_packet_delete_batch(&batch, true);
    assert(ct_get_nconns(ct) == 1 && dump_first(-1, &e)
           && e.counters_orig.packets == 3);
    assert(ct_counter_get(ct, CT_C_INVALID_CHECKSUM) == 1);
    assert(!ct_flush(ct, NULL, NULL));

    /* Also if the whole batch has been looked up before: both count. */
    dp_packet_batch_init(&batch);
    dp_packet_batch_add(&batch, test_packet(&udp));
    dp_packet_batch_add(&batch, test_packet(&udp));
    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &look, now);
    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &commit, now);
    assert(dp_packet_batch_size(&batch) == 2);
    assert(batch.packets[1]->md.ct_state == NEW && batch.packets[1]->md.conn);
    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &commit, now);
    assert(ct_get_nconns(ct) == 1 && dump_first(-1, &e)
           && e.counters_orig.packets == 2);
    dp_packet_delete_batch(&batch, true);
}

static void
test_force(void)
{
    const struct ct_request force = { .commit = true, .force = true };
    struct ct_dpif_entry e;
    struct test_spec reply = back(udp);
    struct dp_packet *p;

    assert(state(udp, &commit) == NEW);
    /* The right direction: nothing happens. */
    assert(state(udp, &force) == NEW);
    assert(ct_counter_get(ct, CT_C_CREATED) == 1);

    p = test_ct(ct, test_packet(&reply), false, &look, now);
    assert(p->md.ct_state == RPL);
    p = test_ct(ct, p, false, &force, now);
    assert(p->md.ct_state == NEW);
    assert(p->md.ct_orig_tuple.ipv4.ipv4_src == test_ip(2));
    dp_packet_delete(p);

    assert(ct_get_nconns(ct) == 1 && dump_first(-1, &e));
    assert(e.tuple_orig.src.ip == test_ip(2));
    assert(state(udp, &look) == RPL);
    assert(ct_counter_get(ct, CT_C_DELETED) == 1);
}

static void
test_helper(void)
{
    struct ct_request request = { .commit = true, .helper = "ftp" };
    struct test_spec syn = segment(tcp, TCP_SYN, 1, 0);
    struct ct_dpif_entry e;

    syn.dport = 21;
    assert(state(syn, &request) == NEW);
    assert(dump_first(-1, &e) && !strcmp(e.helper.name, "ftp"));
    ct_dpif_entry_uninit(&e);

    strcpy(request.helper, "nosuch");
    assert(state(udp, &request) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_HELPER) == 1);
    assert(ct_get_nconns(ct) == 1);
}

/* Packets of one batch: only those of the helper's port have it, whichever
 * comes first. */
static void
test_helper_of_batch(void)
{
    struct test_spec syn = segment(tcp, TCP_SYN, 1, 0);
    struct dp_packet_batch batch;
    unsigned int n_helped = 0;
    struct ct_dpif_entry e;

    assert(!ct_helper_policies_set(ct, "zone=*,proto=tcp,port=21,helper=ftp"));
    dp_packet_batch_init(&batch);
    for (int i = 0; i < 9; i++) {
        syn.sport = 1000 + i;
        syn.dport = i % 3 == 1 ? 21 : 80;
        dp_packet_batch_add(&batch, test_packet(&syn));
    }
    ct_execute(ct, &batch, htons(ETH_TYPE_IP), &commit, now);
    assert(dp_packet_batch_size(&batch) == 9);
    dp_packet_delete_batch(&batch, true);

    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    while (!ct_dump_next(dump, &e)) {
        assert(!e.helper.name == (e.tuple_orig.dst_port != htons(21)));
        n_helped += e.helper.name != NULL;
        ct_dpif_entry_uninit(&e);
    }
    ct_dump_destroy(dump);
    assert(n_helped == 3 && ct_get_nconns(ct) == 9);
}

/* Translation: what comes out, and what comes back. */

static void
assert_addrs(const struct dp_packet *p, uint16_t src, uint16_t dst)
{
    const struct ip_header *ip = dp_packet_l3(p);

    assert(get_16aligned_be32(&ip->ip_src) == test_ip(src));
    assert(get_16aligned_be32(&ip->ip_dst) == test_ip(dst));
    assert(!csum(ip, IP_HEADER_LEN));
}

static void
test_nat(void)
{
    const struct ct_request nat = { .zone = 1, .nat.kind = CT_NAT_EXISTING };
    const struct ct_request plain = { .zone = 1 };
    struct ct_request out = snat(100, 0);
    struct test_spec answer = { .proto = IPPROTO_UDP, .src = 2, .dst = 100,
                                .sport = 53, .dport = 1000, .len = 10 };
    struct ct_dpif_entry e;
    struct dp_packet *p;

    /* ct(nat) and, being new, ct(commit, nat(src)). */
    p = test_ct(ct, test_packet(&udp), false, &nat, now);
    assert(p->md.ct_state == NEW);
    assert_addrs(p, 1, 2);
    p = test_ct(ct, p, false, &out, now);
    assert(p->md.ct_state == (NEW | CS_SRC_NAT));
    assert_addrs(p, 100, 2);

    /* Once in a zone, cached or behind an upcall. */
    p = test_ct(ct, p, false, &nat, now);
    assert_addrs(p, 100, 2);
    p->md.conn = NULL;
    p = test_ct(ct, p, false, &nat, now);
    assert_addrs(p, 100, 2);
    assert(p->md.ct_state == (NEW | CS_SRC_NAT));
    dp_packet_delete(p);
    assert(dump_first(1, &e) && e.counters_orig.packets == 1);
    assert(e.tuple_reply.dst.ip == test_ip(100));
    assert(e.status == (CT_DPIF_STATUS_CONFIRMED | CT_DPIF_STATUS_SRC_NAT
                        | CT_DPIF_STATUS_SRC_NAT_DONE));

    /* Back; untranslated if nobody asks for it. */
    p = test_ct(ct, test_packet(&answer), false, &plain, now);
    assert(p->md.ct_state == RPL);
    assert_addrs(p, 2, 100);
    p = test_ct(ct, p, false, &nat, now);
    assert(p->md.ct_state == (RPL | CS_DST_NAT));
    assert_addrs(p, 2, 1);
    assert(p->md.ct_orig_tuple.ipv4.ipv4_src == test_ip(1));
    p->md.conn = NULL;
    p = test_ct(ct, p, false, &nat, now);
    assert(p->md.ct_state == (RPL | CS_DST_NAT));
    assert_addrs(p, 2, 1);
    dp_packet_delete(p);
    assert(dump_first(1, &e) && e.counters_reply.packets == 1);

    /* Another client on the same port takes another; with one port only, it
     * is refused, not let through as it is. */
    out = snat(100, 1000);
    struct test_spec second = udp;
    second.src = 3;
    assert(state(second, &out) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_NAT_EXHAUSTED) == 1);
    assert(ct_get_nconns(ct) == 1);
    out = snat(100, 0);
    p = test_ct(ct, test_packet(&second), false, &out, now);
    assert_addrs(p, 100, 2);
    assert(((struct udp_header *) dp_packet_l4(p))->udp_src != htons(1000));
    dp_packet_delete(p);

    /* The port is free again behind a flush. */
    ct_flush(ct, NULL, NULL);
    out = snat(100, 1000);
    for (int i = 0; state(second, &out) == DROPPED; i++) {
        assert(i < 1000);
        xnanosleep(10 * 1000 * 1000);
    }
}

/* ICMP errors. */

/* About the headers alone. */
static struct dp_packet *
icmp_error(uint16_t src, uint16_t dst, const struct dp_packet *about)
{
    return test_icmp_error_packet(src, dst, about,
                                  IP_HEADER_LEN + 8);
}

static void
test_icmp_error(void)
{
    const struct ct_request nat = { .zone = 1, .nat.kind = CT_NAT_EXISTING };
    struct ct_request out = snat(100, 0);
    struct dp_packet *p, *about;
    struct ct_dpif_entry e;

    about = test_packet(&udp);
    p = test_ct(ct, icmp_error(2, 1, about), false, &look, now);
    assert(p->md.ct_state == INV);
    assert(ct_counter_get(ct, CT_C_INVALID_ICMP_ERROR) == 1);
    dp_packet_delete(p);

    /* From the server and from a router on the way. */
    assert(state(udp, &commit) == NEW);
    for (int router = 2; router <= 9; router += 7) {
        p = test_ct(ct, icmp_error(router, 1, about), false, &look, now);
        assert(p->md.ct_state == (REL | CS_REPLY_DIR));
        assert(p->md.ct_orig_tuple.ipv4.ipv4_proto == IPPROTO_UDP);
        dp_packet_delete(p);
    }
    assert(dump_first(-1, &e) && !e.counters_reply.packets);
    assert(!(e.status & CT_DPIF_STATUS_SEEN_REPLY));
    dp_packet_delete(about);

    /* About a translated packet: the inner header is put back as well. */
    about = test_ct(ct, test_packet(&udp), false, &out, now);
    assert_addrs(about, 100, 2);
    p = icmp_error(9, 100, about);
    p = test_ct(ct, p, false, &nat, now);
    for (int i = 0; i < 3; i++) {
        const struct ip_header *inner;

        assert(p->md.ct_state == (REL | CS_REPLY_DIR | CS_DST_NAT));
        assert_addrs(p, 9, 1);
        inner = (void *) ((char *) dp_packet_l4(p) + 8);
        assert(get_16aligned_be32(&inner->ip_src) == test_ip(1));
        assert(!csum(inner, IP_HEADER_LEN));
        assert(!csum(dp_packet_l4(p), dp_packet_l4_size(p)));

        /* Again: nothing more happens, cached or not. */
        if (i == 1) {
            p->md.conn = NULL;
        }
        p = test_ct(ct, p, false, &nat, now);
    }
    dp_packet_delete(p);
    dp_packet_delete(about);
}

/* Damaged packets are invalid, whatever is cut off. */
static void
test_truncated(void)
{
    struct test_spec specs[] = { udp, tcp, ping, udp };

    specs[1].flags = TCP_SYN;
    specs[3].ipv6 = true;
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        struct test_spec *s = &specs[i];

        for (size_t cut = 1; ; cut++) {
            struct dp_packet *p = test_packet(s);

            if (cut >= dp_packet_l3_size(p)) {
                dp_packet_delete(p);
                break;
            }
            dp_packet_set_size(p, dp_packet_size(p) - cut);
            if (dp_packet_l4_size(p) > 65535) {
                p->l4_ofs = dp_packet_size(p);
            }
            p = test_ct(ct, p, s->ipv6, &commit, now);
            assert(p->md.ct_state == INV);
            dp_packet_delete(p);
        }
    }
    assert(!ct_get_nconns(ct));
}

/* Bytes of headers changed at random, in buffers of exactly their length, with
 * checksums that the device is said to have looked at: nothing is read or
 * written behind the end, and what is not dropped has an outcome. */

static struct dp_packet *
exact_copy(const struct dp_packet *p)
{
    size_t size = dp_packet_size(p);
    struct dp_packet *copy = xmalloc(sizeof *copy);

    dp_packet_use(copy, xmemdup(dp_packet_data(p), size), size);
    dp_packet_set_size(copy, size);
    pkt_metadata_init(&copy->md, 1);
    return copy;
}

static uint32_t
next_random(uint32_t *r)
{
    return (*r = *r * 1664525 + 1013904223) >> 8;
}

static void
test_mutated(void)
{
    struct test_spec specs[] = { udp, tcp, ping, udp, tcp, ping };
    const struct ct_request requests[] = {
        look, commit, snat(100, 0), { .nat.kind = CT_NAT_EXISTING },
        { .commit = true, .force = true },
    };
    struct test_spec about = udp;
    struct dp_packet *inner = test_packet(&about);
    uint32_t r = 1;

    specs[1].flags = TCP_SYN;
    specs[3].ipv6 = specs[4].ipv6 = specs[5].ipv6 = true;
    specs[4].flags = TCP_ACK;
    specs[5].proto = IPPROTO_ICMPV6;
    specs[5].sport = 128;
    for (int i = 0; i < 60000; i++) {
        const struct test_spec *s = &specs[i % ARRAY_SIZE(specs)];
        struct dp_packet *whole = (i % 7 ? test_packet(s)
                                   : icmp_error(2, 1, inner));
        struct dp_packet *p = exact_copy(whole);
        uint8_t *bytes = dp_packet_data(p);
        struct flow flow;

        dp_packet_delete(whole);
        for (int n = next_random(&r) % 4; n >= 0; n--) {
            size_t at = ETH_HEADER_LEN;

            at += next_random(&r) % (dp_packet_size(p) - at);
            bytes[at] = next_random(&r);
        }
        if (next_random(&r) % 4 == 0) {
            dp_packet_set_size(p, ETH_HEADER_LEN
                               + (next_random(&r)
                                  % (dp_packet_size(p) - ETH_HEADER_LEN)));
        }
        dp_packet_hwol_set_tx_ipv4(p);
        dp_packet_hwol_set_csum_udp(p);
        flow_extract(p, &flow);
        p = test_ct(ct, p, flow.dl_type == htons(ETH_TYPE_IPV6),
                    &requests[next_random(&r) % ARRAY_SIZE(requests)], now);
        assert(!p || p->md.ct_state & CS_TRACKED);
        dp_packet_delete(p);
        now++;
    }
    dp_packet_delete(inner);
    assert(ct_get_nconns(ct) > 0);
}

static const struct test tests[] = {
    { "firewall-tcp", test_firewall_tcp },
    { "reopen", test_reopen },
    { "one-way", test_one_way_all },
    { "metadata", test_metadata },
    { "zones", test_zones },
    { "cached", test_cached },
    { "last-packet", test_last_packet },
    { "batch", test_batch },
    { "force", test_force },
    { "helper", test_helper },
    { "helper-of-batch", test_helper_of_batch },
    { "nat", test_nat },
    { "icmp-error", test_icmp_error },
    { "truncated", test_truncated },
    { "mutated", test_mutated },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}

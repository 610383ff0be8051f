/* SPDX-License-Identifier: Apache-2.0 */

/* Which mapping a new connection gets, in a zone of a real tracker. */

#include <config.h>

#include "ct-nat.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct.h"
#include "ct-hash.h"
#include "ct-packet.h"
#include "ct-table.h"
#include "ct-zone.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "util.h"

#define ZONE 5

static struct ct *ct;
static struct ct_zone *zone;
static struct ct_conn_memory *memory;

/* Connections of the current test. */
static struct ct_conn **conns;
static size_t n_conns, allocated_conns;
static __thread unsigned int last_lookups;
static __thread enum ct_counter last_why;

static union ct_inet_addr
addr(const char *s)
{
    union ct_inet_addr a = { .u64 = { 0, 0 } };

    ovs_assert(inet_pton(strchr(s, ':') ? AF_INET6 : AF_INET, s, &a) == 1);
    return a;
}

static struct ct_tuple
tuple(uint8_t proto, const char *src, uint16_t src_port, const char *dst,
      uint16_t dst_port)
{
    struct ct_tuple t = {
        .src = addr(src), .dst = addr(dst),
        .src_port = htons(src_port), .dst_port = htons(dst_port),
        .proto = proto, .kind = strchr(src, ':') ? CT_KIND_IPV6 : 0,
    };

    return t;
}

static struct ct_tuple
tcp(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
    return tuple(IPPROTO_TCP, src, src_port, dst, dst_port);
}

static struct ct_tuple
ping(const char *src, const char *dst, uint16_t id)
{
    bool ipv6 = strchr(src, ':');
    uint8_t proto = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    struct ct_tuple t = tuple(proto, src, id, dst, id);

    ovs_assert(ct_icmp_query_kind(proto, ipv6 ? 128 : 8, &t.kind));
    return t;
}

/* A range from 'min' to 'max' (NULL: just 'min'), with ports if 'max_port' is
 * not 0. */
static struct ct_nat_range
range(enum ct_nat_kind kind, const char *min, const char *max,
      uint16_t min_port, uint16_t max_port)
{
    struct ct_nat_range r = { .kind = kind };

    if (min) {
        r.have_addr = true;
        r.ipv6 = strchr(min, ':') != NULL;
        r.min_addr = addr(min);
        r.max_addr = addr(max ? max : min);
    }
    r.have_port = max_port > 0;
    r.min_port = min_port;
    r.max_port = max_port;
    return r;
}

/* Commits 'original' with 'r' as ct-commit.c does.  NULL if there is no
 * mapping; else '*to' (unless NULL) is the packet behind it. */
static struct ct_conn *
commit_at(const struct ct_tuple *original, const struct ct_nat_range *r,
          struct ct_tuple *to, long long now)
{
    struct ct_request request = { .zone = ZONE, .commit = true, .nat = *r };
    struct ct_packet packet = {
        .ct = ct, .request = &request, .zone = zone, .now = now,
        .tuple = *original,
    };
    struct ct_nat_search search;
    struct ct_conn *conn = NULL;
    struct ct_tuple reply;

    ct_nat_search_init(&search, &packet);
    while (!conn && ct_nat_search_next(&search, &reply)) {
        conn = ct_conn_alloc(memory, ZONE, original, &reply);
        ovs_assert(conn);
        ct_nat_prepare(conn, &reply);
        if (!ct_table_insert(ct_zone_table(zone), conn, NULL)) {
            ct_nat_search_keep(&search, conn);
        } else {
            ct_conn_free(memory, conn);
            conn = NULL;
        }
    }
    last_lookups = CT_NAT_MAX_LOOKUPS - search.n_lookups;
    last_why = ct_nat_search_why(&search);
    ct_nat_search_uninit(&search);

    if (conn && to) {
        ct_conn_tuple(conn, CT_DIR_REPLY, &reply);
        ct_tuple_invert(&reply, to);
    }
    return conn;
}

static struct ct_conn *
commit(struct ct_tuple original, const struct ct_nat_range *r,
       struct ct_tuple *to)
{
    struct ct_conn *conn = commit_at(&original, r, to, 1000000);

    if (conn) {
        if (n_conns >= allocated_conns) {
            conns = x2nrealloc(conns, &allocated_conns, sizeof *conns);
        }
        conns[n_conns++] = conn;
    }
    return conn;
}

static void
end_conn(struct ct_conn *conn)
{
    ovs_assert(ct_table_remove(ct_zone_table(zone), conn));
    ct_nat_release(ct, conn);
    ct_conn_free_postponed(memory, conn);
}

/* Ends the connection of 'conns' that is 'conn'. */
static void
forget(struct ct_conn *conn)
{
    for (size_t i = 0; i < n_conns; i++) {
        if (conns[i] == conn) {
            conns[i] = conns[--n_conns];
            end_conn(conn);
            return;
        }
    }
    ovs_assert(false);
}

/* At the end of a test. */
static void
forget_all(void)
{
    while (n_conns) {
        end_conn(conns[--n_conns]);
    }
    ovsrcu_quiesce();
}

static void
check_to(const char *where, const struct ct_tuple *to, const char *src,
         int src_port, const char *dst, int dst_port)
{
    union ct_inet_addr s = addr(src), d = addr(dst);

    if (memcmp(&to->src, &s, sizeof s) || memcmp(&to->dst, &d, sizeof d)
        || (src_port >= 0 && to->src_port != htons(src_port))
        || (dst_port >= 0 && to->dst_port != htons(dst_port))) {
        fprintf(stderr, "%s: ports %d, %d; wanted %s %d, %s %d\n", where,
                ntohs(to->src_port), ntohs(to->dst_port), src, src_port, dst,
                dst_port);
        abort();
    }
}
#define CHECK_TO(...) check_to(OVS_SOURCE_LOCATOR, __VA_ARGS__)

static void
check_status(const struct ct_conn *conn, uint16_t want)
{
    ovs_assert((ct_conn_status(conn) & (CT_DPIF_STATUS_SRC_NAT
                                        | CT_DPIF_STATUS_DST_NAT)) == want);
}

/* The source port is kept where it is free towards the destination, and stays
 * in its class where it is not. */
static void
test_snat_keeps_port(void)
{
    static const struct { uint16_t port, min, max; } classes[] = {
        { 80, 1, 511 }, { 511, 1, 511 }, { 512, 600, 1023 },
        { 1023, 600, 1023 }, { 1024, 1024, 65535 }, { 40000, 1024, 65535 },
    };
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 0, 0);
    struct ct_conn *conn;
    struct ct_tuple to;
    uint16_t got;

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        uint16_t port = classes[i].port;

        conn = commit(tcp("10.0.0.1", port, "10.9.9.9", 80), &r, &to);
        CHECK_TO(&to, "192.0.2.1", port, "10.9.9.9", 80);
        check_status(conn, CT_DPIF_STATUS_SRC_NAT);

        /* Another client, same destination: not the same port. */
        ovs_assert(commit(tcp("10.0.0.2", port, "10.9.9.9", 80), &r, &to));
        CHECK_TO(&to, "192.0.2.1", -1, "10.9.9.9", 80);
        ovs_assert(ntohs(to.src_port) != port
                   && ntohs(to.src_port) >= classes[i].min
                   && ntohs(to.src_port) <= classes[i].max);

        /* That one goes to another destination: as before. */
        got = ntohs(to.src_port);
        ovs_assert(commit(tcp("10.0.0.2", port, "10.9.9.8", 80), &r, &to));
        CHECK_TO(&to, "192.0.2.1", got, "10.9.9.8", 80);

        /* A third client goes there: its port is free towards there. */
        ovs_assert(commit(tcp("10.0.0.3", port, "10.9.9.8", 80), &r, &to));
        CHECK_TO(&to, "192.0.2.1", port, "10.9.9.8", 80);
    }
    forget_all();
}

/* Ports in a row are in use by connections that are not translated; wherever
 * the search begins, it finds one of the others. */
static void
test_snat_beside_block(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 2000, 3999);
    struct ct_nat_range none = { .kind = CT_NAT_NONE };

    for (int i = 0; i < 1000; i++) {
        ovs_assert(commit(tcp("192.0.2.1", 2000 + i, "10.9.9.9", 80), &none,
                          NULL));
    }
    for (int i = 0; i < 300; i++) {
        ovs_assert(commit(tcp("10.0.0.1", 10000 + i, "10.9.9.9", 80), &r,
                          NULL));
    }
    forget_all();
}

/* A source that already lies in the range stays. */
static void
test_snat_in_range(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "10.0.0.1", "10.0.0.200", 0, 0);
    struct ct_tuple to;

    check_status(commit(tcp("10.0.0.77", 4000, "10.9.9.9", 80), &r, &to), 0);
    CHECK_TO(&to, "10.0.0.77", 4000, "10.9.9.9", 80);
    forget_all();
}

static void
test_snat_port_range(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 3000, 3001);
    struct ct_conn *a, *b;
    struct ct_tuple to;

    a = commit(tcp("10.0.0.1", 3001, "10.9.9.9", 80), &r, &to);
    CHECK_TO(&to, "192.0.2.1", 3001, "10.9.9.9", 80);
    b = commit(tcp("10.0.0.1", 9999, "10.9.9.9", 80), &r, &to);
    CHECK_TO(&to, "192.0.2.1", 3000, "10.9.9.9", 80);

    /* Both are taken towards that destination, and only that. */
    ovs_assert(!commit(tcp("10.0.0.1", 9998, "10.9.9.9", 80), &r, &to));
    ovs_assert(last_why == CT_C_DROP_NAT_EXHAUSTED);
    for (int i = 0; i < 2; i++) {
        ovs_assert(commit(tcp("10.0.0.1", 9998, "10.9.9.9", 81 + i), &r,
                          &to));
        ovs_assert(commit(tcp("10.0.0.2", 9998, "10.9.9.9", 81 + i), &r,
                          &to));
        ovs_assert(!commit(tcp("10.0.0.3", 9998, "10.9.9.9", 81 + i), &r,
                           &to));
    }

    /* What is given back can be had again, at once. */
    ovs_assert(!commit(tcp("10.0.0.1", 9998, "10.9.9.9", 80), &r, &to));
    forget(a);
    ovs_assert(commit(tcp("10.0.0.1", 9998, "10.9.9.9", 80), &r, &to));
    CHECK_TO(&to, "192.0.2.1", 3001, "10.9.9.9", 80);
    forget(b);
    ovs_assert(commit(tcp("10.0.0.1", 9997, "10.9.9.9", 80), &r, &to));
    CHECK_TO(&to, "192.0.2.1", 3000, "10.9.9.9", 80);
    forget_all();
}

/* A whole range of addresses and ports is used up, each mapping once, and is
 * then known to be used up without asking again. */
static void
test_snat_whole_range(const char *min, const char *max, const char *dst,
                      bool persistent)
{
    struct ct_nat_range r = range(CT_NAT_SRC, min, max, 34567, 34568);
    bool ipv6 = r.ipv6;
    char src[INET6_ADDRSTRLEN];

    r.persistent = persistent;
    for (int i = 0; i < 15 * 2; i++) {
        snprintf(src, sizeof src, ipv6 ? "2001:db8::1:%x" : "10.0.0.%d",
                 i + 1);
        ovs_assert(commit(tcp(src, 2000, dst, 80), &r, NULL));
    }
    ovs_assert(!commit(tcp(src, 2001, dst, 80), &r, NULL));
    ovs_assert(!commit(tcp(src, 2001, dst, 80), &r, NULL));
    ovs_assert(last_lookups <= 2 * 15);
    ovs_assert(commit(tcp(src, 2001, dst, 81), &r, NULL));
    forget_all();
}

/* Tens of thousands of connections through one address: to one destination
 * until no port is left, exactly, and to another one by the same ports. */
static void
test_snat_full_address(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 0, 0);
    struct ct_conn *some = NULL;
    unsigned int n, most = 0;
    struct ct_tuple to;
    char src[32];

    for (n = 0; ; n++) {
        snprintf(src, sizeof src, "10.%d.%d.1", n >> 8 & 0xff, n & 0xff);
        struct ct_conn *conn = commit(tcp(src, 5000 + (n >> 16), "10.9.9.9",
                                          80), &r, NULL);

        if (!conn) {
            break;
        }
        some = conn;
        most = MAX(most, last_lookups);
    }
    ovs_assert(n == 65536 - 1024);
    /* All others were the packet's own port and then a free one. */
    ovs_assert(most <= 2);
    ovs_assert(last_lookups <= 2 + 128 + 64 + 32 + 16);
    ovs_assert(!commit(tcp("10.0.0.1", 6000, "10.9.9.9", 80), &r, NULL));
    ovs_assert(last_lookups <= 2);

    for (n = 0; n < 20000; n++) {
        snprintf(src, sizeof src, "10.%d.%d.1", n >> 8 & 0xff, n & 0xff);
        ovs_assert(commit(tcp(src, 5000, "10.9.9.8", 80), &r, NULL));
    }

    ct_conn_tuple(some, CT_DIR_REPLY, &to);
    forget(some);
    struct ct_tuple got;
    ovs_assert(commit(tcp("10.0.0.1", 6001, "10.9.9.9", 80), &r, &got));
    ovs_assert(got.src_port == to.dst_port);
    forget_all();
}

/* ICMP identifiers: as ports. */
static void
test_snat_icmp(const char *a, const char *b, const char *dst, const char *nat)
{
    struct ct_nat_range r = range(CT_NAT_SRC, nat, NULL, 0, 0);
    struct ct_nat_range r1 = range(CT_NAT_SRC, nat, NULL, 20000, 20000);
    struct ct_tuple to;

    ovs_assert(commit(ping(a, dst, 7), &r, &to));
    CHECK_TO(&to, nat, 7, dst, 7);
    check_status(commit(ping(b, dst, 7), &r, &to), CT_DPIF_STATUS_SRC_NAT);
    CHECK_TO(&to, nat, -1, dst, -1);
    ovs_assert(to.src_port != htons(7) && to.src_port == to.dst_port);
    forget_all();

    check_status(commit(ping(a, dst, 7), &r1, &to), CT_DPIF_STATUS_SRC_NAT);
    CHECK_TO(&to, nat, 20000, dst, 20000);
    ovs_assert(!commit(ping(b, dst, 7), &r1, &to));
    forget_all();
}

/* No ports: an address is all there is. */
static void
test_snat_gre(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", "192.0.2.2", 1000,
                                  2000);
    struct ct_tuple to;

    for (int i = 0; i < 2; i++) {
        ovs_assert(commit(tuple(IPPROTO_GRE, i ? "10.0.0.2" : "10.0.0.1", 0,
                                "10.9.9.9", 0), &r, &to));
        ovs_assert(!to.src_port && !to.dst_port);
    }
    ovs_assert(!commit(tuple(IPPROTO_GRE, "10.0.0.3", 0, "10.9.9.9", 0), &r,
                       &to));
    forget_all();
}

/* The source is kept, unless another connection has the reply tuple. */
static void
test_null_snat(const struct ct_nat_range *r, const char *client,
               const char *virtual, const char *server)
{
    struct ct_nat_range dnat = range(CT_NAT_DST, server, NULL, 0, 0);
    struct ct_tuple to;

    check_status(commit(tcp(client, 30000, server, 80), r, &to), 0);
    CHECK_TO(&to, client, 30000, server, 80);

    check_status(commit(tcp(client, 30001, virtual, 80), &dnat, &to),
                 CT_DPIF_STATUS_DST_NAT);
    CHECK_TO(&to, client, 30001, server, 80);
    check_status(commit(tcp(client, 30001, server, 80), r, &to),
                 CT_DPIF_STATUS_SRC_NAT);
    CHECK_TO(&to, client, -1, server, 80);
    ovs_assert(ntohs(to.src_port) >= 1024 && ntohs(to.src_port) != 30001);
    forget_all();
}

/* Two virtual addresses of one server: the second connection from the same
 * source needs another port there. */
static void
test_dnat_clash(void)
{
    struct ct_nat_range r = range(CT_NAT_DST, "10.1.1.2", NULL, 0, 0);
    struct ct_nat_range r80 = range(CT_NAT_DST, "10.1.1.2", NULL, 80, 80);
    struct ct_tuple to;

    for (int i = 0; i < 2; i++) {
        const struct ct_nat_range *range = i ? &r80 : &r;
        uint16_t dport = i ? 8080 : 80;

        check_status(commit(tcp("10.1.1.1", 4000, "172.16.0.1", dport),
                            range, &to), CT_DPIF_STATUS_DST_NAT);
        CHECK_TO(&to, "10.1.1.1", 4000, "10.1.1.2", 80);
        check_status(commit(tcp("10.1.1.1", 4000, "172.16.0.2", dport),
                            range, &to),
                     CT_DPIF_STATUS_DST_NAT | CT_DPIF_STATUS_SRC_NAT);
        CHECK_TO(&to, "10.1.1.1", -1, "10.1.1.2", 80);
        ovs_assert(to.src_port != htons(4000)
                   && ntohs(to.src_port) >= 1024);
        forget_all();
    }

    ovs_assert(commit(ping("10.1.1.1", "172.16.0.1", 9), &r80, &to));
    CHECK_TO(&to, "10.1.1.1", 9, "10.1.1.2", 9);
    check_status(commit(ping("10.1.1.1", "172.16.0.2", 9), &r80, &to),
                 CT_DPIF_STATUS_DST_NAT | CT_DPIF_STATUS_SRC_NAT);
    ovs_assert(to.src_port == to.dst_port && to.src_port != htons(9));
    forget_all();
}

/* Destination ports: the packet's own if it lies in the range, else one of
 * it; when all are taken for this source, another source port. */
static void
test_dnat_port_range(void)
{
    struct ct_nat_range r = range(CT_NAT_DST, "10.1.1.2", NULL, 8000, 8003);
    uint16_t seen = 0;
    struct ct_tuple to;
    char dst[32];

    check_status(commit(tcp("10.1.1.1", 4000, "172.16.0.1", 8002), &r, &to),
                 CT_DPIF_STATUS_DST_NAT);
    CHECK_TO(&to, "10.1.1.1", 4000, "10.1.1.2", 8002);
    for (int i = 0; i < 3; i++) {
        snprintf(dst, sizeof dst, "172.16.0.%d", i + 2);
        check_status(commit(tcp("10.1.1.1", 4000, dst, 8002), &r, &to),
                     CT_DPIF_STATUS_DST_NAT);
        CHECK_TO(&to, "10.1.1.1", 4000, "10.1.1.2", -1);
        seen |= 1 << (ntohs(to.dst_port) - 8000);
    }
    ovs_assert(seen == 0xb);
    check_status(commit(tcp("10.1.1.1", 4000, "172.16.0.9", 8002), &r, &to),
                 CT_DPIF_STATUS_DST_NAT | CT_DPIF_STATUS_SRC_NAT);
    CHECK_TO(&to, "10.1.1.1", -1, "10.1.1.2", 8002);
    forget_all();

    ovs_assert(commit(tcp("10.1.1.1", 4000, "172.16.0.1", 80), &r, &to));
    ovs_assert(ntohs(to.dst_port) >= 8000 && ntohs(to.dst_port) <= 8003);
    forget_all();
}

/* One pair of ends always gets one address; with 'persistent' one client
 * does; the range is used evenly. */
static void
test_addr_choice(enum ct_nat_kind kind, bool persistent)
{
    struct ct_nat_range r = range(kind, "192.0.2.0", "192.0.2.7", 0, 0);
    unsigned int n[8] = { 0 }, n_same = 0;
    struct ct_tuple to1, to2, to3;
    char src[32];

    r.persistent = persistent;
    for (int i = 0; i < 800; i++) {
        snprintf(src, sizeof src, "10.0.%d.%d", i >> 8, i & 0xff);
        ovs_assert(commit(tcp(src, 2000, "10.9.9.9", 80), &r, &to1));
        ovs_assert(commit(tcp(src, 2001, "10.9.9.9", 81), &r, &to2));
        ovs_assert(commit(tcp(src, 2002, "10.8.8.8", 80), &r, &to3));
        if (kind == CT_NAT_DST) {
            to1.src = to1.dst;
            to2.src = to2.dst;
            to3.src = to3.dst;
        }
        ovs_assert(!memcmp(&to1.src, &to2.src, sizeof to1.src));
        n_same += !memcmp(&to1.src, &to3.src, sizeof to1.src);
        n[ntohl(to1.src.ip) & 7]++;
    }
    for (int i = 0; i < 8; i++) {
        ovs_assert(n[i] > 50 && n[i] < 160);
    }
    ovs_assert(persistent ? n_same == 800 : n_same < 200);
    forget_all();
}

/* IPv6 ranges, also where they cross 64 bits. */
static void
test_ipv6_range(void)
{
    static const char min[] = "2001:db8::ffff:ffff:ffff:fffe";
    static const char max[] = "2001:db8:0:1::1";
    struct ct_nat_range r = range(CT_NAT_SRC, min, max, 0, 0);
    union ct_inet_addr lo = addr(min), hi = addr(max);
    struct ct_tuple to;
    unsigned int n_high = 0;
    char src[INET6_ADDRSTRLEN];

    for (int i = 0; i < 100; i++) {
        snprintf(src, sizeof src, "2001:db8:9::%x", i);
        ovs_assert(commit(tcp(src, 2000, "2001:db8:8::1", 80), &r, &to));
        ovs_assert(memcmp(&to.src, &lo, 16) >= 0
                   && memcmp(&to.src, &hi, 16) <= 0);
        n_high += to.src.ip6.s6_addr[7];
    }
    ovs_assert(n_high > 20 && n_high < 80);
    forget_all();

    /* Far more addresses than there are hashes. */
    r = range(CT_NAT_SRC, "2001:db8::", "2001:db8:ffff::", 0, 0);
    ovs_assert(commit(tcp(src, 2000, "2001:db8:8::1", 80), &r, NULL));
    forget_all();
}

/* 'hash' is repeatable, 'random' is not; neither keeps the port. */
static void
test_flags(void)
{
    struct ct_nat_range h = range(CT_NAT_SRC, "192.0.2.1", NULL, 1, 65535);
    struct ct_nat_range r = h;
    struct ct_tuple to1, to2;
    unsigned int n_same = 0;

    h.hash = true;
    r.random = true;
    for (int i = 0; i < 20; i++) {
        struct ct_tuple t = tcp("10.0.0.1", 2000 + i, "10.9.9.9", 80);

        ovs_assert(commit(t, &h, &to1));
        forget_all();
        ovs_assert(commit(t, &h, &to2));
        forget_all();
        ovs_assert(to1.src_port == to2.src_port);
        n_same += to1.src_port == t.src_port;

        ovs_assert(commit(t, &r, &to2));
        forget_all();
        n_same += to2.src_port == t.src_port;
    }
    ovs_assert(n_same < 3);
}

/* One source keeps its mapping from destination to destination, while it
 * lies in the range and until its connection ends. */
static void
test_snat_reuse(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", "192.0.2.9", 3000,
                                  4000);
    struct ct_nat_range other = range(CT_NAT_SRC, "192.0.2.77", NULL, 3000,
                                      4000);
    struct ct_tuple first, to;
    struct ct_conn *conn;
    char dst[32];

    ovs_assert(commit(tcp("10.0.0.1", 5000, "10.9.9.9", 53), &r, &first));
    for (int i = 0; i < 50; i++) {
        snprintf(dst, sizeof dst, "10.9.8.%d", i);
        ovs_assert(commit(tcp("10.0.0.1", 5000, dst, 53), &r, &to));
        ovs_assert(!memcmp(&to.src, &first.src, sizeof to.src)
                   && to.src_port == first.src_port);
    }
    conn = commit(tcp("10.0.0.1", 5000, "10.9.7.1", 53), &other, &to);
    CHECK_TO(&to, "192.0.2.77", -1, "10.9.7.1", 53);
    forget(conn);
    ovs_assert(commit(tuple(IPPROTO_UDP, "10.0.0.1", 5000, "10.9.9.9", 53),
                      &r, NULL));
    forget_all();
}

/* A choice that comes out as no translation at all is none, and holds no
 * port. */
static void
test_chosen_identity(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "10.0.0.1", NULL, 2000, 2000);
    struct ct_tuple to;

    r.random = true;
    check_status(commit(tcp("10.0.0.1", 2000, "10.9.9.9", 80), &r, &to), 0);
    CHECK_TO(&to, "10.0.0.1", 2000, "10.9.9.9", 80);
    ovs_assert(!commit(tcp("10.0.0.2", 2000, "10.9.9.9", 80), &r, &to));
    check_status(commit(tcp("10.0.0.2", 2000, "10.9.9.8", 80), &r, &to),
                 CT_DPIF_STATUS_SRC_NAT);
    forget_all();
}

/* Port 0 is only chosen for ICMP. */
static void
test_port_zero(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 0, 1);
    struct ct_tuple to;

    ovs_assert(commit(tuple(IPPROTO_SCTP, "10.0.0.1", 9, "10.9.9.9", 80),
                      &r, &to));
    ovs_assert(to.src_port == htons(1));
    ovs_assert(!commit(tuple(IPPROTO_SCTP, "10.0.0.2", 9, "10.9.9.9", 80),
                       &r, &to));
    ovs_assert(commit(ping("10.0.0.1", "10.9.9.9", 9), &r, &to));
    ovs_assert(commit(ping("10.0.0.2", "10.9.9.9", 9), &r, &to));
    ovs_assert(!commit(ping("10.0.0.3", "10.9.9.9", 9), &r, &to));
    forget_all();
}

static void
test_family(void)
{
    struct ct_nat_range r = range(CT_NAT_SRC, "2001:db8::1", NULL, 0, 0);

    ovs_assert(!commit(tcp("10.0.0.1", 2000, "10.9.9.9", 80), &r, NULL));
    ovs_assert(last_why == CT_C_DROP_NAT_FAMILY);
    r = range(CT_NAT_DST, "192.0.2.1", NULL, 0, 0);
    ovs_assert(!commit(tcp("2001:db8::2", 2000, "2001:db8::3", 80), &r,
                       NULL));
    ovs_assert(last_why == CT_C_DROP_NAT_FAMILY);
}

/* Without nat: the inverse, once, taken or not. */
static void
test_none(void)
{
    struct ct_nat_range r = { .kind = CT_NAT_NONE };
    struct ct_tuple to;

    check_status(commit(tcp("10.0.0.1", 2000, "10.9.9.9", 80), &r, &to), 0);
    CHECK_TO(&to, "10.0.0.1", 2000, "10.9.9.9", 80);
    ovs_assert(!commit(tcp("10.0.0.1", 2000, "10.9.9.9", 80), &r, &to));
    forget_all();
}

/* A server behind the same address as its client. */
static void
test_hairpin(void)
{
    struct ct_nat_range dnat = range(CT_NAT_DST, "10.1.1.1", NULL, 0, 0);
    struct ct_nat_range snat = range(CT_NAT_SRC, "192.0.2.1", NULL, 0, 0);
    struct ct_tuple to;

    ovs_assert(commit(tcp("10.1.1.1", 4000, "192.0.2.1", 80), &dnat, &to));
    CHECK_TO(&to, "10.1.1.1", 4000, "10.1.1.1", 80);
    ovs_assert(commit(tcp("10.1.1.1", 4000, "10.1.1.3", 80), &snat, &to));
    CHECK_TO(&to, "192.0.2.1", 4000, "10.1.1.3", 80);
    forget_all();
}

/* Threads that commit to one address: nobody has another's tuple, and what is
 * ended is there again. */
#define N_RACE 4000

static void *
race_main(void *base_)
{
    unsigned int base = *(unsigned int *) base_;
    struct ct_nat_range r = range(CT_NAT_SRC, "192.0.2.1", NULL, 1000, 8999);
    struct ct_conn **mine = xcalloc(N_RACE, sizeof *mine);

    for (int round = 0; round < 5; round++) {
        for (unsigned int i = 0; i < N_RACE; i++) {
            struct ct_tuple t = tcp("10.0.0.1", 0, "10.9.9.9", 80);

            t.src.ip = htonl(0x0b000000 + base + i);
            t.src_port = htons(20000);
            mine[i] = commit_at(&t, &r, NULL, 1000000 + round * 1000);
            ovs_assert(mine[i]);
        }
        for (unsigned int i = 0; i < N_RACE; i++) {
            end_conn(mine[i]);
        }
        ovsrcu_quiesce();
    }
    free(mine);
    return NULL;
}

static void
test_threads(void)
{
    unsigned int bases[2] = { 0, 100000 };
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        threads[i] = ovs_thread_create("race", race_main, &bases[i]);
    }
    for (int i = 0; i < 2; i++) {
        xpthread_join(threads[i], NULL);
    }
}

int
main(int argc, char *argv[])
{
    struct ct_nat_range zero4 = range(CT_NAT_SRC, "0.0.0.0", NULL, 0, 0);
    struct ct_nat_range zero6 = range(CT_NAT_SRC, "::", NULL, 0, 0);
    struct ct_nat_range bare = { .kind = CT_NAT_EXISTING };

    set_program_name(argv[0]);
    random_set_seed(argc > 1 ? atoi(argv[1]) : 1);
    ct_hash_init();
    ct = ct_create();
    zone = ct_zone_get_or_create(ct, ZONE);
    memory = ct_conn_memory_create();

    test_snat_keeps_port();
    test_snat_beside_block();
    test_snat_in_range();
    test_snat_port_range();
    test_snat_whole_range("192.0.2.240", "192.0.2.254", "10.9.9.9", false);
    test_snat_whole_range("192.0.2.240", "192.0.2.254", "10.9.9.9", true);
    test_snat_whole_range("2001:db8::f0", "2001:db8::fe", "2001:db8:1::1",
                          false);
    test_snat_full_address();
    test_snat_icmp("10.0.0.1", "10.0.0.2", "10.9.9.9", "192.0.2.1");
    test_snat_icmp("2001:db8::1", "2001:db8::2", "2001:db8::3",
                   "2001:db8::4");
    test_snat_gre();
    test_null_snat(&zero4, "10.1.1.1", "172.1.1.2", "10.1.1.2");
    test_null_snat(&zero6, "2001:db8::1", "2001:db8:1::1", "2001:db8::2");
    test_null_snat(&bare, "10.1.1.1", "172.1.1.2", "10.1.1.2");
    test_null_snat(&bare, "2001:db8::1", "2001:db8:1::1", "2001:db8::2");
    test_dnat_clash();
    test_dnat_port_range();
    test_addr_choice(CT_NAT_SRC, false);
    test_addr_choice(CT_NAT_SRC, true);
    test_addr_choice(CT_NAT_DST, false);
    test_addr_choice(CT_NAT_DST, true);
    test_ipv6_range();
    test_flags();
    test_snat_reuse();
    test_chosen_identity();
    test_port_zero();
    test_family();
    test_none();
    test_hairpin();
    test_threads();

    free(conns);
    ct_conn_memory_destroy(memory);
    ct_destroy(ct);
    printf("ct-nat: ok\n");
    return 0;
}

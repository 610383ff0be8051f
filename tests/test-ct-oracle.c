/* SPDX-License-Identifier: Apache-2.0 */

/* The tracker's side of tests/oracle: reads packets and the time of each from
 * standard input, passes them through ct(commit, nat), and writes what became
 * of each packet and of its connection.
 *
 * Everything is binary, in structs of this machine; tests/oracle/trackway.py
 * is the other end.  A request of zero packet bytes sets timeouts or a switch.
 *
 * usage: test-ct-oracle [--wrong]
 *
 * With --wrong, windows are not checked: differences must be found. */

#include <config.h>

#include "ct-dump.h"
#include "ct-expect.h"
#include "ct-hash.h"
#include "ct-helper.h"
#include "ct-joint.h"
#include "ct-l4-tcp.h"
#include "ct-l4.h"
#include "ct-switch.h"
#include "ct-table.h"
#include "ct-zone.h"
#include "ct.h"
#include "ipf.h"

#include "ct-core-test.h"

#define MAX_PACKET 4096
#define N_TUPLES 2
#define N_EXPECTS 8
#define MAX_FRAGMENTS 5000      /* As many as ipf takes. */
#define MIN_FRAGMENT 400        /* As few bytes as ipf takes. */

/* A tuple on the wire.  ICMP: the identifier is in both ports. */
struct wire_tuple {
    uint8_t src[16], dst[16];
    ovs_be16 sport, dport;
    uint8_t proto;              /* 0: there is none. */
    uint8_t ipv6;
    uint8_t icmp_type;
    uint8_t pad;
};
BUILD_ASSERT_DECL(sizeof(struct wire_tuple) == 40);

struct wire_request {
    uint32_t size;              /* Of the packet that follows. */
    uint32_t value;             /* Of 'setting', if that is 0. */
    int64_t msec;               /* Since the first. */
    uint8_t from_server;
    uint8_t nat;                /* 0: none, 1: snat, 2: dnat. */
    uint8_t expects;            /* Tell of expectations too. */
    uint8_t pad[5];
    char helper[CT_HELPER_NAME_LEN];        /* "" for none. */
    char setting[24];           /* A switch; "longer": seconds that all
                                 * timeouts are longer; "tcp_seq_chk". */
    uint8_t nat_addr[16];
    struct wire_tuple tuples[N_TUPLES];     /* To look for afterwards. */
};

struct wire_conn {
    uint8_t found;
    uint8_t l4_state;
    uint8_t flags[2];
    uint8_t wscale[2];
    uint8_t pad[2];
    ovs_be32 vtag[2];
    uint32_t status;
    uint32_t timeout;           /* In seconds. */
    struct wire_tuple tuples[2];
};

/* Of the first of the connections. */
struct wire_expect {
    struct wire_tuple tuple;
    uint32_t timeout;           /* In seconds. */
    uint8_t any_src;
    uint8_t permanent;
    uint8_t pad[2];
};

/* The packets that came out follow, each behind its size. */
struct wire_answer {
    uint32_t n_out;             /* 0: dropped, or kept.  More than 1: the
                                 * fragments of a datagram. */
    uint32_t ct_state;          /* Of the first. */
    uint32_t states_differ;     /* Not of all. */
    uint32_t fast_differs;      /* The fast path would have differed. */
    uint32_t fast;              /* It knew the packet. */
    uint32_t n_expects;
    struct wire_conn conns[N_TUPLES];
    struct wire_expect expects[N_EXPECTS];
};

static const uint32_t seconds[] = {
#define CT_TIMEOUT(ENUM, NAME, SECONDS, ATTR) SECONDS,
    CT_TIMEOUTS
#undef CT_TIMEOUT
};

static void
set_timeouts(uint32_t longer)
{
    struct ct_timeout_setting setting = { .present = 0 };

    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        /* This one cannot be set in the kernel. */
        if (i != CT_TIMEOUT_TCP_SYN_SENT2) {
            setting.present |= UINT64_C(1) << i;
            setting.seconds[i] = seconds[i] + longer;
        }
    }
    ct_timeouts_set(ct, -1, CT_SET_BY_COMMAND, &setting);
}

static void
set(const struct wire_request *r)
{
    enum ct_switch s;

    if (!strcmp(r->setting, "longer")) {
        set_timeouts(r->value);
    } else if (!strcmp(r->setting, "tcp_seq_chk")) {
        ct_set_tcp_seq_chk(ct, r->value);
    } else if (ct_switch_from_name(r->setting, &s)) {
        ct_switch_set(ct, s, CT_SET_BY_COMMAND, r->value);
    } else {
        ovs_fatal(0, "no switch %s", r->setting);
    }
}

static struct dp_packet *
packet_of(const uint8_t *bytes, size_t size)
{
    struct dp_packet *p = dp_packet_clone_data(bytes, size);
    struct flow flow;

    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

static struct ct_request
request_of(const struct wire_request *r, bool ipv6)
{
    struct ct_request q = { .commit = true };

    ovs_strlcpy(q.helper, r->helper, sizeof q.helper);
    if (r->nat) {
        q.nat.kind = (r->from_server ? CT_NAT_EXISTING
                      : r->nat == 1 ? CT_NAT_SRC : CT_NAT_DST);
    }
    if (q.nat.kind > CT_NAT_EXISTING) {
        q.nat.ipv6 = ipv6;
        q.nat.have_addr = true;
        memcpy(&q.nat.min_addr, r->nat_addr, sizeof q.nat.min_addr);
        q.nat.max_addr = q.nat.min_addr;
    }
    return q;
}

/* Tuples. */

static void
tuple_from_wire(const struct wire_tuple *w, struct ct_tuple *t)
{
    uint8_t kind = 0;

    memset(t, 0, sizeof *t);
    memcpy(&t->src, w->src, sizeof t->src);
    memcpy(&t->dst, w->dst, sizeof t->dst);
    t->src_port = w->sport;
    t->dst_port = w->dport;
    t->proto = w->proto;
    if (w->icmp_type) {
        assert(ct_icmp_query_kind(w->proto, w->icmp_type, &kind));
    }
    t->kind = kind | (w->ipv6 ? CT_KIND_IPV6 : 0);
}

static void
tuple_to_wire(const struct ct_tuple *t, struct wire_tuple *w)
{
    memcpy(w->src, &t->src, sizeof w->src);
    memcpy(w->dst, &t->dst, sizeof w->dst);
    w->sport = t->src_port;
    w->dport = t->dst_port;
    w->proto = t->proto;
    w->ipv6 = ct_tuple_is_ipv6(t);
    w->icmp_type = (t->kind >> CT_KIND_ICMP_SHIFT
                    ? ct_icmp_kind_type(t->proto, t->kind) : 0);
}

static struct ct_conn *
find(const struct wire_tuple *w)
{
    const struct ct_zone *zone = ct_zone_get(ct, 0);
    struct ct_key key, inverse_key;
    struct ct_tuple t, inverse;
    struct ct_conn *conn;
    enum ct_dir dir;

    if (!zone || !w->proto) {
        return NULL;
    }
    tuple_from_wire(w, &t);
    ct_tuple_invert(&t, &inverse);
    ct_tuple_to_key(&t, 0, &key);
    ct_tuple_to_key(&inverse, 0, &inverse_key);
    conn = ct_table_find(ct_zone_table(zone), &t, &key, &inverse_key,
                         ct_hash_keys(&key, &inverse_key), &dir);
    return conn && ct_conn_lives(conn, now) ? conn : NULL;
}

static void
describe(struct ct_conn *conn, struct wire_conn *w)
{
    struct ct_dpif_entry entry;
    struct ct_tuple t;
    struct ct_conn copy;

    ct_joint_read(conn, &copy);
    ct_dump_fill(ct, conn, now, &entry);
    w->found = 1;
    w->status = entry.status;
    w->timeout = entry.timeout;
    ct_dpif_entry_uninit(&entry);
    w->l4_state = copy.l4_state;
    if (conn->key.proto == IPPROTO_TCP) {
        for (int dir = 0; dir < 2; dir++) {
            w->flags[dir] = copy.l4_flags[dir];
            w->wscale[dir] = ct_tcp_wscale(&copy, dir);
        }
    }
    for (int dir = 0; conn->key.proto == IPPROTO_SCTP && dir < 2; dir++) {
        w->vtag[dir] = copy.sctp.vtag[dir];
    }
    for (int dir = 0; dir < 2; dir++) {
        ct_conn_tuple(conn, dir, &t);
        tuple_to_wire(&t, &w->tuples[dir]);
    }
}

/* What the way of tracks would make of a packet: it must be what the full way
 * makes of it. */
struct fast {
    uint64_t timeout;           /* 0: leaves it to the full way. */
    struct ct_conn *conn;
    struct ct_conn result;
};

static void
try_fast(struct dp_packet *p, const struct ct_request *request,
         ovs_be16 dl_type, struct fast *fast)
{
    struct ct_packet packet = {
        .packet = p, .ct = ct, .request = request, .dl_type = dl_type,
        .now = now,
    };
    const struct ct_zone *zone = ct_zone_get(ct, 0);

    fast->timeout = 0;
    if (!zone || !ct_packet_parse(&packet, dl_type) || packet.is_icmp_error
        || !packet.l4->ordinary) {
        return;
    }
    fast->conn = ct_table_find(ct_zone_table(zone), &packet.tuple,
                               &packet.key, &packet.inverse, packet.hash,
                               &packet.dir);
    if (!fast->conn || !ct_conn_lives(fast->conn, now)
        || ct_conn_help(fast->conn)) {
        return;
    }
    packet.zone = ct_zone_get(ct, 0);
    fast->result = *fast->conn;
    fast->timeout = packet.l4->ordinary(&packet, &fast->result, packet.dir,
                                        ct_l4_timeouts(&packet));
}

/* Protocol state and deadline. */
static bool
fast_differs(const struct fast *fast)
{
    const struct ct_conn *a = fast->conn, *b = &fast->result;

    return (fast->timeout
            && (atomic_load(&a->deadline) != now + fast->timeout
                || a->l4_state != b->l4_state
                || a->wscale != b->wscale
                || a->retrans != b->retrans
                || memcmp(a->l4_flags, b->l4_flags, sizeof a->l4_flags)
                || memcmp(&a->tcp_last, &b->tcp_last, sizeof a->tcp_last)
                || memcmp(a->tcp, b->tcp, sizeof a->tcp)));
}

/* Expectations. */

static void
describe_expectations(const struct ct_conn *parent, struct wire_answer *a)
{
    struct ct_expects *expects = &ct_zone_get(ct, 0)->expects;
    struct ct_expectation *e;

    ct_spin_lock(&expects->lock);
    HMAP_FOR_EACH (e, node, &expects->by_place) {
        if (e->parent == parent && e->expires > now
            && a->n_expects < N_EXPECTS) {
            struct wire_expect *w = &a->expects[a->n_expects++];

            tuple_to_wire(&e->tuple, &w->tuple);
            w->timeout = (e->expires - now) / 1000;
            w->any_src = e->any_src;
            w->permanent = e->permanent;
        }
    }
    ct_spin_unlock(&expects->lock);
}

/* A packet on its way. */

static void
answer_packets(const struct dp_packet_batch *batch, struct wire_answer *a)
{
    struct dp_packet *p;

    a->n_out = dp_packet_batch_size(batch);
    DP_PACKET_BATCH_FOR_EACH (i, p, batch) {
        if (!i) {
            a->ct_state = p->md.ct_state;
        }
        a->states_differ |= p->md.ct_state != a->ct_state;
    }
}

static void
write_answer(const struct wire_answer *a, struct dp_packet_batch *batch)
{
    struct dp_packet *p;

    assert(fwrite(a, sizeof *a, 1, stdout) == 1);
    DP_PACKET_BATCH_FOR_EACH (i, p, batch) {
        uint32_t size = dp_packet_size(p);

        assert(fwrite(&size, sizeof size, 1, stdout) == 1);
        assert(fwrite(dp_packet_data(p), size, 1, stdout) == 1);
    }
    dp_packet_delete_batch(batch, true);
}

static void
answer(const struct wire_request *r, struct dp_packet *p)
{
    bool ipv6 = dp_packet_size(p) > 13
                && ((uint8_t *) dp_packet_data(p))[12] == 0x86;
    ovs_be16 dl_type = htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    const struct ct_request request = request_of(r, ipv6);
    struct dp_packet_batch batch;
    struct wire_answer a;
    struct fast fast;

    memset(&a, 0, sizeof a);
    try_fast(p, &request, dl_type, &fast);
    dp_packet_batch_init_packet(&batch, p);
    ct_execute(ct, &batch, dl_type, &request, now);
    answer_packets(&batch, &a);
    a.fast = fast.timeout != 0;
    a.fast_differs = fast_differs(&fast);
    for (int i = 0; i < N_TUPLES; i++) {
        struct ct_conn *conn = find(&r->tuples[i]);

        if (conn) {
            describe(conn, &a.conns[i]);
            if (!i && r->expects) {
                describe_expectations(conn, &a);
            }
        }
    }
    write_answer(&a, &batch);
}

int
main(int argc, char *argv[])
{
    uint8_t bytes[MAX_PACKET];
    struct wire_request r;
    long long first;
    unsigned int n = 0;

    set_program_name(argv[0]);
    start();
    ipf_set_max_nfrags(ct_ipf(ct), MAX_FRAGMENTS);
    ipf_set_min_frag(ct_ipf(ct), false, MIN_FRAGMENT);
    ipf_set_min_frag(ct_ipf(ct), true, MIN_FRAGMENT);
    ct_set_tcp_seq_chk(ct, argc < 2 || strcmp(argv[1], "--wrong"));
    first = now;
    set_timeouts(0);
    while (fread(&r, sizeof r, 1, stdin) == 1) {
        now = first + r.msec;
        if (!r.size) {
            set(&r);
            continue;
        }
        if (r.size > sizeof bytes || fread(bytes, r.size, 1, stdin) != 1) {
            ovs_fatal(0, "short packet");
        }
        answer(&r, packet_of(bytes, r.size));
        if (n++ % 64 == 0) {
            ct_run(ct, now);
            ovsrcu_quiesce();
        }
    }
    stop();
    return 0;
}

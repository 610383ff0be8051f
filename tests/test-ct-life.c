/* SPDX-License-Identifier: Apache-2.0 */

/* How connections come and go: limits, early drop, timeouts, dumps and
 * flushes. */

#include <config.h>

#include "ct-core-test.h"

#include "ct-commit.h"
#include "ct-l4.h"
#include "ct-limit.h"
#include "ct-log-zones.h"
#include "ct-zone.h"
#include "openvswitch/vlog.h"

static void
test_limits(void)
{
    struct ct_zone_limit_info info;

    ct_zone_limit_set(ct, -1, 10);
    ct_zone_limit_set(ct, 3, 5);
    assert(ct_zone_limit_del(ct, 1) == ENOENT);
    ct_zone_limit_get(ct, 1, &info);
    assert(info.limit == 10 && !info.count && !info.own);

    /* The default is each zone's, not one for all of them. */
    assert(commit_many(1, 1, 20) == 10);
    assert(commit_many(2, 1, 20) == 10);
    assert(commit_many(3, 1, 20) == 5);
    assert(ct_counter_get(ct, CT_C_DROP_LIMIT) == 35);
    ct_zone_limit_get(ct, 2, &info);
    assert(info.limit == 10 && info.count == 10 && !info.own);
    ct_zone_limit_get(ct, 3, &info);
    assert(info.limit == 5 && info.count == 5 && info.own);
    ct_zone_limit_get(ct, -1, &info);
    assert(info.limit == 10);

    /* What is there is still found, and makes room when it goes. */
    assert(commit_many(3, 1, 5) == 5);
    assert(!ct_zone_limit_del(ct, 3));
    assert(ct_zone_limit_del(ct, 3) == ENOENT);
    assert(commit_many(3, 1, 20) == 10);
    assert(!ct_flush(ct, (uint16_t[]) { 3 }, NULL));
    ct_zone_limit_get(ct, 3, &info);
    assert(!info.count);
    assert(ct_get_nconns(ct) == 20);
    assert(commit_many(3, 1, 20) == 10);
    ct_zone_limit_set(ct, -1, 0);
    assert(commit_many(3, 1, 1000) == 1000);
}

static void
assure(uint16_t zone, uint16_t first, unsigned int n)
{
    const struct ct_request request = { .zone = zone, .commit = true };
    struct test_spec s = tcp;

    for (unsigned int i = 0; i < n; i++) {
        s.sport = first + i;
        assert(state(segment(s, TCP_SYN, 100, 0), &request) == NEW);
        assert(state(segment(back(s), TCP_SYN | TCP_ACK, 500, 101), &request)
               == RPL);
        assert(state(segment(s, TCP_ACK, 101, 501), &request) == EST);
    }
}

static void
test_full(void)
{
    struct ct_dpif_entry e;

    assert(ct_get_maxconns(ct) == 3000000);
    ct_set_maxconns(ct, 100);
    assure(1, 1, 60);
    assert(commit_many(1, 1, 40) == 40);
    assert(ct_get_nconns(ct) == 100);

    /* One way connections make room, those that are assured stay. */
    assert(commit_many(1, 1000, 200) >= 150);
    assert(ct_get_nconns(ct) == 100);
    assert(ct_counter_get(ct, CT_C_EARLY_DROP) >= 150);
    assert(ct_counter_get(ct, CT_C_EARLY_DROP)
           + ct_counter_get(ct, CT_C_DROP_FULL) == 200);

    unsigned int n_assured = 0;
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    while (!ct_dump_next(dump, &e)) {
        n_assured += !!(e.status & CT_DPIF_STATUS_ASSURED);
    }
    ct_dump_destroy(dump);
    assert(n_assured == 60);

    /* Also those of another zone. */
    unsigned int n = commit_many(2, 1, 30);
    assert(n > 0);
    assert(ct_get_nconns(ct) == 100);

    /* Nobody to give way: drop. */
    ct_flush(ct, NULL, NULL);
    assert(!ct_get_nconns(ct));
    assure(1, 1, 100);
    uint64_t before = ct_counter_get(ct, CT_C_DROP_FULL);
    assert(state(udp, &commit) == DROPPED);
    assert(ct_counter_get(ct, CT_C_DROP_FULL) == before + 1);
    assert(ct_get_nconns(ct) == 100);
}

static void
test_timeouts(void)
{
    const struct ct_request commit5 = {
        .zone = 5, .commit = true, .timeout_policy = 9
    };
    const struct ct_request default5 = { .zone = 5, .commit = true };
    const struct ct_request look5 = { .zone = 5 };
    struct ct_dpif_timeout_policy tp;
    struct ct_dpif_entry e;
    uint32_t next = 0;

    assert(ct_timeout_policy_get(ct, 9, &tp) == ENOENT);
    assert(ct_timeout_policy_next(ct, &next, &tp) == EOF);
    set_policy(12, 1);
    set_policy(9, 3);
    assert(!ct_timeout_policy_get(ct, 9, &tp)
           && tp.attrs[CT_DPIF_TP_ATTR_UDP_FIRST] == 3);
    assert(!ct_timeout_policy_next(ct, &next, &tp) && tp.id == 9);
    assert(!ct_timeout_policy_next(ct, &next, &tp) && tp.id == 12);
    assert(ct_timeout_policy_next(ct, &next, &tp) == EOF);

    /* The policy's instead of 30 s. */
    assert(state(udp, &commit5) == NEW);
    assert(state(udp, &commit) == NEW);
    advance(2800);
    assert(ct_get_nconns(ct) == 2);
    advance(400);
    assert(ct_get_nconns(ct) == 1);
    assert(state(udp, &look5) == NEW);      /* Not in zone 5 any more. */
    assert(!dump_first(5, &e));

    /* A change reaches existing connections with their next packet. */
    assert(state(udp, &commit5) == NEW);
    set_policy(9, 100);
    assert(state(udp, &look5) == NEW);
    advance(50000);
    assert(ct_get_nconns(ct) == 1 && dump_first(5, &e));
    set_policy(9, 2);
    assert(state(udp, &look5) == NEW);
    advance(2200);
    assert(!ct_get_nconns(ct));

    /* 136 years do not wrap. */
    set_policy(9, UINT32_MAX);
    assert(state(udp, &commit5) == NEW);
    advance(5000);
    assert(dump_first(5, &e) && e.timeout > 4294967000u);

    /* A deleted policy's zones have the defaults, and so has a zone whose
     * commits ask for no policy. */
    assert(!ct_timeout_policy_del(ct, 9));
    assert(ct_timeout_policy_del(ct, 9) == ENOENT);
    assert(state(udp, &look5) == NEW);
    advance(29000);
    assert(ct_get_nconns(ct) == 1);
    advance(1200);
    assert(!ct_get_nconns(ct));
    set_policy(9, 1);
    assert(state(udp, &commit5) == NEW);
    assert(state(udp, &default5) == NEW);
    assert(state(udp, &look5) == NEW);
    advance(2000);
    assert(ct_get_nconns(ct) == 1);
}

static void
set_timeouts(int zone, enum ct_set_by by, const char *text)
{
    struct ct_timeout_setting setting = { .present = 0 };

    assert(!ct_timeouts_parse(text, &setting));
    ct_timeouts_set(ct, zone, by, &setting);
}

/* How many seconds a packet gives, and who says so. */
static void
check_timeout(int zone, enum ct_timeout timeout, uint64_t seconds,
              enum ct_layer layer)
{
    enum ct_layer layers[CT_N_TIMEOUTS];
    struct ct_timeouts set;

    ct_timeouts_get(ct, zone, &set, layers);
    assert(set.ms[timeout] == seconds * 1000 && layers[timeout] == layer);
    if (zone >= 0 && ct_zone_get(ct, zone)) {
        struct ct_packet packet = { .zone = ct_zone_get(ct, zone) };

        assert(!memcmp(ct_l4_timeouts(&packet), &set, sizeof set));
    }
}

static void
check_bad_timeouts(const char *text, const char *complaint)
{
    struct ct_timeout_setting setting = { .present = 0 };
    char *error = ct_timeouts_parse(text, &setting);

    assert(error && strstr(error, complaint) && !setting.present);
    free(error);
}

/* Each layer over the one below, whatever is set and taken away when. */
static void
test_timeout_layers(void)
{
    const enum ct_timeout t = CT_TIMEOUT_UDP, gre = CT_TIMEOUT_GRE;
    const struct ct_request commit5 = {
        .zone = 5, .commit = true, .timeout_policy = 9
    };
    const struct ct_request commit6 = { .zone = 6, .commit = true };

    check_timeout(5, t, 30, CT_LAYER_DEFAULT);
    set_timeouts(5, CT_SET_BY_COMMAND, "udp=15");
    set_timeouts(5, CT_SET_BY_CONFIG, "udp=14 gre=3");
    set_timeouts(-1, CT_SET_BY_COMMAND, "udp=12");
    set_timeouts(-1, CT_SET_BY_CONFIG, "udp=11,gre=2");
    set_policy(9, 13);
    assert(state(udp, &commit5) == NEW && state(udp, &commit6) == NEW);

    check_timeout(5, t, 15, CT_LAYER_ZONE_COMMAND);
    check_timeout(5, CT_TIMEOUT_UDP_FIRST, 15, CT_LAYER_ZONE_COMMAND);
    check_timeout(5, CT_TIMEOUT_UDP_STREAM, 13, CT_LAYER_POLICY);
    check_timeout(5, gre, 3, CT_LAYER_ZONE_CONFIG);
    check_timeout(6, t, 12, CT_LAYER_COMMAND);
    check_timeout(6, gre, 2, CT_LAYER_CONFIG);
    assert(ct_timeouts_zone_is_set(ct, 5) && !ct_timeouts_zone_is_set(ct, 6));

    ct_timeouts_reset(ct, 5);
    check_timeout(5, t, 14, CT_LAYER_ZONE_CONFIG);
    set_timeouts(5, CT_SET_BY_CONFIG, "");
    check_timeout(5, t, 13, CT_LAYER_POLICY);
    check_timeout(5, gre, 2, CT_LAYER_CONFIG);
    assert(!ct_timeout_policy_del(ct, 9));
    check_timeout(5, t, 12, CT_LAYER_COMMAND);
    set_timeouts(6, CT_SET_BY_COMMAND, "udp=77");
    ct_timeouts_reset(ct, -1);
    check_timeout(5, t, 11, CT_LAYER_CONFIG);
    check_timeout(6, t, 11, CT_LAYER_CONFIG);
    check_timeout(-1, t, 11, CT_LAYER_CONFIG);
    set_timeouts(-1, CT_SET_BY_CONFIG, "");
    check_timeout(5, t, 30, CT_LAYER_DEFAULT);
    check_timeout(6, gre, 30, CT_LAYER_DEFAULT);

    check_bad_timeouts("gre=1,udp=0", "udp=0: not a number of seconds");
    check_bad_timeouts("udp=-1", "not a number of seconds");
    check_bad_timeouts("udp=", "not a number of seconds");
    check_bad_timeouts("udp=4294967296", "not a number of seconds");
    check_bad_timeouts("udp=5x", "not a number of seconds");
    check_bad_timeouts("udp", "NAME=SECONDS");
    check_bad_timeouts("upd=5", "no timeout has this name");
}

/* The kernel's sysctls by their own names. */
static void
test_timeout_names(void)
{
    static const struct {
        const char *name;
        int timeout;                    /* -1: none. */
    } vectors[] = {
        { "udp", CT_TIMEOUT_UDP },
        { "udp_timeout", CT_TIMEOUT_UDP },
        { "nf_conntrack_udp_timeout", CT_TIMEOUT_UDP },
        { "net.netfilter.nf_conntrack_udp_timeout", CT_TIMEOUT_UDP },
        { "udp_timeout_stream", CT_TIMEOUT_UDP_STREAM },
        { "tcp_timeout_established", CT_TIMEOUT_TCP_ESTABLISHED },
        { "sctp_timeout_shutdown_recd", CT_TIMEOUT_SCTP_SHUTDOWN_RECD },
        { "tcp_max_retrans", CT_TIMEOUT_TCP_RETRANS },
        { "nf_conntrack_tcp_timeout_max_retrans", CT_TIMEOUT_TCP_RETRANS },
        /* A sysctl, but of a count. */
        { "nf_conntrack_tcp_max_retrans", -1 },
        { "nf_conntrack_udp", -1 },
        { "udp_timeouts", -1 },
        { "_timeout", -1 },
        { "nf_conntrack_", -1 },
        { "", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        enum ct_timeout t;

        assert(ct_timeout_from_name(vectors[i].name, &t)
               ? (int) t == vectors[i].timeout : vectors[i].timeout < 0);
    }
    check_bad_timeouts("nf_conntrack_tcp_max_retrans=3", "is a switch");
    check_bad_timeouts("sip_timeout=3", "is a switch");
}

/* A policy's 0 is not set, and what is below it holds. */
static void
test_timeout_zero(void)
{
    const struct ct_request commit5 = {
        .zone = 5, .commit = true, .timeout_policy = 9
    };
    struct ct_dpif_timeout_policy tp = { .id = 9 };

    tp.present = ((1u << CT_DPIF_TP_ATTR_UDP_FIRST)
                  | (1u << CT_DPIF_TP_ATTR_UDP_SINGLE)
                  | (1u << CT_DPIF_TP_ATTR_ICMP_FIRST));
    tp.attrs[CT_DPIF_TP_ATTR_UDP_SINGLE] = 7;
    set_timeouts(-1, CT_SET_BY_CONFIG, "icmp=11");
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);    /* It warns. */
    assert(!ct_timeout_policy_set(ct, &tp));
    assert(state(udp, &commit5) == NEW);
    check_timeout(5, CT_TIMEOUT_UDP, 7, CT_LAYER_POLICY);
    check_timeout(5, CT_TIMEOUT_UDP_FIRST, 7, CT_LAYER_POLICY);
    check_timeout(5, CT_TIMEOUT_ICMP, 11, CT_LAYER_CONFIG);
    check_timeout(5, CT_TIMEOUT_ICMPV6, 30, CT_LAYER_DEFAULT);
}

/* On packets: a connection follows at its next packet. */
static void
test_timeout_set(void)
{
    const struct ct_request commit5 = { .zone = 5, .commit = true };
    const struct ct_request look5 = { .zone = 5 };

    set_timeouts(5, CT_SET_BY_COMMAND, "udp=3");
    assert(state(udp, &commit5) == NEW && state(udp, &commit) == NEW);
    advance(3200);
    assert(!dump_count(5) && dump_count(0) == 1);

    assert(state(udp, &commit5) == NEW);
    set_timeouts(5, CT_SET_BY_COMMAND, "udp=100");
    assert(state(udp, &look5) == NEW);
    advance(50000);
    assert(dump_count(5) == 1 && !dump_count(0));
    set_timeouts(-1, CT_SET_BY_COMMAND, "udp=2");
    assert(state(udp, &look5) == NEW);
    advance(5000);
    assert(dump_count(5) == 1);
    ct_timeouts_reset(ct, 5);
    assert(state(udp, &look5) == NEW);
    advance(2200);
    assert(!dump_count(5));
}

/* Expired is expired, also before maintenance comes along. */
static void
test_expired_on_sight(void)
{
    assert(state(udp, &commit) == NEW);
    now += 31 * 1000;
    assert(state(back(udp), &look) == NEW);
    assert(!ct_get_nconns(ct));

    assert(state(udp, &commit) == NEW);
    now += 31 * 1000;
    assert(state(back(udp), &commit) == NEW);
    assert(ct_get_nconns(ct) == 1);
    assert(state(udp, &look) == RPL);
}

static void
test_dump(void)
{
    enum { N = 20000 };
    unsigned char *seen = xzalloc(65536);
    struct ct_dpif_entry e;
    int n_buckets;

    assert(commit_many(1, 1, N) == N);
    assert(commit_many(2, 1, 100) == 100);

    /* All of a zone exactly once, although others come and go meanwhile. */
    uint16_t zone = 1;
    struct ct_dump *dump = ct_dump_create(ct, &zone, &n_buckets);
    unsigned int n = 0;
    assert(n_buckets > 0);
    while (!ct_dump_next(dump, &e)) {
        assert(e.zone == 1 && e.bkt < (uint32_t) n_buckets);
        seen[ntohs(e.tuple_orig.src_port)]++;
        if (n++ % 10 == 0) {
            assert(commit_many(1, 30000 + n, 1) == 1);
        }
        ovsrcu_quiesce();
    }
    ct_dump_destroy(dump);
    for (int i = 0; i < 65536; i++) {
        assert(i >= 1 && i <= N ? seen[i] == 1 : seen[i] <= 1);
    }

    /* Flushing each as it is dumped misses none. */
    dump = ct_dump_create(ct, &zone, NULL);
    while (!ct_dump_next(dump, &e)) {
        assert(!ct_flush(ct, &zone, &e.tuple_orig));
    }
    ct_dump_destroy(dump);
    assert(!dump_count(1) && dump_count(2) == 100);
    assert(ct_get_nconns(ct) == 100);

    /* A dump over a flush ends. */
    assert(commit_many(1, 1, 1000) == 1000);
    dump = ct_dump_create(ct, NULL, NULL);
    assert(!ct_dump_next(dump, &e));
    ct_flush(ct, NULL, NULL);
    assert(commit_many(1, 1, 1000) == 1000);
    advance(1000);
    for (n = 0; !ct_dump_next(dump, &e); n++) {
        continue;
    }
    assert(n <= 1000);
    ct_dump_destroy(dump);
    free(seen);
}

static void
test_flush_tuple(void)
{
    struct ct_dpif_tuple t = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
        .src_port = htons(1000), .dst_port = htons(53),
    };
    struct ct_dpif_tuple echo = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_ICMP,
        .icmp_id = htons(77), .icmp_type = 8,
    };
    const struct ct_request commit5 = { .zone = 5, .commit = true };
    uint16_t zone = 5;

    t.src.ip = echo.src.ip = test_ip(1);
    t.dst.ip = echo.dst.ip = test_ip(2);

    assert(ct_flush(ct, NULL, &t) == ENOENT);
    assert(state(udp, &commit) == NEW);
    assert(ct_flush(ct, &zone, &t) == ENOENT);
    assert(!ct_flush(ct, NULL, &t));
    assert(ct_flush(ct, NULL, &t) == ENOENT);

    /* By its reply tuple. */
    assert(state(back(udp), &commit5) == NEW);
    assert(!ct_flush(ct, &zone, &t));
    assert(!ct_get_nconns(ct));

    assert(state(ping, &commit5) == NEW);
    assert(!ct_flush(ct, &zone, &echo));

    t.l3_type = 77;
    assert(ct_flush(ct, NULL, &t) == EINVAL);
}

static void
test_flush_frees(void)
{
    assert(commit_many(1, 1, 10000) == 10000);
    ct_flush(ct, NULL, NULL);
    assert(!ct_get_nconns(ct) && !dump_count(-1));
    assert(commit_many(1, 1, 5000) == 5000);
    assert(ct_get_nconns(ct) == 5000);

    /* The old ones end in the background, and nothing is counted twice. */
    for (int i = 0; ct_counter_get(ct, CT_C_DELETED) < 10000; i++) {
        assert(i < 1000);
        xnanosleep(10 * 1000 * 1000);
    }
    assert(ct_counter_get(ct, CT_C_DELETED) == 10000);
    assert(ct_get_nconns(ct) == 5000 && dump_count(1) == 5000);
}

/* A packet has found its connection and is slow: meanwhile the connection is
 * ended and maintenance is done with it.  Its label can still be changed, and
 * is freed once. */
static void
test_late_label(void)
{
    const struct ct_request first = {
        .commit = true, .label.u64.lo = 1, .label_mask.u64.lo = UINT64_MAX,
    };
    const struct ct_request second = {
        .commit = true, .label.u64.lo = 2, .label_mask.u64.lo = UINT64_MAX,
    };
    struct dp_packet *p = test_ct(ct, test_packet(&udp), false, &first, now);
    struct ct_packet packet = {
        .ct = ct, .request = &second, .conn = (struct ct_conn *) p->md.conn,
    };

    assert(p->md.ct_label.u64.lo == 1);
    assert(ct_conn_end(ct, packet.conn, CT_C_DELETED));
    now += 1000;
    ct_run(ct, now);
    ct_run(ct, now + 1000);
    ct_commit_metadata(&packet);
    assert(ct_conn_label(packet.conn).u64.lo == 2);
    dp_packet_delete(p);

    /* The next one in its place has none. */
    for (int i = 0; i < 3; i++) {
        advance(1000);
        ovsrcu_barrier();
    }
    for (int port = 1; port < 300; port++) {
        struct test_spec s = udp;

        s.sport = port;
        p = test_ct(ct, test_packet(&s), false, &commit, now);
        assert(p->md.ct_state == NEW && ovs_u128_is_zero(p->md.ct_label));
        dp_packet_delete(p);
    }
}

/* Each zone has its own counters of what was refused there, and they add up to
 * the tracker's. */
static void
test_zone_counters(void)
{
    const struct ct_request look5 = { .zone = 5 }, look6 = { .zone = 6 };
    const struct test_spec xmas = segment(tcp, TCP_SYN | TCP_FIN, 1, 0);
    const struct test_spec rst = segment(tcp, TCP_RST, 1, 0);

    assert(!ct_zone_has_counters(ct, 5));
    assert(state(udp, &look5) == NEW);
    assert(!ct_zone_has_counters(ct, 5));

    assert(state(xmas, &look5) == INV && state(rst, &look5) == INV);
    assert(state(rst, &look6) == INV && state(rst, &look6) == INV);
    ct_zone_limit_set(ct, 7, 2);
    assert(commit_many(7, 1, 5) == 2);

    assert(ct_zone_counter_get(ct, 5, CT_C_INVALID_TCP_FLAGS) == 1);
    assert(ct_zone_counter_get(ct, 5, CT_C_INVALID_TCP_NEW) == 1);
    assert(!ct_zone_counter_get(ct, 6, CT_C_INVALID_TCP_FLAGS));
    assert(ct_zone_counter_get(ct, 6, CT_C_INVALID_TCP_NEW) == 2);
    assert(ct_counter_get(ct, CT_C_INVALID_TCP_NEW) == 3);
    assert(ct_zone_counter_get(ct, 7, CT_C_DROP_LIMIT) == 3);

    /* Who gives way is counted where it was: the first in zone 7, the only one
     * that has any. */
    ct_set_maxconns(ct, 2);
    commit_many(8, 1, 100);
    assert(ct_zone_counter_get(ct, 7, CT_C_EARLY_DROP) > 0
           && ct_zone_counter_get(ct, 8, CT_C_EARLY_DROP) > 2);
    assert(ct_zone_counter_get(ct, 7, CT_C_EARLY_DROP)
           + ct_zone_counter_get(ct, 8, CT_C_EARLY_DROP)
           == ct_counter_get(ct, CT_C_EARLY_DROP));
    assert(ct_zone_counter_get(ct, 8, CT_C_DROP_FULL)
           == ct_counter_get(ct, CT_C_DROP_FULL));
}

static uint32_t
limit_of(int zone)
{
    struct ct_zone_limit_info info;

    ct_zone_limit_get(ct, zone, &info);
    return info.limit;
}

/* A command's over that of the configuration, over the default. */
static void
test_limit_layers(void)
{
    assert(ct_get_maxconns(ct) == CT_DEFAULT_MAXCONNS && !limit_of(-1));
    ct_maxconns_set(ct, CT_SET_BY_CONFIG, 5);
    assert(ct_get_maxconns(ct) == 5);
    ct_set_maxconns(ct, 7);
    ct_maxconns_set(ct, CT_SET_BY_CONFIG, 6);
    assert(ct_get_maxconns(ct) == 7);
    ct_maxconns_set(ct, CT_SET_BY_COMMAND, -1);
    assert(ct_get_maxconns(ct) == 6);
    ct_maxconns_set(ct, CT_SET_BY_CONFIG, -1);
    assert(ct_get_maxconns(ct) == CT_DEFAULT_MAXCONNS);

    ct_default_limit_set(ct, CT_SET_BY_CONFIG, 9);
    assert(limit_of(-1) == 9 && limit_of(5) == 9);
    assert(!ct_limits_configure(ct, "zone=5,limit=3"));
    assert(limit_of(5) == 3);
    ct_zone_limit_set(ct, 5, 0);
    assert(!ct_limits_configure(ct, "zone=5,limit=4"));
    assert(limit_of(5) == 0);
    assert(!ct_zone_limit_del(ct, 5) && limit_of(5) == 4);
    assert(ct_zone_limit_del(ct, 5) == ENOENT && limit_of(5) == 4);
    assert(!ct_limits_configure(ct, NULL) && limit_of(5) == 9);
    ct_zone_limit_set(ct, -1, 2);
    assert(limit_of(5) == 2);

    /* And packets feel it. */
    assert(!ct_limits_configure(ct, "zone=0,limit=1"));
    assert(state(udp, &commit) == NEW);
    struct test_spec other = udp;
    other.sport++;
    assert(state(other, &commit) == DROPPED);
}

static void
test_limit_text(void)
{
    static const char *const bad[] = {
        "5", "zone=5", "limit=5", "zone=5,limit=", "zone=,limit=5",
        "zone=65536,limit=5", "zone=-1,limit=5", "zone=5,limit=-1",
        "zone=5,limit=4294967296", "zone=5,limit=3x",
        "zone=5,limit=3,limit=3", "zone=5,zone=5,limit=3",
        "zone=5,limit=3,more=3", "zone=7,limit=8;zone=7,limit=8",
    };
    char *error;

    assert(!ct_limits_configure(
        ct, "zone=7,limit=8;zone=65535,limit=4294967295\nlimit=0,zone=0"));
    assert(limit_of(7) == 8 && limit_of(65535) == UINT32_MAX);

    /* What is wrong loses nothing. */
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        error = ct_limits_configure(ct, bad[i]);
        assert(error && !strchr(error, '\n'));
        free(error);
        assert(limit_of(7) == 8 && limit_of(65535) == UINT32_MAX);
    }
    error = ct_limits_configure(ct, "x; zone=7,limit=9 zone=8;zone=9,limit=1");
    assert(!strcmp(error, "\"x\": x is neither zone nor limit\n"
                          "\"zone=8\": zone and limit must be given"));
    free(error);
    assert(limit_of(7) == 9 && limit_of(9) == 1
           && limit_of(65535) == UINT32_MAX);
    assert(!ct_limits_configure(ct, "zone=9,limit=1"));
    assert(!limit_of(7) && limit_of(9) == 1 && !limit_of(65535));
}

static bool
logs_in(bool zone0, bool zone5, bool zone65535)
{
    return (ct_log_refused(ct, 0) == zone0 && ct_log_refused(ct, 5) == zone5
            && ct_log_refused(ct, 65535) == zone65535);
}

static void
test_log_zones(void)
{
    static const char *const bad[] = {
        "yes", "zone=5", "off zone=65536", "off zone=", "off 0",
        "off zone=0 zone=5", "off zone=-1", "off zone=5x",
    };

    assert(logs_in(false, false, false));
    assert(!ct_log_refused_configure(ct, "on"));
    assert(logs_in(true, true, true));
    assert(!ct_log_refused_configure(ct, "on; off zone=5"));
    assert(logs_in(true, false, true));
    assert(!ct_log_refused_configure(ct, "on zone=5\non,zone=65535"));
    assert(logs_in(false, true, true));

    /* A command goes before. */
    ct_log_refused_set(ct, 0, true);
    ct_log_refused_set(ct, 5, false);
    assert(logs_in(true, false, true));
    assert(!ct_log_refused_configure(ct, "off"));
    assert(logs_in(true, false, false));
    assert(!ct_log_refused_configure(ct, "on zone=5;on zone=65535"));
    assert(logs_in(true, false, true));

    /* What is wrong loses nothing. */
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        char *error = ct_log_refused_configure(ct, bad[i]);

        assert(error);
        free(error);
        assert(logs_in(true, false, true));
    }
    assert(!ct_log_refused_configure(ct, NULL));
    assert(logs_in(true, false, false));
    ct_log_refused_set(ct, -1, true);
    assert(logs_in(true, true, true));
}

static const struct test tests[] = {
    { "limits", test_limits },
    { "limit-layers", test_limit_layers },
    { "limit-text", test_limit_text },
    { "log-zones", test_log_zones },
    { "full", test_full },
    { "timeouts", test_timeouts },
    { "timeout-layers", test_timeout_layers },
    { "timeout-names", test_timeout_names },
    { "timeout-zero", test_timeout_zero },
    { "timeout-set", test_timeout_set },
    { "expired-on-sight", test_expired_on_sight },
    { "zone-counters", test_zone_counters },
    { "dump", test_dump },
    { "flush-tuple", test_flush_tuple },
    { "flush-frees", test_flush_frees },
    { "late-label", test_late_label },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}

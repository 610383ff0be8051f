/* SPDX-License-Identifier: Apache-2.0 */

/* Unit tests of ct-trial and ct-why: what they say is what the tracker then
 * does, and they do nothing. */

#include <config.h>

#include "ct-core-test.h"
#include "ct-expect-test.h"

#include "ct-dump.h"
#include "ct-switch.h"
#include "ct-trial.h"
#include "ct-why.h"
#include "openvswitch/dynamic-string.h"
#include "random.h"

static struct ds answer;

/* Asks why, of such a packet. */
static const char *
ask(struct test_spec s, const struct ct_request *request, unsigned int open)
{
    const struct ct_trial_ask question = {
        .request = request, .dl_type = test_ethertype(&s), .now = now,
    };
    struct ct_why *why = ct_why_create(ct);
    struct dp_packet *p = test_packet(&s);

    ds_clear(&answer);
    ct_why_leave_open(why, open);
    ct_why_packet(why, &p, &question, &answer);
    dp_packet_delete(p);
    ct_why_destroy(why);
    return ds_cstr(&answer);
}

/* The last answer has 'text'. */
#define SAYS(TEXT)                                                      \
    do {                                                                \
        if (!strstr(ds_cstr(&answer), TEXT)) {                          \
            fprintf(stderr, "%s:%d: \"%s\" is not in:\n%s", __FILE__,   \
                    __LINE__, TEXT, ds_cstr(&answer));                  \
            abort();                                                    \
        }                                                               \
    } while (0)

#define SAYS_NOT(TEXT) assert(!strstr(ds_cstr(&answer), TEXT))

/* All that a trial must not change, in words. */
static char *
picture(void)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;
    struct ct_conn *conn;

    while ((conn = ct_dump_next_conn(dump)) != NULL) {
        ct_dump_fill(ct, conn, now, &entry);
        ct_dpif_format_entry(&entry, &ds, true, true);
        ds_put_format(&ds, " until %llu\n", (unsigned long long)
                      atomic_load(&conn->deadline));
        ct_dpif_entry_uninit(&entry);
    }
    ct_dump_destroy(dump);
    ct_format_counters(ct, &ds);
    return ds_steal_cstr(&ds);
}

/* A TCP connection in 'zone', established: the client has sent up to 2000,
 * the server up to 6000. */
static void
handshake(uint16_t zone)
{
    const struct ct_request r = { .zone = zone, .commit = true };

    assert(state(segment(tcp, TCP_SYN, 1999, 0), &r) == NEW);
    assert(state(segment(back(tcp), TCP_SYN | TCP_ACK, 5999, 2000), &r)
           == RPL);
    assert(state(segment(tcp, TCP_ACK, 2000, 6000), &r) == EST);
}

static void
test_live(void)
{
    char *before, *after;

    handshake(0);
    before = picture();
    ask(segment(tcp, TCP_ACK, 2000, 6000), &commit, 0);
    SAYS("connection: tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,"
         "dport=80,packets=2");
    SAYS("state=ESTABLISHED");
    SAYS("direction: original\n");
    SAYS("verdict: passes\n");
    SAYS("ct_state: +est+trk\n");
    SAYS_NOT("would pass");
    SAYS_NOT("commits");

    ask(segment(back(tcp), TCP_FIN | TCP_ACK, 6000, 2000), &commit, 0);
    SAYS("direction: reply\n");
    SAYS("ct_state: +est+rpl+trk\n");
    SAYS("becomes: tcp,");
    SAYS("state=FIN_WAIT");
    after = picture();
    assert(!strcmp(before, after));
    free(before);
    free(after);
}

static void
test_hypothetical(void)
{
    const struct ct_request zone7 = { .zone = 7, .commit = true };
    const struct ct_request only = { .zone = 7 };

    ask(segment(tcp, TCP_SYN, 1, 0), &zone7, 0);
    SAYS("connection: none: zone 7 was never used\n");
    SAYS("verdict: passes\n");
    SAYS("ct_state: +new+trk\n");
    SAYS("commits: tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80,"
         "packets=1");
    SAYS("state=SYN_SENT");
    assert(!dump_count(-1) && !ct_counter_get(ct, CT_C_CREATED));

    ask(segment(tcp, TCP_SYN, 1, 0), &only, 0);
    SAYS("ct_state: +new+trk\n");
    SAYS_NOT("commits");

    handshake(7);
    ask(udp, &zone7, 0);
    SAYS("connection: none in zone 7\n");
    SAYS("commits: udp,");

    /* What is left open is what fits. */
    ask(segment(tcp, 0, 0, 0), &zone7, (CT_WHY_OPEN_FLAGS | CT_WHY_OPEN_SEQ
                                        | CT_WHY_OPEN_ACK));
    SAYS("ct_state: +est+trk\n");
    SAYS_NOT("becomes");
    assert(!ct_counter_get(ct, CT_C_INVALID_TCP_FLAGS));
    ask(segment(back(tcp), 0, 0, 0), &zone7, CT_WHY_OPEN_FLAGS);
    SAYS("direction: reply\n");
    ask(segment(tcp, 0, 0, 0), &commit, CT_WHY_OPEN_FLAGS);
    SAYS("ct_state: +new+trk\n");
}

/* The remedies are true: what would pass does. */
static void
test_window(void)
{
    const struct test_spec far = segment(tcp, TCP_ACK, 900000000, 6000);

    handshake(0);
    ask(far, &commit, 0);
    SAYS("verdict: invalid, invalid-tcp-window: a segment outside the");
    SAYS("ct_state: +inv+trk\n");
    SAYS("segment: seq 900000000, end 900000000, ack 6000; in the window: "
         "seq up to 66240, end from ");
    SAYS("would pass: the same segment with seq 2000 and ack 6000\n");
    SAYS("would pass: the switch tcp_be_liberal on");
    SAYS_NOT("tcp_ignore_invalid_rst");
    assert(state(far, &commit) == INV);

    assert(state(segment(tcp, TCP_ACK, 2000, 6000), &commit) == EST);
    ct_switch_set(ct, CT_SWITCH_TCP_BE_LIBERAL, CT_SET_BY_COMMAND, 1);
    ask(far, &commit, 0);
    SAYS("verdict: passes\n");
    assert(state(far, &commit) == EST);

    /* A RST before what was acknowledged has another remedy. */
    ct_switch_set(ct, CT_SWITCH_TCP_BE_LIBERAL, CT_SET_BY_COMMAND, 0);
    ask(segment(back(tcp), TCP_RST, 10, 0), &commit, 0);
    SAYS("invalid-tcp-window");
    SAYS("would pass: the switch tcp_ignore_invalid_rst on");
}

static void
test_state(void)
{
    ask(segment(tcp, TCP_SYN | TCP_ACK, 1, 1), &commit, 0);
    SAYS("verdict: invalid, invalid-tcp-new: ");
    SAYS("would pass: a SYN\n");
    SAYS_NOT("tcp_loose");
    ct_switch_set(ct, CT_SWITCH_TCP_LOOSE, CT_SET_BY_COMMAND, 0);
    ask(segment(tcp, TCP_ACK, 1, 1), &commit, 0);
    SAYS("would pass: the switch tcp_loose on");

    handshake(0);
    ask(segment(back(tcp), TCP_SYN, 1, 0), &commit, 0);
    SAYS("verdict: invalid, invalid-tcp-state: ");
    SAYS("would pass: an ACK\n");
    SAYS("would pass: a FIN\n");
    SAYS_NOT("would pass: a SYN\n");
    ask(segment(tcp, TCP_SYN | TCP_FIN, 1, 0), &commit, 0);
    SAYS("verdict: invalid, invalid-tcp-flags: ");
    SAYS("would pass: an ACK\n");
}

static void
test_checksum(void)
{
    const struct ct_trial_ask question = {
        .request = &commit, .dl_type = htons(ETH_TYPE_IP), .now = now,
    };
    struct dp_packet *p = test_packet(&udp);
    struct ct_why *why = ct_why_create(ct);
    struct udp_header *uh = dp_packet_l4(p);

    uh->udp_csum ^= htons(0x1234);
    ds_clear(&answer);
    ct_why_packet(why, &p, &question, &answer);
    SAYS("invalid-checksum");
    SAYS("would pass: the right checksum\n");
    SAYS("would pass: the switch checksum off");
    dp_packet_delete(p);
    ct_why_destroy(why);
}

static void
test_limits(void)
{
    const struct ct_request r = { .zone = 3, .commit = true };

    assert(commit_many(3, 100, 5) == 5);
    ct_zone_limit_set(ct, 3, 5);
    ask(udp, &r, 0);
    SAYS("verdict: dropped, drop-zone-limit: the zone's limit is reached\n");
    SAYS("limit: 5 connections of 5 in zone 3\n");
    SAYS("would pass: a higher limit (ovs-appctl dpctl/ct-set-limits zone=3,");
    assert(state(udp, &r) == DROPPED);
    ct_zone_limit_set(ct, 3, 6);
    ask(udp, &r, 0);
    SAYS("verdict: passes\n");
    ct_zone_limit_set(ct, 3, 5);

    /* A half-open one gives way to TCP, but not here. */
    ask(segment(tcp, TCP_SYN, 1, 0), &r, 0);
    SAYS("drop-zone-limit");
    ct_zone_limit_set(ct, 3, 6);
    assert(state(segment(tcp, TCP_SYN, 1, 0), &r) == NEW);
    struct test_spec other = tcp;
    other.sport++;
    ask(segment(other, TCP_SYN, 1, 0), &r, 0);
    SAYS("verdict: passes\n");
    SAYS("displaces: another connection");
    assert(state(segment(other, TCP_SYN, 1, 0), &r) == NEW);

    ct_zone_limit_set(ct, 3, 0);
    ct_set_maxconns(ct, dump_count(-1));
    ask(udp, &r, 0);
    SAYS("displaces: another connection");
    assert(dump_count(3) == 6);
}

static void
test_nat(void)
{
    struct ct_request r = snat(99, 7777);
    const struct ct_request existing = {
        .zone = 1, .nat.kind = CT_NAT_EXISTING,
    };
    struct test_spec reply = back(tcp), other = tcp;

    ask(segment(tcp, TCP_SYN, 1999, 0), &r, 0);
    SAYS("ct_state: +new+trk+snat\n");
    SAYS("reply=(src=10.0.0.2,dst=10.0.0.99,sport=80,dport=7777");
    assert(state(segment(tcp, TCP_SYN, 1999, 0), &r) == (NEW | CS_SRC_NAT));

    /* The reply tuple is that of the translated connection. */
    reply.dst = 99;
    reply.dport = 7777;
    ask(segment(reply, TCP_SYN | TCP_ACK, 5999, 2000), &existing, 0);
    SAYS("connection: tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000");
    SAYS("direction: reply\n");
    SAYS("ct_state: +est+rpl+trk+dnat\n");

    /* Its port is the only one. */
    other.src = 5;
    ask(segment(other, TCP_SYN, 1, 0), &r, 0);
    SAYS("verdict: dropped, drop-nat-exhausted: ");
    SAYS("would pass: more addresses or ports");
    assert(state(segment(other, TCP_SYN, 1, 0), &r) == DROPPED);
    r.nat.max_port++;
    ask(segment(other, TCP_SYN, 1, 0), &r, 0);
    SAYS("dport=7778");

    /* Without nat, a stranger's reply tuple. */
    const struct ct_request plain = { .zone = 1, .commit = true };
    other.src = 99;
    other.sport = 7777;
    ask(segment(other, TCP_SYN, 1, 0), &plain, 0);
    SAYS("verdict: dropped, drop-clash: ");
    SAYS("reply tuple of: tcp,src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80");
    SAYS("would pass: nat in this ct()");
    assert(state(segment(other, TCP_SYN, 1, 0), &plain) == DROPPED);
}

/* TFTP: what a helper has announced. */
static void
test_related(void)
{
    static const char read[] = "\0\1file\0octet";
    const struct ct_request r = {
        .zone = 2, .commit = true, .helper = "tftp",
    };
    struct test_spec s = udp;
    struct dp_packet *p;

    s.dport = 69;
    s.len = sizeof read;
    p = test_packet(&s);
    memcpy((char *) dp_packet_l4(p) + UDP_HEADER_LEN, read, sizeof read);
    ((struct udp_header *) dp_packet_l4(p))->udp_csum = 0;
    p = test_ct(ct, p, false, &r, now);
    assert(p && p->md.ct_state == NEW);
    dp_packet_delete(p);

    s = back(udp);
    s.sport = 3333;
    ask(s, &r, 0);
    SAYS("announced by: udp,src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=69");
    SAYS("ct_state: +new+rel+trk\n");
    ask(s, &r, 0);
    SAYS("announced by");
    assert(state(s, &r) == (REL | CS_NEW));
}

static void
test_icmp(void)
{
    ask(back(ping), &commit, 0);
    SAYS("verdict: invalid, invalid-icmp-type: ");
    SAYS("would pass: an echo request");
    assert(state(ping, &commit) == NEW);
    ask(back(ping), &commit, 0);
    SAYS("ct_state: +est+rpl+trk\n");
}

/* Packets at random: first on trial, then in earnest. */

#define N_RANDOM 3000

static struct test_spec
random_spec(void)
{
    static const uint16_t flags[] = {
        TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK,
        TCP_FIN | TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN | TCP_FIN,
    };
    static const uint32_t numbers[] = { 1000, 1001, 1002, 2000, 3000000 };
    struct test_spec s = {
        .ipv6 = random_range(4) == 0,
        .src = 1, .dst = 2 + random_range(2),
        .sport = 1000 + random_range(3), .dport = 80,
        .flags = flags[random_range(ARRAY_SIZE(flags))],
        .seq = numbers[random_range(ARRAY_SIZE(numbers))],
        .ack = numbers[random_range(ARRAY_SIZE(numbers))],
        .len = random_range(3),
    };

    s.proto = (random_range(4) ? IPPROTO_TCP
               : random_range(2) ? IPPROTO_UDP
               : s.ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    if (s.proto == IPPROTO_ICMP || s.proto == IPPROTO_ICMPV6) {
        s.sport = s.ipv6 ? 128 : 8;
        s.dport = 77;
    }
    return random_range(2) ? s : back(s);
}

static struct ct_request
random_request(bool ipv6)
{
    struct ct_request r = {
        .zone = random_range(2),
        .commit = random_range(4) != 0,
    };

    r.force = r.commit && random_range(8) == 0;
    if (r.zone) {
        r.nat.kind = CT_NAT_EXISTING;
        if (r.commit && !ipv6) {
            /* One port for each destination: no choice, and soon none. */
            r.nat = snat(50, 4000).nat;
        }
    }
    r.mark = r.mark_mask = r.commit ? random_range(2) : 0;
    return r;
}

static void
compare(struct ct_trial *trial, struct test_spec s,
        const struct ct_request *request)
{
    const struct ct_trial_ask question = {
        .request = request, .dl_type = test_ethertype(&s), .now = now,
    };
    struct dp_packet *on_trial = test_packet(&s), *real = test_packet(&s);
    uint64_t before[CT_N_COUNTERS];
    struct ct_trial_outcome o;

    ct_trial_reset(trial);
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        before[i] = ct_counter_get(ct, i);
    }
    ct_trial_run(trial, &on_trial, &question, &o);
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        assert(before[i] == ct_counter_get(ct, i) || i == CT_C_EXPIRED);
    }

    real = test_ct(ct, real, s.ipv6, request, now);
    assert(!real == !on_trial);
    assert(o.refused == (ct_counter_get(ct, o.reason) > before[o.reason]
                         && o.reason >= CT_C_INVALID_L3));
    assert(o.created == (ct_counter_get(ct, CT_C_CREATED)
                         > before[CT_C_CREATED]));
    if (real) {
        assert(real->md.ct_state == on_trial->md.ct_state);
        assert(real->md.ct_mark == on_trial->md.ct_mark);
        assert(dp_packet_size(real) == dp_packet_size(on_trial));
        assert(!memcmp(dp_packet_data(real), dp_packet_data(on_trial),
                       dp_packet_size(real)));
    }
    dp_packet_delete(real);
    dp_packet_delete(on_trial);
}

static void
test_random(void)
{
    struct ct_trial *trial = ct_trial_create(ct);
    uint64_t n_refused = 0;

    random_set_seed(1);
    ct_zone_limit_set(ct, 0, 8);
    for (int i = 0; i < N_RANDOM; i++) {
        struct test_spec s = random_spec();
        struct ct_request request = random_request(s.ipv6);

        compare(trial, s, &request);
        /* What is over by then has ended. */
        advance(random_range(3000));
    }
    ct_trial_destroy(trial);

    /* There was something to be found out. */
    for (int i = CT_C_INVALID_L3; i < CT_N_COUNTERS; i++) {
        n_refused += ct_counter_get(ct, i);
    }
    assert(n_refused > N_RANDOM / 20);
    assert(ct_counter_get(ct, CT_C_CREATED) > N_RANDOM / 20);
    assert(ct_counter_get(ct, CT_C_INVALID_TCP_WINDOW));
    assert(ct_counter_get(ct, CT_C_DROP_NAT_EXHAUSTED));
}

/* A helper keeps the beginning of a message: what it keeps stays the
 * connection's own. */
static void
test_held(void)
{
    static const char invite[] =
        "INVITE sip:b@10.0.0.2 SIP/2.0\r\n"
        "Via: SIP/2.0/TCP 10.0.0.1:1000;branch=1\r\n"
        "CSeq: 1 INVITE\r\n"
        "Contact: <sip:a@10.0.0.1:1000>\r\n"
        "Content-Length: 0\r\n"
        "\r\n";
    const size_t cut = 60, len = sizeof invite - 1;
    struct ct_request request = snat(100, 0);
    const struct ct_request known = {
        .zone = 1, .nat = { .kind = CT_NAT_EXISTING },
    };
    struct test_spec s = {
        .proto = IPPROTO_TCP, .src = 1, .dst = 2, .sport = 1000, .dport = 5060,
    };
    struct test_spec reply = back(s);

    reply.dst = 100;
    ovs_strlcpy(request.helper, "sip", sizeof request.helper);
    assert(state(segment(s, TCP_SYN, 99, 0), &request) & CS_NEW);
    assert(state(segment(reply, TCP_SYN | TCP_ACK, 499, 100), &known)
           & CS_ESTABLISHED);
    s = segment(s, TCP_ACK, 100, 500);
    assert(state(s, &known) & CS_ESTABLISHED);

    assert(state_with(s, invite, cut, &known) == DROPPED);
    for (int i = 0; i < 2; i++) {
        s.seq = 100 + cut;
        ask(s, &known, 0);
        SAYS("est");
        ovsrcu_quiesce();
    }
    assert(state_with(s, invite + cut, len - cut, &known) & CS_ESTABLISHED);
    s.seq = 100;
    assert(state_with(s, invite, cut, &known) & CS_ESTABLISHED);
}

static const struct test tests[] = {
    { "live", test_live },
    { "hypothetical", test_hypothetical },
    { "window", test_window },
    { "state", test_state },
    { "checksum", test_checksum },
    { "limits", test_limits },
    { "nat", test_nat },
    { "related", test_related },
    { "icmp", test_icmp },
    { "held", test_held },
    { "random", test_random },
};

int
main(int argc, char *argv[])
{
    int status = run_tests(argc, argv, tests, ARRAY_SIZE(tests));

    ds_destroy(&answer);
    return status;
}

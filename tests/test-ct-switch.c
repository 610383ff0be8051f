/* SPDX-License-Identifier: Apache-2.0 */

/* Switches: who sets what, and what packets meet then. */

#include <config.h>

#include "ct-core-test.h"

static void
set(enum ct_switch s, int value)
{
    ct_switch_set(ct, s, CT_SET_BY_COMMAND, value);
}

static void
test_layers(void)
{
    const enum ct_switch s = CT_SWITCH_TCP_MAX_RETRANS;
    enum ct_set_by by;

    assert(ct_switch_get(ct, s) == 3 && !ct_switch_set_by(ct, s, &by));
    ct_switch_set(ct, s, CT_SET_BY_COMMAND, 7);
    ct_switch_set(ct, s, CT_SET_BY_CONFIG, 5);
    assert(ct_switch_get(ct, s) == 7);
    assert(ct_switch_set_by(ct, s, &by) && by == CT_SET_BY_COMMAND);
    ct_switch_set(ct, s, CT_SET_BY_COMMAND, -1);
    assert(ct_switch_get(ct, s) == 5);
    assert(ct_switch_set_by(ct, s, &by) && by == CT_SET_BY_CONFIG);
    ct_switch_set(ct, s, CT_SET_BY_CONFIG, -1);
    assert(ct_switch_get(ct, s) == 3 && !ct_switch_set_by(ct, s, &by));
}

static void
test_parse(void)
{
    static const struct {
        enum ct_switch s;
        const char *text;
        int value;                      /* -1: refused. */
    } vectors[] = {
        { CT_SWITCH_CHECKSUM, "on", 1 },
        { CT_SWITCH_CHECKSUM, "off", 0 },
        { CT_SWITCH_CHECKSUM, "true", 1 },
        { CT_SWITCH_CHECKSUM, "false", 0 },
        { CT_SWITCH_CHECKSUM, "1", 1 },
        { CT_SWITCH_CHECKSUM, "2", -1 },
        { CT_SWITCH_CHECKSUM, "", -1 },
        { CT_SWITCH_CHECKSUM, "-1", -1 },
        { CT_SWITCH_TCP_MAX_RETRANS, "1", 1 },
        { CT_SWITCH_TCP_MAX_RETRANS, "255", 255 },
        { CT_SWITCH_TCP_MAX_RETRANS, "256", -1 },
        { CT_SWITCH_TCP_MAX_RETRANS, "0", -1 },
        { CT_SWITCH_TCP_MAX_RETRANS, "on", -1 },
        { CT_SWITCH_TCP_MAX_RETRANS, "3x", -1 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        int value = -1;
        char *error = ct_switch_parse(vectors[i].s, vectors[i].text, &value);

        assert(vectors[i].value < 0 ? error != NULL
               : !error && value == vectors[i].value);
        free(error);
    }
}

static void
test_names(void)
{
    enum ct_switch s = CT_SWITCH_CHECKSUM;

    assert(ct_switch_from_name("nf_conntrack_tcp_max_retrans", &s)
           && s == CT_SWITCH_TCP_MAX_RETRANS);
    assert(ct_switch_from_name("net.netfilter.nf_conntrack_checksum", &s)
           && s == CT_SWITCH_CHECKSUM);
    assert(!ct_switch_from_name("tcp_timeout_max_retrans", &s));
    assert(!ct_switch_from_name("net.netfilter.checksum", &s));
}

/* What becomes of a packet with a byte changed behind its checksum. */
static uint8_t
damaged(const struct test_spec *spec)
{
    struct dp_packet *p = test_packet(spec);
    uint8_t *last = (uint8_t *) dp_packet_tail(p) - 1;
    uint8_t ct_state;

    *last ^= 0x55;
    p = test_ct(ct, p, false, &look, now);
    ct_state = p ? p->md.ct_state : DROPPED;
    dp_packet_delete(p);
    return ct_state;
}

static void
test_checksum(void)
{
    struct test_spec syn = segment(tcp, TCP_SYN, 100, 0), query = ping;
    const struct test_spec *specs[] = { &udp, &syn, &query };

    syn.len = query.len = 10;
    for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
        assert(damaged(specs[i]) == INV);
        set(CT_SWITCH_CHECKSUM, 0);
        assert(damaged(specs[i]) == NEW);
        set(CT_SWITCH_CHECKSUM, -1);
        assert(damaged(specs[i]) == INV);
    }
    assert(ct_counter_get(ct, CT_C_INVALID_CHECKSUM) == 6);
}

static void
test_loose(void)
{
    const struct test_spec ack = segment(tcp, TCP_ACK, 100, 500);

    assert(state(ack, &look) == NEW);
    set(CT_SWITCH_TCP_LOOSE, 0);
    assert(state(ack, &look) == INV && state(ack, &commit) == INV);
    assert(!ct_get_nconns(ct));
    assert(ct_counter_get(ct, CT_C_INVALID_TCP_NEW) == 2);
    assert(state(segment(tcp, TCP_SYN, 100, 0), &commit) == NEW);
    assert(state(segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101), &look)
           == RPL);
    assert(state(segment(tcp, TCP_ACK, 101, 501), &look) == EST);

    /* Switched off later, it does not concern who was picked up before. */
    set(CT_SWITCH_TCP_LOOSE, 1);
    struct test_spec other = ack;
    other.sport++;
    assert(state(other, &commit) == NEW);
    set(CT_SWITCH_TCP_LOOSE, 0);
    assert(state(segment(back(other), TCP_ACK, 500, 100), &look) == RPL);
}

/* The two switches for the same: either is enough. */
static void
test_liberal(void)
{
    const struct test_spec far_off = segment(tcp, TCP_ACK, 90000000, 501);

    assert(state(segment(tcp, TCP_SYN, 100, 0), &commit) == NEW);
    assert(state(segment(back(tcp), TCP_SYN | TCP_ACK, 500, 101), &look)
           == RPL);
    assert(state(segment(tcp, TCP_ACK, 101, 501), &look) == EST);
    assert(state(far_off, &look) == INV);
    set(CT_SWITCH_TCP_BE_LIBERAL, 1);
    assert(state(far_off, &look) == EST && ct_get_tcp_seq_chk(ct));
    set(CT_SWITCH_TCP_BE_LIBERAL, 0);
    assert(state(far_off, &look) == INV);
    ct_set_tcp_seq_chk(ct, false);
    assert(state(far_off, &look) == EST);
    ct_set_tcp_seq_chk(ct, true);
    assert(state(far_off, &look) == INV);
}

static const struct test tests[] = {
    { "layers", test_layers },
    { "parse", test_parse },
    { "names", test_names },
    { "checksum", test_checksum },
    { "loose", test_loose },
    { "liberal", test_liberal },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The helpers that there are, and a connection and its helper: of what is
 * expected, of one that had none, and its timeout. */

#include <config.h>

#include "ct-track.h"

#include "ct-help-test.h"

/* Each helper has a class to announce in, and leaves none out. */
static void
test_registered(void)
{
    static const struct ct_helper *const helpers[] = {
#define CT_HELPER(NAME) &ct_helper_##NAME,
        CT_HELPERS
#undef CT_HELPER
    };

    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
        const struct ct_helper_class *classes = helpers[i]->classes;

        assert(classes[0].max_expected);
        for (size_t j = 0; j < CT_HELPER_MAX_CLASSES; j++) {
            assert(!classes[j].max_expected == !classes[j].timeout);
            assert(!j || classes[j - 1].max_expected
                   || !classes[j].max_expected);
        }
    }
}

/* Children with helpers. */

static enum ct_helper_verdict
ask_helped(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = SERVER, .port = htons(4000), .helper = &mine,
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static void
test_child(void)
{
    struct test_spec s = back(udp);
    struct ct_request r = { .commit = true, .helper = "tftp" };
    const uint16_t zone = 0;
    struct ct_dpif_tuple tuple = {
        .l3_type = AF_INET, .ip_proto = IPPROTO_UDP,
        .src.ip = test_ip(1), .dst.ip = test_ip(2),
        .src_port = htons(1000), .dst_port = htons(53),
    };

    n_children = n_ends = 0;
    use(ask_helped);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    assert(shows("class=first,child-helper=mine,timeout=30"));
    s.dport = 4000;
    script = ask_several;
    /* Whatever a rule says. */
    assert(state_with(s, "x", 1, &r) == (NEW | CS_RELATED));
    assert(n_children == 1 && n_expectations() == 3);
    assert(shows("parent=(src=10.0.0.2,dst=10.0.0.1,sport=53,dport=4000)"));
    assert(state_with(s, "x", 1, &look) == (EST | CS_RELATED)
           || state_with(s, "x", 1, &look) == REL);

    assert(!n_ends);
    assert(!ct_flush(ct, &zone, &tuple) && n_ends == 1 && end_state);
    assert(n_expectations() == 3);
    advance(100 * 1000);
    assert(n_ends == 2 && !n_expectations());
}

/* A helper for a connection that has none. */

/* Has the connection to that port that helper? */
static bool
has_helper(uint16_t port, const char *name)
{
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry e;
    bool has = false;

    while (!ct_dump_next(dump, &e)) {
        if (e.tuple_orig.dst_port == htons(port)) {
            has = e.helper.name && !strcmp(e.helper.name, name);
        }
        ct_dpif_entry_uninit(&e);
    }
    ct_dump_destroy(dump);
    return has;
}

static void
test_late(void)
{
    struct ct_request late = { .commit = true, .helper = "tftp" };
    struct ct_track track;
    struct ct_dpif_entry e;
    struct dp_packet *p;
    struct test_spec s = udp;

    /* Committed without; established, and remembered. */
    s.dport = 69;
    assert(state_with(s, "\0\1f\0o", 6, &commit) == NEW);
    assert(state(back(s), &look) == RPL);
    p = test_ct(ct, test_packet(&s), false, &look, now);
    assert(p->md.ct_state == EST && ct_track_remember(p, 0, &track));
    dp_packet_delete(p);

    /* Looking, and commits that name none or one of another protocol, give it
     * none. */
    late.commit = false;
    assert(state_with(s, "\0\1f\0o", 6, &late) == EST);
    late.commit = true;
    assert(state_with(s, "\0\1f\0o", 6, &commit) == EST);
    strcpy(late.helper, "ftp");
    assert(state_with(s, "\0\1f\0o", 6, &late) == EST);
    assert(!n_expectations() && dump_first(-1, &e) && !e.helper.name);
    ct_dpif_entry_uninit(&e);

    /* Now it gets one, which reads this packet, seen before in this zone. */
    strcpy(late.helper, "tftp");
    p = test_ct(ct, packet_with(s, "\0\1f\0o", 6), false, &look, now);
    assert(!n_expectations());
    p = test_ct(ct, p, false, &late, now);
    assert(p->md.ct_state == EST && n_expectations() == 1);
    dp_packet_delete(p);
    assert(dump_first(-1, &e) && !strcmp(e.helper.name, "tftp"));
    assert(!(e.status & CT_DPIF_STATUS_UNTRACKED));
    ct_dpif_entry_uninit(&e);

    /* What was remembered does not go past it. */
    const struct ct_track_context context = {
        .ct = ct, .now = now, .dl_type = htons(ETH_TYPE_IP), .request = &look,
    };
    struct ct_track_request r, *requests[] = { &r };
    struct ct_packet packet;

    ct_track_prepare(&r, ct, &look);
    ct_track_prepared(requests, 1);
    p = test_packet(&s);
    assert(ct_track_begin(&packet, p, &context));
    assert(ct_track_step(&packet, &r, ct_track_conn(ct, &track), &track)
           == CT_TRACK_LOST);
    dp_packet_delete(p);

    /* It keeps what it has. */
    use(say_nothing);
    s = tcp;
    s.dport = 21;
    s.flags = TCP_SYN;
    assert(state(s, &commit) == NEW);
    strcpy(late.helper, "ftp");
    assert(state(s, &late) == NEW);
    assert(has_helper(21, "mine") && !has_helper(21, "ftp"));
}

static enum ct_helper_verdict
set_timeout(struct ct_helper_call *call)
{
    ct_helper_set_timeout(call, 3600);
    return CT_HELPER_ACCEPT;
}

static void
test_timeout(void)
{
    use(set_timeout);
    assert(state_with(udp, "x", 1, &commit) == NEW);
    advance(3599 * 1000);
    assert(ct_get_nconns(ct) == 1);
    advance(3000);
    assert(!ct_get_nconns(ct));
}

static const struct test tests[] = {
    { "registered", test_registered },
    { "child", test_child },
    { "late", test_late },
    { "timeout", test_timeout },
};

int
main(int argc, char *argv[])
{
    return run_tests(argc, argv, tests, ARRAY_SIZE(tests));
}

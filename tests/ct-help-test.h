/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELP_TEST_H
#define CT_HELP_TEST_H 1

/* A helper of the tests' own, in a whole tracker: it reads what the test wants
 * it to. */

#include "ct-expect-test.h"

#include "ct-conn.h"

#define CLIENT CT_DIR_ORIGINAL
#define SERVER CT_DIR_REPLY

static enum ct_helper_verdict (*script)(struct ct_helper_call *);
static struct ct_tuple place;
static unsigned int n_children, n_ends;
static uint64_t end_state;

static inline enum ct_helper_verdict
run_script(struct ct_helper_call *call)
{
    uint64_t *state = call->state;

    state[9]++;
    return script(call);
}

static inline void
note_child(struct ct *ct_ OVS_UNUSED, const struct ct_expectation *e,
           struct ct_conn *child)
{
    assert(e->parent_id && ct_conn_status(child) & CT_DPIF_STATUS_EXPECTED);
    n_children++;
}

static inline void
note_end(struct ct *ct_ OVS_UNUSED, const struct ct_conn *conn OVS_UNUSED,
         void *state)
{
    end_state = ((uint64_t *) state)[9];
    n_ends++;
}

static const struct ct_helper mine = {
    .name = "mine",
    .protos = { IPPROTO_UDP, IPPROTO_TCP },
    .classes = { { "first", 4, 30 }, { "second", 2, 60 } },
    .state_size = 10 * sizeof(uint64_t),
    .resizes = true,
    .read = run_script,
    .child = note_child,
    .end = note_end,
};

static inline enum ct_helper_verdict
say_nothing(struct ct_helper_call *call OVS_UNUSED)
{
    return CT_HELPER_ACCEPT;
}

/* Connections to port 53 by UDP and 21 by TCP get it. */
static inline void
use(enum ct_helper_verdict (*f)(struct ct_helper_call *))
{
    struct ct_helper_policy policy = {
        .zone = CT_HELPER_ANY_ZONE, .proto = IPPROTO_UDP, .port = 53,
        .helper = &mine,
    };

    assert(!ct_helper_policy_add(ct, &policy));
    policy.proto = IPPROTO_TCP;
    policy.port = 21;
    assert(!ct_helper_policy_add(ct, &policy));
    script = f;
}

/* Three announcements in one packet. */
static inline enum ct_helper_verdict
ask_several(struct ct_helper_call *call)
{
    const struct ct_helper_expect asks[] = {
        { .dir = SERVER, .port = htons(5000) },
        { .dir = CLIENT, .port = htons(5001), .proto = IPPROTO_TCP,
          .class = 1, .any_src = true },
        { .dir = SERVER, .port = htons(5002), .has_dst = true,
          .dst.ip = test_ip(7), .has_src = true, .src.ip = test_ip(8),
          .src_port = htons(99), .timeout = 5, .permanent = true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
        assert(ct_helper_expect(call, &asks[i], &place));
    }
    return CT_HELPER_ACCEPT;
}

/* One announcement: what a test asks for. */
static unsigned int asked_class;
static uint16_t asked_port;

static inline enum ct_helper_verdict
ask_class(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .class = asked_class, .dir = SERVER, .port = htons(asked_port),
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static inline enum ct_helper_verdict
ask_inactive(struct ct_helper_call *call)
{
    const struct ct_helper_expect ask = {
        .dir = SERVER, .port = htons(9000), .inactive = true,
    };

    return (ct_helper_expect(call, &ask, &place)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

/* So many that there is no room for three more, and nobody gives way. */
static inline void
fill_expectations(const struct ct_request *r)
{
    const struct ct_zone *zone = ct_zone_get(ct, r->zone);
    struct test_spec s = udp;

    script = ask_several;
    for (s.sport++; zone->expects.n + 3 <= CT_EXPECT_MAX_PER_ZONE;
         s.sport++) {
        assert(state_with(s, "x", 1, r) == NEW);
    }
    assure_parents(r->zone);
}

#endif /* ct-help-test.h */

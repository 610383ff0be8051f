/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_TEST_H
#define CT_HELPER_TEST_H 1

/* A helper without a tracker.
 * ============================
 *
 * struct test_helper is a call, and what the helper does with it: asks are
 * recorded, replaced text is replaced in a copy of the payload.  The payload
 * stands in memory of just its size, for tools that look at each access.
 *
 *     struct test_helper t;
 *
 *     test_helper_init(&t, &ct_helper_ftp, IPPROTO_TCP, CT_DIR_ORIGINAL,
 *                      false);
 *     verdict = test_helper_read(&t, seq, "PORT 10,0,0,1,4,1\r\n", 19);
 *     ... t.asks[0], t.call.payload ...
 *     test_helper_uninit(&t);
 *
 * The client is 10.0.0.1 or fd00::1, the server 10.0.0.2 or fd00::2.  With
 * call.nat they see each other as 10.0.0.101 and 10.0.0.102, and announced
 * ports get 'add_port' more. */

#include <stdlib.h>
#include <string.h>

#include "ct-helper.h"
#include "ct-test-addr.h"
#include "ct-test.h"
#include "util.h"

#define TEST_HELPER_MAX_ASKS 32

struct test_helper {
    struct ct_helper_call call;
    uint8_t *copy;              /* The payload. */

    /* What it did, since the last test_helper_read(). */
    struct ct_helper_expect asks[TEST_HELPER_MAX_ASKS];
    unsigned int n_asks;
    unsigned int n_replaced;
    bool changed;               /* Its length. */
    size_t first_change;
    struct ct_seqadj_segment shift;     /* The last one. */
    unsigned int n_shifted;
    struct ct_helper_match match;       /* The last one. */
    unsigned int n_forgotten, n_refreshed;      /* Calls. */
    unsigned int n_ended;       /* Other connections. */
    unsigned int seconds;       /* Of the last refresh or timeout. */
    unsigned int counts[CT_N_COUNTERS];

    /* What is answered. */
    uint16_t add_port;
    unsigned int n_known;       /* By forget and refresh. */
    bool refuse;                /* Nothing can be expected. */
    unsigned int settings[CT_N_SWITCHES];       /* 0 at first. */
};

static inline struct test_helper *
test_helper_cast(struct ct_helper_call *call)
{
    return CONTAINER_OF(call, struct test_helper, call);
}

static inline bool
test_helper_expect(struct ct_helper_call *call,
                   const struct ct_helper_expect *ask, struct ct_tuple *place)
{
    struct test_helper *t = test_helper_cast(call);
    const struct ct_tuple *comes = &call->tuples[ask->dir];
    bool own = !memcmp(&comes->dst, &call->tuples[!ask->dir].src,
                       sizeof comes->dst);

    ovs_assert(ask->class < CT_HELPER_MAX_CLASSES
               && call->helper->classes[ask->class].timeout);
    ovs_assert(!ask->pair || !(ntohs(ask->port) & 1));
    if (t->refuse) {
        t->counts[CT_C_DROP_NAT_EXHAUSTED]++;
        return false;
    }
    if (t->n_asks < TEST_HELPER_MAX_ASKS) {
        t->asks[t->n_asks] = *ask;
    }
    t->n_asks++;
    *place = *comes;
    if (own && ask->has_dst) {
        place->dst = ask->dst;
    }
    place->dst_port = htons(ntohs(ask->port) + (own ? 0 : t->add_port));
    return true;
}

static inline bool
test_helper_replace(struct ct_helper_call *call, size_t ofs, size_t len,
                    const char *text, size_t n)
{
    struct test_helper *t = test_helper_cast(call);
    size_t new_len = call->len - len + n;
    uint8_t *new = xmalloc(new_len ? new_len : 1);

    ovs_assert(ofs <= call->len && len <= call->len - ofs);
    memcpy(new, t->copy, ofs);
    memcpy(new + ofs, text, n);
    memcpy(new + ofs + n, t->copy + ofs + len, call->len - ofs - len);
    free(t->copy);
    t->copy = new;
    t->n_replaced++;
    if (n != len && (!t->changed || ofs < t->first_change)) {
        t->changed = true;
        t->first_change = ofs;
    }
    call->payload = new;
    call->len = new_len;
    return true;
}

static inline bool
test_helper_shift(struct ct_helper_call *call,
                  const struct ct_seqadj_segment *segment)
{
    test_helper_cast(call)->shift = *segment;
    test_helper_cast(call)->n_shifted++;
    return true;
}

static inline unsigned int
test_helper_forget(struct ct_helper_call *call,
                   const struct ct_helper_match *match)
{
    struct test_helper *t = test_helper_cast(call);

    t->n_forgotten++;
    t->match = *match;
    return t->n_known;
}

static inline unsigned int
test_helper_refresh(struct ct_helper_call *call,
                    const struct ct_helper_match *match, unsigned int seconds)
{
    struct test_helper *t = test_helper_cast(call);

    t->n_refreshed++;
    t->match = *match;
    t->seconds = seconds;
    return t->n_known;
}

static inline void
test_helper_end_other(struct ct_helper_call *call,
                      const struct ct_tuple *tuple OVS_UNUSED)
{
    test_helper_cast(call)->n_ended++;
}

static inline void
test_helper_set_timeout(struct ct_helper_call *call, unsigned int seconds)
{
    test_helper_cast(call)->seconds = seconds;
}

static inline unsigned int
test_helper_setting(struct ct_helper_call *call, enum ct_switch s)
{
    return test_helper_cast(call)->settings[s];
}

static inline void
test_helper_count(struct ct_helper_call *call, enum ct_counter counter)
{
    test_helper_cast(call)->counts[counter]++;
}

static inline void
test_helper_init(struct test_helper *t, const struct ct_helper *helper,
                 uint8_t proto, enum ct_dir dir, bool ipv6)
{
    static const struct ct_helper_ops ops = {
        .expect = test_helper_expect,
        .replace = test_helper_replace,
        .shift = test_helper_shift,
        .forget = test_helper_forget,
        .refresh = test_helper_refresh,
        .end_other = test_helper_end_other,
        .set_timeout = test_helper_set_timeout,
        .setting = test_helper_setting,
        .count = test_helper_count,
        .refuse = test_helper_count,
    };
    struct ct_helper_call *call = &t->call;

    memset(t, 0, sizeof *t);
    call->helper = helper;
    call->dir = dir;
    call->both = true;
    call->state = xzalloc(helper->state_size ? helper->state_size : 1);
    call->ops = &ops;
    for (int d = 0; d < CT_DIR_MAX; d++) {
        call->tuples[d].src = ct_test_addr(ipv6, 1 + d);
        call->tuples[d].dst = ct_test_addr(ipv6, 2 - d);
        call->tuples[d].kind = ipv6 ? CT_KIND_IPV6 : 0;
        call->tuples[d].proto = proto;
    }
}

/* They see each other at other addresses. */
static inline void
test_helper_set_nat(struct test_helper *t, bool ipv6)
{
    t->call.nat = true;
    for (int d = 0; d < CT_DIR_MAX; d++) {
        t->call.tuples[d].dst = ct_test_addr(ipv6, 102 - d);
    }
}

static inline enum ct_helper_verdict
test_helper_read(struct test_helper *t, uint32_t seq, const char *bytes,
                 size_t n)
{
    struct ct_helper_call *call = &t->call;

    free(t->copy);
    t->copy = xmalloc(n ? n : 1);
    memcpy(t->copy, bytes, n);
    t->n_asks = t->n_replaced = t->n_forgotten = t->n_refreshed = 0;
    t->n_ended = t->n_shifted = 0;
    t->changed = false;
    t->seconds = 0;
    memset(t->counts, 0, sizeof t->counts);
    call->payload = t->copy;
    call->len = n;
    call->seq = seq;
    return call->helper->read(call);
}

static inline bool
test_helper_payload_is(const struct test_helper *t, const char *expected)
{
    bool same = (t->call.len == strlen(expected)
                 && !memcmp(t->call.payload, expected, t->call.len));

    if (!same) {
        fprintf(stderr, "payload:\n%.*s\n", (int) t->call.len,
                (const char *) t->call.payload);
    }
    return same;
}

static inline void
test_helper_uninit(struct test_helper *t)
{
    free(t->copy);
    if (t->call.helper->uninit) {
        t->call.helper->uninit(t->call.state);
    }
    free(t->call.state);
}

#endif /* ct-helper-test.h */

/* SPDX-License-Identifier: Apache-2.0 */

/* H.323's RAS: an endpoint finds a gatekeeper, registers, and asks for
 * admission before it calls.
 *
 *    registration request   where the endpoint accepts calls, until the
 *                           registration ends
 *    gatekeeper confirm     where registrations go
 *    admission and location confirm
 *                           where a call has to go
 *
 * Under translation the addresses of RAS and call signalling are replaced, of
 * who speaks and of the endpoint that is spoken of. */

#include <config.h>

#include <netinet/in.h>

#include "ct-h323.h"
#include "util.h"

/* Ports of call signalling: of the endpoint that registered, under the
 * direction in which it speaks, and what others see of it, under the other. */
struct ras_state {
    ovs_be16 signal[CT_DIR_MAX];
    uint32_t ttl;               /* In seconds. */
};

#define DEFAULT_TTL 300
#define MAX_TTL 86400           /* Believed at most. */
#define UNREGISTERED_TIMEOUT 30

/* One message. */
struct message {
    struct ct_helper_call *call;
    struct ras_state *state;
    struct ct_per_items items;
};

typedef enum ct_helper_verdict act_func(struct message *);

static act_func gatekeeper_confirm, registration_request,
    registration_confirm, unregistration_request, admission_request,
    admission_confirm, location_confirm, replace_ras, replace_both;

static act_func *const acts[] = {
    [CT_H323_GRQ] = replace_ras,
    [CT_H323_GCF] = gatekeeper_confirm,
    [CT_H323_RRQ] = registration_request,
    [CT_H323_RCF] = registration_confirm,
    [CT_H323_URQ] = unregistration_request,
    [CT_H323_ARQ] = admission_request,
    [CT_H323_ACF] = admission_confirm,
    [CT_H323_LRQ] = replace_ras,
    [CT_H323_LCF] = location_confirm,
    [CT_H323_IRR] = replace_both,
};

static enum ct_helper_verdict
ras_read(struct ct_helper_call *call)
{
    struct message m;
    uint32_t kind;

    if (!call->len) {
        return CT_HELPER_ACCEPT;
    }
    m.call = call;
    m.state = call->state;
    m.items.n = 0;
    if (!ct_per_read(&ct_h225_ras, call->payload, 0, call->len, &m.items)) {
        ct_helper_count(call, CT_C_HELPER_UNREAD);
        return CT_HELPER_ACCEPT;
    }
    kind = m.items.item[0].value;
    return (kind < ARRAY_SIZE(acts) && acts[kind]
            ? acts[kind](&m) : CT_HELPER_ACCEPT);
}

const struct ct_helper ct_helper_ras = {
    .name = "ras",
    .protos = { IPPROTO_UDP },
    .classes = { { .max_expected = 32, .timeout = CT_H323_TIMEOUT } },
    .state_size = sizeof(struct ras_state),
    .read = ras_read,
};

/* The 'i'th of 'mark'; NULL if there are not so many. */
static const struct ct_per_item *
find(const struct message *m, enum ct_h323_mark mark, unsigned int i)
{
    for (unsigned int j = 0; j < m->items.n; j++) {
        if (m->items.item[j].mark == mark && !i--) {
            return &m->items.item[j];
        }
    }
    return NULL;
}

static bool
get_addr(const struct message *m, enum ct_h323_mark mark,
         struct ct_h323_addr *addr)
{
    const struct ct_per_item *item = find(m, mark, 0);

    return item && ct_h323_get_addr(m->call, item, addr);
}

static const struct ct_tuple *
comes(const struct message *m)
{
    return &m->call->tuples[m->call->dir];
}

/* Both ends as the other one has to see them: who speaks as its destination,
 * who listens as its source. */
static const struct ct_tuple *
answered(const struct message *m)
{
    return &m->call->tuples[!m->call->dir];
}

/* The first RAS address that is who speaks. */
static enum ct_helper_verdict
replace_ras(struct message *m)
{
    const struct ct_per_item *item;
    struct ct_h323_addr addr;

    for (unsigned int i = 0;
         m->call->nat && (item = find(m, CT_H323_RAS_ADDR, i)); i++) {
        if (ct_h323_get_addr(m->call, item, &addr)
            && ct_h323_is(&addr, &comes(m)->src)
            && addr.port == comes(m)->src_port) {
            return ct_h323_write(m->call, &addr, &answered(m)->dst,
                                 answered(m)->dst_port);
        }
    }
    return CT_HELPER_ACCEPT;
}

static bool
is_loopback(const struct message *m, const struct ct_h323_addr *addr)
{
    return (!ct_tuple_is_ipv6(comes(m))
            && addr->ip.ip6.s6_addr[0] == 127);
}

/* Some endpoints put the loopback address in front of their own, and
 * gatekeepers take the first. */
static enum ct_helper_verdict
replace_loopback(struct message *m, const union ct_inet_addr *ip,
                 ovs_be16 port)
{
    struct ct_h323_addr first;

    return (get_addr(m, CT_H323_SIGNAL, &first) && is_loopback(m, &first)
            ? ct_h323_write(m->call, &first, ip, port) : CT_HELPER_ACCEPT);
}

/* 'addr' if it is the signalling address of the endpoint that registered: of
 * who speaks, or, if the gatekeeper does, of who listens. */
static bool
is_endpoint(const struct message *m, const struct ct_h323_addr *addr,
            const union ct_inet_addr **seen_as)
{
    if (addr->port != m->state->signal[m->call->dir]) {
        return false;
    }
    if (ct_h323_is(addr, &comes(m)->src)) {
        *seen_as = &answered(m)->dst;
        return true;
    }
    *seen_as = &answered(m)->src;
    return ct_h323_is(addr, &comes(m)->dst);
}

static enum ct_helper_verdict
replace_signal(struct message *m, enum ct_h323_mark mark)
{
    const union ct_inet_addr *seen_as;
    const struct ct_per_item *item;
    struct ct_h323_addr addr;

    for (unsigned int i = 0; m->call->nat && (item = find(m, mark, i)); i++) {
        if (ct_h323_get_addr(m->call, item, &addr)
            && is_endpoint(m, &addr, &seen_as)) {
            return ct_h323_write(m->call, &addr, seen_as,
                                 m->state->signal[!m->call->dir]);
        }
    }
    return CT_HELPER_ACCEPT;
}

static enum ct_helper_verdict
replace_both(struct message *m)
{
    enum ct_helper_verdict verdict = replace_ras(m);

    return (verdict == CT_HELPER_ACCEPT
            ? replace_signal(m, CT_H323_SIGNAL) : verdict);
}

/* Calls, from the gatekeeper alone, to the endpoint's first address that is
 * its own. */
static enum ct_helper_verdict
expect_calls(struct message *m)
{
    struct ct_helper_expect ask = {
        .dir = !m->call->dir, .proto = IPPROTO_TCP, .permanent = true,
        .helper = &ct_helper_q931,
    };
    const struct ct_per_item *item;
    struct ct_h323_addr addr;
    struct ct_tuple place;
    enum ct_helper_verdict verdict;
    unsigned int i;

    for (i = 0; (item = find(m, CT_H323_SIGNAL, i)); i++) {
        if (ct_h323_get_addr(m->call, item, &addr) && addr.port
            && ct_h323_is(&addr, &comes(m)->src)) {
            break;
        }
    }
    if (!item) {
        return CT_HELPER_ACCEPT;
    }
    ask.port = addr.port;
    if (!ct_helper_expect(m->call, &ask, &place)) {
        return CT_HELPER_DROP;
    }
    m->state->signal[m->call->dir] = addr.port;
    m->state->signal[!m->call->dir] = place.dst_port;
    if (!m->call->nat) {
        return CT_HELPER_ACCEPT;
    }
    verdict = ct_h323_write(m->call, &addr, &place.dst, place.dst_port);
    return (i && verdict == CT_HELPER_ACCEPT
            ? replace_loopback(m, &place.dst, place.dst_port) : verdict);
}

static void
get_ttl(struct message *m, uint32_t otherwise)
{
    const struct ct_per_item *ttl = find(m, CT_H323_TTL, 0);

    m->state->ttl = MIN(ttl ? ttl->value : otherwise, MAX_TTL);
}

static enum ct_helper_verdict
registration_request(struct message *m)
{
    enum ct_helper_verdict verdict = expect_calls(m);

    get_ttl(m, DEFAULT_TTL);
    return verdict == CT_HELPER_ACCEPT ? replace_ras(m) : verdict;
}

static enum ct_helper_verdict
registration_confirm(struct message *m)
{
    const struct ct_helper_match calls = {
        .class = -1, .dir = m->call->dir,
        .port = m->state->signal[!m->call->dir],
    };

    get_ttl(m, m->state->ttl);
    if (m->state->ttl) {
        ct_helper_set_timeout(m->call, m->state->ttl);
        if (calls.port) {
            ct_helper_refresh(m->call, &calls, m->state->ttl);
        }
    }
    return replace_signal(m, CT_H323_SIGNAL);
}

static enum ct_helper_verdict
unregistration_request(struct message *m)
{
    const struct ct_helper_match all = { .class = -1, .any_dir = true };
    enum ct_helper_verdict verdict = replace_signal(m, CT_H323_SIGNAL);

    ct_helper_forget(m->call, &all);
    m->state->signal[0] = m->state->signal[1] = 0;
    /* Time for the answer. */
    ct_helper_set_timeout(m->call, UNREGISTERED_TIMEOUT);
    return verdict;
}

/* The other end is told of an address that need not be that of who speaks.
 * That of somebody else stays as it is, and is where the other end will go:
 * who is behind the same translation as who speaks cannot be seen here. */
static enum ct_helper_verdict
expect_elsewhere(struct message *m, const struct ct_h323_addr *to,
                 struct ct_helper_expect ask)
{
    if (!to->port) {
        return CT_HELPER_ACCEPT;
    }
    if (ct_h323_is(to, &comes(m)->src)) {
        return ct_h323_announce(m->call, to, ask);
    }
    ask.dir = !m->call->dir;
    ask.has_dst = ask.dst_stays = true;
    ask.dst = to->ip;
    ask.port = to->port;
    return (ct_helper_expect(m->call, &ask, NULL)
            ? CT_HELPER_ACCEPT : CT_HELPER_DROP);
}

static enum ct_helper_verdict
gatekeeper_confirm(struct message *m)
{
    static const struct ct_helper_expect ask = { .helper = &ct_helper_ras };
    struct ct_h323_addr addr;

    if (!get_addr(m, CT_H323_RAS_ADDR, &addr)) {
        return CT_HELPER_ACCEPT;
    }
    if (ct_h323_is(&addr, &comes(m)->src)
        && addr.port == comes(m)->src_port) {
        return replace_ras(m);
    }
    /* Who was sent here by such an answer is not sent on. */
    return (m->call->expected ? CT_HELPER_ACCEPT
            : expect_elsewhere(m, &addr, ask));
}

static const struct ct_helper_expect some_calls = {
    .proto = IPPROTO_TCP, .permanent = true, .helper = &ct_helper_q931,
};

static enum ct_helper_verdict
location_confirm(struct message *m)
{
    struct ct_h323_addr addr;

    return (get_addr(m, CT_H323_SIGNAL, &addr)
            ? expect_elsewhere(m, &addr, some_calls) : CT_HELPER_ACCEPT);
}

/* To the endpoint that asked whether it may answer, it is its own address. */
static enum ct_helper_verdict
admission_confirm(struct message *m)
{
    struct ct_h323_addr addr;

    if (!get_addr(m, CT_H323_DEST, &addr)) {
        return CT_HELPER_ACCEPT;
    }
    return (ct_h323_is(&addr, &comes(m)->dst)
            ? replace_signal(m, CT_H323_DEST)
            : expect_elsewhere(m, &addr, some_calls));
}

/* Of who answers a call, or else of who makes one. */
static enum ct_helper_verdict
admission_request(struct message *m)
{
    struct ct_h323_addr addr;

    if (!m->call->nat) {
        return CT_HELPER_ACCEPT;
    }
    if (get_addr(m, CT_H323_DEST, &addr) && ct_h323_is(&addr, &comes(m)->src)
        && addr.port == m->state->signal[m->call->dir]) {
        return ct_h323_write(m->call, &addr, &answered(m)->dst,
                             m->state->signal[!m->call->dir]);
    }
    if (get_addr(m, CT_H323_SOURCE, &addr)
        && ct_h323_is(&addr, &comes(m)->src)) {
        return ct_h323_write(m->call, &addr, &answered(m)->dst, addr.port);
    }
    return CT_HELPER_ACCEPT;
}

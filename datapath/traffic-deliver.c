/* SPDX-License-Identifier: Apache-2.0 */

/* The last step of the way of a packet that a traffic device made: it is
 * recognised.  Called by netdev-traffic; calls traffic-packet, and tells
 * traffic-pair what has to be answered. */

#include <config.h>

#include "traffic-deliver.h"

#include "dp-packet.h"
#include "traffic-pair.h"
#include "traffic-plan.h"
#include "traffic-write.h"

/* Events of a batch, collected while they belong to the same inbox. */
struct collector {
    bool checks;
    struct traffic_inbox *inbox;
    unsigned int n;
    struct traffic_event events[NETDEV_MAX_BURST];
};

static void
collector_flush(struct collector *c)
{
    if (c->n) {
        traffic_inbox_put(c->inbox, c->events, c->n);
        c->n = 0;
    }
}

static struct traffic_event *
collector_add(struct collector *c, const struct traffic_pair *pair,
              enum traffic_side to, uint32_t number)
{
    struct traffic_queue *queue = pair->queues[to][number
                                                   % pair->n_queues[to]];

    if (c->inbox != &queue->inbox) {
        collector_flush(c);
        c->inbox = &queue->inbox;
    }
    return &c->events[c->n++];
}

/* Which side has to know about a packet that arrived at the other one. */
static inline enum traffic_side
side_to_tell(const struct traffic_mark *mark)
{
    return (mark->step == TRAFFIC_SYN || mark->step == TRAFFIC_FIN
            ? TRAFFIC_SERVER : TRAFFIC_CLIENT);
}

/* A client gets answers with the tuple that it sent to, the other way. */
static bool
is_answer(const struct traffic_plan *plan, const struct traffic_mark *mark,
          const struct traffic_view *view)
{
    struct traffic_tuple tuple, expected;

    if (mark->number >= plan->pair->n_lasting) {
        return true;            /* traffic-make compares it. */
    }
    traffic_packet_tuple(plan->data[TRAFFIC_SERVER], view, &tuple);
    traffic_tuple_of(&plan->tuples, mark->number, &expected);
    traffic_tuple_reverse(&expected, &expected);
    return traffic_tuple_equal(&tuple, &expected);
}

static void
tell(const struct traffic_plan *plan, const struct traffic_mark *mark,
     const struct traffic_view *view, struct collector *c)
{
    struct traffic_event *event;

    if (mark->step == TRAFFIC_ACK && mark->number >= plan->pair->n_lasting) {
        return;                 /* Its FIN follows. */
    }
    event = collector_add(c, plan->pair, side_to_tell(mark), mark->number);
    event->number = mark->number;
    event->step = mark->step;
    traffic_packet_tuple(plan->data[mark->side], view, &event->tuple);
}

static enum traffic_kind
recognise(const struct traffic_plan *plan, enum traffic_side to,
          const struct traffic_view *view, struct collector *c)
{
    const struct traffic_pair *pair = plan->pair;
    enum traffic_kind kind;
    struct traffic_mark mark;

    kind = traffic_packet_read(plan->data[!to], view, &mark);
    if (OVS_UNLIKELY(kind != TRAFFIC_OURS)) {
        return kind;
    }
    if (OVS_UNLIKELY(mark.side == to)) {
        return TRAFFIC_FOREIGN;
    }
    if (OVS_UNLIKELY(mark.number >= pair->n_numbers)) {
        return (plan->spec.pattern == TRAFFIC_SYN_FLOOD
                ? TRAFFIC_OURS : TRAFFIC_FOREIGN);
    }
    if (OVS_LIKELY(mark.step == TRAFFIC_DATA)) {
        return TRAFFIC_OURS;
    }
    if (to == TRAFFIC_CLIENT && !is_answer(plan, &mark, view)) {
        return TRAFFIC_FOREIGN;
    }
    tell(plan, &mark, view, c);
    return TRAFFIC_OURS;
}

static void
look_closer(const struct traffic_plan *plan, enum traffic_side to,
            const struct dp_packet *packet, struct collector *c,
            struct traffic_delivered *delivered)
{
    struct traffic_view view;
    enum traffic_kind kind = traffic_packet_view(packet, &view);

    if (kind == TRAFFIC_OURS) {
        if (c->checks && !traffic_packet_verify(&view)) {
            kind = TRAFFIC_MALFORMED;
        } else if (plan) {
            kind = recognise(plan, to, &view, c);
        }
    } else if (kind == TRAFFIC_FOREIGN && !plan) {
        kind = TRAFFIC_OURS;
    }
    delivered->n_foreign += kind == TRAFFIC_FOREIGN;
    delivered->n_bad += kind == TRAFFIC_MALFORMED;
}

void
traffic_deliver(const struct traffic_plan *plan, enum traffic_side to,
                bool checks, const struct dp_packet_batch *batch,
                struct traffic_delivered *delivered)
{
    const struct traffic_template *data = plan ? plan->data[!to] : NULL;
    uint32_t n = plan && !checks ? plan->pair->n_lasting : 0;
    struct collector c = { .inbox = NULL, .n = 0, .checks = checks };
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (OVS_UNLIKELY(!n || !traffic_packet_is_data(data, packet, n))) {
            look_closer(plan, to, packet, &c, delivered);
        }
    }
    collector_flush(&c);
}

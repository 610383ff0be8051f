/* SPDX-License-Identifier: Apache-2.0 */

/* The first step of the way of a packet of a traffic device: which packets a
 * poll makes.  Called by netdev-traffic; calls traffic-pick, traffic-tuple and
 * traffic-packet, and takes what was delivered from traffic-pair. */

#include <config.h>

#include "traffic-make.h"

#include "dp-packet.h"
#include "hash.h"
#include "traffic-pcap.h"
#include "traffic-plan.h"
#include "traffic-pool.h"
#include "traffic-write.h"
#include "util.h"

/* Connections of a queue that are being opened at the same time. */
#define OPENING_WINDOW 256

/* A tick, and how many of them to wait for an answer, at least and at most. */
#define TICKS_PER_SECOND 256
#define MIN_TIMEOUT 64
#define MAX_TIMEOUT 8192

/* How often the client asks again before it begins anew. */
#define MAX_RETRIES 5

/* Connections that a poll looks at for lost packets. */
#define SEARCH_STEPS 32

static void begin(struct traffic_turn *);
static void answer(struct traffic_turn *);
static void make_data(struct traffic_turn *);
static void make_flood(struct traffic_turn *);
static void search_lost(struct traffic_turn *);
static void note_done(struct traffic_turn *);

void
traffic_make(struct traffic_turn *turn)
{
    if (turn->plan->pcap) {
        traffic_pcap_replay(turn);
    } else {
        begin(turn);
        answer(turn);
        make_data(turn);
        make_flood(turn);
        search_lost(turn);
    }
    note_done(turn);
}

/* How many more ----------------------------------------------------------- */

static unsigned int
room(const struct traffic_turn *turn)
{
    return NETDEV_MAX_BURST - dp_packet_batch_size(turn->batch);
}

/* A queue's part of what the spec says of the device. */
static double
rate_of_queue(const struct traffic_turn *turn, uint64_t rate)
{
    return (double) rate / turn->plan->n_queues[turn->side];
}

static uint64_t
left_to_count(const struct traffic_turn *turn)
{
    unsigned int n_queues = turn->plan->n_queues[turn->side];
    uint64_t count = turn->plan->spec.count;
    uint64_t limit = count / n_queues + (turn->queue->id < count % n_queues);

    if (OVS_LIKELY(!count)) {
        return UINT64_MAX;
    }
    return limit - MIN(limit, turn->queue->n_counted);
}

unsigned int
traffic_turn_due(struct traffic_turn *turn)
{
    unsigned int max = MIN(room(turn), left_to_count(turn));

    return traffic_pace_due(&turn->queue->pace,
                            rate_of_queue(turn, turn->plan->spec.rate),
                            turn->hz, turn->now, max);
}

static uint16_t
ticks(const struct traffic_turn *turn)
{
    return (uint64_t) ((double) turn->now * TICKS_PER_SECOND / turn->hz);
}

/* Packets that open and close --------------------------------------------- */

static void
set_rss(const struct traffic_turn *turn, struct dp_packet *packet,
        const struct traffic_tuple *tuple)
{
    if (OVS_UNLIKELY(turn->plan->spec.rss)) {
        dp_packet_set_rss_hash(packet, hash_bytes(tuple, sizeof *tuple, 0));
    }
}

static void
emit(struct traffic_turn *turn, uint32_t number, enum traffic_step step,
     const struct traffic_tuple *tuple)
{
    const struct traffic_template *t = turn->plan->control[turn->side];
    struct traffic_mark mark = {
        .number = number, .step = step, .side = turn->side,
    };
    struct dp_packet *packet;

    traffic_pool_take(&packet, 1, t->len);
    traffic_packet_write(t, packet, tuple, &mark);
    set_rss(turn, packet, tuple);
    dp_packet_batch_add(turn->batch, packet);
    turn->queue->n_counted += number >= turn->plan->pair->n_lasting;
}

static uint32_t
number_of(const struct traffic_turn *turn, uint32_t index)
{
    return index * turn->plan->n_queues[turn->side] + turn->queue->id;
}

static bool
is_lasting(const struct traffic_turn *turn, uint32_t number)
{
    return number < turn->plan->pair->n_lasting;
}

/* The tuple of a connection as the client sends it. */
static void
flight_tuple(const struct traffic_turn *turn, uint32_t number,
             struct traffic_tuple *tuple)
{
    const struct traffic_queue *queue = turn->queue;
    uint32_t index = number / turn->plan->n_queues[TRAFFIC_CLIENT];

    traffic_tuple_of(&turn->plan->tuples,
                     (is_lasting(turn, number) ? number
                      : turn->plan->pair->n_lasting
                        + (uint64_t) queue->flights[index].serial), tuple);
}

static void
emit_flight(struct traffic_turn *turn, uint32_t index, enum traffic_step step)
{
    struct traffic_flight *flight = &turn->queue->flights[index];
    uint32_t number = number_of(turn, index);
    struct traffic_tuple tuple;

    flight_tuple(turn, number, &tuple);
    emit(turn, number, step, &tuple);
    flight->sent = ticks(turn);
}

static void
begin_flight(struct traffic_turn *turn, uint32_t index)
{
    struct traffic_flight *flight = &turn->queue->flights[index];

    flight->state = TRAFFIC_FLIGHT_SYN;
    flight->retries = 0;
    turn->queue->n_under_way++;
    emit_flight(turn, index, TRAFFIC_SYN);
}

static void
begin_lasting(struct traffic_turn *turn)
{
    struct traffic_queue *queue = turn->queue;
    unsigned int n = MIN(room(turn), queue->n_lasting - queue->n_begun);

    n = MIN(n, OPENING_WINDOW - MIN(queue->n_under_way, OPENING_WINDOW));
    n = traffic_pace_due(&queue->pace,
                         rate_of_queue(turn, turn->plan->spec.rate),
                         turn->hz, turn->now, n);
    while (n--) {
        begin_flight(turn, queue->n_begun++);
    }
}

/* Each passing connection has a tuple that none had before, until the ranges
 * have no more. */
static void
take_serial(struct traffic_turn *turn, struct traffic_flight *flight)
{
    const struct traffic_plan *plan = turn->plan;
    struct traffic_queue *queue = turn->queue;

    if (queue->next_serial >= plan->tuples.capacity - plan->pair->n_lasting) {
        queue->next_serial = queue->id;
    }
    flight->serial = queue->next_serial;
    queue->next_serial += plan->n_queues[TRAFFIC_CLIENT];
}

static void
begin_passing(struct traffic_turn *turn)
{
    const struct traffic_spec *spec = &turn->plan->spec;
    struct traffic_queue *queue = turn->queue;
    bool mix = spec->pattern == TRAFFIC_MIX;
    unsigned int n = MIN(room(turn), queue->n_idle);

    n = MIN(n, left_to_count(turn));
    n = traffic_pace_due(&queue->new_pace,
                         rate_of_queue(turn, mix ? spec->new_rate
                                       : spec->rate),
                         turn->hz, turn->now, n);
    while (n--) {
        uint32_t index = queue->idle[--queue->n_idle];

        take_serial(turn, &queue->flights[index]);
        begin_flight(turn, index);
    }
}

static void
begin(struct traffic_turn *turn)
{
    struct traffic_queue *queue = turn->queue;

    if (turn->side == TRAFFIC_SERVER || !turn->plan->has_server) {
        return;
    }
    if (OVS_UNLIKELY(queue->n_begun < queue->n_lasting)) {
        begin_lasting(turn);
    } else if (queue->n_idle && traffic_pair_is_open(turn->plan->pair)) {
        begin_passing(turn);
    }
}

/* Answers ------------------------------------------------------------------
 *
 * What the client does when it waits in a state and a step arrives, or when it
 * is told that the server got its ACK. */

enum script { TCP_LASTS, TCP_PASSES, ASK_LASTS, ASK_PASSES };

struct reaction {
    uint8_t next;               /* enum traffic_flight_state. */
    uint8_t n_steps;
    uint8_t steps[2];           /* To send, enum traffic_step. */
    bool valid;
};

static const struct reaction
reactions[][TRAFFIC_FLIGHT_OPEN][TRAFFIC_N_STEPS] = {
#define IN(STATE, ARRIVED) [TRAFFIC_FLIGHT_##STATE][TRAFFIC_##ARRIVED]
#define TO(STATE) .valid = true, .next = TRAFFIC_FLIGHT_##STATE
#define SEND1(STEP) .n_steps = 1, .steps = { TRAFFIC_##STEP }
#define SEND2(STEP1, STEP2) \
    .n_steps = 2, .steps = { TRAFFIC_##STEP1, TRAFFIC_##STEP2 }
    [TCP_LASTS] = {
        IN(SYN, SYN_ACK) = { TO(ACK), SEND1(ACK) },
        IN(ACK, ACK) = { TO(OPEN) },
    },
    [TCP_PASSES] = {
        IN(SYN, SYN_ACK) = { TO(FIN), SEND2(ACK, FIN) },
        IN(FIN, FIN_REPLY) = { TO(LAST_ACK), SEND1(LAST_ACK) },
        IN(LAST_ACK, LAST_ACK) = { TO(NONE) },
    },
    [ASK_LASTS] = {
        IN(SYN, SYN_ACK) = { TO(OPEN) },
    },
    [ASK_PASSES] = {
        IN(SYN, SYN_ACK) = { TO(NONE) },
    },
#undef IN
#undef TO
#undef SEND1
#undef SEND2
};

static enum script
script_of(const struct traffic_turn *turn, uint32_t number)
{
    bool tcp = turn->plan->spec.protocol == TRAFFIC_TCP;

    return (is_lasting(turn, number) ? (tcp ? TCP_LASTS : ASK_LASTS)
            : tcp ? TCP_PASSES : ASK_PASSES);
}

/* A connection is open or over. */
static void
end_flight(struct traffic_turn *turn, uint32_t index)
{
    struct traffic_queue *queue = turn->queue;
    uint32_t n_open;

    queue->n_under_way--;
    if (index < queue->n_lasting) {
        atomic_add_relaxed(&turn->plan->pair->n_open, 1, &n_open);
    } else {
        queue->idle[queue->n_idle++] = index;
    }
}

static void
note_round_trip(struct traffic_turn *turn, const struct traffic_flight *flight)
{
    struct traffic_queue *queue = turn->queue;
    uint16_t round_trip = ticks(turn) - flight->sent;

    queue->round_trip += round_trip - queue->round_trip / 8;
}

/* True if the event is of the connection that has its number now, not of the
 * one before. */
static bool
is_current(const struct traffic_turn *turn, const struct traffic_event *event)
{
    struct traffic_tuple tuple, arrived;

    if (is_lasting(turn, event->number)
        || event->step == TRAFFIC_LAST_ACK) {
        return true;
    }
    flight_tuple(turn, event->number, &tuple);
    traffic_tuple_reverse(&arrived, &event->tuple);
    return traffic_tuple_equal(&tuple, &arrived);
}

static void
answer_as_client(struct traffic_turn *turn, const struct traffic_event *event)
{
    uint32_t index = event->number / turn->plan->n_queues[TRAFFIC_CLIENT];
    struct traffic_flight *flight = &turn->queue->flights[index];
    const struct reaction *r;

    if (flight->state == TRAFFIC_FLIGHT_OPEN) {
        return;
    }
    r = &reactions[script_of(turn, event->number)][flight->state][event->step];
    if (!r->valid || !is_current(turn, event)) {
        return;
    }
    note_round_trip(turn, flight);
    flight->retries = 0;
    flight->state = r->next;
    for (int i = 0; i < r->n_steps; i++) {
        emit_flight(turn, index, r->steps[i]);
    }
    if (r->next == TRAFFIC_FLIGHT_OPEN || r->next == TRAFFIC_FLIGHT_NONE) {
        turn->n_lives += r->next == TRAFFIC_FLIGHT_NONE;
        end_flight(turn, index);
    }
}

/* Keeps what has to be put into later packets in order to reach the client. */
static void
remember_arrived(struct traffic_turn *turn, uint32_t number,
                 const struct traffic_tuple *reply)
{
    uint32_t index = number / turn->plan->n_queues[TRAFFIC_SERVER];
    struct traffic_tuple expected;

    traffic_tuple_of(&turn->plan->tuples, number, &expected);
    traffic_tuple_reverse(&expected, &expected);
    traffic_queue_remember(turn->queue, index,
                           (traffic_tuple_equal(reply, &expected) ? NULL
                            : reply), turn->plan->spec.ipv6);
}

static void
answer_as_server(struct traffic_turn *turn, const struct traffic_event *event)
{
    struct traffic_tuple reply;

    traffic_tuple_reverse(&reply, &event->tuple);
    if (event->step == TRAFFIC_SYN) {
        if (is_lasting(turn, event->number)) {
            remember_arrived(turn, event->number, &reply);
        }
        emit(turn, event->number, TRAFFIC_SYN_ACK, &reply);
    } else {
        emit(turn, event->number, TRAFFIC_FIN_REPLY, &reply);
    }
}

/* An event has two packets for answer at most. */
static void
answer(struct traffic_turn *turn)
{
    const struct traffic_event *event;

    while (room(turn) >= 2
           && (event = traffic_queue_next_event(turn->queue))) {
        if (turn->side == TRAFFIC_CLIENT) {
            answer_as_client(turn, event);
        } else {
            answer_as_server(turn, event);
        }
    }
}

/* Data -------------------------------------------------------------------- */

/* Draws what the next data packets are of, and begins to read what is
 * remembered of their connections. */
static void
draw(struct traffic_turn *turn)
{
    struct traffic_queue *queue = turn->queue;
    struct traffic_draft *draft = &queue->draft;

    draft->next = 0;
    draft->n = NETDEV_MAX_BURST;
    traffic_pick(traffic_plan_popularity(turn->plan, turn->side, queue->id),
                 &queue->picker, draft->indexes, draft->nonces, draft->n);
    for (unsigned int i = 0; queue->ends && i < draft->n; i++) {
        OVS_PREFETCH(&queue->ends[draft->indexes[i]]);
    }
    for (unsigned int i = 0; queue->tuples && i < draft->n; i++) {
        OVS_PREFETCH(&queue->tuples[draft->indexes[i]]);
    }
}

static inline struct traffic_mark
data_mark(const struct traffic_turn *turn, unsigned int i)
{
    struct traffic_mark mark = {
        .number = number_of(turn, turn->queue->draft.indexes[i]),
        .step = TRAFFIC_DATA,
        .side = turn->side,
        .nonce = turn->queue->draft.nonces[i],
    };

    return mark;
}

/* The addresses and ports of draft 'i', which are of the ranges, or those that
 * an IPv4 client has behind a translation. */
static inline struct traffic_ends
data_ends(const struct traffic_turn *turn, unsigned int i, uint32_t number)
{
    const struct traffic_queue *queue = turn->queue;
    struct traffic_ends ends;

    if (queue->ends) {
        ends = queue->ends[queue->draft.indexes[i]];
        if (ends.src) {
            return ends;
        }
    }
    ends = traffic_ends_of(&turn->plan->tuples, number);
    return (turn->side == TRAFFIC_CLIENT ? ends
            : traffic_ends_reverse(ends));
}

/* Writes 'n' of the draft to 'packets'. */
static void
write_draft(const struct traffic_turn *turn, struct dp_packet **packets,
            unsigned int n)
{
    const struct traffic_template *t = turn->plan->data[turn->side];
    unsigned int first = turn->queue->draft.next;

    for (unsigned int i = 0; i < n; i++) {
        struct traffic_mark mark = data_mark(turn, first + i);

        traffic_packet_write_ends(t, packets[i],
                                  data_ends(turn, first + i, mark.number),
                                  &mark);
    }
}

/* The same where a tuple may have other prefixes, or is needed for a hash. */
static void
write_draft_with_care(const struct traffic_turn *turn,
                      struct dp_packet **packets, unsigned int n)
{
    const struct traffic_template *t = turn->plan->data[turn->side];
    const struct traffic_queue *queue = turn->queue;

    for (unsigned int i = queue->draft.next; n--; i++, packets++) {
        struct traffic_mark mark = data_mark(turn, i);
        struct traffic_ends ends = data_ends(turn, i, mark.number);
        struct traffic_tuple tuple = { .sport = 0 };

        if (queue->tuples) {
            tuple = queue->tuples[queue->draft.indexes[i]];
        }
        if (!tuple.src[0]) {
            traffic_tuple_from_ends(&turn->plan->tuples, ends,
                                    turn->side == TRAFFIC_SERVER, &tuple);
        }
        traffic_packet_write(t, *packets, &tuple, &mark);
        set_rss(turn, *packets, &tuple);
    }
}

static void
write_data(struct traffic_turn *turn, unsigned int n)
{
    size_t n_before = dp_packet_batch_size(turn->batch);
    struct dp_packet **packets = &turn->batch->packets[n_before];

    traffic_pool_take(packets, n, turn->plan->data[turn->side]->len);
    if (OVS_UNLIKELY(turn->queue->tuples || turn->plan->spec.rss)) {
        write_draft_with_care(turn, packets, n);
    } else {
        write_draft(turn, packets, n);
    }
    turn->queue->draft.next += n;
    turn->queue->n_counted += n;
    turn->batch->count += n;
}

static void
make_data(struct traffic_turn *turn)
{
    const struct traffic_plan *plan = turn->plan;
    struct traffic_draft *draft = &turn->queue->draft;
    unsigned int n;

    if (!traffic_plan_has_data(plan) || !traffic_pair_is_open(plan->pair)
        || !turn->queue->n_lasting) {
        return;
    }
    n = traffic_turn_due(turn);
    while (n) {
        unsigned int drawn = MIN(n, draft->n - draft->next);

        write_data(turn, drawn);
        n -= drawn;
        if (draft->next == draft->n) {
            draw(turn);
        }
    }
}

/* Nobody answers these: their numbers are beyond those of the pair. */
static void
make_flood(struct traffic_turn *turn)
{
    const struct traffic_plan *plan = turn->plan;
    unsigned int n;

    if (plan->spec.pattern != TRAFFIC_SYN_FLOOD
        || turn->side == TRAFFIC_SERVER) {
        return;
    }
    n = traffic_turn_due(turn);
    while (n--) {
        uint32_t r = traffic_random(&turn->queue->picker.random) >> 32;
        uint32_t serial = r * plan->tuples.capacity >> 32;
        struct traffic_tuple tuple;

        traffic_tuple_of(&plan->tuples, serial, &tuple);
        emit(turn, serial & TRAFFIC_MAX_NUMBER, TRAFFIC_SYN, &tuple);
    }
}

/* What was lost ----------------------------------------------------------- */

static uint16_t
timeout(const struct traffic_queue *queue)
{
    return MIN(MAX(queue->round_trip / 2, MIN_TIMEOUT), MAX_TIMEOUT);
}

static bool
is_under_way(const struct traffic_flight *flight)
{
    return (flight->state != TRAFFIC_FLIGHT_NONE
            && flight->state != TRAFFIC_FLIGHT_OPEN);
}

/* After some retries without success, whatever is between the two has
 * forgotten the connection, or has its own opinion of it. */
static void
send_again(struct traffic_turn *turn, uint32_t index)
{
    static const enum traffic_step steps[] = {
        [TRAFFIC_FLIGHT_SYN] = TRAFFIC_SYN,
        [TRAFFIC_FLIGHT_ACK] = TRAFFIC_ACK,
        [TRAFFIC_FLIGHT_FIN] = TRAFFIC_FIN,
        [TRAFFIC_FLIGHT_LAST_ACK] = TRAFFIC_LAST_ACK,
    };
    struct traffic_queue *queue = turn->queue;
    struct traffic_flight *flight = &queue->flights[index];

    if (flight->retries++ < MAX_RETRIES) {
        turn->n_retries++;
        emit_flight(turn, index, steps[flight->state]);
    } else if (index < queue->n_lasting) {
        queue->n_under_way--;
        begin_flight(turn, index);
        turn->n_lost++;
    } else {
        flight->state = TRAFFIC_FLIGHT_NONE;
        end_flight(turn, index);
        turn->n_lost++;
    }
}

/* The range of indexes that may be under way; those below it are open. */
static uint32_t
advance_cursor(struct traffic_queue *queue)
{
    uint32_t end = (queue->n_begun < queue->n_lasting ? queue->n_begun
                    : queue->n_flights);

    while (queue->oldest < queue->n_begun
           && queue->flights[queue->oldest].state == TRAFFIC_FLIGHT_OPEN) {
        queue->oldest++;
    }
    if (++queue->cursor >= end || queue->cursor < queue->oldest) {
        queue->cursor = queue->oldest;
    }
    return queue->cursor;
}

/* Not before all that arrived is answered: it may be what is missed. */
static void
search_lost(struct traffic_turn *turn)
{
    struct traffic_queue *queue = turn->queue;
    uint16_t now;

    if (OVS_LIKELY(!queue->n_under_way) || !turn->plan->has_server
        || traffic_queue_has_events(queue)) {
        return;
    }
    now = ticks(turn);
    for (int i = 0; i < SEARCH_STEPS && room(turn); i++) {
        uint32_t index = advance_cursor(queue);
        struct traffic_flight *flight = &queue->flights[index];

        if (is_under_way(flight)
            && (uint16_t) (now - flight->sent) >= timeout(queue)) {
            send_again(turn, index);
        }
    }
}

static bool
is_done(const struct traffic_turn *turn)
{
    const struct traffic_spec *spec = &turn->plan->spec;
    const struct traffic_pair *pair = turn->plan->pair;

    if (spec->pcap) {
        return traffic_pcap_is_done(turn) || !left_to_count(turn);
    }
    return (spec->pattern == TRAFFIC_OPEN ? traffic_pair_is_open(pair)
            : !left_to_count(turn) && traffic_pair_is_open(pair)
              && !turn->queue->n_under_way);
}

static void
note_done(struct traffic_turn *turn)
{
    bool done = is_done(turn);
    bool before;

    atomic_read_relaxed(&turn->queue->done, &before);
    if (OVS_UNLIKELY(done != before)) {
        atomic_store_relaxed(&turn->queue->done, done);
    }
}

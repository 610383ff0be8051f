/* SPDX-License-Identifier: Apache-2.0 */

/* Packets on trial: called by ct-why.c.  Calls ct_execute(), for a tracker of
 * its own. */

#include <config.h>

#include "ct-trial.h"

#include "ct.h"
#include "ct-evict.h"
#include "ct-expect.h"
#include "ct-gre-key.h"
#include "ct-helper.h"
#include "ct-helper-policy.h"
#include "ct-l4.h"
#include "ct-metadata.h"
#include "ct-nat.h"
#include "ct-packet.h"
#include "ct-table.h"
#include "ct-tracker.h"
#include "ct-wheel.h"
#include "ct-zone.h"
#include "util.h"

/* A connection of which the stand-in has a copy. */
struct twin {
    uint32_t id;                /* Of the real one. */
    struct ct_conn *conn;       /* The copy; it may have ended. */
};

struct ct_trial {
    struct ct *real;
    struct ct *stand_in;
    struct twin *twins;
    size_t n_twins, allocated_twins;
    bool make_room;
};

/* One run. */
struct run {
    struct ct_trial *t;
    const struct ct_trial_ask *ask;
    struct ct_trial_outcome *o;
    struct ct_request request;  /* As the stand-in is asked. */
    struct ct_packet packet;    /* As the real tracker would see it. */
    bool nat_fails;             /* No translation: */
    enum ct_counter why;
    uint64_t before[CT_N_COUNTERS];
};

static void configure(struct ct_trial *);
static void copy_zone(struct run *);
static bool read_packet(struct run *, struct dp_packet *);
static void meet_connection(struct run *);
static void meet_others(struct run *);
static void meet_expectation(struct run *);
static void meet_helper(struct run *);
static void choose_translation(struct run *);
static void ask_exactly(struct run *, const struct ct_tuple *reply);
static void set_counts(struct run *);
static void note_counters(struct run *);
static void execute(struct run *, struct dp_packet **);
static void judge(struct run *, struct dp_packet *);
static struct ct_conn *find_live(const struct run *, const struct ct_tuple *,
                                 enum ct_dir *);
static struct ct_conn *copy_conn(struct ct_trial *, struct ct_conn *);

struct ct_trial *
ct_trial_create(struct ct *ct)
{
    struct ct_trial *t = xzalloc(sizeof *t);

    t->real = ct;
    t->stand_in = ct_create();
    t->stand_in->start_msec = ct->start_msec;
    t->stand_in->start_wall_msec = ct->start_wall_msec;
    configure(t);
    return t;
}

void
ct_trial_destroy(struct ct_trial *t)
{
    if (t) {
        ct_destroy(t->stand_in);
        free(t->twins);
        free(t);
    }
}

void
ct_trial_reset(struct ct_trial *t)
{
    struct ct_conn *conns[32];

    for (unsigned int i = 0; i < ct_zones_count(t->stand_in); i++) {
        struct ct_zone *zone = ct_zones_at(t->stand_in, i);
        struct ct_table_cursor cursor = { 0 };
        size_t n;

        while ((n = ct_table_next(ct_zone_table(zone), &cursor, conns, NULL,
                                  ARRAY_SIZE(conns)))) {
            for (size_t j = 0; j < n; j++) {
                ct_conn_end(t->stand_in, conns[j], CT_C_DELETED);
            }
        }
    }
    t->n_twins = 0;
    t->make_room = false;
    configure(t);
}

void
ct_trial_set_switch(struct ct_trial *t, enum ct_switch s, int value)
{
    ct_switch_set(t->stand_in, s, CT_SET_BY_COMMAND, value);
}

void
ct_trial_make_room(struct ct_trial *t)
{
    t->make_room = true;
}

/* The steps of a run. */
void
ct_trial_run(struct ct_trial *t, struct dp_packet **packet,
             const struct ct_trial_ask *ask, struct ct_trial_outcome *o)
{
    struct run run = { .t = t, .ask = ask, .o = o, .request = *ask->request };

    memset(o, 0, sizeof *o);
    copy_zone(&run);
    if (read_packet(&run, *packet)) {
        meet_connection(&run);
        meet_others(&run);
        if (!o->known) {
            meet_expectation(&run);
            meet_helper(&run);
            choose_translation(&run);
        }
        set_counts(&run);
    }
    note_counters(&run);
    execute(&run, packet);
    judge(&run, *packet);
}

void
ct_trial_find(struct ct_trial *t, struct dp_packet *packet,
              const struct ct_trial_ask *ask, struct ct_trial_outcome *o)
{
    struct run run = { .t = t, .ask = ask, .o = o, .request = *ask->request };

    memset(o, 0, sizeof *o);
    copy_zone(&run);
    if (read_packet(&run, packet)) {
        meet_connection(&run);
    }
}

/* The stand-in. */

static void
configure(struct ct_trial *t)
{
    struct ct_zone_limit_info info;

    ct_zone_limit_get(t->real, -1, &info);
    ct_zone_limit_set(t->stand_in, -1, info.limit);
    ct_set_maxconns(t->stand_in, ct_get_maxconns(t->real));
    ct_set_tcp_seq_chk(t->stand_in, ct_get_tcp_seq_chk(t->real));
    for (int i = 0; i < CT_N_SWITCHES; i++) {
        ct_switch_set(t->stand_in, i, CT_SET_BY_COMMAND,
                      ct_switch_get(t->real, i));
    }
}

static void
copy_timeouts(const struct run *run)
{
    struct ct_timeout_setting setting = { .present = 0 };
    uint16_t zone = run->request.zone;
    enum ct_layer layers[CT_N_TIMEOUTS];
    struct ct_timeouts set;

    ct_timeouts_get(run->t->real, zone, &set, layers);
    for (int i = 0; i < CT_N_TIMEOUTS; i++) {
        setting.present |= UINT64_C(1) << i;
        setting.seconds[i] = set.ms[i] / 1000;
    }
    ct_timeouts_set(run->t->stand_in, zone, CT_SET_BY_COMMAND, &setting);
}

/* Its timeout policy is among the timeouts. */
static void
copy_zone(struct run *run)
{
    uint16_t id = run->request.zone;
    const struct ct_zone *real = ct_zone_get(run->t->real, id);
    struct ct_zone *zone = ct_zone_get_or_create(run->t->stand_in, id);
    struct ct_zone_limit_info info;

    ct_zone_limit_get(run->t->real, id, &info);
    if (info.own) {
        ct_zone_limit_set(run->t->stand_in, id, info.limit);
    }
    atomic_store(&zone->pressure, real && atomic_load(&real->pressure));
    copy_timeouts(run);
    run->request.timeout_policy = DEFAULT_TP_ID;

    run->o->has_zone = real != NULL;
    run->o->limit = info.limit;
    run->o->count = info.count;
    run->o->total = ct_get_nconns(run->t->real);
    run->o->maximum = ct_get_maxconns(run->t->real);
}

/* The packet. */

/* What the headers say, and then who the real tracker thinks it is.  False if
 * there is no more to it: the stand-in will say so itself. */
static bool
read_packet(struct run *run, struct dp_packet *pkt)
{
    const struct ct_trial_ask *ask = run->ask;
    struct ct_packet *packet = &run->packet;

    run->o->again = (ct_metadata_is_of(&pkt->md, ask->request->zone)
                     && pkt->md.conn);
    if (run->o->again) {
        return false;
    }
    packet->packet = pkt;
    packet->ct = run->t->stand_in;      /* That may count it. */
    packet->request = &run->request;
    packet->zone = ct_zone_get(run->t->real, ask->request->zone);
    packet->now = ask->now;
    packet->dl_type = ask->dl_type;
    if (!ct_packet_parse(packet, ask->dl_type)) {
        return false;
    }
    packet->ct = run->t->real;
    return true;
}

static struct ct_conn *
find_live(const struct run *run, const struct ct_tuple *tuple,
          enum ct_dir *dir)
{
    struct ct_conn *conn = ct_zone_find(run->packet.zone, tuple, dir);

    return conn && ct_conn_lives(conn, run->ask->now) ? conn : NULL;
}

/* As the packet itself would on sight, by which ports may become free. */
static void
end_expired(const struct run *run)
{
    enum ct_dir dir;
    struct ct_conn *conn = ct_zone_find(run->packet.zone, &run->packet.tuple,
                                        &dir);

    if (conn && !ct_conn_lives(conn, run->ask->now)) {
        ct_conn_end(run->t->real, conn, CT_C_EXPIRED);
    }
}

static void
enter_gre_key(const struct run *run, struct ct_conn *owner)
{
    const struct ct_tuple *tuple = &run->packet.tuple;

    if (tuple->kind & CT_KIND_GRE_KEY) {
        ct_gre_key_set(ct_zone_get(run->t->stand_in, run->request.zone),
                       owner, CT_GRE_KEY_COMING, tuple);
    }
}

static void
meet_connection(struct run *run)
{
    struct ct_conn *conn;

    end_expired(run);
    conn = find_live(run, &run->packet.tuple, &run->o->dir);
    if (conn) {
        run->o->known = true;
        ct_copy_take(conn, &run->o->before);
        enter_gre_key(run, copy_conn(run->t, conn));
    }
}

/* Whoever has a tuple that this packet's connection would need. */
static void
meet_others(struct run *run)
{
    struct ct_tuple inverse;
    struct ct_conn *conn;
    enum ct_dir dir;

    ct_tuple_invert(&run->packet.tuple, &inverse);
    conn = find_live(run, &inverse, &dir);
    if (conn && !(run->o->known && conn->id == run->o->before.conn.id)) {
        run->o->taken = true;
        ct_copy_take(conn, &run->o->owner);
        copy_conn(run->t, conn);
    }
}

static void
meet_expectation(struct run *run)
{
    struct ct_zone *zone = ct_zone_get(run->t->stand_in, run->request.zone);
    struct ct_expectation e, *copy;
    struct ct_conn *parent;

    if (!ct_expect_look(&run->packet, &e)) {
        return;
    }
    run->o->related = true;
    ct_conn_tuple(e.parent, CT_DIR_ORIGINAL, &run->o->parent);
    parent = copy_conn(run->t, e.parent);
    copy = xmemdup(&e, sizeof e);
    copy->parent = parent;
    copy->parent_id = parent->id;
    ct_conn_lock(parent);
    if (!ct_expect_add(run->t->stand_in, zone, copy)) {
        ct_expect_free(copy);
    }
    ct_conn_unlock(parent);
    enter_gre_key(run, parent);
}

/* The real tracker's policies are not the stand-in's. */
static void
meet_helper(struct run *run)
{
    const struct ct_helper *helper;

    if (run->request.helper[0]) {
        return;
    }
    helper = ct_helper_policy_find(run->t->real, run->request.zone,
                                   &run->packet.tuple);
    if (helper) {
        ovs_strlcpy(run->request.helper, helper->name,
                    sizeof run->request.helper);
    }
}

/* Ports in use are the real tracker's.  One that is chosen here is free again
 * at once. */
static void
choose_translation(struct run *run)
{
    const struct ct_nat_range *nat = &run->request.nat;
    struct ct_nat_search search;
    struct ct_tuple reply;

    if (!run->request.commit || run->o->related
        || (nat->kind != CT_NAT_SRC && nat->kind != CT_NAT_DST)) {
        return;
    }
    ct_nat_search_init(&search, &run->packet);
    if (ct_nat_search_next(&search, &reply)) {
        ask_exactly(run, &reply);
    } else {
        /* The stand-in says whether it would have come so far. */
        run->nat_fails = true;
        run->why = ct_nat_search_why(&search);
        run->request.nat = (struct ct_nat_range) {
            .kind = CT_NAT_EXISTING,
        };
    }
    ct_nat_search_uninit(&search);
}

/* For the translation by which 'reply' is the reply tuple. */
static void
ask_exactly(struct run *run, const struct ct_tuple *reply)
{
    const struct ct_tuple *t = &run->packet.tuple;
    struct ct_nat_range *nat = &run->request.nat;
    bool src = memcmp(&reply->dst, &t->src, sizeof t->src)
               || reply->dst_port != t->src_port;
    const union ct_inet_addr *addr = src ? &reply->dst : &reply->src;
    uint16_t port = ntohs(src ? reply->dst_port : reply->src_port);

    *nat = (struct ct_nat_range) {
        .kind = src ? CT_NAT_SRC : CT_NAT_DST,
        .ipv6 = ct_tuple_is_ipv6(t),
        .have_addr = true,
        .min_addr = *addr,
        .max_addr = *addr,
        .have_port = port != 0,
        .min_port = port,
        .max_port = port,
    };
}

/* As many connections as there are, but for one that would give way. */
static void
set_counts(struct run *run)
{
    struct ct_trial_outcome *o = run->o;
    struct ct *ct = run->t->stand_in;
    struct ct_generation *generation
        = ct_zone_generation(ct_zone_get(ct, run->request.zone));
    int64_t count = o->count, total = o->total;

    if (!o->known && o->limit && count >= o->limit
        && (run->t->make_room || ct_evict_half_open_could(&run->packet))) {
        count = (int64_t) o->limit - 1;
        o->displaces = true;
    }
    if (!o->known && total >= o->maximum
        && (run->t->make_room || ct_evict_could(&run->packet))) {
        total = (int64_t) o->maximum - 1;
        o->displaces = true;
    }
    ct_tally_add(&generation->count,
                 count - ct_tally_sum(&generation->count));
    ct_tally_add(&ct->n_conns, total - ct_tally_sum(&ct->n_conns));
}

/* The verdict. */

static void
note_counters(struct run *run)
{
    for (int i = 0; i < CT_N_COUNTERS; i++) {
        run->before[i] = ct_counter_get(run->t->stand_in, i);
    }
}

static bool
has_counted(const struct run *run, enum ct_counter counter)
{
    return ct_counter_get(run->t->stand_in, counter) > run->before[counter];
}

static void
execute(struct run *run, struct dp_packet **packet)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, *packet);
    ct_execute(run->t->stand_in, &batch, run->ask->dl_type, &run->request,
               run->ask->now);
    *packet = dp_packet_batch_is_empty(&batch) ? NULL : batch.packets[0];
    for (size_t i = 1; i < dp_packet_batch_size(&batch); i++) {
        dp_packet_delete(batch.packets[i]);
    }
    if (run->nat_fails && has_counted(run, CT_C_CREATED)) {
        dp_packet_delete(*packet);
        *packet = NULL;
    }
}

/* The stand-in's connection of the packet; NULL: none. */
static struct ct_conn *
conn_after(const struct run *run, const struct dp_packet *packet)
{
    if (packet && packet->md.conn) {
        return (struct ct_conn *) packet->md.conn;
    }
    for (size_t i = 0; run->o->known && i < run->t->n_twins; i++) {
        if (run->t->twins[i].id == run->o->before.conn.id) {
            return run->t->twins[i].conn;
        }
    }
    return NULL;
}

static void
judge(struct run *run, struct dp_packet *packet)
{
    struct ct_trial_outcome *o = run->o;
    struct ct_conn *conn;

    for (int i = CT_C_INVALID_L3; i < CT_N_COUNTERS; i++) {
        if (has_counted(run, i)) {
            o->refused = true;
            o->reason = i;
        }
    }
    o->kept = packet != NULL;
    o->created = o->kept && has_counted(run, CT_C_CREATED);
    o->ended = has_counted(run, CT_C_DELETED);
    o->displaces &= o->created;
    if (run->nat_fails && !o->kept && !o->refused) {
        o->refused = true;
        o->reason = run->why;
    }
    o->held = !o->kept && !o->refused;
    conn = conn_after(run, packet);
    if (conn) {
        o->has_after = true;
        ct_copy_take(conn, &o->after);
    }
}

/* Copies. */

/* What a helper remembers goes along. */
static void
copy_help(struct ct_conn *from, struct ct_conn *to)
{
    struct ct_help *help = ct_conn_help(to);
    const struct ct_help *old;

    if (help) {
        ct_conn_lock(from);
        old = ct_conn_help(from);
        if (old && old->helper == help->helper) {
            ct_help_copy(help, old);
        }
        ct_conn_unlock(from);
    }
}

/* If its tuple has changed hands meanwhile, 'conn' is one that has ended. */
static void
add(struct ct_trial *t, struct ct_conn *conn)
{
    struct ct_zone *zone = ct_zone_get_or_create(t->stand_in, conn->key.zone);
    bool ok;

    ct_conn_lock(conn);
    ok = !ct_table_insert(ct_zone_table(zone), conn, NULL);
    if (ok) {
        ct_nat_hold(t->stand_in, conn);
        ct_wheel_add(t->stand_in->wheel, conn);
    }
    ct_conn_unlock(conn);
    if (!ok) {
        atomic_fetch_or(&conn->status, CT_DPIF_STATUS_DYING);
        ct_wheel_dead(t->stand_in->wheel, conn);
    }
}

/* The copy of 'real', made at need. */
static struct ct_conn *
copy_conn(struct ct_trial *t, struct ct_conn *real)
{
    struct ct_tuple original, reply;
    struct ct_copy copy;
    struct ct_conn *conn;

    for (size_t i = 0; i < t->n_twins; i++) {
        if (t->twins[i].id == real->id) {
            return t->twins[i].conn;
        }
    }
    ct_copy_take(real, &copy);
    ct_conn_tuple(&copy.conn, CT_DIR_ORIGINAL, &original);
    ct_conn_tuple(&copy.conn, CT_DIR_REPLY, &reply);
    conn = ct_conn_alloc(t->stand_in->memory, copy.conn.key.zone, &original,
                         &reply);
    if (!conn) {
        out_of_memory();
    }
    ct_copy_give(&copy, conn);
    copy_help(real, conn);
    ct_nat_prepare(conn, &reply);
    add(t, conn);

    if (t->n_twins >= t->allocated_twins) {
        t->twins = x2nrealloc(t->twins, &t->allocated_twins,
                              sizeof *t->twins);
    }
    t->twins[t->n_twins++] = (struct twin) { copy.conn.id, conn };
    return conn;
}

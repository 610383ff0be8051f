/* SPDX-License-Identifier: Apache-2.0 */

/* The steps of one packet behind the lookup: update its connection or open
 * one, commit, translate.  Called by ct.c, for what it has looked up, and by
 * ct-track.c, for connections that are remembered. */

#include <config.h>

#include "ct-step.h"

#include "ct-commit.h"
#include "ct-event.h"
#include "ct-expect.h"
#include "ct-find.h"
#include "ct-helper.h"
#include "ct-joint.h"
#include "ct-l4.h"
#include "ct-metadata.h"
#include "ct-nat.h"
#include "ct-pressure.h"
#include "ct-refuse.h"
#include "ct-tracker.h"
#include "ct-zone.h"
#include "util.h"

static void force_direction(struct ct_packet *);
static void update_conn(struct ct_packet *);
static bool open_conn(struct ct_packet *);
static bool commit(struct ct_packet *);
static bool write_packet(struct ct_packet *);
static bool translate(struct ct_packet *);
static bool help(struct ct_packet *, bool translated);

/* A connection may end while its packet is on the way; then it is looked for
 * again. */
#define MAX_TRIES 4

bool
ct_step(struct ct_packet *packet)
{
    packet->found = packet->helper_added = false;
    if (packet->conn && packet->request->force) {
        force_direction(packet);
    }
    if (OVS_LIKELY(packet->conn)) {
        update_conn(packet);
    }
    if (!packet->conn && !open_conn(packet)) {
        return false;
    }
    return !packet->conn || write_packet(packet);
}

/* ct(force): a connection that was opened from the other end is not ours. */
static void
force_direction(struct ct_packet *packet)
{
    if (packet->dir == CT_DIR_REPLY) {
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        packet->conn = NULL;
        packet->cached = false;
    }
}

/* Updating it. */

/* Where packet->timeout puts the deadline. */
static long long
deadline(const struct ct_packet *packet)
{
    uint64_t ms = ct_l4_timeouts(packet)->ms[packet->timeout];

    return packet->now + ct_pressure_shorten(packet, packet->conn, ms);
}

/* In its connection, which lives on for it. */
static void
count_packet(struct ct_packet *packet)
{
    struct ct_conn *conn = packet->conn;
    struct ct_conn_counters *counters = &conn->counters[packet->dir];

    counters->packets++;
    counters->bytes += packet->ip_len;
    if (packet->timeout != CT_TIMEOUT_KEEP) {
        ct_step_set_deadline(packet, deadline(packet));
    }
    if (packet->dir == CT_DIR_REPLY
        && !(ct_conn_status(conn) & CT_DPIF_STATUS_SEEN_REPLY)) {
        atomic_fetch_or(&conn->status, CT_DPIF_STATUS_SEEN_REPLY);
    }
}

static void
shorten_deadline(struct ct_packet *packet)
{
    if (packet->timeout != CT_TIMEOUT_KEEP) {
        long long old = atomic_load(&packet->conn->deadline);
        long long new = deadline(packet);

        ct_step_set_deadline(packet, MIN(old, new));
    }
}

static uint8_t
conn_state(const struct ct_packet *packet)
{
    uint16_t status = ct_conn_status(packet->conn);
    uint8_t related = status & CT_DPIF_STATUS_EXPECTED ? CS_RELATED : 0;

    if (packet->dir == CT_DIR_REPLY) {
        return CS_ESTABLISHED | CS_REPLY_DIR | related;
    }
    if (status & CT_DPIF_STATUS_SEEN_REPLY) {
        return CS_ESTABLISHED | related;
    }
    return related ? related : CS_NEW;
}

static void
set_invalid(struct ct_packet *packet)
{
    packet->conn = NULL;
    packet->valid = false;
    packet->ct_state = CS_INVALID;
}

/* What an update may change, and events tell. */
struct shown {
    uint16_t status;
    uint8_t l4_state;
};

static inline struct shown
shown(const struct ct_conn *conn)
{
    return (struct shown) { ct_conn_status(conn), conn->l4_state };
}

static void
tell_changes(const struct ct_packet *packet, const struct shown *before)
{
    const struct ct_conn *conn = packet->conn;
    const struct shown now = shown(conn);
    uint16_t changes = 0;

    if (packet->l4->describe && now.l4_state != before->l4_state) {
        changes |= CT_CHANGED_STATE;
    }
    if ((now.status ^ before->status) & CT_DPIF_STATUS_MASK) {
        changes |= CT_CHANGED_STATUS;
    }
    if (changes) {
        ct_event_update(packet->ct, conn, changes);
    }
}

/* Lets the protocol see the packet. */
static enum ct_verdict
update_protocol(struct ct_packet *packet)
{
    struct ct_conn *conn = packet->conn;
    enum ct_verdict verdict;
    struct shown before;

    packet->timeout = CT_TIMEOUT_KEEP;
    ct_joint_lock(packet->ct, conn);
    before = shown(conn);
    verdict = packet->l4->update(packet, conn);
    if (OVS_LIKELY(verdict == CT_VERDICT_ACCEPT)) {
        count_packet(packet);
        if (ct_events_are_read(packet->ct)) {
            tell_changes(packet, &before);
        }
    } else if (verdict == CT_VERDICT_DELETE) {
        count_packet(packet);
        atomic_store(&conn->deadline, CT_DEADLINE_ENDED);
    } else if (verdict == CT_VERDICT_INVALID) {
        shorten_deadline(packet);
    }
    ct_conn_unlock(conn);
    return verdict;
}

/* Does what it says of the packet and its connection.  Leaves packet->conn
 * NULL if the packet is not of this connection. */
static void
apply_verdict(struct ct_packet *packet, enum ct_verdict verdict)
{
    switch (verdict) {
    case CT_VERDICT_ACCEPT:
        packet->ct_state = conn_state(packet);
        break;
    case CT_VERDICT_DELETE:
        packet->ct_state = conn_state(packet);
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        break;
    case CT_VERDICT_INVALID:
        set_invalid(packet);
        break;
    case CT_VERDICT_RESTART:
        ct_conn_end(packet->ct, packet->conn, CT_C_DELETED);
        packet->conn = NULL;
        break;
    }
}

static void
update_conn(struct ct_packet *packet)
{
    if (packet->cached) {
        /* Its state is what it was. */
    } else if (packet->is_icmp_error) {
        packet->ct_state = CS_RELATED | (packet->dir == CT_DIR_REPLY
                                         ? CS_REPLY_DIR : 0);
    } else {
        apply_verdict(packet, update_protocol(packet));
        if (!packet->conn) {
            return;
        }
    }

    packet->found = true;
    if (packet->request->commit) {
        ct_zone_use_policy(packet->ct,
                           ct_zone_get(packet->ct, packet->request->zone),
                           packet->request->timeout_policy);
        ct_commit_metadata(packet);
    }
}

/* Opening one. */

/* The packet is not, or no longer, of any connection.  False: drop it. */
static bool
open_conn(struct ct_packet *packet)
{
    if (!packet->parsed || (packet->valid && !packet->keyed)) {
        ct_packet_parse(packet, packet->dl_type);
    }
    if (!packet->valid) {
        set_invalid(packet);
        return true;
    }
    if (packet->is_icmp_error) {
        ct_refuse(packet, CT_C_INVALID_ICMP_ERROR);
        set_invalid(packet);
        return true;
    }
    if (packet->l4->may_open(packet) != CT_VERDICT_ACCEPT) {
        set_invalid(packet);
        return true;
    }
    ct_count(packet->ct, CT_C_NEW, 1);
    ct_expect_match(packet, packet->request->commit);
    packet->ct_state = CS_NEW | (packet->parent ? CS_RELATED : 0);
    if (!packet->request->commit) {
        return true;
    }

    bool ok = commit(packet);
    ct_expect_put_back(packet);
    return ok;
}

/* False: drop it. */
static bool
commit(struct ct_packet *packet)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        switch (ct_commit(packet)) {
        case CT_COMMIT_DONE:
            return true;
        case CT_COMMIT_INVALID:
            set_invalid(packet);
            return true;
        case CT_COMMIT_DROP:
            return false;
        case CT_COMMIT_CLASH:
            packet->conn = ct_find_live(packet);
            if (packet->conn) {
                update_conn(packet);
            }
            if (packet->conn || packet->ct_state & CS_INVALID) {
                return true;
            }
            break;
        }
    }
    ct_refuse(packet, CT_C_DROP_CLASH);
    return false;
}

/* What its connection changes in the packet.  False: drop it. */
static bool
write_packet(struct ct_packet *packet)
{
    uint8_t before = packet->ct_state & CT_STATES_NAT;

    if (!translate(packet)) {
        return false;
    }
    return (OVS_LIKELY(!packet->conn || !ct_conn_help(packet->conn))
            || help(packet, (packet->ct_state & CT_STATES_NAT) != before));
}

/* Once in each zone.  False: drop it. */
static bool
translate(struct ct_packet *packet)
{
    if (packet->request->nat.kind == CT_NAT_NONE
        || !ct_conn_is_nat(packet->conn)
        || packet->ct_state & CT_STATES_NAT) {
        return true;
    }
    if (!packet->parsed && !ct_packet_parse(packet, packet->dl_type)) {
        set_invalid(packet);
        return true;
    }
    return ct_nat_translate(packet);
}

/* The helper reads a packet once: when it is translated, or, if it is not to
 * be, when its connection counts it.  One that has come since reads it now. */
static bool
help(struct ct_packet *packet, bool translated)
{
    if ((ct_conn_is_nat(packet->conn) ? !translated : packet->cached)
        && !packet->helper_added) {
        return true;
    }
    if (!packet->parsed && !ct_packet_parse(packet, packet->dl_type)) {
        set_invalid(packet);
        return true;
    }
    return ct_helper_run__(packet);
}

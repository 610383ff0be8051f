/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_TRIAL_H
#define CT_TRIAL_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-copy.h"
#include "ct-counters.h"
#include "ct-request.h"
#include "ct-switch.h"

struct ct;
struct dp_packet;

/* What would ct() do?
 * ====================
 *
 * What
 * ----
 * A packet on trial goes through ct_execute() itself, but of a tracker that
 * stands in for the real one: a new one, with the same switches, limits,
 * counts and timeouts, that is given copies of what the packet will meet
 * there: its connection, the one that has the reply tuple it would need, the
 * expectation that it meets, with its parent.  Which translation a new
 * connection gets, and whether somebody would give way to it, the real tracker
 * is asked.
 *
 *     t = ct_trial_create(ct);
 *     ct_trial_run(t, &packet, &ask, &outcome);
 *     ct_trial_destroy(t);
 *
 * Several runs are those of one packet through several ct(): what one does,
 * the next finds.
 *
 * Promises
 * --------
 * - Nothing of the real tracker changes, no counter either, but that a
 *   connection of the packet's tuple whose time is over ends, as it would with
 *   the next tick.
 * - The verdict is that of the code that packets meet, for no other is there.
 *   What chance decides (a port, who of many gives way) may turn out
 *   otherwise.
 *
 * Threads: any, one at a time for each trial.  The caller does not quiesce
 * between the runs of one packet.
 *
 * Cost: a tracker's creation and end; milliseconds. */

struct ct_trial *ct_trial_create(struct ct *);
void ct_trial_destroy(struct ct_trial *);

/* Forgets all runs, and what was set below. */
void ct_trial_reset(struct ct_trial *);

/* What if?  A switch had another value; segments outside the window were
 * accepted; there were room for one more connection. */
void ct_trial_set_switch(struct ct_trial *, enum ct_switch, int value);
void ct_trial_make_room(struct ct_trial *);

/* One ct(). */
struct ct_trial_ask {
    const struct ct_request *request;
    ovs_be16 dl_type;               /* Of the packet. */
    long long now;
};

/* Tuples, in OVS's form, that are told of an outcome, are of the real
 * tracker. */
struct ct_trial_outcome {
    bool again;                 /* A ct() before has been in this zone. */
    bool has_zone;              /* The tracker knows the zone. */
    bool known;                 /* The packet is of a connection: */
    enum ct_dir dir;            /* in this direction; */
    struct ct_copy before;      /* as it is. */

    bool kept;                  /* Not dropped. */
    bool held;                  /* A fragment: it waits for the others. */
    bool refused;               /* Dropped or invalid: */
    enum ct_counter reason;
    bool created;               /* A connection was committed. */
    bool ended;                 /* 'known' ends with this packet. */
    bool displaces;             /* Another one gives way to it. */
    bool has_after;             /* Its connection, */
    struct ct_copy after;       /* as it would be. */

    bool related;               /* Some other connection has announced it: */
    struct ct_tuple parent;
    bool taken;                 /* This connection has the reply tuple of the
                                 * packet: */
    struct ct_copy owner;

    uint32_t count, limit;      /* Of the zone; limit 0: none. */
    uint32_t total, maximum;    /* Of the tracker. */
};

/* Carries '*packet', whose offsets are known, through the ct(), as which it
 * may be changed.  NULL afterwards: it was dropped, or held. */
void ct_trial_run(struct ct_trial *, struct dp_packet **packet,
                  const struct ct_trial_ask *, struct ct_trial_outcome *);

/* The connection, if any, that '*packet' will meet: outcome's 'known', 'dir',
 * and 'before'. */
void ct_trial_find(struct ct_trial *, struct dp_packet *,
                   const struct ct_trial_ask *, struct ct_trial_outcome *);

#endif /* ct-trial.h */

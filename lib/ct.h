/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_H
#define CT_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-dpif.h"
#include "ct-request.h"
#include "ct-timeout.h"
#include "dp-packet.h"

struct ds;
struct ipf;

/* The connection tracker.
 * =======================
 *
 * What
 * ----
 * One 'struct ct' per datapath.  ct_execute() is what ct() does to packets:
 * it finds or creates their connections in the request's zone, updates them,
 * translates addresses, and leaves the outcome in the packets' metadata
 * (ct_state, ct_zone, ct_mark, ct_label, ct_orig_tuple).
 *
 * Promises
 * --------
 * - A packet that cannot be tracked is marked invalid (+inv+trk).  A packet
 *   whose connection cannot be committed or translated as asked is taken out
 *   of the batch, freed and counted (ct-counters.h): never forwarded as if
 *   nothing were wrong.
 * - A second ct() in the same zone on the same packet does not update the
 *   connection again (as the kernel's cached connection).
 * - Semantics are the Linux kernel's where OVS's documents are silent.
 *
 * Threads
 * -------
 * All functions may be called from any thread at any time, except ct_create()
 * and ct_destroy().  Callers of ct_execute() must quiesce RCU regularly, and
 * may hold no tracked packet over it.
 *
 * Units: times are milliseconds of time_msec() unless a name says otherwise.
 */

struct ct *ct_create(void);
void ct_destroy(struct ct *);

/* 'dl_type' is that of all packets in 'batch'.
 *
 * Fragments are taken out of the batch.  With the one that completes a
 * datagram, all of its fragments are appended, with the outcome of the
 * datagram.  They may be more than fit: ct_execute_all() returns the others
 * in further batches (NULL: there are none, as nearly always), for which the
 * caller executes what it executes for 'batch', and which it frees with
 * free().  ct_execute() drops and counts them. */
struct ct_overflow {
    struct ct_overflow *next;
    struct dp_packet_batch batch;
};

void ct_execute(struct ct *, struct dp_packet_batch *, ovs_be16 dl_type,
                const struct ct_request *, long long now);
struct ct_overflow *ct_execute_all(struct ct *, struct dp_packet_batch *,
                                   ovs_be16 dl_type, const struct ct_request *,
                                   long long now);

/* ct_clear. */
void ct_clear(struct dp_packet *);

/* Periodic work for trackers whose maintenance thread does not run, because
 * time is virtual (OVS's unit tests): expires what is due at 'now'. */
void ct_run(struct ct *, long long now);

/* Limits, as commands set them (ct-limit.h).  'zone' is -1 for the default
 * limit, which is per zone; limit 0 is "none".  ct_zone_limit_del() returns
 * ENOENT if no command has set one for the zone. */
void ct_set_maxconns(struct ct *, uint32_t maxconns);
uint32_t ct_get_maxconns(const struct ct *);
uint32_t ct_get_nconns(const struct ct *);
void ct_zone_limit_set(struct ct *, int zone, uint32_t limit);
int ct_zone_limit_del(struct ct *, uint16_t zone);

struct ct_zone_limit_info {
    uint32_t limit;             /* 0: no limit. */
    uint32_t count;
    bool own;                   /* The zone's own, not the default. */
};
void ct_zone_limit_get(const struct ct *, int zone,
                       struct ct_zone_limit_info *);

/* Switches; beside this one there are those of ct-switch.h. */
void ct_set_tcp_seq_chk(struct ct *, bool);
bool ct_get_tcp_seq_chk(const struct ct *);

/* Timeout policies, by id.  ct_timeout_policy_set() replaces one of the same
 * id; existing connections take it at their next packet. */
int ct_timeout_policy_set(struct ct *, const struct ct_dpif_timeout_policy *);
int ct_timeout_policy_get(const struct ct *, uint32_t id,
                          struct ct_dpif_timeout_policy *);
int ct_timeout_policy_del(struct ct *, uint32_t id);
/* Gets the first policy whose id is at least '*id', and sets '*id' to the one
 * after it.  Returns EOF after the last. */
int ct_timeout_policy_next(const struct ct *, uint32_t *id,
                           struct ct_dpif_timeout_policy *);

/* Timeouts that are set by name, for the tracker ('zone' -1) or a zone, by a
 * command or by configuration: ct-timeout.h tells what is in force where.
 * ct_timeouts_set() replaces all that was set there by the same.  Existing
 * connections take them at their next packet. */
void ct_timeouts_set(struct ct *, int zone, enum ct_set_by,
                     const struct ct_timeout_setting *);
void ct_timeouts_get_setting(const struct ct *, int zone, enum ct_set_by,
                             struct ct_timeout_setting *);
/* Forgets what commands have set, in 'zone'; everywhere if it is -1. */
void ct_timeouts_reset(struct ct *, int zone);
/* What is in force, and where that comes from ('layers' has CT_N_TIMEOUTS
 * members). */
void ct_timeouts_get(const struct ct *, int zone, struct ct_timeouts *,
                     enum ct_layer layers[]);
/* Has the zone a policy, or was anything set for it? */
bool ct_timeouts_zone_is_set(const struct ct *, uint16_t zone);

/* Flush everything (zone NULL), a zone, or the one connection that has
 * 'tuple' as its original or reply tuple in '*zone' (0 if NULL): ENOENT if
 * there is none. */
int ct_flush(struct ct *, const uint16_t *zone, const struct ct_dpif_tuple *);

/* Iteration over live connections.  Each that lives from before the start to
 * after the end is given exactly once.  'n_buckets' may be NULL.
 * ct_dump_next() returns EOF after the last; the caller frees the entry with
 * ct_dpif_entry_uninit(). */
struct ct_dump;
struct ct_dump *ct_dump_create(struct ct *, const uint16_t *zone,
                               int *n_buckets);
int ct_dump_next(struct ct_dump *, struct ct_dpif_entry *);
void ct_dump_destroy(struct ct_dump *);

/* Fragments: for the ipf-* commands. */
struct ipf *ct_ipf(struct ct *);

/* Counters (ct-counters.h) as "name: value" lines with their sentences. */
void ct_format_counters(const struct ct *, struct ds *);
/* Those that a zone has, and whether one of them has ever counted. */
void ct_format_zone_counters(const struct ct *, uint16_t zone, struct ds *);
bool ct_zone_has_counters(const struct ct *, uint16_t zone);

/* Are packets that are dropped or invalid in 'zone' logged (ct-refuse.h)?
 * Off by default; a command sets it, and goes before configuration
 * (ct-log-zones.h); -1: in all zones. */
void ct_log_refused_set(struct ct *, int zone, bool on);
bool ct_log_refused(const struct ct *, uint16_t zone);

#endif /* ct.h */

/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_HELPER_POLICY_H
#define CT_HELPER_POLICY_H 1

#include <stdbool.h>
#include <stdint.h>

#include "ct-tuple.h"

struct ct;
struct ct_helper;
struct ds;

/* Which new connections get which helper, without ct(alg=).
 * ==========================================================
 *
 * What
 * ----
 * A policy names zone (or any), protocol and destination port, and a helper.
 * A connection that is committed without alg= gets the helper of the policy
 * that fits its original tuple; one for its zone goes before one for any.  No
 * policies are there at first.
 *
 * Policies come from two sides: those of the configuration are replaced
 * together; those that were added one by one stay until they are deleted, and
 * go before a configured one for the same connections.
 *
 * Text
 * ----
 *     zone=ZONE,proto=PROTO,port=PORT,helper=HELPER
 *
 * in any order, each once, with '*' for any zone; 'proto' is tcp or udp, and
 * must be one that the helper reads.  Policies of the configuration stand
 * behind each other with ';', blanks or newlines in between.
 *
 * Threads: any.  Looking up takes no lock; it is in an RCU read-side section.
 *
 * Cost: a connection that is committed reads one pointer, and compares with
 * each of the policies, of which there are at most
 * CT_HELPER_MAX_POLICIES. */

#define CT_HELPER_MAX_POLICIES 256
#define CT_HELPER_ANY_ZONE -1

struct ct_helper_policy {
    int zone;                           /* Or CT_HELPER_ANY_ZONE. */
    uint8_t proto;
    uint16_t port;                      /* Host byte order. */
    const struct ct_helper *helper;
    bool configured;                    /* By ct_helper_policies_set(). */
};

void ct_helper_policies_init(struct ct *);
void ct_helper_policies_uninit(struct ct *);

/* NULL if there is none. */
const struct ct_helper *ct_helper_policy_find(const struct ct *,
                                              uint16_t zone,
                                              const struct ct_tuple *);

/* Reads one policy, without 'helper=' if 'is_key' (for deletion).  Returns
 * NULL, or what is wrong, to be freed by the caller. */
char *ct_helper_policy_parse(const char *, bool is_key,
                             struct ct_helper_policy *);

/* Replaces the configured policies by those in 'text' (NULL: none).  A part
 * of it that is no policy is counted, and a line of what is returned, to be
 * freed by the caller (NULL: all are good); then those before stay, but for
 * the same connections as a good one. */
char *ct_helper_policies_set(struct ct *, const char *text);

/* Adds one, in the place of one for the same connections.  ENOSPC. */
int ct_helper_policy_add(struct ct *, const struct ct_helper_policy *);
/* Deletes one that was added, if it has the helper that is named, or none is
 * named.  ENOENT. */
int ct_helper_policy_del(struct ct *, const struct ct_helper_policy *);

void ct_helper_policies_format(struct ct *, struct ds *);

#endif /* ct-helper-policy.h */

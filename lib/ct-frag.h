/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FRAG_H
#define CT_FRAG_H 1

#include <stdbool.h>

#include "dp-packet.h"
#include "openvswitch/types.h"

/* Fragments: reassembly (OVS's ipf) and re-emission.
 * ==================================================
 *
 * What
 * ----
 * A fragment that comes to ct() is kept until its datagram is complete.  The
 * datagram then goes through the tracker as one packet; what leaves are its
 * fragments, with the datagram's outcome, and translated like it.
 *
 * Promises
 * --------
 * - A datagram's fragments leave together, in order, in the ct() of the
 *   fragment that completed them: never in another packet's zone, direction
 *   or port.
 * - If a helper has changed its payload, which may be longer or shorter now,
 *   other fragments leave (ct-frag-cut.h).
 * - If the tracker drops the datagram, all its fragments are dropped.
 * - Fragments whose datagram is not complete in time are dropped and counted
 *   (as in Linux), never passed on.
 * - A fragment that cannot be taken (too small, overlapping, one too many)
 *   is invalid.
 *
 * ipf hands out what is ready to whoever asks next.  So that this is always
 * the one it belongs to, fragments pass through it one at a time, under a
 * lock, each in a batch of its own, and everything that is ready is taken
 * out before the next goes in.
 *
 * Threads: any, concurrently.  Cost: of no interest for packets that are not
 * fragments; fragments serialise. */

struct ct_frag;
struct ipf;

struct ct_frag *ct_frag_create(void);
void ct_frag_destroy(struct ct_frag *);
struct ipf *ct_frag_ipf(struct ct_frag *);

/* Moves the fragments of 'batch' to 'fragments', which is empty.  True if
 * there are any. */
bool ct_frag_split(struct dp_packet_batch *batch, ovs_be16 dl_type,
                   struct dp_packet_batch *fragments);

/* 'n' fragments for 'zone' have been dropped because their datagram was late.
 * CT_FRAG_NO_ZONE: ipf has freed them itself, as it does if nobody has come
 * for 10 seconds, and of which zone they were is not known. */
#define CT_FRAG_NO_ZONE -1
typedef void ct_frag_expired(void *aux, int zone, unsigned int n);

/* What ct_frag_execute() needs of the tracker. */
struct ct_frag_ops {
    /* Takes one packet through the tracker; false if it is to be dropped,
     * but does not free it. */
    bool (*track)(void *aux, struct dp_packet *);
    /* Has the one before been given another payload? */
    bool (*mangled)(void *aux);
    /* Takes a packet that has been through. */
    void (*emit)(void *aux, struct dp_packet *);
    ct_frag_expired *expired;
    void *aux;
};

struct ct_frag_context {
    ovs_be16 dl_type;
    uint16_t zone;
    long long now;
};

/* Takes ownership of the packets in 'fragments'. */
void ct_frag_execute(struct ct_frag *, struct dp_packet_batch *fragments,
                     const struct ct_frag_context *,
                     const struct ct_frag_ops *);

/* Drops what is late. */
void ct_frag_run(struct ct_frag *, long long now, ct_frag_expired *,
                 void *aux);

#endif /* ct-frag.h */

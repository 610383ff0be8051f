/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_SAVE_H
#define CT_SAVE_H 1

#include <stdint.h>

struct ct;

/* Connections in a file.
 * =======================
 *
 * What
 * ----
 * ct_save() writes all connections that live, ct_load() makes them anew, in
 * another process perhaps: so they survive a restart of the daemon.  The time
 * between the two counts: whose time is over by then is not made.
 *
 * What comes back is what ct_insert() makes (ct-change.h).  TCP windows are
 * learnt anew; expectations, timeouts' policies, and changes of length that a
 * helper made in TCP payloads (SEQ_ADJUST) are not saved: connections with
 * such a change are left out.
 *
 * Shape
 * -----
 * A header, then blocks, of which the last one is empty:
 *
 *    header   8 bytes "TWCTSAVE", be32 version (2), be32 0x01020304 in the
 *             host's byte order, be64 time of writing in ms since 1970, be32
 *             CRC32c of these 24 bytes, be32 0
 *    block    be32 length, be32 CRC32c of the payload, the payload: whole
 *             netlink messages of connections (ct-netlink.h), whose headers
 *             are in the host's byte order
 *    end      be32 0, be32 0, be64 how many connections there were
 *
 * Promises
 * --------
 * - The file appears under its name when it is complete, and nobody but the
 *   owner may read it.
 * - Of a file that is not what it should be, nothing is loaded.
 *
 * Cost: memory for one block.
 *
 * Threads: any that quiesces rarely: they do it. */

struct ct_save_result {
    uint64_t n;                 /* Saved or made. */
    uint64_t n_late;            /* Whose time was over. */
    uint64_t n_refused;         /* That ct_insert() refused, */
    char why[128];              /* ... the first of them for this reason. */
};

/* Return NULL, or what is wrong, which the caller frees. */
char *ct_save(struct ct *, const char *path, struct ct_save_result *);
char *ct_load(struct ct *, const char *path, struct ct_save_result *);

#endif /* ct-save.h */

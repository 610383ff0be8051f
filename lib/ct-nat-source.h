/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_NAT_SOURCE_H
#define CT_NAT_SOURCE_H 1

#include <stdint.h>

#include "ct-conn.h"
#include "ct-tuple.h"

/* What mapping a source was given last.
 * =====================================
 *
 * What
 * ----
 * From an address and port to the latest connection from there that has its
 * source translated, so that the next one, to another destination, can get
 * the same mapping (RFC 4787 section 4.1).  A hint: sources overwrite each
 * other, and a connection that ends leaves nothing behind, even if an older
 * one of the same source lives on.
 *
 * Threads: any, concurrently, without a lock.
 *
 * Ownership: what is found may have just ended, but its record stays what it
 * is until the caller quiesces.
 *
 * Cost: a cache line read, and one written, for each new connection.  512 kB
 * a tracker, as far as touched. */

#define CT_NAT_N_SOURCES 65536

struct ct_nat_sources;

struct ct_nat_sources *ct_nat_sources_create(void);
void ct_nat_sources_destroy(struct ct_nat_sources *);

/* A connection in 'zone' that has the source and protocol of 'original'.
 * NULL if none is remembered. */
const struct ct_conn *ct_nat_source_find(const struct ct_nat_sources *,
                                         uint16_t zone,
                                         const struct ct_tuple *original);

/* 'conn' must be forgotten before its record is given back. */
void ct_nat_source_remember(struct ct_nat_sources *, struct ct_conn *);
void ct_nat_source_forget(struct ct_nat_sources *, struct ct_conn *);

#endif /* ct-nat-source.h */

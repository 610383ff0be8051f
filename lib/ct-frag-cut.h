/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_FRAG_CUT_H
#define CT_FRAG_CUT_H 1

#include <stddef.h>

#include "openvswitch/types.h"

struct dp_packet;

/* Fragments of a datagram whose payload has been changed.
 * ========================================================
 *
 * What leaves are other fragments than those that came: of the same headers,
 * and none larger than the largest of those.
 *
 * Threads: pure functions. */

/* Where a fragment's own bytes begin: behind the IP header, of IPv6 behind the
 * fragment header (RFC 8200 section 4.5).  0: 'fragment' is none. */
size_t ct_frag_cut_ofs(const struct dp_packet *fragment, ovs_be16 dl_type);

/* How many there are. */
size_t ct_frag_cut_size(const struct dp_packet *fragment, ovs_be16 dl_type);

/* The fragment of 'whole' that begins 'at' so many bytes, a multiple of 8,
 * behind the headers, and has at most 'max' bytes, which is another one.
 * 'first' is the first fragment that came, with addresses and metadata as they
 * are to leave.  NULL: there is nothing at that place. */
struct dp_packet *ct_frag_cut(const struct dp_packet *whole,
                              const struct dp_packet *first, ovs_be16 dl_type,
                              size_t at, size_t max);

#endif /* ct-frag-cut.h */

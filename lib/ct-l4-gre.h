/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_L4_GRE_H
#define CT_L4_GRE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ct-l4.h"

/* Headers of GRE.
 * ===============
 *
 * What
 * ----
 * What those who read headers without ct_l4 need: of a packet that an ICMP
 * error quotes, or that is translated.
 *
 *     0                   1                   2                   3
 *    |C|R|K|S|s|Recur|A| Flags | Ver |         Protocol Type         |
 *    |        Payload length         |            Call ID            |
 *
 * The second line, and with it a key that can be replaced, is that of version
 * 1 (RFC 2637 section 4.1); no checksum covers it.
 *
 * Threads: pure. */

#define CT_GRE_BASE_LEN 4       /* Flags, version, and type. */
#define CT_GRE_ENHANCED_LEN 8
#define CT_GRE_TYPE_OFS 2
#define CT_GRE_KEY_OFS 6
#define CT_GRE_TYPE_PPP 0x880b

/* Is the header at 'gre', of which two bytes are there, of version 1? */
static inline bool
ct_gre_is_enhanced(const uint8_t *gre)
{
    return (gre[1] & 7) == 1;
}

/* Reads the 'len' bytes of such a header, in or quoted by 'packet', and gives
 * 'tuple', whose addresses are set, its ports.  False if there are too few, or
 * it carries something else than PPP. */
bool ct_gre_read_key(const struct ct_packet *packet, const uint8_t *gre,
                     size_t len, struct ct_tuple *);

#endif /* ct-l4-gre.h */

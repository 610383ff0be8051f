/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_MANGLE_H
#define CT_MANGLE_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ct_packet;

/* Other text in a packet's payload.
 * ==================================
 *
 * Replaces the 'len' bytes at 'ofs' of the TCP or UDP payload by 'text', of
 * 'text_len' bytes, and brings lengths and checksums up to date.  The packet
 * may move in memory: packet->l3_header, l4_header, l4_len and ip_len follow.
 * Padding behind the IP packet goes.
 *
 * False, and nothing changed: there is no room in the buffer, whose memory is
 * the device's, or the packet would be longer than IP allows. */
bool ct_mangle(struct ct_packet *, size_t ofs, size_t len,
               const char *text, size_t text_len);

/* Where the payload begins, and its length; false if there is none that could
 * be read. */
bool ct_mangle_payload(const struct ct_packet *, const uint8_t **payload,
                       size_t *len);

/* Is the device still to fill in the transport checksum? */
bool ct_mangle_csum_is_partial(const struct ct_packet *);

#endif /* ct-mangle.h */

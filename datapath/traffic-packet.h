/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TRAFFIC_PACKET_H
#define TRAFFIC_PACKET_H 1

#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "traffic-tuple.h"

struct traffic_spec;

/* Frames of a traffic device: written from a template, and read back.
 * ====================================================================
 *
 * What
 * ----
 * Here are templates and reading; writing is in traffic-write.h.
 *
 * Each packet carries a mark: the number of its connection and which step of
 * the connection it is.  The mark lies where no address translation changes
 * anything: in TCP the sequence numbers hold the number and the window says
 * the step; in UDP and ICMP it is the start of the payload.
 *
 *     TCP  sequence = number << 8 | a small offset, which says the side;
 *          window   = TRAFFIC_STEP_WINDOW + step, or less for data
 *     else payload  = number << 8 | side << 7 | step, then TRAFFIC_MAGIC
 *
 * Sequence numbers are those of a connection without payload, whose data
 * packets repeat what they carry.  Their window varies, so that no tracker
 * takes them for retransmissions.
 *
 * Promises
 * --------
 * Written packets have correct checksums.  Reading takes any bytes.
 *
 * Threads: a template is immutable once made.
 *
 * Cost: writing a frame copies it, in blocks of 64 bytes, and stores a dozen
 * words; checksums come from sums of what never changes. */

enum traffic_side { TRAFFIC_CLIENT, TRAFFIC_SERVER };

/* The packets of a connection, in the order in which they are sent.  UDP and
 * ICMP connections have the first two and data. */
enum traffic_step {
    TRAFFIC_SYN,                /* Or request. */
    TRAFFIC_SYN_ACK,            /* Or reply. */
    TRAFFIC_ACK,
    TRAFFIC_FIN,
    TRAFFIC_FIN_REPLY,
    TRAFFIC_LAST_ACK,
    TRAFFIC_DATA,               /* From either side. */
    TRAFFIC_N_STEPS
};

#define TRAFFIC_MAX_NUMBER 0xffffff
#define TRAFFIC_STEP_WINDOW 64000
#define TRAFFIC_DATA_WINDOW 8192            /* Plus up to 1023. */
#define TRAFFIC_DATA_CTL \
    ((uint32_t) (TCP_ACK | 5 << 12) << 16 | TRAFFIC_DATA_WINDOW)
#define TRAFFIC_MAGIC 0x54726166

struct traffic_mark {
    uint32_t number;
    uint8_t step;               /* enum traffic_step. */
    uint8_t side;               /* enum traffic_side: who sent it. */
    uint16_t nonce;             /* Of TRAFFIC_DATA: varies the window. */
};

/* What frames of one side have in common. */
struct traffic_template {
    uint8_t frame[1536] OVS_ALIGNED_VAR(64);
    uint16_t len;               /* Of the frame. */
    uint16_t l3_ofs, l4_ofs;
    bool ipv6;
    uint8_t protocol;           /* enum traffic_protocol. */
    uint32_t ip_sum, l4_sum;    /* Of what stays, not complemented, and */
    uint32_t prefix_sum;        /* of IPv6 addresses but their last words. */
    uint8_t data_seq, data_ack; /* TCP data: the low bytes. */

    /* What traffic_packet_is_data() compares: 8 bytes from 2 before the IP
     * header on, 8 from 6 behind its start on, and where the mark is. */
    struct { uint64_t mask, value; } look[3];
    uint32_t look_ctl_mask, look_ctl;   /* TCP: flags and window. */
    uint16_t look_ofs;
};

/* Frames of 'spec', of 'size' bytes (without frame check sequence), but not
 * less than headers need. */
void traffic_template_init(struct traffic_template *,
                           const struct traffic_spec *, enum traffic_side,
                           unsigned int size);

/* What a packet turned out to be. */
enum traffic_kind {
    TRAFFIC_OURS,
    TRAFFIC_FOREIGN,
    TRAFFIC_MALFORMED           /* Shorter than its headers say. */
};

/* Where the layers of a frame are. */
struct traffic_view {
    const uint8_t *l3, *l4;
    uint16_t l3_len;            /* As the IP header says. */
    uint16_t l4_len;
    uint8_t ip_proto;
    bool ipv6;
};

/* Finds the layers of 'packet' (at most one tag, no IP options, no extension
 * headers, no fragments; else it is foreign). */
enum traffic_kind traffic_packet_view(const struct dp_packet *,
                                      struct traffic_view *);
/* Reads the mark of a frame of the family and protocol of the template. */
enum traffic_kind traffic_packet_read(const struct traffic_template *,
                                      const struct traffic_view *,
                                      struct traffic_mark *);
/* Reads the tuple of a packet that traffic_packet_read() found to be ours. */
void traffic_packet_tuple(const struct traffic_template *,
                          const struct traffic_view *,
                          struct traffic_tuple *);
/* True if checksums of IP, TCP, UDP and ICMP are correct. */
bool traffic_packet_verify(const struct traffic_view *);

#endif /* traffic-packet.h */

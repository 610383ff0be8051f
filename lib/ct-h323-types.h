/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_H323_TYPES_H
#define CT_H323_TYPES_H 1

#include "ct-per.h"

/* The messages of H.323, as far as they carry transport addresses.
 * =================================================================
 *
 * What
 * ----
 * Tables for ct-per.h.  Field for field they follow the ASN.1 of H.225.0
 * (12/2009), H.235 and H.245 (version 15); later versions only add to types
 * that can be added to.  What stands behind the last field that matters, up to
 * the end of its container, is left out.
 *
 * The marks say which address is which. */

enum ct_h323_mark {
    CT_H323_NONE,

    /* Call signalling. */
    CT_H323_H245,               /* Where H.245 will be listening. */
    CT_H323_SOURCE,             /* Signalling addresses of both ends. */
    CT_H323_DEST,
    CT_H323_FORWARD,            /* Where else the call has to go. */
    CT_H323_REASON,             /* Of a Facility: CT_H323_FORWARDED ... */

    /* Logical channels. */
    CT_H323_OPEN,               /* Begin of an OpenLogicalChannel ... */
    CT_H323_ACK,                /* ... or OpenLogicalChannelAck. */
    CT_H323_MEDIA,              /* RTP or RTCP. */
    CT_H323_DATA,               /* Of T.120: CT_H323_SEPARATE_LAN ... */
    CT_H323_STACK,              /* Where T.120 will be. */

    /* RAS. */
    CT_H323_RAS,                /* Which message: enum ct_h323_ras. */
    CT_H323_RAS_ADDR,
    CT_H323_SIGNAL,             /* Signalling address of who speaks. */
    CT_H323_TTL                 /* Of a registration, in seconds. */
};

/* Choices that matter, by their index. */
#define CT_H323_FORWARDED 1             /* FacilityReason, callForwarded. */
#define CT_H323_SEPARATE_LAN 10         /* DataProtocolCapability,
                                         * separateLANStack. */
enum ct_h323_ras {
    CT_H323_GRQ = 0,            /* Gatekeeper: request, confirm. */
    CT_H323_GCF = 1,
    CT_H323_RRQ = 3,            /* Registration. */
    CT_H323_RCF = 4,
    CT_H323_URQ = 6,            /* Unregistration. */
    CT_H323_ARQ = 9,            /* Admission. */
    CT_H323_ACF = 10,
    CT_H323_LRQ = 18,           /* Location. */
    CT_H323_LCF = 19,
    CT_H323_IRR = 22            /* Information, response. */
};

/* An address is an item with its place and length, 4 or 16; the port, of two
 * bytes, is right behind it. */

/* Whole messages. */
extern const struct ct_per_type ct_h225_call;   /* H323-UserInformation. */
extern const struct ct_per_type ct_h225_ras;    /* RasMessage. */
extern const struct ct_per_type ct_h245_message;
                                    /* MultimediaSystemControlMessage. */

/* Parts of them. */
extern const struct ct_per_type ct_h245_open;   /* OpenLogicalChannel. */
extern const struct ct_per_type ct_h245_data_type;
extern const struct ct_per_type ct_h245_non_standard;
extern const struct ct_per_type ct_h225_non_standard;
extern const struct ct_per_type ct_h225_transport_addr;
extern const struct ct_per_type ct_h225_alias;
extern const struct ct_per_type ct_h225_aliases;
extern const struct ct_per_type ct_h225_vendor;
extern const struct ct_per_type ct_h225_endpoint;
extern const struct ct_per_type ct_h225_qseries;
extern const struct ct_per_type ct_h225_call_type;
extern const struct ct_per_type ct_h225_guid;
extern const struct ct_per_type ct_h225_identifier;
extern const struct ct_per_type ct_h235_clear_token;
extern const struct ct_per_type ct_h235_crypto_token;
/* An OBJECT IDENTIFIER. */
#define ct_h225_oid ct_per_octets

#endif /* ct-h323-types.h */

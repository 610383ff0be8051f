/* SPDX-License-Identifier: Apache-2.0 */

/* H.245: both ends of a call open logical channels, and tell where media is to
 * be sent to.
 *
 *    OpenLogicalChannel     where RTCP will be, RTP of media that flows back,
 *                           and T.120
 *    OpenLogicalChannelAck  where RTP and RTCP will be
 *
 * A connection has this helper since call signalling has announced it. */

#include <config.h>

#include <netinet/in.h>

#include "ct-h323.h"

static ct_h323_read read_message;

static enum ct_helper_verdict
h245_read(struct ct_helper_call *call)
{
    return ct_h323_each(call, read_message);
}

const struct ct_helper ct_helper_h245 = {
    .name = "h245",
    .protos = { IPPROTO_TCP },
    .classes = { { .max_expected = CT_H323_MAX_CHANNELS,
                   .timeout = CT_H323_TIMEOUT } },
    .state_size = sizeof(struct ct_h323_tpkts),
    .read = h245_read,
};

static enum ct_helper_verdict
read_message(struct ct_helper_call *call, const struct ct_h323_tpkt *tpkt)
{
    struct ct_per_items items;

    if (tpkt->begin == tpkt->end) {
        return CT_HELPER_ACCEPT;
    }
    items.n = 0;
    if (!ct_per_read(&ct_h245_message, call->payload, tpkt->begin, tpkt->end,
                     &items)) {
        ct_helper_count(call, CT_C_HELPER_UNREAD);
        return CT_HELPER_ACCEPT;
    }
    return ct_h323_channels(call, &items);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* NetBIOS name service (RFC 1002 section 4.2): who asks a subnet for a name is
 * answered by the host that has it, or by all of them. */

#include <config.h>

#include <netinet/in.h>

#include "ct-helper.h"
#include "ct-helper-broadcast.h"

#define NETBIOS_NS_PORT 137
#define TIMEOUT 3

static enum ct_helper_verdict
netbios_ns_read(struct ct_helper_call *call)
{
    return ct_helper_broadcast(call, htons(NETBIOS_NS_PORT), TIMEOUT);
}

const struct ct_helper ct_helper_netbios_ns = {
    .name = "netbios-ns",
    .protos = { IPPROTO_UDP },
    .classes = { { .max_expected = 1, .timeout = TIMEOUT } },
    .read = netbios_ns_read,
};

/* SPDX-License-Identifier: Apache-2.0 */

/* Requests as an operator sees them. */

#include <config.h>

#include "ct-request.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

void
ct_request_format(const struct ct_request *request, struct ds *ds)
{
    ds_put_format(ds, "%szone=%"PRIu16"%s%s%s",
                  request->force ? "force," : request->commit ? "commit," : "",
                  request->zone, request->nat.kind ? ",nat" : "",
                  request->mark_mask ? ",mark" : "",
                  ovs_u128_is_zero(request->label_mask) ? "" : ",label");
}

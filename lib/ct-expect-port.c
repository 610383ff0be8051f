/* SPDX-License-Identifier: Apache-2.0 */

/* Step "help": the ports of expectations.  Called by ct-help-expect.c and
 * ct-expect.c; calls ct-nat-port.c. */

#include <config.h>

#include "ct-expect-port.h"

#include "ct-expect.h"
#include "ct-nat-port.h"
#include "util.h"

void
ct_expect_set_port(struct ct_expectation *e, struct ct_nat_pool *pool)
{
    struct ct_expect_port *port = xmalloc(sizeof *port);

    atomic_init(&port->n_shares, 1);
    port->pool = pool;
    port->port = ntohs(e->tuple.dst_port);
    e->port = port;
}

bool
ct_expect_share_port(struct ct_expectation *e,
                     const struct ct_expectation *old)
{
    if (old->port) {
        atomic_fetch_add_explicit(&old->port->n_shares, 1,
                                  memory_order_relaxed);
        e->port = old->port;
        e->tuple.dst_port = htons(e->port->port);
    }
    return old->port;
}

void
ct_expect_drop_port(struct ct_expectation *e)
{
    struct ct_expect_port *port = e->port;

    /* Nobody can share it any more who does not have it. */
    if (port && atomic_fetch_sub_explicit(&port->n_shares, 1,
                                          memory_order_acq_rel) == 1) {
        ct_nat_port_release(port->pool, port->port);
        free(port);
    }
    e->port = NULL;
}

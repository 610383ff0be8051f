/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_EXPECT_PORT_H
#define CT_EXPECT_PORT_H 1

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ct_expectation;
struct ct_nat_pool;

/* Reserved ports of NAT pools, in front of the translation.
 * =========================================================
 *
 * What is announced again shares the port with what it will replace, from the
 * moment at which it is chosen: whichever of them ends first, nobody else can
 * get it meanwhile.
 *
 * Threads: any, concurrently.  Sharing locks nothing; who drops a port holds
 * no spin lock, as that may end the pool, under a mutex. */

struct ct_expect_port {
    _Atomic unsigned int n_shares;  /* [A] It is released with the last. */
    struct ct_nat_pool *pool;       /* [I] */
    uint16_t port;                  /* [I] */
};

/* tuple.dst_port is reserved in that pool. */
void ct_expect_set_port(struct ct_expectation *, struct ct_nat_pool *);

/* Gives 'e', which has none, the port that 'old' has reserved.  False if it
 * has none. */
bool ct_expect_share_port(struct ct_expectation *e,
                          const struct ct_expectation *old);

/* Gives the port up, if it has one. */
void ct_expect_drop_port(struct ct_expectation *);

#endif /* ct-expect-port.h */

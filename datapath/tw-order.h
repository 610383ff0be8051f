/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_ORDER_H
#define TW_ORDER_H 1

#include "tw-program.h"

/* The order of a connection's packets in a batch.
 *
 * Programs run one after the other, and what has none takes the slow path
 * behind them.  Packets of one connection, in either direction, that have not
 * all the same program would pass each other that way, and the tracker would
 * see an acknowledgment before what it acknowledges.
 *
 * Returns the packets, as bits, of connections of which that is true; a packet
 * whose program is NULL has none. */
uint32_t tw_order_conflicts(const struct tw_pass *);

#endif /* tw-order.h */

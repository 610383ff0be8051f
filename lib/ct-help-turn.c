/* SPDX-License-Identifier: Apache-2.0 */

/* Segments before their turn.  Called by ct-helper.c for each payload of a
 * translated connection whose helper may change lengths. */

#include <config.h>

#include "ct-help-turn.h"

#include "ct-tcp-window.h"

void
ct_help_turn_begin(struct ct_help_turn *turn, uint32_t seq)
{
    turn->known = true;
    turn->next = seq;
}

bool
ct_help_turn_has_come(const struct ct_help_turn *turn, uint32_t seq,
                      uint32_t acked)
{
    return (!turn->known || !ct_tcp_after(seq, turn->next)
            || !ct_tcp_after(seq, acked));
}

void
ct_help_turn_seen(struct ct_help_turn *turn, uint32_t end)
{
    if (!turn->known || ct_tcp_after(end, turn->next)) {
        turn->known = true;
        turn->next = end;
    }
}

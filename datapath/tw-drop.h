/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_DROP_H
#define TW_DROP_H 1

#include <stdint.h>

/* Every reason for which the datapath drops a packet: enumerator, the
 * counter's name, and a sentence for the operator.  The tracker's own reasons
 * are in ct-counters.h. */

#define TW_DROPS                                                            \
    TW_DROP(RX_SHORT, "rx-short", "received shorter than a frame's header") \
    TW_DROP(UPCALL_CLOSED, "upcall-closed",                                 \
            "flows are being purged and no upcall can be made")             \
    TW_DROP(UPCALL_ERROR, "upcall-error",                                   \
            "the upcall failed or the flow could not be translated")        \
    TW_DROP(RECIRC_DEPTH, "recirculation-depth",                            \
            "recirculated too often")                                       \
    TW_DROP(NO_PORT, "no-port", "output to a port that does not exist")     \
    TW_DROP(TUNNEL_PUSH, "tunnel-push", "tunnel header could not be added") \
    TW_DROP(TUNNEL_POP, "tunnel-pop", "tunnel header could not be removed") \
    TW_DROP(METER, "meter", "over a meter's rate")                          \
    TW_DROP(INVALID_ACTION, "invalid-action",                               \
            "an action that could not be carried out")                      \
    TW_DROP(NO_BOND, "no-bond", "output to a bond that does not exist")     \
    TW_DROP(TX, "tx", "the device did not take it")                         \
    TW_DROP(ACTION, "action", "an explicit drop action")

enum tw_drop {
#define TW_DROP(ENUM, NAME, HELP) TW_DROP_##ENUM,
    TW_DROPS
#undef TW_DROP
    TW_N_DROPS
};

const char *tw_drop_name(enum tw_drop);
const char *tw_drop_help(enum tw_drop);

/* Counts 'n' drops in the coverage counter that OVS's userspace datapath has
 * for this reason ("ovs-appctl coverage/read-counter datapath_drop_meter"), if
 * it has one.  Any thread; exact but for races with OVS's own additions. */
void tw_drop_cover(enum tw_drop, uint64_t n);

#endif /* tw-drop.h */

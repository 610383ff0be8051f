/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_CT_CONFIG_H
#define TW_CT_CONFIG_H 1

struct smap;
struct tw_datapath;

/* What Open_vSwitch's other_config says to the connection tracker.
 * ================================================================
 *
 *    ct-timeouts             NAME=SECONDS,...
 *    ct-timeouts-zone-N      the same, for zone N
 *    ct-persist              true: connections survive a restart of the daemon
 *                            (tw-ct-save.h)
 *    ct-sync-listen          pssl:PORT or punix:PATH: the active one of a pair
 *    ct-sync                 ssl:IP:PORT or unix:PATH: its standby
 *                            (tw-ct-sync.h)
 *    ct-helpers              zone=N,proto=P,port=N,helper=NAME;...
 *    ct-max                  N: connections that there may be
 *    ct-limits               zone=N,limit=N;... (ct-limit.h)
 *    ct-limit-default        N: of a zone that has no other; 0: none
 *    ct-log-invalid          on|off [zone=N];... (ct-log-zones.h)
 *    ct-tcp-loose, ...       a switch: "ct-" and its name (ct-switch.h), with
 *                            dashes
 *
 * A value that cannot be understood is logged as an error, and what was in
 * force before stays.  In a list each part stands alone: the good ones are
 * taken, each bad one is logged, and as long as there is one, nothing that was
 * in force before is taken away.  A key that is taken away is as if it had
 * never been there.
 *
 * Threads: the main thread. */

void tw_ct_config_set(struct tw_datapath *, const struct smap *other_config);

#endif /* tw-ct-config.h */

/* SPDX-License-Identifier: Apache-2.0 */

#ifndef DPIF_TW_H
#define DPIF_TW_H 1

#include "dpif-provider.h"
#include "tw-datapath.h"

/* What the provider's files share.
 * ================================
 *
 * One 'struct dpif_tw' per open of a datapath.  The functions below are
 * members of 'struct dpif_class', whose comments in dpif-provider.h say what
 * each must do; they are grouped by file. */

struct dpif_tw {
    struct dpif dpif;
    struct tw_datapath *dp;
    uint64_t last_port_seq;
};

static inline struct dpif_tw *
dpif_tw_cast(const struct dpif *dpif)
{
    return CONTAINER_OF(dpif, struct dpif_tw, dpif);
}

static inline struct tw_datapath *
dpif_tw_datapath(const struct dpif *dpif)
{
    return dpif_tw_cast(dpif)->dp;
}

/* dpif-tw-port.c */
int dpif_tw_port_add(struct dpif *, struct netdev *, odp_port_t *);
int dpif_tw_port_del(struct dpif *, odp_port_t);
int dpif_tw_port_set_config(struct dpif *, odp_port_t, const struct smap *);
int dpif_tw_port_query_by_number(const struct dpif *, odp_port_t,
                                 struct dpif_port *);
int dpif_tw_port_query_by_name(const struct dpif *, const char *,
                               struct dpif_port *);
int dpif_tw_port_dump_start(const struct dpif *, void **);
int dpif_tw_port_dump_next(const struct dpif *, void *, struct dpif_port *);
int dpif_tw_port_dump_done(const struct dpif *, void *);
int dpif_tw_port_poll(const struct dpif *, char **);
void dpif_tw_port_poll_wait(const struct dpif *);

/* dpif-tw-flow.c */
int dpif_tw_flow_flush(struct dpif *);
struct dpif_flow_dump *dpif_tw_flow_dump_create(const struct dpif *, bool,
                                                struct dpif_flow_dump_types *);
int dpif_tw_flow_dump_destroy(struct dpif_flow_dump *);
struct dpif_flow_dump_thread *
dpif_tw_flow_dump_thread_create(struct dpif_flow_dump *);
void dpif_tw_flow_dump_thread_destroy(struct dpif_flow_dump_thread *);
int dpif_tw_flow_dump_next(struct dpif_flow_dump_thread *, struct dpif_flow *,
                           int);

/* dpif-tw-execute.c */
void dpif_tw_operate(struct dpif *, struct dpif_op **, size_t,
                     enum dpif_offload_type);
void dpif_tw_register_dp_purge_cb(struct dpif *, dp_purge_callback *, void *);
void dpif_tw_register_upcall_cb(struct dpif *, upcall_callback *, void *);
void dpif_tw_enable_upcall(struct dpif *);
void dpif_tw_disable_upcall(struct dpif *);

/* dpif-tw-ct.c */
int dpif_tw_ct_dump_start(struct dpif *, struct ct_dpif_dump_state **,
                          const uint16_t *, int *);
int dpif_tw_ct_dump_next(struct dpif *, struct ct_dpif_dump_state *,
                         struct ct_dpif_entry *);
int dpif_tw_ct_dump_done(struct dpif *, struct ct_dpif_dump_state *);
int dpif_tw_ct_flush(struct dpif *, const uint16_t *,
                     const struct ct_dpif_tuple *);
int dpif_tw_ct_set_maxconns(struct dpif *, uint32_t);
int dpif_tw_ct_get_maxconns(struct dpif *, uint32_t *);
int dpif_tw_ct_get_nconns(struct dpif *, uint32_t *);
int dpif_tw_ct_set_tcp_seq_chk(struct dpif *, bool);
int dpif_tw_ct_get_tcp_seq_chk(struct dpif *, bool *);
int dpif_tw_ct_set_limits(struct dpif *, const uint32_t *,
                          const struct ovs_list *);
int dpif_tw_ct_get_limits(struct dpif *, uint32_t *, const struct ovs_list *,
                          struct ovs_list *);
int dpif_tw_ct_del_limits(struct dpif *, const struct ovs_list *);
int dpif_tw_ct_set_timeout_policy(struct dpif *,
                                  const struct ct_dpif_timeout_policy *);
int dpif_tw_ct_get_timeout_policy(struct dpif *, uint32_t,
                                  struct ct_dpif_timeout_policy *);
int dpif_tw_ct_del_timeout_policy(struct dpif *, uint32_t);
int dpif_tw_ct_timeout_policy_dump_start(struct dpif *, void **);
int dpif_tw_ct_timeout_policy_dump_next(struct dpif *, void *,
                                        struct ct_dpif_timeout_policy *);
int dpif_tw_ct_timeout_policy_dump_done(struct dpif *, void *);
int dpif_tw_ct_get_timeout_policy_name(struct dpif *, uint32_t, uint16_t,
                                       uint8_t, char **, bool *);
int dpif_tw_ct_get_features(struct dpif *, enum ct_features *);
int dpif_tw_ipf_set_enabled(struct dpif *, bool, bool);
int dpif_tw_ipf_set_min_frag(struct dpif *, bool, uint32_t);
int dpif_tw_ipf_set_max_nfrags(struct dpif *, uint32_t);
int dpif_tw_ipf_get_status(struct dpif *, struct dpif_ipf_status *);
int dpif_tw_ipf_dump_start(struct dpif *, struct ipf_dump_ctx **);
int dpif_tw_ipf_dump_next(struct dpif *, void *, char **);
int dpif_tw_ipf_dump_done(struct dpif *, void *);

/* dpif-tw-meter.c */
void dpif_tw_meter_get_features(const struct dpif *,
                                struct ofputil_meter_features *);
int dpif_tw_meter_set(struct dpif *, ofproto_meter_id,
                      struct ofputil_meter_config *);
int dpif_tw_meter_get(const struct dpif *, ofproto_meter_id,
                      struct ofputil_meter_stats *, uint16_t);
int dpif_tw_meter_del(struct dpif *, ofproto_meter_id,
                      struct ofputil_meter_stats *, uint16_t);
int dpif_tw_bond_add(struct dpif *, uint32_t, odp_port_t *);
int dpif_tw_bond_del(struct dpif *, uint32_t);
int dpif_tw_bond_stats_get(struct dpif *, uint32_t, uint64_t *);

/* dpif-tw-unixctl.c: registers the "trackway/..." commands. */
int dpif_tw_unixctl_init(void);

/* Runs 'run' for the datapath that 'name' names, as NAME or TYPE@NAME, or for
 * all if it is NULL.  Returns NULL, or what is wrong, which the caller frees:
 * what 'run' returned, by which it ends, and for which datapaths it had been
 * done; or that there is no such datapath, and 'usage', as a word with a
 * mistake in it passes for a name. */
typedef char *dpif_tw_run_func(struct tw_datapath *, void *aux);
char *dpif_tw_run_on(const char *name, const char *usage, dpif_tw_run_func *,
                     void *aux);

/* The same for one datapath, which must be named if there are several. */
char *dpif_tw_run_on_one(const char *name, const char *usage,
                         dpif_tw_run_func *, void *aux);

/* NULL, or which KEY=VALUE of a command's words has the key of one before it.
 * The caller frees it. */
char *dpif_tw_given_twice(int argc, const char *argv[]);

/* dpif-tw-ct-unixctl.c */
void dpif_tw_ct_unixctl_init(void);

/* dpif-tw-ct-file.c */
void dpif_tw_ct_file_init(void);

/* dpif-tw-unixctl-helper.c: those for helpers and expectations. */
void dpif_tw_unixctl_helper_init(void);

/* dpif-tw-unixctl-why.c: trackway/why. */
void dpif_tw_unixctl_why_init(void);

/* dpif-trackway.c: from here on, 'dpif' passes for one of dpif-netdev where
 * OVS asks whether it may use native tunnels, explicit drops and
 * lb_output. */
void dpif_tw_pass_for_netdev(struct dpif *);

#endif /* dpif-tw.h */

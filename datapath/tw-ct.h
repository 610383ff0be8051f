/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TW_CT_H
#define TW_CT_H 1

struct ct_request;
struct nlattr;

/* From the attributes of a ct action (OVS_CT_ATTR_*) to what the tracker is
 * asked.
 *
 * Decodes 'ct', an OVS_ACTION_ATTR_CT attribute, into '*request'.  Returns
 * EINVAL, with '*request' in an undefined state, for what no tracker could
 * carry out: an unknown attribute or one of the wrong size, an empty address
 * or port range, source and destination translation at once, and what needs
 * "commit" without it (mark, label, a translation).
 *
 * Done once, when the flow is put: cost does not matter.  Pure. */
int tw_ct_decode(const struct nlattr *ct, struct ct_request *request);

#endif /* tw-ct.h */

/* SPDX-License-Identifier: Apache-2.0 */

#ifndef DPIF_TW_DPCTL_CHECK_H
#define DPIF_TW_DPCTL_CHECK_H 1

#include <stdbool.h>

/* Whether the words behind a "dpctl/..." command can be meant.
 * ============================================================
 *
 * OVS carries out the commands "dpctl/ct-...", "dpctl/...-conntrack" and
 * "dpctl/ipf-...", and reads numbers without a look at what does not fit:
 * zone=70000 is zone 4464 to it, 10x is 10, and from some words that are
 * missing it crashes.  This is the grammar of what these commands take, to be
 * asked before OVS is.
 *
 * Promises: what ovs-vswitchd(8) documents passes, and so does what OVS
 * refuses by itself in words that its test suites compare.
 *
 * Threads: any.
 *
 * Example:
 *
 *    const struct dpctl_grammar *g = dpctl_grammar_find("dpctl/ct-bkts");
 *    char *error = dpctl_check(g, usage, false, 1, words);
 */

struct dpctl_grammar;

/* Commands that have a grammar are numbered from 0. */
#define DPCTL_N_GRAMMARS 18

/* NULL: this command is not checked. */
const struct dpctl_grammar *dpctl_grammar_find(const char *command);
int dpctl_grammar_index(const struct dpctl_grammar *);

/* How many of 'words' are options, for OVS to read. */
int dpctl_n_options(int n, const char *const words[]);

/* Checks the 'n' words behind a command's options.  'has_dp': the first of
 * them names a datapath that exists.  Returns NULL, or what is wrong, which
 * the caller frees; 'usage' says there what is understood. */
char *dpctl_check(const struct dpctl_grammar *, const char *usage, bool has_dp,
                  int n, const char *const words[]);

#endif /* dpif-tw-dpctl-check.h */

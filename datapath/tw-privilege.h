/* SPDX-License-Identifier: Apache-2.0 */

#ifndef TW_PRIVILEGE_H
#define TW_PRIVILEGE_H 1

/* Does the daemon still have the capabilities (capabilities(7)) that a port of
 * the network device type 'type' needs?  With --user it has given some up, and
 * nothing gives them back.  Returns NULL, or a sentence that says what is
 * missing.
 *
 * Types that are not known here need none, or fail by themselves. */
const char *tw_privilege_lacks(const char *type);

#endif /* tw-privilege.h */

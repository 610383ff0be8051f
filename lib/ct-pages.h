/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CT_PAGES_H
#define CT_PAGES_H 1

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory straight from the system.
 * =======================================
 *
 * For what is large and filled little by little: pages take memory when they
 * are first touched.  'huge' asks for huge pages where the system has them
 * (and refuses them otherwise, where it would use them unasked).
 *
 * NULL, with errno set, if there is no memory.  Threads: any. */

#define CT_HUGE_PAGE ((size_t) 2 * 1024 * 1024)

/* 'align' is a power of 2, at least 4096; 'size' a multiple of it. */
void *ct_pages_alloc(size_t size, size_t align, bool huge);
void ct_pages_free(void *, size_t size);

/* Addresses without memory, and memory, zeroed, for a part of them ('huge' as
 * above): 0 or a positive errno. */
void *ct_pages_reserve(size_t size, size_t align);
int ct_pages_use(void *, size_t size, bool huge);

/* Has the system find the memory now. */
void ct_pages_touch(void *, size_t size);

#endif /* ct-pages.h */

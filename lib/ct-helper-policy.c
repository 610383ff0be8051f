/* SPDX-License-Identifier: Apache-2.0 */

/* Step "commit", the choice of a helper: called by ct-commit.c for a request
 * that names none.  The rest is configuration. */

#include <config.h>

#include "ct-helper-policy.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "ct-counters.h"
#include "ct-helper.h"
#include "ct-tracker.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-parse.h"
#include "ovs-rcu.h"
#include "util.h"

/* Between policies of a text. */
#define SEPARATORS "; \t\r\n"

/* What a policy says. */
enum field {
    FIELD_ZONE = 1 << 0,
    FIELD_PROTO = 1 << 1,
    FIELD_PORT = 1 << 2,
    FIELD_HELPER = 1 << 3,
    FIELDS_KEY = FIELD_ZONE | FIELD_PROTO | FIELD_PORT,
};

/* All of them, never changed once they are published. */
struct ct_helper_policies {
    size_t n;
    struct ct_helper_policy policies[CT_HELPER_MAX_POLICIES];
};

static struct ct_helper_policies *copy_some(const struct ct *,
                                            bool configured_too);
static bool is_same(const struct ct_helper_policy *,
                    const struct ct_helper_policy *);
static struct ct_helper_policy *find_same(struct ct_helper_policies *,
                                          const struct ct_helper_policy *);
static void parse_all(const char *text, struct ct_helper_policies *,
                      struct ds *errors);
static char *parse_field(char *key, const char *value,
                         struct ct_helper_policy *, unsigned int *given);
static void keep_configured(const struct ct *, struct ct_helper_policies *);
static void publish(struct ct *, struct ct_helper_policies *);
static void format_policy(const struct ct_helper_policy *, struct ds *);

static const struct ct_helper_policies *
current(const struct ct *ct)
{
    return ovsrcu_get(struct ct_helper_policies *, &ct->helper_policies);
}

void
ct_helper_policies_init(struct ct *ct)
{
    ovsrcu_init(&ct->helper_policies, NULL);
}

void
ct_helper_policies_uninit(struct ct *ct)
{
    free(ovsrcu_get_protected(struct ct_helper_policies *,
                              &ct->helper_policies));
}

const struct ct_helper *
ct_helper_policy_find(const struct ct *ct, uint16_t zone,
                      const struct ct_tuple *tuple)
{
    const struct ct_helper_policies *all = current(ct);
    const struct ct_helper_policy *best = NULL;

    for (size_t i = 0; all && i < all->n; i++) {
        const struct ct_helper_policy *p = &all->policies[i];

        if (p->port == ntohs(tuple->dst_port) && p->proto == tuple->proto
            && (p->zone == zone
                || (p->zone == CT_HELPER_ANY_ZONE && !best))) {
            if (p->zone == zone) {
                /* Those that were added stand before those configured. */
                return p->helper;
            }
            best = p;
        }
    }
    return best ? best->helper : NULL;
}

char *
ct_helper_policy_parse(const char *text, bool is_key,
                       struct ct_helper_policy *policy)
{
    char *copy = xstrdup(text), *rest = copy, *key, *value;
    unsigned int needed = FIELDS_KEY | (is_key ? 0 : FIELD_HELPER);
    unsigned int given = 0;
    char *error = NULL;

    memset(policy, 0, sizeof *policy);
    while (!error && ofputil_parse_key_value(&rest, &key, &value)) {
        error = parse_field(key, value, policy, &given);
    }
    if (error) {
        char *what = error;

        error = xasprintf("\"%s\": %s", text, what);
        free(what);
    } else if ((given & needed) != needed) {
        error = xasprintf("\"%s\": zone, proto, port%s must be given", text,
                          is_key ? "" : " and helper");
    } else if (policy->helper
               && !ct_helper_reads(policy->helper, policy->proto)) {
        error = xasprintf("\"%s\": helper %s does not read %s", text,
                          policy->helper->name,
                          policy->proto == IPPROTO_TCP ? "tcp" : "udp");
    }
    free(copy);
    return error;
}

char *
ct_helper_policies_set(struct ct *ct, const char *text)
{
    struct ds errors = DS_EMPTY_INITIALIZER;

    ovs_mutex_lock(&ct->mutex);
    struct ct_helper_policies *new = copy_some(ct, false);
    if (text) {
        parse_all(text, new, &errors);
    }
    if (errors.length) {
        keep_configured(ct, new);
    }
    publish(ct, new);
    ovs_mutex_unlock(&ct->mutex);

    for (size_t i = 0; i < errors.length; i++) {
        if (errors.string[i] == '\n') {
            ct_count(ct, CT_C_HELPER_SETTING_BAD, 1);
        }
    }
    ds_chomp(&errors, '\n');
    return errors.length ? ds_steal_cstr(&errors) : NULL;
}

int
ct_helper_policy_add(struct ct *ct, const struct ct_helper_policy *policy)
{
    int error = 0;

    ovs_mutex_lock(&ct->mutex);
    struct ct_helper_policies *new = copy_some(ct, true);
    struct ct_helper_policy *same = find_same(new, policy);

    if (same) {
        *same = *policy;
    } else if (new->n < CT_HELPER_MAX_POLICIES) {
        memmove(&new->policies[1], &new->policies[0],
                new->n++ * sizeof new->policies[0]);
        new->policies[0] = *policy;
    } else {
        error = ENOSPC;
    }
    publish(ct, new);
    ovs_mutex_unlock(&ct->mutex);
    return error;
}

int
ct_helper_policy_del(struct ct *ct, const struct ct_helper_policy *policy)
{
    int error = 0;

    ovs_mutex_lock(&ct->mutex);
    struct ct_helper_policies *new = copy_some(ct, true);
    struct ct_helper_policy *same = find_same(new, policy);

    if (same && (!policy->helper || policy->helper == same->helper)) {
        struct ct_helper_policy *end = &new->policies[new->n--];

        memmove(same, same + 1, (end - same - 1) * sizeof *same);
    } else {
        error = ENOENT;
    }
    publish(ct, new);
    ovs_mutex_unlock(&ct->mutex);
    return error;
}

void
ct_helper_policies_format(struct ct *ct, struct ds *ds)
{
    const struct ct_helper_policies *all = current(ct);

    for (size_t i = 0; all && i < all->n; i++) {
        format_policy(&all->policies[i], ds);
    }
}

/* Those that were added and, if wanted, those configured; for the caller to
 * change, then publish() or free. */
static struct ct_helper_policies *
copy_some(const struct ct *ct, bool configured_too)
{
    const struct ct_helper_policies *all = current(ct);
    struct ct_helper_policies *new = xzalloc(sizeof *new);

    for (size_t i = 0; all && i < all->n; i++) {
        if (configured_too || !all->policies[i].configured) {
            new->policies[new->n++] = all->policies[i];
        }
    }
    return new;
}

static void
publish(struct ct *ct, struct ct_helper_policies *new)
{
    struct ct_helper_policies *old = ovsrcu_get_protected(
        struct ct_helper_policies *, &ct->helper_policies);

    if (!new->n) {
        free(new);
        new = NULL;
    }
    ovsrcu_set(&ct->helper_policies, new);
    if (old) {
        ovsrcu_postpone(free, old);
    }
}

/* For the same connections, and from the same side. */
static bool
is_same(const struct ct_helper_policy *a, const struct ct_helper_policy *b)
{
    return (a->zone == b->zone && a->proto == b->proto && a->port == b->port
            && a->configured == b->configured);
}

static struct ct_helper_policy *
find_same(struct ct_helper_policies *all,
          const struct ct_helper_policy *policy)
{
    for (size_t i = 0; i < all->n; i++) {
        if (is_same(&all->policies[i], policy)) {
            return &all->policies[i];
        }
    }
    return NULL;
}

/* Adds the policies in 'text' behind those that are there, and for each that
 * is none, a line to 'errors'. */
static void
parse_all(const char *text, struct ct_helper_policies *all, struct ds *errors)
{
    char *copy = xstrdup(text), *save = NULL;

    for (char *s = strtok_r(copy, SEPARATORS, &save); s;
         s = strtok_r(NULL, SEPARATORS, &save)) {
        struct ct_helper_policy policy;
        char *error = ct_helper_policy_parse(s, false, &policy);

        policy.configured = true;
        if (error) {
            ds_put_format(errors, "%s\n", error);
            free(error);
        } else if (find_same(all, &policy)) {
            ds_put_format(errors, "\"%s\": given twice\n", s);
        } else if (all->n >= CT_HELPER_MAX_POLICIES) {
            ds_put_format(errors, "\"%s\": more than %d policies\n", s,
                          CT_HELPER_MAX_POLICIES);
        } else {
            all->policies[all->n++] = policy;
        }
    }
    free(copy);
}

/* Adds those configured before, but where 'all' says otherwise. */
static void
keep_configured(const struct ct *ct, struct ct_helper_policies *all)
{
    const struct ct_helper_policies *old = current(ct);

    for (size_t i = 0; old && i < old->n; i++) {
        const struct ct_helper_policy *p = &old->policies[i];

        if (p->configured && !find_same(all, p)
            && all->n < CT_HELPER_MAX_POLICIES) {
            all->policies[all->n++] = *p;
        }
    }
}

/* A decimal number from 'min' to 'max', and nothing else. */
static bool
parse_number(const char *s, int min, int max, int *number)
{
    return (s[0] >= '0' && s[0] <= '9' && str_to_int(s, 10, number)
            && *number >= min && *number <= max);
}

/* Notes in '*given' that the field is there, once. */
static char *
give(const char *key, enum field field, unsigned int *given)
{
    if (*given & field) {
        return xasprintf("%s is given twice", key);
    }
    *given |= field;
    return NULL;
}

static char *
parse_field(char *key, const char *value, struct ct_helper_policy *policy,
            unsigned int *given)
{
    int number;

    if (!strcmp(key, "zone")) {
        if (!strcmp(value, "*")) {
            policy->zone = CT_HELPER_ANY_ZONE;
        } else if (parse_number(value, 0, UINT16_MAX, &number)) {
            policy->zone = number;
        } else {
            return xasprintf("zone=%s: neither 0 to 65535 nor *", value);
        }
        return give(key, FIELD_ZONE, given);
    } else if (!strcmp(key, "proto")) {
        policy->proto = (!strcmp(value, "tcp") ? IPPROTO_TCP
                         : !strcmp(value, "udp") ? IPPROTO_UDP : 0);
        if (!policy->proto) {
            return xasprintf("proto=%s: neither tcp nor udp", value);
        }
        return give(key, FIELD_PROTO, given);
    } else if (!strcmp(key, "port")) {
        if (!parse_number(value, 1, UINT16_MAX, &number)) {
            return xasprintf("port=%s: not 1 to 65535", value);
        }
        policy->port = number;
        return give(key, FIELD_PORT, given);
    } else if (!strcmp(key, "helper")) {
        policy->helper = ct_helper_find(value);
        if (!policy->helper) {
            return xasprintf("helper=%s: there is no such helper", value);
        }
        return give(key, FIELD_HELPER, given);
    }
    return xasprintf("%s is neither zone, proto, port nor helper", key);
}

static void
format_policy(const struct ct_helper_policy *policy, struct ds *ds)
{
    ds_put_cstr(ds, "  zone=");
    if (policy->zone == CT_HELPER_ANY_ZONE) {
        ds_put_char(ds, '*');
    } else {
        ds_put_format(ds, "%d", policy->zone);
    }
    ds_put_format(ds, ",proto=%s,port=%u,helper=%s%s\n",
                  policy->proto == IPPROTO_TCP ? "tcp" : "udp", policy->port,
                  policy->helper->name,
                  policy->configured ? " (configured)" : "");
}

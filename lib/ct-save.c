/* SPDX-License-Identifier: Apache-2.0 */

/* Connections in a file, beside a packet's way: called by commands and when
 * the datapath begins and ends. */

#include <config.h>

#include "ct-save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "ct.h"
#include "ct-change.h"
#include "ct-dump.h"
#include "ct-netlink.h"
#include "ovs-rcu.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

#define MAGIC "TWCTSAVE"
#define FORMAT_VERSION 2
#define BYTE_ORDER_MARK 0x01020304
#define BLOCK 65536

struct file_header {
    char magic[8];
    ovs_be32 version;
    uint32_t byte_order;
    ovs_be64 when;
    ovs_be32 crc;               /* Of all before it. */
    ovs_be32 zero;
};
BUILD_ASSERT_DECL(sizeof(struct file_header) == 32);

struct block_header {
    ovs_be32 length;
    ovs_be32 crc;
};

static char *save_as(struct ct *, const char *path, struct ct_save_result *);
static char *save_to(struct ct *, FILE *, struct ct_save_result *);
static ovs_be32 header_crc(const struct file_header *);
static bool put_block(FILE *, const struct ofpbuf *);
static bool put_end(FILE *, uint64_t n);
static char *open_regular(const char *path, FILE **);
static char *load_from(struct ct *, FILE *, struct ct_save_result *);
static char *read_header(FILE *, long long *when);
static char *for_each_block(FILE *, void (*visit)(void *, struct ofpbuf *),
                            void *aux);

/* Saving. */

char *
ct_save(struct ct *ct, const char *path, struct ct_save_result *result)
{
    char *temporary = xasprintf("%s.new", path);
    char *error;

    memset(result, 0, sizeof *result);
    unlink(temporary);
    error = save_as(ct, temporary, result);
    if (!error && rename(temporary, path)) {
        error = xasprintf("%s: %s", path, ovs_strerror(errno));
        unlink(temporary);
    }
    if (!error) {
        /* So that it has the name after a power cut, too. */
        ovsrcu_quiesce_start();
        fsync_parent_dir(path);
        ovsrcu_quiesce_end();
    }
    free(temporary);
    return error;
}

/* There is no such file, and there is none if this fails. */
static char *
save_as(struct ct *ct, const char *path, struct ct_save_result *result)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  S_IRUSR | S_IWUSR);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    char *error;

    if (!file) {
        error = xasprintf("%s: %s", path, ovs_strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        return error;
    }
    error = save_to(ct, file, result);
    ovsrcu_quiesce_start();     /* A busy disk can take seconds. */
    if (!error && (fflush(file) || fsync(fd))) {
        error = xasprintf("%s: %s", path, ovs_strerror(errno));
    }
    ovsrcu_quiesce_end();
    fclose(file);
    if (error) {
        unlink(path);
    }
    return error;
}

/* One that has ended since it was found needs no place. */
static bool
can_be_saved(const struct ct_dpif_entry *entry)
{
    return !(entry->status & (CT_DPIF_STATUS_SEQ_ADJUST
                              | CT_DPIF_STATUS_DYING));
}

static void
put_conn(struct ofpbuf *block, const struct ct_dpif_entry *entry)
{
    const struct ct_nl_header header = {
        .type = CT_NL_TYPE(IPCTNL_MSG_CT_NEW),
        .family = entry->tuple_orig.l3_type,
        .res_id = entry->zone,
    };

    ct_nl_put_conn_msg(block, &header, entry);
}

static char *
save_to(struct ct *ct, FILE *file, struct ct_save_result *result)
{
    struct file_header header = {
        .magic = MAGIC, .version = htonl(FORMAT_VERSION),
        .byte_order = BYTE_ORDER_MARK, .when = htonll(time_wall_msec()),
    };
    struct ct_dump *dump = ct_dump_create(ct, NULL, NULL);
    struct ct_dpif_entry entry;
    struct ofpbuf block;
    char *error;
    bool ok;

    header.crc = header_crc(&header);
    ok = fwrite(&header, sizeof header, 1, file) == 1;
    ofpbuf_init(&block, BLOCK);
    while (ok && !ct_dump_next(dump, &entry)) {
        if (can_be_saved(&entry)) {
            put_conn(&block, &entry);
            result->n++;
        } else if (!(entry.status & CT_DPIF_STATUS_DYING)) {
            result->n_refused++;
        }
        ct_dpif_entry_uninit(&entry);
        if (block.size >= BLOCK - CT_NL_MAX_MSG) {
            ok = put_block(file, &block);
            ofpbuf_clear(&block);
            ovsrcu_quiesce();
        }
    }
    ok = (ok && (!block.size || put_block(file, &block))
          && put_end(file, result->n));
    error = ok ? NULL : xasprintf("cannot write: %s", ovs_strerror(errno));
    ct_dump_destroy(dump);
    ofpbuf_uninit(&block);
    return error;
}

static ovs_be32
header_crc(const struct file_header *header)
{
    return crc32c((const uint8_t *) header, offsetof(struct file_header, crc));
}

static bool
put_block(FILE *file, const struct ofpbuf *block)
{
    const struct block_header header = {
        .length = htonl(block->size),
        .crc = crc32c(block->data, block->size),
    };

    return (fwrite(&header, sizeof header, 1, file) == 1
            && fwrite(block->data, block->size, 1, file) == 1);
}

static bool
put_end(FILE *file, uint64_t n)
{
    const struct block_header header = { .length = 0 };
    ovs_be64 count = htonll(n);

    return (fwrite(&header, sizeof header, 1, file) == 1
            && fwrite(&count, sizeof count, 1, file) == 1);
}

/* Loading: first the whole file is looked at. */

char *
ct_load(struct ct *ct, const char *path, struct ct_save_result *result)
{
    FILE *file = NULL;
    char *error = open_regular(path, &file), *text;

    memset(result, 0, sizeof *result);
    if (!error) {
        error = load_from(ct, file, result);
        fclose(file);
    }
    if (!error) {
        return NULL;
    }
    text = xasprintf("%s: %s", path, error);
    free(error);
    return text;
}

/* A pipe or a device could keep its reader waiting. */
static char *
open_regular(const char *path, FILE **filep)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;

    if (fd < 0) {
        return xstrdup(ovs_strerror(errno));
    }
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        close(fd);
        return xstrdup("no regular file");
    }
    *filep = fdopen(fd, "rb");
    return NULL;
}

struct loading {
    struct ct *ct;
    struct ct_save_result *result;
    long long now;              /* time_msec(). */
    long long elapsed;          /* Seconds since it was saved. */
    uint64_t n_messages;
    const char *bad;            /* The first message that is none. */
};

/* Calls 'visit' for each message. */
static void
for_each_message(struct loading *loading, struct ofpbuf *block,
                 void (*visit)(struct loading *, const struct ct_nl_conn *))
{
    while (block->size && !loading->bad) {
        int len = ct_nl_msg_len(block->data, block->size);
        struct ct_nl_conn conn;
        struct ofpbuf msg;

        if (len <= 0) {
            loading->bad = "a message that is cut off";
            return;
        }
        msg = ofpbuf_const_initializer(ofpbuf_pull(block, len), len);
        loading->bad = ct_nl_get_conn(&msg, &conn);
        if (!loading->bad) {
            visit(loading, &conn);
        }
    }
}

static void
count_message(struct loading *loading,
              const struct ct_nl_conn *conn OVS_UNUSED)
{
    loading->n_messages++;
}

static void
make_conn(struct loading *loading, const struct ct_nl_conn *conn)
{
    struct ct_save_result *result = loading->result;
    struct ct_dpif_entry entry = conn->entry;
    const char *why = NULL;

    if (entry.timeout <= loading->elapsed) {
        result->n_late++;
        return;
    }
    entry.timeout -= loading->elapsed;
    entry.helper.name = conn->helper[0] ? CONST_CAST(char *, conn->helper)
                                        : NULL;
    if (!ct_insert(loading->ct, &entry, loading->now, &why)) {
        result->n++;
    } else if (!result->n_refused++) {
        ovs_strlcpy(result->why, why, sizeof result->why);
    }
}

static void
check_block(void *loading, struct ofpbuf *block)
{
    for_each_message(loading, block, count_message);
}

static void
make_block(void *loading, struct ofpbuf *block)
{
    for_each_message(loading, block, make_conn);
    ovsrcu_quiesce();
}

static char *
check_end(FILE *file, const struct loading *loading)
{
    ovs_be64 count;

    if (loading->bad) {
        return xasprintf("damaged: %s", loading->bad);
    }
    if (fread(&count, sizeof count, 1, file) != 1) {
        return xstrdup("damaged: it is cut off");
    }
    return (ntohll(count) == loading->n_messages && fgetc(file) == EOF ? NULL
            : xstrdup("damaged: it does not hold what it says"));
}

static char *
load_from(struct ct *ct, FILE *file, struct ct_save_result *result)
{
    struct loading loading = {
        .ct = ct, .result = result, .now = time_msec(),
    };
    long long when = 0;
    char *error = read_header(file, &when);

    if (!error) {
        error = for_each_block(file, check_block, &loading);
    }
    if (!error) {
        error = check_end(file, &loading);
    }
    if (!error) {
        loading.elapsed = MAX(time_wall_msec() - when, 0) / 1000;
        error = (fseek(file, sizeof(struct file_header), SEEK_SET)
                 ? xstrdup(ovs_strerror(errno))
                 : for_each_block(file, make_block, &loading));
    }
    return error;
}

static char *
read_header(FILE *file, long long *when)
{
    struct file_header header;

    if (fread(&header, sizeof header, 1, file) != 1
        || memcmp(header.magic, MAGIC, sizeof header.magic)) {
        return xstrdup("no file of saved connections");
    }
    if (ntohl(header.version) != FORMAT_VERSION
        || header.byte_order != BYTE_ORDER_MARK) {
        return xasprintf("version %"PRIu32", or of a machine that this one "
                         "does not understand", ntohl(header.version));
    }
    *when = ntohll(header.when);
    return (header.crc == header_crc(&header) && !header.zero && *when >= 0
            ? NULL : xstrdup("damaged: the header's checksum is wrong"));
}

/* Up to, and with, the empty one. */
static char *
for_each_block(FILE *file, void (*visit)(void *, struct ofpbuf *), void *aux)
{
    uint8_t *bytes = xmalloc(BLOCK);
    char *error = NULL;

    for (;;) {
        struct block_header header;
        struct ofpbuf block;
        size_t length;

        if (fread(&header, sizeof header, 1, file) != 1) {
            error = xstrdup("damaged: it is cut off");
            break;
        }
        length = ntohl(header.length);
        if (!length && !header.crc) {
            break;
        }
        if (!length || length > BLOCK || fread(bytes, length, 1, file) != 1
            || crc32c(bytes, length) != header.crc) {
            error = xstrdup("damaged: a block's checksum is wrong");
            break;
        }
        ofpbuf_use_stack(&block, bytes, length);
        block.size = length;
        visit(aux, &block);
    }
    free(bytes);
    return error;
}

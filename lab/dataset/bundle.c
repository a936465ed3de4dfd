/* bundle.c - a tar or zip from outside is read from memory: nothing is unpacked to disk and no name
 * of a member is ever used as a path; sizes are counted while they are read, so that a small
 * archive cannot become a large one. A tar of ours has no owners and no times: the same dataset
 * gives the same bytes. */
#include "bundle_priv.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#include "vd/file.h"

#define MEMBERS_MAX     400000
#define NAME_BYTES_MAX  1024
#define MEMBER_MAX      (64u << 20)
#define TOTAL_BYTES_MAX (4ull << 30)

static vd_err broken(struct archive *a, vd_why *why)
{
    const char *text = archive_error_string(a);
    (void)vd_fail(why, VD_CORRUPT, "the archive cannot be read");
    vd_why_detail(why, "%s", text ? text : "unknown");
    vd_why_hint(why, "a whole tar (also compressed) or zip is expected");
    return VD_CORRUPT;
}

static vd_err read_bytes(struct archive *a, vd_buf *into, uint64_t *total, vd_why *why)
{
    const void *data = NULL;
    size_t len = 0;
    la_int64_t at = 0;
    int rc;
    vd_buf_clear(into);
    while ((rc = archive_read_data_block(a, &data, &len, &at)) == ARCHIVE_OK) {
        *total += len;
        if (*total > TOTAL_BYTES_MAX || (uint64_t)at != into->len ||
            !vd_buf_add(into, vd_slice_of(data, len)))
            return vd_fail(why, VD_INVALID, "a file in the archive is larger than %zu MiB",
                           into->limit >> 20);
    }
    return rc == ARCHIVE_EOF ? VD_OK : broken(a, why);
}

static vd_err one(struct archive *a, struct archive_entry *entry, const bundle_reader *reader,
                  vd_buf *bytes, uint64_t *total, vd_why *why)
{
    const char *name = archive_entry_pathname_utf8(entry);
    if (!name) name = archive_entry_pathname(entry);
    if (!name || strlen(name) > NAME_BYTES_MAX || archive_entry_filetype(entry) != AE_IFREG ||
        !vd_slice_utf8_valid(vd_slice_str(name)) || !reader->wanted(reader->arg, name))
        return VD_OK;
    vd_err err = read_bytes(a, bytes, total, why);
    bundle_member file = { .name = name, .bytes = vd_buf_slice(bytes) };
    return err ? err : reader->each(reader->arg, &file, why);
}

static vd_err read_all(struct archive *a, vd_slice bytes, const bundle_reader *reader, vd_why *why)
{
    VD_AUTO(vd_buf) room = VD_BUF(MEMBER_MAX);
    struct archive_entry *entry = NULL;
    uint64_t total = 0, members = 0;
    vd_err err = VD_OK;
    int rc = ARCHIVE_OK;
    if (archive_read_open_memory(a, bytes.data, bytes.len) != ARCHIVE_OK) return broken(a, why);
    while (!err && (rc = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
        if (++members > MEMBERS_MAX)
            return vd_fail(why, VD_INVALID, "an archive has at most %d files", MEMBERS_MAX);
        err = one(a, entry, reader, &room, &total, why);
    }
    return err || rc == ARCHIVE_EOF ? err : broken(a, why);
}

vd_err bundle_read(vd_slice bytes, const bundle_reader *reader, vd_why *why)
{
    struct archive *a = archive_read_new();
    if (!a) return vd_fail(why, VD_FULL, "no memory");
    archive_read_support_format_tar(a);
    archive_read_support_format_zip(a);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    vd_err err = read_all(a, bytes, reader, why);
    archive_read_free(a);
    return err;
}

/* ---- out ---- */

struct bundle {
    struct archive *tar;
};

static vd_err failed(bundle *b, vd_why *why)
{
    const char *text = archive_error_string(b->tar);
    vd_err err = archive_errno(b->tar) == ENOSPC ? VD_FULL : VD_IO;
    (void)vd_fail(why, err, "the archive cannot be written");
    vd_why_detail(why, "%s", text ? text : "unknown");
    return err;
}

vd_err bundle_new(int fd, bundle **ret_bundle, vd_why *why)
{
    bundle *b = calloc(1, sizeof *b);
    if (b) b->tar = archive_write_new();
    if (!b || !b->tar) {
        free(b);
        return vd_fail(why, VD_FULL, "no memory");
    }
    archive_write_set_format_pax_restricted(b->tar);
    if (archive_write_open_fd(b->tar, fd) != ARCHIVE_OK) {
        vd_err err = failed(b, why);
        (void)bundle_free(b);
        return err;
    }
    *ret_bundle = b;
    return VD_OK;
}

vd_err bundle_add(bundle *b, const char *name, vd_slice bytes, vd_why *why)
{
    struct archive_entry *entry = archive_entry_new();
    if (!entry) return vd_fail(why, VD_FULL, "no memory");
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)bytes.len);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    bool ok = archive_write_header(b->tar, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    ok = ok && (bytes.len == 0 ||
                archive_write_data(b->tar, bytes.data, bytes.len) == (la_ssize_t)bytes.len);
    return ok ? VD_OK : failed(b, why);
}

vd_err bundle_add_file(bundle *b, const char *name, const char *path, vd_why *why)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(MEMBER_MAX);
    vd_err err = vd_file_load(path, &bytes, why);
    return err ? err : bundle_add(b, name, vd_buf_slice(&bytes), why);
}

vd_err bundle_end(bundle *b, vd_why *why)
{
    return archive_write_close(b->tar) == ARCHIVE_OK ? VD_OK : failed(b, why);
}

bundle *bundle_free(bundle *b)
{
    if (!b) return NULL;
    if (b->tar) archive_write_free(b->tar);
    free(b);
    return NULL;
}

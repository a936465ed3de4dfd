/* evidence.c - evidence files out to people (whole, a range, scaled) and in from devices. */
#include "api_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "vd/file.h"
#include "vd/log.h"

#define SNAPSHOT_BYTES_MAX (32u << 20)

/* ---- out ---- */

typedef struct {
    uint64_t first, last; /* inclusive */
    bool part;
} range;

/* One range as RFC 9110 14.1.2; anything else means the whole file. False: not satisfiable. */
static bool range_read(const char *text, uint64_t bytes, range *ret_range)
{
    range whole = { .last = bytes - 1 };
    *ret_range = whole;
    vd_slice value = vd_slice_str(text), rest = VD_SLICE_NONE;
    if (!text || !vd_slice_starts(value, VD_STR("bytes="))) return true;
    vd_slice from = vd_slice_cut(vd_slice_from(value, 6), '-', &rest);
    uint64_t first = 0, last = bytes - 1;
    if (from.len == 0) { /* the last so many bytes */
        uint64_t count = 0;
        if (!vd_slice_u64(rest, UINT64_MAX, &count)) return true;
        if (count == 0) return false;
        first = count < bytes ? bytes - count : 0;
    } else {
        if (!vd_slice_u64(from, UINT64_MAX, &first)) return true;
        if (rest.len && !vd_slice_u64(rest, UINT64_MAX, &last)) return true;
        if (rest.len && last < first) return true;
        if (last > bytes - 1) last = bytes - 1;
    }
    if (first >= bytes) return false;
    *ret_range = (range){ .first = first, .last = last, .part = true };
    return true;
}

vd_err reply_file(request *r, const char *path, uint64_t bytes, vd_why *why)
{
    char text[96];
    range part;
    if (!range_read(ask_header(r, MHD_HTTP_HEADER_RANGE), bytes, &part)) {
        r->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
        return vd_fail(why, VD_INVALID, "the range is outside of the file");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return vd_fail_errno(why, "the file cannot be read");
    r->response =
        MHD_create_response_from_fd_at_offset64(part.last - part.first + 1, fd, part.first);
    if (!r->response) {
        close(fd);
        return vd_fail(why, VD_FULL, "no memory for the answer");
    }
    r->status = part.part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
    if (!part.part) return VD_OK;
    (void)snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)part.first,
                   (unsigned long long)part.last, (unsigned long long)bytes);
    reply_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    return VD_OK;
}

static vd_err reply_scaled(request *r, const char *path, unsigned width_px, vd_why *why)
{
    VD_AUTO(vd_buf) whole = VD_BUF(SNAPSHOT_BYTES_MAX);
    VD_AUTO(vd_buf) small = VD_BUF(SNAPSHOT_BYTES_MAX);
    vd_err err = vd_file_load(path, &whole, why);
    if (!err) err = vd_archive_scale(vd_buf_slice(&whole), width_px, &small, why);
    return err ? err : reply_bytes(r, MHD_HTTP_OK, "image/jpeg", vd_buf_slice(&small), why);
}

static vd_err find_evidence(request *r, vd_digest *ret_digest, char type[64], char *path,
                            size_t room, uint64_t *ret_bytes, vd_why *why)
{
    vd_err err = need_digest(r, ret_digest, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_archive_find(store, ret_digest, type, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err) return err;
    err = vd_blobs_path(r->api->parts.blobs, ret_digest, path, room, ret_bytes);
    return err ? vd_fail(why, VD_ABSENT, "this evidence is not here") : VD_OK;
}

vd_err get_evidence(request *r, vd_why *why)
{
    vd_digest digest;
    char type[64], path[4096], name[128];
    uint64_t bytes = 0, width = 0;
    vd_err err = find_evidence(r, &digest, type, path, sizeof path, &bytes, why);
    if (!err) err = ask_count(r, "width", 16, 4096, &width, why);
    if (err) return err;
    bool picture = strcmp(type, "image/jpeg") == 0;
    if (width && picture)
        err = reply_scaled(r, path, (unsigned)width, why);
    else
        err = reply_file(r, path, bytes, why);
    if (err) return err;
    if (!(width && picture)) reply_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    reply_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "private, max-age=31536000, immutable");
    if (ask_query(r, "download")) {
        (void)snprintf(name, sizeof name, "attachment; filename=\"%.16s.%s\"", digest.hex,
                       picture ? "jpg" : "mp4");
        reply_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, name);
    }
    return VD_OK;
}

/* ---- in ---- */

typedef struct {
    vd_live *live;
    const vd_digest *digest;
    uint64_t bytes;
} arrival;

static void tell_incident(void *arg, const char *incident, uint64_t version)
{
    vd_live_tell_later(arg, VD_LIVE_INCIDENT, incident, version);
}

static vd_err keep_arrival(vd_store *store, void *arg, vd_why *why)
{
    const arrival *a = arg;
    char type[64];
    vd_err err = vd_archive_arrived(store, a->digest, a->bytes, why);
    if (!err && !vd_archive_used(store, a->digest, type, NULL))
        vd_live_tell_later(a->live, VD_LIVE_POOL, a->digest->hex, 0); /* it can be labelled now */
    return err ? err : vd_archive_incidents(store, a->digest, tell_incident, a->live, why);
}

static vd_err arrived(request *r, const vd_digest *digest, uint64_t bytes, vd_why *why)
{
    arrival a = { .live = r->api->parts.live, .digest = digest, .bytes = bytes };
    return vd_committer_run(r->api->parts.committer, keep_arrival, &a, why);
}

static vd_err find_named(request *r, vd_digest *ret_digest, vd_archive_evidence *ret_named,
                         vd_why *why)
{
    vd_err err = need_digest(r, ret_digest, why);
    if (err) return err;
    vd_store *store = vd_store_pool_take(r->api->parts.readers);
    err = vd_archive_named(store, r->device, ret_digest, ret_named, why);
    vd_store_pool_give(r->api->parts.readers, store);
    if (err || ret_named->arrived) return err;

    /* The file may be whole without its record: a hub that died between the two. */
    char path[4096];
    uint64_t bytes = 0;
    if (vd_blobs_path(r->api->parts.blobs, ret_digest, path, sizeof path, &bytes)) return VD_OK;
    err = arrived(r, ret_digest, bytes, why);
    ret_named->arrived = !err;
    return err;
}

static void offset_headers(request *r, uint64_t offset, bool complete)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)offset);
    reply_header(r, "Upload-Offset", text);
    reply_header(r, "Upload-Complete", complete ? "?1" : "?0");
}

vd_err evidence_status(request *r, vd_why *why)
{
    vd_digest digest;
    vd_archive_evidence named = { 0 };
    vd_err err = find_named(r, &digest, &named, why);
    if (!err) err = reply_empty(r, MHD_HTTP_NO_CONTENT);
    if (err) return err;
    offset_headers(r,
                   named.arrived ? named.bytes : vd_blobs_part_size(r->api->parts.blobs, &digest),
                   named.arrived);
    reply_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return VD_OK;
}

static vd_err need_number(request *r, const char *name, uint64_t *ret_value, vd_why *why)
{
    const char *text = ask_header(r, name);
    if (text && vd_slice_u64(vd_slice_str(text), INT64_MAX, ret_value)) return VD_OK;
    return vd_fail(why, VD_INVALID, "the header %s must be a number of bytes", name);
}

/* The answer to a wrong offset names the right one in a header as well. */
static vd_err reply_wrong_offset(request *r, const vd_digest *digest, vd_why *why)
{
    reply_error(r, VD_CONFLICT, why);
    if (!r->response) return VD_FULL;
    r->status = MHD_HTTP_CONFLICT;
    offset_headers(r, vd_blobs_part_size(r->api->parts.blobs, digest), false);
    return VD_OK;
}

static vd_err check_size(request *r, const vd_archive_evidence *named, uint64_t total, vd_why *why)
{
    if (total > VD_LIMIT_EVIDENCE_BYTES) {
        r->status = MHD_HTTP_CONTENT_TOO_LARGE;
        return vd_fail(why, VD_FULL, "evidence has at most %u bytes", VD_LIMIT_EVIDENCE_BYTES);
    }
    if (total == named->bytes) return VD_OK;
    return vd_fail(why, VD_CORRUPT, "the event says %llu bytes, Upload-Length says %llu",
                   (unsigned long long)named->bytes, (unsigned long long)total);
}

static vd_err append(request *r, const vd_digest *digest, uint64_t offset, uint64_t total,
                     vd_why *why)
{
    bool whole = false;
    vd_err err = vd_blobs_part_add(r->api->parts.blobs, digest, offset, vd_buf_slice(&r->body),
                                   total, &whole, why);
    if (err == VD_CONFLICT) return reply_wrong_offset(r, digest, why);
    if (!err && whole) err = arrived(r, digest, total, why);
    if (!err) err = reply_empty(r, MHD_HTTP_NO_CONTENT);
    if (err) return err;
    offset_headers(r, offset + r->body.len, whole);
    if (whole)
        vd_log(VD_LOG_INFO, "evidence.arrived", "an evidence file is here", "device", r->device,
               "digest", digest->hex, NULL);
    return VD_OK;
}

vd_err evidence_append(request *r, vd_why *why)
{
    vd_digest digest;
    vd_archive_evidence named = { 0 };
    uint64_t offset = 0, total = 0;
    vd_err err = find_named(r, &digest, &named, why);
    if (!err) err = need_number(r, "Upload-Offset", &offset, why);
    if (!err) err = need_number(r, "Upload-Length", &total, why);
    if (!err) err = check_size(r, &named, total, why);
    if (err) return err;
    if (!named.arrived) return append(r, &digest, offset, total, why);
    err = reply_empty(r, MHD_HTTP_NO_CONTENT); /* a second arrival changes nothing */
    if (!err) offset_headers(r, named.bytes, true);
    return err;
}

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "libav.h"
#include "recording_priv.h"
#include "vd/fault.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the recording's files are little endian"
#endif

void segment_path(const char *dir, int64_t start_us, char into[RECORDING_ROOM])
{
    (void)snprintf(into, RECORDING_ROOM, "%.*s/%020lld.vdr", RECORDING_ROOM - 32, dir,
                   (long long)start_us);
}

bool fragment_hash_begin(fragment *f)
{
    if (!f->hash) f->hash = XXH3_createState();
    return f->hash && XXH3_128bits_reset(f->hash) == XXH_OK;
}

void fragment_hash_add(fragment *f, vd_slice packet)
{
    (void)XXH3_128bits_update(f->hash, packet.data, packet.len);
}

void fragment_hash_free(fragment *f)
{
    if (f->hash) XXH3_freeState(f->hash);
    f->hash = NULL;
}

static void hash_end(XXH3_state_t *state, uint8_t hash[HASH_LEN])
{
    XXH128_canonical_t out;
    XXH128_canonicalFromHash(&out, XXH3_128bits_digest(state));
    memcpy(hash, out.digest, HASH_LEN);
}

/* Over up to three parts; what holds the checksum has zeros in its place. */
static bool hash_of(vd_slice a, vd_slice b, vd_slice c, uint8_t hash[HASH_LEN])
{
    XXH3_state_t *state = XXH3_createState();
    if (!state) return false;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, a.data, a.len);
    if (b.len) XXH3_128bits_update(state, b.data, b.len);
    if (c.len) XXH3_128bits_update(state, c.data, c.len);
    hash_end(state, hash);
    XXH3_freeState(state);
    return true;
}

/* What files of the first version carry: right, but four times the work. */
static bool hash_of_1(vd_slice a, vd_slice b, vd_slice c, uint8_t hash[HASH_LEN])
{
    struct AVMurMur3 *murmur = av_murmur3_alloc();
    if (!murmur) return false;
    av_murmur3_init(murmur);
    av_murmur3_update(murmur, a.data, a.len);
    if (b.len) av_murmur3_update(murmur, b.data, b.len);
    if (c.len) av_murmur3_update(murmur, c.data, c.len);
    av_murmur3_final(murmur, hash);
    av_free(murmur);
    return true;
}

/* A fragment is megabytes. Handed over in one call, the kernel copies them into large pages that it
 * has to find first: that took twice the processor time of the same bytes in pieces. Past the page
 * cache nothing is copied. */
#define WRITE_AT_ONCE 131072u

static bool is_direct(int fd)
{
    return (fcntl(fd, F_GETFL) & O_DIRECT) != 0;
}

/* False: it was not, or cannot be changed. */
static bool set_direct(int fd, bool direct)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && is_direct(fd) != direct && fcntl(fd, F_SETFL, flags ^ O_DIRECT) == 0;
}

static vd_err write_all(int fd, const void *bytes, size_t len, vd_why *why)
{
    const uint8_t *at = bytes;
    bool direct = is_direct(fd);
    while (len > 0) {
        ssize_t done = vd_write(fd, at, direct || len < WRITE_AT_ONCE ? len : WRITE_AT_ONCE);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EINVAL && direct && set_direct(fd, false)) {
            direct = false; /* larger blocks than ours, or half of one was written */
            continue;
        }
        if (done <= 0) return vd_fail_errno(why, "the recording cannot be written");
        at += done;
        len -= (size_t)done;
    }
    return VD_OK;
}

vd_err segment_begin(int fd, const vd_stream_info *info, uint64_t *ret_bytes, vd_why *why)
{
    if (info->extradata.len > EXTRADATA_MAX)
        return vd_fail(why, VD_INVALID, "the stream's parameters have more than %u bytes",
                       EXTRADATA_MAX);
    segment_header h = { .header_len = (uint32_t)(sizeof h + info->extradata.len),
                         .extradata_len = (uint32_t)info->extradata.len,
                         .width_px = info->width_px,
                         .height_px = info->height_px,
                         .profile = info->profile,
                         .level = info->level,
                         .fps = info->fps };
    memcpy(h.magic, SEGMENT_MAGIC, sizeof h.magic);
    memcpy(h.codec, info->codec, sizeof h.codec);
    if (!hash_of(vd_slice_of(&h, sizeof h), info->extradata, VD_SLICE_NONE, h.hash))
        return vd_fail(why, VD_FULL, "no memory for a checksum");
    static const uint8_t zeros[DISK_BLOCK];
    uint64_t bytes = blocks_up(h.header_len);
    vd_err err = write_all(fd, &h, sizeof h, why);
    if (!err) err = write_all(fd, info->extradata.data, info->extradata.len, why);
    if (!err) err = write_all(fd, zeros, bytes - h.header_len, why);
    if (err) return err;
    (void)set_direct(fd, true); /* not every file system can: then it goes through the page cache */
    *ret_bytes = bytes;
    return VD_OK;
}

uint64_t fragment_bytes(const fragment *f)
{
    return blocks_up(table_at(f->len) + f->count * sizeof(fragment_entry));
}

/* Once: a write may be tried again. */
static void seal(fragment *f)
{
    fragment_header h = { .magic = FRAGMENT_MAGIC,
                          .count = (uint32_t)f->count,
                          .data_len = (uint32_t)f->len,
                          .flags = f->entry[0].flags & PACKET_KEY ? FRAGMENT_KEY : 0,
                          .first_us = f->first_us,
                          .last_us = f->last_us };
    size_t data_end = sizeof h + f->len, table = table_at(f->len);
    size_t table_len = f->count * sizeof *f->entry, end = table + table_len;
    if (f->is_sealed) return;
    memset(f->bytes + data_end, 0, table - data_end);
    memcpy(f->bytes + table, f->entry, table_len);
    memset(f->bytes + end, 0, fragment_bytes(f) - end);
    XXH3_128bits_update(f->hash, f->entry, table_len);
    XXH3_128bits_update(f->hash, &h, sizeof h);
    hash_end(f->hash, h.hash);
    memcpy(f->bytes, &h, sizeof h);
    f->is_sealed = true;
}

vd_err fragment_write(int fd, fragment *f, vd_why *why)
{
    seal(f);
    vd_err err = write_all(fd, f->bytes, fragment_bytes(f), why);
    if (!err && vd_fsync(fd)) err = vd_fail_errno(why, "the recording cannot be written");
    return err;
}

static bool read_all(int fd, void *into, size_t len, uint64_t at)
{
    uint8_t *to = into;
    while (len > 0) {
        ssize_t got = pread(fd, to, len, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        at += (uint64_t)got;
        len -= (size_t)got;
    }
    return true;
}

static bool is_first_version(const segment_header *h)
{
    return memcmp(h->magic, SEGMENT_MAGIC_1, sizeof h->magic) == 0;
}

static bool header_good(segment_header *h, const uint8_t *extradata)
{
    uint8_t kept[HASH_LEN], hash[HASH_LEN];
    memcpy(kept, h->hash, sizeof kept);
    memset(h->hash, 0, sizeof h->hash);
    vd_slice header = vd_slice_of(h, sizeof *h);
    vd_slice rest = vd_slice_of(extradata, h->extradata_len);
    bool made = is_first_version(h) ? hash_of_1(header, rest, VD_SLICE_NONE, hash)
                                    : hash_of(header, rest, VD_SLICE_NONE, hash);
    return made && memcmp(hash, kept, sizeof hash) == 0;
}

static bool read_header(segment_reader *r)
{
    segment_header h;
    if (!read_all(r->fd, &h, sizeof h, 0)) return false;
    if (memcmp(h.magic, SEGMENT_MAGIC, sizeof h.magic) != 0 && !is_first_version(&h)) return false;
    if (h.extradata_len > EXTRADATA_MAX || h.header_len != sizeof h + h.extradata_len) return false;
    r->extradata = vd_calloc(1, h.extradata_len + READ_PADDING);
    if (!r->extradata || !read_all(r->fd, r->extradata, h.extradata_len, sizeof h)) return false;
    if (!header_good(&h, r->extradata)) return false;
    h.codec[sizeof h.codec - 1] = '\0';
    const AVCodecDescriptor *codec = avcodec_descriptor_get_by_name(h.codec);
    r->info = (vd_stream_info){ .codec_id = codec ? (int)codec->id : AV_CODEC_ID_NONE,
                                .width_px = h.width_px,
                                .height_px = h.height_px,
                                .profile = h.profile,
                                .level = h.level,
                                .extradata = { r->extradata, h.extradata_len },
                                .fps = h.fps };
    memcpy(r->info.codec, h.codec, sizeof r->info.codec);
    r->at = is_first_version(&h) ? h.header_len : blocks_up(h.header_len);
    return true;
}

vd_err segment_open(const char *path, segment_reader *ret_reader, vd_why *why)
{
    struct stat st;
    vd_err err = vd_libav_open(why);
    if (err) return err;
    segment_reader r = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
    if (r.fd < 0) return vd_fail_errno(why, "a segment of the recording cannot be read");
    if (fstat(r.fd, &st) != 0 || !read_header(&r)) {
        segment_close(&r);
        vd_fail(why, VD_CORRUPT, "a segment of the recording is damaged");
        vd_why_detail(why, "%s", path);
        return VD_CORRUPT;
    }
    r.size = (uint64_t)st.st_size;
    *ret_reader = r;
    return VD_OK;
}

void segment_close(segment_reader *r)
{
    if (r->fd >= 0) close(r->fd);
    free(r->extradata);
    *r = SEGMENT_READER_NONE;
}

vd_err segment_peek(const segment_reader *r, uint64_t at, fragment_header *ret_header)
{
    fragment_header h;
    if (at + sizeof h > r->size || !read_all(r->fd, &h, sizeof h, at)) return VD_ABSENT;
    bool known = h.magic == FRAGMENT_MAGIC || h.magic == FRAGMENT_MAGIC_1;
    bool sane = known && h.count > 0 && h.count <= PACKETS_MAX && h.data_len <= PACKET_BYTES_MAX;
    if (!sane || segment_after(&h, at) > r->size) return VD_ABSENT;
    *ret_header = h;
    return VD_OK;
}

uint64_t segment_after(const fragment_header *h, uint64_t at)
{
    uint64_t table = (uint64_t)h->count * sizeof(fragment_entry);
    if (h->magic == FRAGMENT_MAGIC_1) return at + sizeof *h + table + h->data_len;
    return blocks_up(at + table_at(h->data_len) + table);
}

static bool table_good(const fragment_entry *entry, const fragment_header *h)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < h->count; i++) sum += entry[i].len;
    return sum == h->data_len;
}

static bool fragment_good(const fragment_header *header, const uint8_t *entries,
                          const uint8_t *bytes)
{
    uint8_t hash[HASH_LEN];
    fragment_header h = *header;
    memset(h.hash, 0, sizeof h.hash);
    vd_slice head = vd_slice_of(&h, sizeof h), data = vd_slice_of(bytes, h.data_len);
    vd_slice table = vd_slice_of(entries, (size_t)h.count * sizeof(fragment_entry));
    bool made = h.magic == FRAGMENT_MAGIC_1 ? hash_of_1(head, table, data, hash)
                                            : hash_of(data, table, head, hash);
    return made && memcmp(hash, header->hash, sizeof hash) == 0 &&
           table_good((const fragment_entry *)(const void *)entries, header);
}

vd_err segment_load(const segment_reader *r, uint64_t at, const fragment_header *h,
                    fragment_entry **ret_entry, const uint8_t **ret_data)
{
    size_t table = (size_t)h->count * sizeof(fragment_entry);
    bool first_version = h->magic == FRAGMENT_MAGIC_1;
    uint64_t data_at = at + sizeof *h + (first_version ? table : 0);
    uint64_t entries_at = at + (first_version ? sizeof *h : table_at(h->data_len));
    uint8_t *bytes = vd_calloc(1, table + h->data_len + READ_PADDING);
    if (!bytes) return VD_FULL;
    if (!read_all(r->fd, bytes, table, entries_at) ||
        !read_all(r->fd, bytes + table, h->data_len, data_at) ||
        !fragment_good(h, bytes, bytes + table)) {
        free(bytes);
        return VD_CORRUPT;
    }
    *ret_entry = (fragment_entry *)(void *)bytes;
    *ret_data = bytes + table;
    return VD_OK;
}

/* Where the last whole fragment ends. Only the last one can be torn: each was synced before the
 * next began. */
static uint64_t whole_until(const segment_reader *r)
{
    fragment_header h;
    fragment_entry *entry = NULL;
    const uint8_t *data;
    uint64_t at = r->at, last = r->at;
    while (segment_peek(r, at, &h) == VD_OK) {
        last = at;
        at = segment_after(&h, at);
    }
    if (at == r->at || segment_peek(r, last, &h)) return at;
    if (segment_load(r, last, &h, &entry, &data)) return last;
    free(entry);
    return at;
}

vd_err segment_mend(const char *path, uint64_t *ret_bytes, vd_why *why)
{
    VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
    vd_err err = segment_open(path, &r, why);
    uint64_t whole = err ? 0 : whole_until(&r);
    if (err && err != VD_CORRUPT) return err;
    if (err || whole == r.at) {
        unlink(path);
        return VD_ABSENT;
    }
    if (whole < r.size && truncate(path, (off_t)whole) != 0)
        return vd_fail_errno(why, "a torn segment cannot be mended");
    *ret_bytes = whole;
    return VD_OK;
}

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Over up to three parts; the first holds the checksum's place, as zeros. */
static bool hash_of(vd_slice a, vd_slice b, vd_slice c, uint8_t hash[HASH_LEN])
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
 * has to find first: that took twice the processor time of the same bytes in pieces. */
#define WRITE_AT_ONCE 131072u

static vd_err write_all(int fd, const void *bytes, size_t len, vd_why *why)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t done = vd_write(fd, at, len < WRITE_AT_ONCE ? len : WRITE_AT_ONCE);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return vd_fail_errno(why, "the recording cannot be written");
        at += done;
        len -= (size_t)done;
    }
    return VD_OK;
}

vd_err segment_begin(int fd, const vd_stream_info *info, uint64_t *ret_bytes, vd_why *why)
{
    vd_err err = vd_libav_open(why);
    if (err) return err;
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
    const char *codec = avcodec_get_name((enum AVCodecID)info->codec_id);
    vd_slice_to_chars(vd_slice_str(codec), h.codec, sizeof h.codec);
    if (!hash_of(vd_slice_of(&h, sizeof h), info->extradata, VD_SLICE_NONE, h.hash))
        return vd_fail(why, VD_FULL, "no memory for a checksum");
    err = write_all(fd, &h, sizeof h, why);
    if (!err) err = write_all(fd, info->extradata.data, info->extradata.len, why);
    if (!err) *ret_bytes = h.header_len;
    return err;
}

uint64_t fragment_bytes(const fragment *f)
{
    return sizeof(fragment_header) + f->count * sizeof(fragment_entry) + f->len;
}

vd_err fragment_write(int fd, const fragment *f, vd_why *why)
{
    fragment_header h = { .magic = FRAGMENT_MAGIC,
                          .count = (uint32_t)f->count,
                          .data_len = (uint32_t)f->len,
                          .flags = f->entry[0].flags & PACKET_KEY ? FRAGMENT_KEY : 0,
                          .first_us = f->first_us,
                          .last_us = f->last_us };
    vd_slice table = vd_slice_of(f->entry, f->count * sizeof *f->entry);
    if (!hash_of(vd_slice_of(&h, sizeof h), table, vd_slice_of(f->data, f->len), h.hash))
        return vd_fail(why, VD_FULL, "no memory for a checksum");
    vd_err err = write_all(fd, &h, sizeof h, why);
    if (!err) err = write_all(fd, table.data, table.len, why);
    if (!err) err = write_all(fd, f->data, f->len, why);
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

static bool header_good(segment_header *h, const uint8_t *extradata)
{
    uint8_t kept[HASH_LEN], hash[HASH_LEN];
    memcpy(kept, h->hash, sizeof kept);
    memset(h->hash, 0, sizeof h->hash);
    return hash_of(vd_slice_of(h, sizeof *h), vd_slice_of(extradata, h->extradata_len),
                   VD_SLICE_NONE, hash) &&
           memcmp(hash, kept, sizeof hash) == 0;
}

static bool read_header(segment_reader *r)
{
    segment_header h;
    if (!read_all(r->fd, &h, sizeof h, 0)) return false;
    if (memcmp(h.magic, SEGMENT_MAGIC, sizeof h.magic) != 0) return false;
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
    r->at = h.header_len;
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
    bool sane = h.magic == FRAGMENT_MAGIC && h.count > 0 && h.count <= PACKETS_MAX &&
                h.data_len <= PACKET_BYTES_MAX;
    if (!sane || segment_after(&h, at) > r->size) return VD_ABSENT;
    *ret_header = h;
    return VD_OK;
}

uint64_t segment_after(const fragment_header *h, uint64_t at)
{
    return at + sizeof *h + (uint64_t)h->count * sizeof(fragment_entry) + h->data_len;
}

static bool table_good(const fragment_entry *entry, const fragment_header *h)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < h->count; i++) sum += entry[i].len;
    return sum == h->data_len;
}

vd_err segment_load(const segment_reader *r, uint64_t at, const fragment_header *header,
                    fragment_entry **ret_entry, const uint8_t **ret_data)
{
    uint8_t hash[HASH_LEN];
    fragment_header h = *header;
    size_t table = (size_t)h.count * sizeof(fragment_entry);
    uint8_t *bytes = vd_calloc(1, table + h.data_len + READ_PADDING);
    if (!bytes) return VD_FULL;
    memset(h.hash, 0, sizeof h.hash);
    bool good = read_all(r->fd, bytes, table + h.data_len, at + sizeof h) &&
                hash_of(vd_slice_of(&h, sizeof h), vd_slice_of(bytes, table),
                        vd_slice_of(bytes + table, h.data_len), hash) &&
                memcmp(hash, header->hash, sizeof hash) == 0 &&
                table_good((const fragment_entry *)(const void *)bytes, header);
    if (!good) {
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

#include <stdlib.h>

#include "clip.h"
#include "recording_priv.h"
#include "vd/fault.h"

#define APART_US                                                                                   \
    500000 /* media time and capture time of two segments disagree by more: a restart */

typedef struct {
    const char *path;
    int64_t from_us, to_us;
    uint64_t bytes_max, bytes;
    vd_clip *clip;
    vd_stream_info stream; /* of the clip; extradata is an own copy */
    uint8_t *extradata;
    int64_t origin_pts_us, origin_utc_us, shift_us;
    bool is_over;
    vd_recording_range range;
} cut;

static bool same_stream(const vd_stream_info *a, const vd_stream_info *b)
{
    return a->codec_id == b->codec_id && a->width_px == b->width_px &&
           a->height_px == b->height_px && vd_slice_eq(a->extradata, b->extradata);
}

static vd_err begin(cut *c, const vd_stream_info *stream, const vd_packet *first, vd_why *why)
{
    c->extradata = vd_calloc(1, stream->extradata.len + READ_PADDING);
    if (!c->extradata) return vd_fail(why, VD_FULL, "no memory for a clip");
    c->stream = *stream;
    if (stream->extradata.len) memcpy(c->extradata, stream->extradata.data, stream->extradata.len);
    c->stream.extradata = vd_slice_of(c->extradata, stream->extradata.len);
    c->origin_pts_us = first->pts_us;
    c->origin_utc_us = first->utc_us;
    c->range = (vd_recording_range){ .start_utc_us = first->utc_us,
                                     .end_utc_us = first->utc_us,
                                     .width_px = stream->width_px,
                                     .height_px = stream->height_px };
    return vd_clip_open(c->path, first, &c->clip, why);
}

static vd_err put(cut *c, vd_packet *packet, vd_why *why)
{
    packet->pts_us += c->shift_us;
    packet->dts_us += c->shift_us;
    vd_err err = vd_clip_write(c->clip, packet, why);
    if (err) return err;
    c->bytes += packet->data.len;
    c->range.packets++;
    if (packet->utc_us > c->range.end_utc_us) c->range.end_utc_us = packet->utc_us;
    return VD_OK;
}

/* After a restart of the camera its media time begins anew: it goes on by the capture times. */
static void align(cut *c, const fragment_entry *first)
{
    int64_t by_clock_us = first->utc_us - c->origin_utc_us;
    int64_t by_media_us = first->pts_us + c->shift_us - c->origin_pts_us;
    if (llabs(by_clock_us - by_media_us) > APART_US) c->shift_us += by_clock_us - by_media_us;
}

static vd_err write_fragment(cut *c, const segment_reader *r, const fragment_header *h,
                             const fragment_entry *entry, const uint8_t *data, size_t from,
                             vd_why *why)
{
    vd_err err = VD_OK;
    if (c->clip && from < h->count) align(c, &entry[from]);
    for (size_t i = 0; !err && !c->is_over && i < h->count; data += entry[i++].len) {
        if (i < from) continue;
        vd_packet packet = { .stream = &r->info,
                             .pts_us = entry[i].pts_us,
                             .dts_us = entry[i].dts_us,
                             .utc_us = entry[i].utc_us,
                             .key = entry[i].flags & PACKET_KEY,
                             .data = { data, entry[i].len } };
        c->is_over = entry[i].utc_us > c->to_us || c->bytes + entry[i].len > c->bytes_max;
        if (c->is_over) break;
        if (!c->clip) err = begin(c, &r->info, &packet, why);
        if (!err) err = put(c, &packet, why);
    }
    return err;
}

/* ---- where it begins ---- */

/* The last packet of the fragment that begins a group at or before `from`; the count: none. */
static size_t key_before(const fragment_entry *entry, uint32_t count, int64_t from_us)
{
    size_t found = count;
    for (size_t i = 0; i < count && (entry[i].utc_us <= from_us || found == count); i++)
        if (entry[i].flags & PACKET_KEY && (entry[i].utc_us <= from_us || found == count))
            found = i;
    return found;
}

/* Of a segment: the fragment with the last key frame at or before `from`, else the first one. False
 * when all of the segment is earlier. */
static bool find_start(const segment_reader *r, int64_t from_us, uint64_t *ret_at)
{
    fragment_header h;
    uint64_t start = r->at;
    int64_t last_us = INT64_MIN;
    for (uint64_t at = r->at; segment_peek(r, at, &h) == VD_OK; at = segment_after(&h, at)) {
        if (h.flags & FRAGMENT_KEY && h.first_us <= from_us) start = at;
        if (h.last_us > last_us) last_us = h.last_us;
    }
    *ret_at = start;
    return last_us >= from_us;
}

/* A group that was divided may hold a later key frame: on to the fragment with the last one. */
static uint64_t last_group(const segment_reader *r, uint64_t at, int64_t from_us, size_t *ret_from)
{
    fragment_header h;
    uint64_t found = at;
    *ret_from = 0;
    for (; segment_peek(r, at, &h) == VD_OK && h.first_us <= from_us; at = segment_after(&h, at)) {
        fragment_entry *entry;
        const uint8_t *data;
        if (segment_load(r, at, &h, &entry, &data)) break;
        size_t key = key_before(entry, h.count, from_us);
        if (key < h.count && (found == at || entry[key].utc_us <= from_us)) {
            found = at;
            *ret_from = key;
        }
        free(entry);
    }
    return found;
}

static vd_err cut_segment(cut *c, const segment_reader *r, vd_why *why)
{
    fragment_header h;
    uint64_t at = r->at;
    size_t from = 0;
    vd_err err = VD_OK;
    if (!c->clip && !find_start(r, c->from_us, &at)) return VD_OK;
    if (!c->clip) at = last_group(r, at, c->from_us, &from);
    if (c->clip && !same_stream(&c->stream, &r->info)) c->is_over = true;
    for (; !err && !c->is_over && segment_peek(r, at, &h) == VD_OK; at = segment_after(&h, at)) {
        fragment_entry *entry = NULL;
        const uint8_t *data;
        if (h.first_us > c->to_us) break;
        if (segment_load(r, at, &h, &entry, &data)) break; /* being written, or damaged */
        err = write_fragment(c, r, &h, entry, data, from, why);
        free(entry);
        from = 0;
    }
    return err;
}

/* ---- which segments ---- */

/* Starts of those that may hold something of the range. Owner: the caller. */
static int64_t *candidates(vd_recording *recording, const char *camera, const cut *c,
                           char dir[RECORDING_ROOM], size_t *ret_count)
{
    int64_t *starts = NULL;
    *ret_count = 0;
    pthread_mutex_lock(&recording->lock);
    const vd_recording_camera *from = camera_find(recording, camera);
    if (from && from->segment_count) starts = vd_calloc(from->segment_count, sizeof *starts);
    for (size_t i = 0; starts && i < from->segment_count; i++) {
        bool before = i + 1 < from->segment_count && from->segments[i + 1].start_us <= c->from_us;
        if (before || from->segments[i].start_us > c->to_us) continue;
        starts[(*ret_count)++] = from->segments[i].start_us;
    }
    if (starts) vd_slice_to_chars(vd_slice_str(from->dir), dir, RECORDING_ROOM);
    pthread_mutex_unlock(&recording->lock);
    return starts;
}

static vd_err check(int64_t from_us, int64_t to_us, vd_why *why)
{
    if (from_us >= 0 && to_us > from_us && to_us - from_us <= VD_RECORDING_CUT_MAX_MS * 1000ll)
        return VD_OK;
    vd_fail(why, VD_INVALID, "this is no range of a recording");
    vd_why_hint(why, "from lies before to, by %d minutes at most", VD_RECORDING_CUT_MAX_MS / 60000);
    return VD_INVALID;
}

static vd_err cut_all(cut *c, const char *dir, const int64_t *starts, size_t count, vd_why *why)
{
    char path[RECORDING_ROOM];
    vd_err err = VD_OK;
    for (size_t i = 0; !err && !c->is_over && i < count; i++) {
        VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
        segment_path(dir, starts[i], path);
        if (segment_open(path, &r, NULL) == VD_OK) err = cut_segment(c, &r, why); /* else gone */
    }
    if (!err && !c->clip) {
        vd_fail(why, VD_ABSENT, "nothing is recorded of that time");
        vd_why_hint(why, "it was overwritten, or the camera was away or not recorded then");
        err = VD_ABSENT;
    }
    return err;
}

vd_err vd_recording_cut(vd_recording *recording, const char *camera, int64_t from_utc_us,
                        int64_t to_utc_us, uint64_t bytes_max, const char *path,
                        vd_recording_range *ret_range, vd_why *why)
{
    char dir[RECORDING_ROOM];
    size_t count = 0;
    cut c = { .path = path, .from_us = from_utc_us, .to_us = to_utc_us, .bytes_max = bytes_max };
    vd_err err = check(from_utc_us, to_utc_us, why);
    if (err) return err;
    int64_t *starts = candidates(recording, camera, &c, dir, &count);
    err = cut_all(&c, dir, starts, count, why);
    if (err)
        vd_clip_drop(c.clip);
    else
        err = vd_clip_close(c.clip, why);
    if (!err) *ret_range = c.range;
    free(c.extradata);
    free(starts);
    return err;
}

/* sim_film.c - the cache of encoded films, and one of them in memory.
 *
 * A cached film is DIR/<32 hex digits>.nut, named by what it was made from: path, size, time of
 * change, codec and SIM_FORM. It is written aside and renamed, so a film that is there is whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim_priv.h"
#include "vd/blob.h"
#include "vd/file.h"

#define SIM_FORM 2 /* raise when sim_encode.c makes other films */

static vd_err cache_path(const char *path, sim_codec codec, const char *cache, char *into,
                         size_t room, vd_why *why)
{
    struct stat about;
    char what[PATH_MAX + 128];
    char whole[PATH_MAX];
    if (stat(path, &about) != 0 || !realpath(path, whole)) {
        const vd_err err = vd_fail_errno(why, "there is no such film");
        vd_why_detail(why, "%.300s", path);
        return err;
    }
    const int len = snprintf(what, sizeof what, "%s|%lld|%lld|%d|%d", whole,
                             (long long)about.st_size, (long long)about.st_mtime, codec, SIM_FORM);
    const vd_digest digest = vd_sha256(vd_slice_of(what, (size_t)len));
    snprintf(into, room, "%s/%.32s.nut", cache, digest.hex);
    return VD_OK;
}

static vd_err make_cached(const char *path, sim_codec codec, const char *cached, vd_why *why)
{
    char aside[PATH_MAX + 32];
    if (access(cached, R_OK) == 0) return VD_OK;
    snprintf(aside, sizeof aside, "%s.%d.part", cached, (int)getpid());
    vd_err err = sim_transcode(path, aside, codec, why);
    if (!err && rename(aside, cached) != 0)
        err = vd_fail_errno(why, "the film cannot be kept in the cache");
    if (err) unlink(aside);
    return err;
}

static bool keep_packet(sim_film *film, const AVPacket *packet, AVRational base)
{
    const uint64_t bytes = (uint64_t)packet->size;
    if (packet->size <= 0) return true;
    if (film->bytes + bytes > SIM_FILM_BYTES) return false;
    if (film->count == film->room) {
        film->room = film->room ? 2 * film->room : 1024;
        film->packets = g_realloc(film->packets, film->room * sizeof *film->packets);
    }
    if (!film->data || film->bytes + bytes > film->data_room) {
        film->data_room = 2 * (film->bytes + bytes);
        film->data = g_realloc(film->data, film->data_room);
    }
    g_assert(film->data); /* GLib ends the program rather than give nothing */
    memcpy(film->data + film->bytes, packet->data, (size_t)bytes);
    film->packets[film->count++] =
        (sim_packet){ .at_us = av_rescale_q(packet->pts, base, (AVRational){ 1, 1000000 }),
                      .offset = film->bytes,
                      .bytes = (uint32_t)bytes,
                      .key = (packet->flags & AV_PKT_FLAG_KEY) != 0 };
    film->bytes += bytes;
    return true;
}

static vd_err load(sim_film *film, AVFormatContext *in, vd_why *why)
{
    const AVStream *stream = in->streams[0];
    AVPacket *packet = av_packet_alloc();
    bool fits = true;
    while (fits && av_read_frame(in, packet) >= 0) {
        fits = keep_packet(film, packet, stream->time_base);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    if (!fits) {
        vd_fail(why, VD_FULL, "this film is too long: encoded it has more than 1 GiB");
        vd_why_hint(why, "cut it, for example with ffmpeg -t 600 -c copy");
        return VD_FULL;
    }
    if (film->count == 0 || !film->packets[0].key)
        return vd_fail(why, VD_CORRUPT, "the cached film does not begin with a key picture");
    film->parameters = avcodec_parameters_alloc();
    avcodec_parameters_copy(film->parameters, stream->codecpar);
    film->width_px = stream->codecpar->width;
    film->height_px = stream->codecpar->height;
    film->fps = stream->avg_frame_rate;
    if (film->fps.num <= 0 || film->fps.den <= 0) film->fps = stream->r_frame_rate;
    if (film->fps.num <= 0 || film->fps.den <= 0) film->fps = (AVRational){ 25, 1 };
    film->length_us =
        film->packets[film->count - 1].at_us + av_rescale(1000000, film->fps.den, film->fps.num);
    return VD_OK;
}

vd_err sim_film_open(const char *path, sim_codec codec, const char *cache, sim_film **ret_film,
                     vd_why *why)
{
    char cached[PATH_MAX];
    AVFormatContext *in = NULL;
    vd_err err = vd_dir_make(cache, 0755, why);
    if (!err) err = cache_path(path, codec, cache, cached, sizeof cached, why);
    if (!err) err = make_cached(path, codec, cached, why);
    if (err) return err;
    if (avformat_open_input(&in, cached, av_find_input_format("nut"), NULL) < 0 ||
        avformat_find_stream_info(in, NULL) < 0) {
        avformat_close_input(&in);
        vd_fail(why, VD_CORRUPT, "the cached film cannot be read");
        vd_why_detail(why, "%.300s", cached);
        vd_why_hint(why, "remove it; it is made again");
        return VD_CORRUPT;
    }
    sim_film *film = g_new0(sim_film, 1);
    film->codec = codec;
    err = load(film, in, why);
    avformat_close_input(&in);
    if (err) {
        sim_film_free(film);
        return err;
    }
    *ret_film = film;
    return VD_OK;
}

sim_film *sim_film_free(sim_film *film)
{
    if (!film) return NULL;
    avcodec_parameters_free(&film->parameters);
    g_free(film->packets);
    g_free(film->data);
    g_free(film);
    return NULL;
}

/* sim_camera.c - one camera: a mount point, and while someone watches a thread that feeds it.
 *
 * A camera lives also when nobody looks: where it is in its film depends on the clock only, so
 * whoever comes back sees what happens now. Packets are pushed at their time and stamped by the
 * pipeline's clock, which never steps back; the film's end is followed by its start. */
#include <gst/app/gstappsrc.h>
#include <stdio.h>

#include "sim_priv.h"
#include "vd/clock.h"

typedef struct {
    sim_camera *camera;
    GstAppSrc *source;
    GThread *thread;
    GMutex lock;
    GCond wake;
    bool stop;
    sim_effect *effect;
    sim_fault shown; /* what the watchers see now */
    uint32_t dice;   /* garbage: the same bytes in every run */
} feeder;

static int64_t born_us(void)
{
    static gint64 born;
    if (!born) born = vd_clock_mono_us();
    return born;
}

static const sim_packet *packet_at(const sim_film *film, int64_t number)
{
    return &film->packets[number % (int64_t)film->count];
}

/* When packet `number` (counted over all rounds) is due, in time since the film's first start. */
static int64_t due_us(const sim_film *film, int64_t number)
{
    return number / (int64_t)film->count * film->length_us + packet_at(film, number)->at_us;
}

/* The key picture at or before the moment. */
static int64_t number_at(const sim_film *film, int64_t moment_us)
{
    int64_t number = moment_us / film->length_us * (int64_t)film->count;
    const int64_t end = number + (int64_t)film->count;
    while (number + 1 < end && due_us(film, number + 1) <= moment_us) number++;
    while (number > 0 && !packet_at(film, number)->key) number--;
    return number;
}

static GstCaps *caps_of(const sim_film *film)
{
    const char *kind = film->codec == SIM_H265 ? "video/x-h265" : "video/x-h264";
    if (film->codec == SIM_MJPEG)
        return gst_caps_new_simple("image/jpeg", "parsed", G_TYPE_BOOLEAN, TRUE, "width",
                                   G_TYPE_INT, film->width_px, "height", G_TYPE_INT,
                                   film->height_px, "framerate", GST_TYPE_FRACTION, film->fps.num,
                                   film->fps.den, NULL);
    return gst_caps_new_simple(kind, "stream-format", G_TYPE_STRING, "byte-stream", "alignment",
                               G_TYPE_STRING, "au", "width", G_TYPE_INT, film->width_px, "height",
                               G_TYPE_INT, film->height_px, NULL);
}

static void push(feeder *feed, vd_slice bytes, bool garbage)
{
    if (!bytes.len) return;
    GstBuffer *buffer = gst_buffer_new_memdup(bytes.data, bytes.len);
    GstMapInfo map;
    if (garbage && gst_buffer_map(buffer, &map, GST_MAP_READWRITE)) {
        for (gsize at = 6; at < map.size; at += 1 + feed->dice % 48) {
            feed->dice = feed->dice * 1664525u + 1013904223u;
            map.data[at] = (guint8)(feed->dice >> 24);
        }
        gst_buffer_unmap(buffer, &map);
    }
    gst_app_src_push_buffer(feed->source, buffer);
}

static bool is_effect(sim_fault fault)
{
    return fault == SIM_BLACK || fault == SIM_FROZEN || fault == SIM_BLURRED;
}

/* A change of what is shown begins with a key picture, or the watchers could not follow it. */
static void change(feeder *feed, sim_fault wanted, bool key)
{
    if (feed->shown == wanted) return;
    const bool needs_key = is_effect(wanted) || is_effect(feed->shown) || feed->shown == SIM_STALL;
    if (needs_key && !key) return;
    feed->effect = sim_effect_free(feed->effect);
    feed->shown = wanted;
    vd_why why = { 0 };
    if (is_effect(wanted) && sim_effect_new(feed->camera->film, wanted, &feed->effect, &why)) {
        fprintf(stderr, "camera-sim: %s: %s\n", feed->camera->name, why.fact);
        feed->shown = SIM_NONE;
    }
}

static void show(feeder *feed, const sim_packet *packet)
{
    const sim_fault wanted = (sim_fault)g_atomic_int_get(&feed->camera->fault);
    const vd_slice bytes = vd_slice_of(feed->camera->film->data + packet->offset, packet->bytes);
    if (wanted == SIM_STALL) {
        feed->effect = sim_effect_free(feed->effect);
        feed->shown = SIM_STALL;
        return;
    }
    change(feed, wanted, packet->key);
    if (feed->shown == SIM_STALL) return;
    if (feed->effect)
        push(feed, sim_effect_put(feed->effect, bytes), false);
    else
        push(feed, bytes, feed->shown == SIM_GARBAGE);
}

static gpointer feed_run(gpointer data)
{
    feeder *feed = data;
    const sim_film *film = feed->camera->film;
    const int64_t zero_us = born_us() - feed->camera->start_us;
    int64_t number = feed->camera->loop ? number_at(film, vd_clock_mono_us() - zero_us) : 0;
    const int64_t first_us =
        feed->camera->loop ? zero_us : vd_clock_mono_us() - due_us(film, number);

    g_mutex_lock(&feed->lock);
    while (!feed->stop) {
        const int64_t at_us = first_us + due_us(film, number);
        if (vd_clock_mono_us() < at_us) {
            g_cond_wait_until(&feed->wake, &feed->lock, at_us); /* GLib waits on the same clock */
            continue;
        }
        g_mutex_unlock(&feed->lock);
        if (!feed->camera->loop && number >= (int64_t)film->count) {
            gst_app_src_end_of_stream(feed->source);
            return NULL;
        }
        show(feed, packet_at(film, number++));
        g_mutex_lock(&feed->lock);
    }
    g_mutex_unlock(&feed->lock);
    return NULL;
}

static void on_unprepared(GstRTSPMedia *media, gpointer data)
{
    feeder *feed = data;
    (void)media;
    g_mutex_lock(&feed->lock);
    feed->stop = true;
    g_cond_signal(&feed->wake);
    g_mutex_unlock(&feed->lock);
    g_thread_join(feed->thread);
    gst_object_unref(feed->source);
    sim_effect_free(feed->effect);
    g_mutex_clear(&feed->lock);
    g_cond_clear(&feed->wake);
    g_free(feed);
}

static void on_configure(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer data)
{
    sim_camera *camera = data;
    GstElement *element = gst_rtsp_media_get_element(media);
    GstCaps *caps = caps_of(camera->film);
    feeder *feed = g_new0(feeder, 1);
    (void)factory;
    feed->camera = camera;
    feed->dice = 1;
    g_mutex_init(&feed->lock);
    g_cond_init(&feed->wake);
    feed->source = GST_APP_SRC(gst_bin_get_by_name(GST_BIN(element), "source"));
    gst_object_unref(element);
    g_object_set(feed->source, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE,
                 "do-timestamp", TRUE, "max-time", (guint64)2 * GST_SECOND, "leaky-type", 2, NULL);
    gst_caps_unref(caps);
    gst_rtsp_media_set_reusable(media, FALSE);
    sim_media_watch(media, camera);
    feed->thread = g_thread_new("feeder", feed_run, feed);
    g_signal_connect(media, "unprepared", G_CALLBACK(on_unprepared), feed);
}

void sim_camera_mount(GstRTSPServer *server, sim_camera *camera, const char *user)
{
    /* Key pictures carry their parameters already; adding them would cut pictures of many slices.
     */
    static const char *const payloaders[] = { "rtph264pay config-interval=0",
                                              "rtph265pay config-interval=0", "rtpjpegpay" };
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    char launch[128], path[48];
    born_us();
    snprintf(launch, sizeof launch, "( appsrc name=source ! %s name=pay0 pt=96 )",
             payloaders[camera->film->codec]);
    snprintf(path, sizeof path, "/%s", camera->name);
    gst_rtsp_media_factory_set_launch(factory, launch);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_media_factory_set_latency(factory, 0);
    gst_rtsp_media_factory_set_media_gtype(factory, sim_media_get_type());
    if (user)
        gst_rtsp_media_factory_add_role(factory, user, GST_RTSP_PERM_MEDIA_FACTORY_ACCESS,
                                        G_TYPE_BOOLEAN, TRUE, GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
                                        G_TYPE_BOOLEAN, TRUE, NULL);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_configure), camera);
    gst_rtsp_mount_points_add_factory(mounts, path, factory);
    g_object_unref(mounts);
}

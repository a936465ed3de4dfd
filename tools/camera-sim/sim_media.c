/* sim_media.c - a GstRTSPMedia that lets us rewrite its RTCP sender reports, for the wrong clock,
 * and lose its RTP packets. */
#include <gst/rtp/gstrtcpbuffer.h>

#include "sim_priv.h"

#define HOUR_NTP (UINT64_C(3600) << 32)

typedef struct {
    GstRTSPMedia parent;
    sim_camera *camera;
} sim_media;
typedef struct {
    GstRTSPMediaClass parent_class;
} sim_mediaClass; /* the name that GLib's macro asks for */

G_DEFINE_TYPE(sim_media, sim_media, GST_TYPE_RTSP_MEDIA)

static GstBuffer *shift_reports(GstBuffer *buffer)
{
    GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
    GstRTCPPacket packet;
    buffer = gst_buffer_make_writable(buffer);
    if (!gst_rtcp_buffer_map(buffer, GST_MAP_READWRITE, &rtcp)) return buffer;
    for (gboolean more = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); more;
         more = gst_rtcp_packet_move_to_next(&packet)) {
        guint32 ssrc, rtp_time, packets, octets;
        guint64 ntp;
        if (gst_rtcp_packet_get_type(&packet) != GST_RTCP_TYPE_SR) continue;
        gst_rtcp_packet_sr_get_sender_info(&packet, &ssrc, &ntp, &rtp_time, &packets, &octets);
        gst_rtcp_packet_sr_set_sender_info(&packet, ssrc, ntp + HOUR_NTP, rtp_time, packets,
                                           octets);
    }
    gst_rtcp_buffer_unmap(&rtcp);
    return buffer;
}

static GstPadProbeReturn on_report(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    sim_camera *camera = data;
    (void)pad;
    if (g_atomic_int_get(&camera->fault) != SIM_WRONG_CLOCK) return GST_PAD_PROBE_OK;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
        info->data = shift_reports(GST_PAD_PROBE_INFO_BUFFER(info));
    return GST_PAD_PROBE_OK;
}

/* One in ten arrives; which one is the same in every run. */
static bool is_lost(sim_camera *camera)
{
    camera->dice = camera->dice * 1664525u + 1013904223u;
    return (camera->dice >> 16) % 10 != 0;
}

static gboolean lose_one(GstBuffer **buffer, guint index, gpointer data)
{
    (void)index;
    if (!is_lost(data)) return TRUE;
    gst_buffer_unref(*buffer);
    *buffer = NULL; /* taken out of the list */
    return TRUE;
}

static GstPadProbeReturn on_packets(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
    sim_camera *camera = data;
    (void)pad;
    if (g_atomic_int_get(&camera->fault) != SIM_LOSS) return GST_PAD_PROBE_OK;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
        return is_lost(camera) ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
    GstBufferList *list = gst_buffer_list_make_writable(GST_PAD_PROBE_INFO_BUFFER_LIST(info));
    gst_buffer_list_foreach(list, lose_one, camera);
    info->data = list;
    return gst_buffer_list_length(list) ? GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
}

static void on_pad(GstElement *rtpbin, GstPad *pad, gpointer data)
{
    (void)rtpbin;
    if (g_str_has_prefix(GST_PAD_NAME(pad), "send_rtcp_src"))
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_report, data, NULL);
    if (g_str_has_prefix(GST_PAD_NAME(pad), "send_rtp_src"))
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST,
                          on_packets, data, NULL);
}

static GstElement *create_rtpbin(GstRTSPMedia *media)
{
    GstElement *rtpbin = GST_RTSP_MEDIA_CLASS(sim_media_parent_class)->create_rtpbin(media);
    sim_camera *camera = ((sim_media *)media)->camera;
    if (rtpbin && camera) g_signal_connect(rtpbin, "pad-added", G_CALLBACK(on_pad), camera);
    return rtpbin;
}

static void sim_media_class_init(sim_mediaClass *class)
{
    GST_RTSP_MEDIA_CLASS(class)->create_rtpbin = create_rtpbin;
}

static void sim_media_init(sim_media *media)
{
    media->camera = NULL;
}

void sim_media_watch(GstRTSPMedia *media, sim_camera *camera)
{
    ((sim_media *)media)->camera = camera;
}

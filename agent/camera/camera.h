/* camera.h - one camera: packets in, pictures with their capture time out.
 *
 * Demuxing and decoding run in a sandboxed child process per camera (vedette-camera, beside the
 * agent's binary). The child sends compressed packets and slot numbers over a socket pair; pictures
 * lie in shared memory. A killed, hung or crashing child is noticed within 3 s (VD_CAMERA_HANG_MS),
 * restarted with back-off for ever, and reported through the state callback.
 *
 * Threads: vd_camera_start makes one reader thread per camera; the three callbacks run on it and
 * must not block for long. vd_camera_give_back may be called from any thread. A camera with two
 * streams has two children and two such threads: packets come on the one, pictures on the other;
 * picture and status callbacks still come one at a time. While the small stream is away the main
 * one is looked at instead, and while the main one is away nothing is kept: the camera is LIVE with
 * a why that says so.
 *
 * What masks cover never leaves the child: it paints every picture before it is shown, and the
 * packets are of an H.264 stream that it encodes from the painted pictures (docs/privacy.md). */
#ifndef VD_CAMERA_H
#define VD_CAMERA_H
#include "trust.h"

#define VD_CAMERA_ID_MAX  32
#define VD_CAMERA_HANG_MS 3000

typedef enum {
    VD_CAMERA_RTSP,
    VD_CAMERA_FILE,
    VD_CAMERA_HTTP,   /* MJPEG: one JPEG behind the other (multipart/x-mixed-replace) */
    VD_CAMERA_FOLDER, /* new files in a folder are pictures */
    VD_CAMERA_USB,    /* a Video4Linux device */
    VD_CAMERA_ONVIF,  /* RTSP; the camera is asked where, each time before it is connected to */
} vd_camera_kind;
typedef enum { VD_RTSP_TCP, VD_RTSP_UDP } vd_rtsp_transport;
typedef enum {
    VD_PACE_REAL, /* at the file's own pace; a picture without a free slot is dropped and counted */
    VD_PACE_FAST, /* as fast as possible; the child waits for a free slot, nothing is dropped */
} vd_camera_pace;

/* What becomes of a file that was looked at. What is no picture is never deleted: with MOVE and
 * DELETE it goes into the folder "unreadable" within. */
typedef enum {
    VD_AFTER_KEEP,  /* stays; files that lie there at the start are not new and not looked at */
    VD_AFTER_MOVE,  /* into the folder "done" within; what lies there at the start is looked at */
    VD_AFTER_DELETE /* likewise, but gone */
} vd_folder_after;
typedef enum { VD_ORDER_NAME, VD_ORDER_TIME } vd_folder_order; /* of files that are there at once */
typedef enum {
    VD_STILL_TIME_FILE,      /* when the file was written last */
    VD_STILL_TIME_NAME_UTC,  /* YYYYMMDD and HHMMSS[mmm] in the name; else the file's */
    VD_STILL_TIME_NAME_LOCAL /* the same in the agent's time zone */
} vd_still_time;
typedef struct {
    const char *pattern; /* of names, as in a shell; NULL: the usual endings of pictures */
    vd_folder_after after;
    vd_folder_order order;
    vd_still_time time;
} vd_folder_config;

typedef enum {
    VD_DECODE_ALL,  /* every picture */
    VD_DECODE_AUTO, /* only key pictures while nothing moves; what was passed over is decoded when
                       something does (docs/decoding.md) */
    VD_DECODE_KEY,  /* key pictures only */
} vd_camera_decode;

/* Which streams of an ONVIF camera: the main one and, where it has one, the small one; or one. */
typedef enum { VD_STREAMS_BOTH, VD_STREAMS_MAIN, VD_STREAMS_SMALL } vd_camera_streams;

/* What is asked of a USB camera; the driver gives the nearest that it can. */
typedef struct {
    const char *format; /* "h264", "mjpeg", "nv12", "i420", "yuyv"; NULL: the best there is */
    unsigned width_px, height_px, fps; /* 0: as is usual */
} vd_usb_config;

#define VD_MASKS_MAX        16
#define VD_MASK_CORNERS_MAX 32
/* What nobody may see: a polygon over each of a camera's pictures. */
typedef struct {
    unsigned count;                       /* of corners, 3 at least */
    float corner[VD_MASK_CORNERS_MAX][2]; /* x, y: 0..1 of the picture */
} vd_mask;

typedef struct {
    char id[VD_CAMERA_ID_MAX + 1]; /* a-z0-9- */
    vd_camera_kind kind;
    const char *url;      /* rtsp:// or http(s)://host[:port]/path without user and password, the
                             path of a file, folder or device, or what vd_onvif_open takes */
    const char *sub_url;  /* a smaller stream of the same camera, which the pictures then come from,
                             while the packets are those of `url`; NULL: both come from there */
    const char *user;     /* NULL: none */
    const char *password; /* travels to the child over the socket, never in an argument or a log */
    const char *onvif_host;    /* ONVIF: one more host that its answers may name; NULL: none */
    vd_camera_streams streams; /* ONVIF */
    vd_trust_config trust; /* of https://, also of ONVIF; of rtsps:// only `insecure` is taken */
    vd_rtsp_transport transport;
    vd_camera_pace pace;
    bool loop;      /* files: start again at the end; otherwise the state becomes VD_CAMERA_ENDED */
    unsigned speed; /* files at real pace: so many seconds of it in one; 0: one */
    int64_t from_utc_us; /* files at real pace: what the camera's clock says at its start. It runs
                            with `speed`, through restarts too; 0: our own clock, at the start */
    vd_folder_config folder;
    vd_usb_config usb;
    unsigned max_fps;     /* pictures per second handed out at most; 0: every picture */
    bool packets_only;    /* no decoding at all */
    unsigned patience_ms; /* how long a camera or its child may say nothing; 0: VD_CAMERA_HANG_MS */
    vd_camera_decode decode; /* with masks every picture is decoded: AUTO is ALL then */
    bool encode;             /* without masks too, packets are H.264 of our own; AUTO is ALL then */
    const vd_mask *masks;    /* mask_count of them; NULL: none */
    unsigned mask_count;
    const char *hwaccel;    /* NULL or "off": software; "auto": what is there; or its name */
    const char *child_path; /* NULL: vedette-camera beside the running program */
} vd_camera_config;

/* What the compressed stream is. A new serial means decoder parameters or the time line began anew.
 */
typedef struct {
    uint32_t serial;
    char codec[16]; /* FFmpeg's codec name: "h264", "hevc", "mjpeg", "mpeg4" */
    int codec_id;   /* AV_CODEC_ID_* */
    int width_px, height_px;
    int profile, level;
    vd_slice extradata; /* as FFmpeg gives it (avcC, Annex B or nothing) */
    double fps;         /* 0: unknown */
} vd_stream_info;

typedef struct {
    const vd_stream_info *stream;
    int64_t pts_us, dts_us; /* media time; dts only rises within a serial */
    int64_t utc_us;         /* capture time of this packet */
    bool key;
    vd_slice data;
} vd_packet; /* borrowed during the callback */

typedef enum {
    VD_TIME_RTCP,
    VD_TIME_ARRIVAL,
    VD_TIME_FILE
} vd_time_source;                                       /* how utc_us was obtained */
const char *vd_time_source_name(vd_time_source source); /* "rtcp", "arrival", "file" */

/* I420 planes in shared memory, read-only; valid until given back. */
typedef struct {
    uint32_t slot;
    uint32_t map; /* which shared mapping; the size may change between maps */
    int width_px, height_px;
    const uint8_t *plane[3];
    int stride[3];
    bool full_range; /* JPEG range; otherwise 16..235 */
    bool bt709;      /* otherwise BT.601 */
    int64_t pts_us, utc_us;
    vd_time_source time_source;
    int32_t camera_skew_ms; /* the camera's own clock less ours, by its last report; 0: none */
    uint64_t number;        /* pictures decoded in this stream, from 1; gaps are drops */
} vd_picture;

typedef enum {
    VD_CAMERA_CONNECTING,
    VD_CAMERA_LIVE,
    VD_CAMERA_SILENT,
    VD_CAMERA_FAILED,
    VD_CAMERA_ENDED
} vd_camera_state;
const char *vd_camera_state_name(
    vd_camera_state state); /* "connecting", "live", "silent", "failed", "ended" */

typedef enum {
    VD_GATE_OFF,    /* not VD_DECODE_AUTO */
    VD_GATE_SEEING, /* awake: every picture is decoded */
    VD_GATE_ASLEEP, /* key pictures only */
    VD_GATE_LATE,   /* awake, and decoding what was passed over */
} vd_gate_state;
const char *vd_gate_state_name(vd_gate_state state); /* "off", "seeing", "asleep", "late" */

typedef struct {
    vd_camera_state state;
    vd_why why; /* for SILENT and FAILED */
    int64_t since_utc_us;
    uint64_t pictures, dropped, packets, restarts; /* totals since start */
    uint64_t decoded;                              /* pictures; some are not handed out */
    uint64_t skipped;                              /* packets that were never decoded */
    vd_gate_state gate;
    char decoder[16]; /* "software" or the hardware's name; "" before the first */
    int width_px, height_px;
    double fps; /* what comes, over the last seconds: pictures, with VD_DECODE_AUTO and _KEY
                   packets */
    char codec[16];
} vd_camera_status;

/* What a note is about; the log names it. */
typedef enum { VD_NOTE_DECODING, VD_NOTE_CLOCK } vd_camera_topic;

typedef struct {
    void *ctx;
    void (*packet)(void *ctx, const vd_packet *packet);
    void (*picture)(void *ctx, const vd_picture *picture);     /* give back exactly once */
    void (*status)(void *ctx, const vd_camera_status *status); /* on each change of state */
    /* Worth a line in the log, nothing to act on (no hardware decoder, for one). May be NULL. */
    void (*note)(void *ctx, vd_camera_topic about, const vd_why *note);
} vd_camera_sink;

typedef struct vd_camera vd_camera;
/* Checks the configuration, starts the thread. Config strings are copied. Does not wait for the
 * camera to answer. */
VD_MUST_USE vd_err vd_camera_start(const vd_camera_config *config, const vd_camera_sink *sink,
                                   vd_camera **ret_camera, vd_why *why);
void vd_camera_give_back(vd_camera *camera, const vd_picture *picture);
void vd_camera_get_status(vd_camera *camera, vd_camera_status *ret_status); /* any thread */
/* VD_DECODE_AUTO: every picture is wanted until then (tracks are seen, somebody watches). When only
 * key pictures were decoded, those since the last one follow, late and in order. Any thread; a
 * moment before the last one is ignored. */
void vd_camera_awake(vd_camera *camera, int64_t until_utc_us);
int vd_camera_child_pid(vd_camera *camera); /* 0 when none runs; tests and faults */
/* No new work: ends the child. Pictures still lent stay mapped until given back. */
void vd_camera_stop(vd_camera *camera);
/* After it returns no callback runs. */
void vd_camera_join(vd_camera *camera);
/* After join and after all pictures are back. Returns NULL. */
vd_camera *vd_camera_free(vd_camera *camera);
#endif

/* sim_priv.h - the pieces of camera-sim, an RTSP server that plays files as cameras and misbehaves
 * on command.
 *
 *   file --once--> cached film (one codec, a key picture each second) --in memory--> feeder thread
 *   --appsrc--> gst-rtsp-server --> clients.      A fault acts between film and appsrc. */
#ifndef VD_SIM_PRIV_H
#define VD_SIM_PRIV_H
#include <gst/rtsp-server/rtsp-server.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "vd/error.h"

#define SIM_CAMERAS_MAX 72
#define SIM_FILM_BYTES  (UINT64_C(1) << 30) /* a film lies in memory: 30 minutes at 4 Mbit/s */

typedef enum { SIM_H264, SIM_H265, SIM_MJPEG } sim_codec;
typedef enum {
    SIM_NONE,
    SIM_STALL,      /* the connection stays, no packet comes */
    SIM_DISCONNECT, /* connections are closed, once; new ones are welcome */
    SIM_GARBAGE,    /* packets arrive with wrong bytes */
    SIM_BLACK,
    SIM_FROZEN,
    SIM_BLURRED,
    SIM_WRONG_CLOCK, /* RTCP reports say an hour later */
    SIM_LOSS,        /* nine of ten RTP packets are lost */
    SIM_FAULTS,
} sim_fault;
extern const char *const sim_fault_names[SIM_FAULTS];

/* ---- sim_film.c: a file, encoded once, in memory ---- */
typedef struct {
    int64_t at_us; /* from the film's start */
    uint64_t offset;
    uint32_t bytes;
    bool key;
} sim_packet;

typedef struct {
    sim_codec codec;
    int width_px, height_px;
    AVRational fps;
    AVCodecParameters *parameters;
    sim_packet *packets;
    size_t count, room;
    uint8_t *data;
    uint64_t bytes, data_room;
    int64_t length_us;
} sim_film;

/* Plays from the cache, made first when it is not there. Blocks for as long as encoding takes. */
VD_MUST_USE vd_err sim_film_open(const char *path, sim_codec codec, const char *cache,
                                 sim_film **ret_film, vd_why *why);
sim_film *sim_film_free(sim_film *film);

/* ---- sim_encode.c ---- */
/* An encoder as a camera has one: a key picture each second, no reordering, headers in the stream.
 */
VD_MUST_USE vd_err sim_encoder_open(sim_codec codec, int width_px, int height_px, AVRational fps,
                                    bool fast, AVCodecContext **ret_encoder, vd_why *why);
/* Encodes all of `from` into a NUT file at `to`. */
VD_MUST_USE vd_err sim_transcode(const char *from, const char *to, sim_codec codec, vd_why *why);

/* ---- sim_effect.c: other pictures than the film's ---- */
typedef struct sim_effect sim_effect;
VD_MUST_USE vd_err sim_effect_new(const sim_film *film, sim_fault fault, sim_effect **ret_effect,
                                  vd_why *why);
/* Gives the packet to send instead, borrowed until the next call; an empty slice: none yet. */
vd_slice sim_effect_put(sim_effect *effect, vd_slice packet);
sim_effect *sim_effect_free(sim_effect *effect);

/* ---- sim_camera.c ---- */
typedef struct {
    char name[33];
    const sim_film *film;
    int64_t start_us; /* where in the film the camera is when the program starts */
    bool loop;
    gint fault;    /* sim_fault, atomic */
    uint32_t dice; /* loss: the streaming thread's */
} sim_camera;
/* Mounts the camera at /NAME. `user` NULL: anyone may watch. */
void sim_camera_mount(GstRTSPServer *server, sim_camera *camera, const char *user);

/* ---- sim_media.c: a media whose RTCP clock can be wrong ---- */
GType sim_media_get_type(void);
/* Before the media is prepared. The fault of `camera` decides what its reports say. */
void sim_media_watch(GstRTSPMedia *media, sim_camera *camera);

/* ---- sim_control.c ---- */
typedef struct {
    GMainLoop *loop;
    GstRTSPServer *server;
    sim_camera *cameras;
    size_t camera_count;
} sim_house;
/* "fault NAME KIND" | "list" | "quit"; the answer is one line in `into`. */
void sim_command(sim_house *house, const char *line, char *into, size_t room);
/* Listens on 127.0.0.1:port when port is not negative (0: any, *ret_port says which), and on a
 * socket file when path is not NULL. */
VD_MUST_USE vd_err sim_control_listen(sim_house *house, int port, const char *path, int *ret_port,
                                      vd_why *why);
/* Commands on standard input; `end_with_it`: its end ends the program. */
void sim_control_stdin(sim_house *house, bool end_with_it);
#endif

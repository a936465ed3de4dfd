/* camera_priv.h - the agent's side of one camera.
 *
 * The reader thread runs sessions: start a child, listen until it ends or is ended, wait, again.
 * What other threads may touch lies behind `lock`. */
#ifndef VD_CAMERA_PRIV_H
#define VD_CAMERA_PRIV_H
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "camera.h"
#include "camera_wire_priv.h"

#define CAMERA_MAPS_MAX 8

/* One shared mapping; sized and sealed by us, read-only here. */
typedef struct {
    uint32_t id; /* 0: the entry is free; rises over the camera's life */
    const uint8_t *base;
    uint64_t slot_bytes;
    uint32_t lent; /* bit per slot */
    bool open;     /* the running child may still show pictures in it */
} camera_map;

/* What is known of the running child. Reader thread only. */
typedef struct {
    int64_t heard_us;   /* last message */
    int64_t started_us; /* spawn */
    int64_t packet_us;  /* last packet; 0: none yet */
    int64_t picture_us; /* last time that `decoded` rose, or the stream's start */
    bool hello, have_stream, lived;
    wire_beat count; /* as last told */
    vd_stream_info stream;
    uint8_t extradata[WIRE_EXTRADATA_MAX];
    wire_packet packet; /* being put together */
    uint32_t packet_have;
    bool packet_open;
    uint64_t base_dropped, base_decoded, base_skipped; /* totals of the children before */
} camera_session;

typedef struct camera_folder camera_folder;
typedef struct camera_pair camera_pair;

struct vd_camera {
    vd_camera_config config; /* strings are ours */
    vd_mask masks[VD_MASKS_MAX];
    vd_camera_sink sink;
    char *child_path;
    camera_pair *pair;    /* of the main stream of two; NULL: there is one */
    atomic_bool unlooked; /* nobody wants its pictures: the small stream is looked at */
    atomic_bool alone;    /* ONVIF: there is no small stream beside this one of the pair */
    pthread_t thread;
    bool joined;
    int wake_fd;

    pthread_mutex_t lock;
    bool stopping;
    int fd; /* our end of the pair; -1 */
    pid_t pid;
    vd_camera_status status;
    camera_map maps[CAMERA_MAPS_MAX];
    uint32_t next_map;
    int64_t awake_until_utc_us; /* as the child was told */

    /* reader thread only */
    camera_session session;
    vd_buf packet;
    uint32_t serial;
    bool hw_off;           /* a child died while it used the hardware */
    unsigned failures;     /* in a row, for the back-off */
    camera_folder *folder; /* NULL: another kind, or not open */
    char *place;           /* ONVIF: where the stream is; NULL: not known */
    bool no_stream;        /* ONVIF: the camera has no small one */
    bool clock_told;       /* that it is wrong */
    int64_t fps_from_us;
    unsigned fps_pictures;
    int64_t born_us; /* monotonic */
};

/* Seconds of a file in one of ours. */
static inline unsigned camera_speed(const vd_camera *camera)
{
    return camera->config.speed ? camera->config.speed : 1;
}

/* ---- camera_child.c ---- */
/* Starts the child, hands it its configuration. VD_ABSENT and the like: the why says what. */
VD_MUST_USE vd_err camera_child_start(vd_camera *camera, vd_why *why);
/* Kills what runs, reaps it. *ret_status is waitpid's. */
void camera_child_end(vd_camera *camera, int *ret_status);

/* ---- camera_map.c: behind the lock inside ---- */
VD_MUST_USE vd_err camera_map_make(vd_camera *camera, uint64_t slot_bytes, wire_map *ret_message,
                                   int *ret_fd, vd_why *why);
/* Checks a picture that the child shows and marks its slot as lent; VD_CORRUPT: the child lies. */
VD_MUST_USE vd_err camera_map_lend(vd_camera *camera, const wire_picture *message,
                                   vd_picture *ret_picture);
/* The child is gone: none of its maps will show a picture again. */
void camera_maps_close(vd_camera *camera);

/* A picture is out with somebody. */
bool camera_maps_lent(vd_camera *camera);

/* ---- camera_read.c ---- */
/* Takes one message from the child, without waiting, and acts on it. VD_OK; VD_RETRY: there was
 * none; VD_GONE: the child is gone; anything else ends the session: *why for people, and for
 * VD_ABSENT with an empty fact the input's regular end. */
typedef enum { READ_MORE, READ_NONE, READ_CHILD_GONE, READ_ENDED, READ_FAILED, READ_LIAR } read_end;
read_end camera_read(vd_camera *camera, vd_why *why);
/* Sends one message to the child, with a descriptor when fd is not -1. */
bool camera_send(int socket_fd, const wire_head *head, int fd);

/* ---- camera_folder.c: the folder of a camera of stills; reader thread ---- */
/* Opens and watches it, unless that is done. */
VD_MUST_USE vd_err camera_folder_open(vd_camera *camera, vd_why *why);
int camera_folder_fd(const camera_folder *folder); /* readable: something happened; -1 for NULL */
/* One turn: takes note of new files, puts away what was looked at, hands over the next. READ_MORE;
 * READ_FAILED: the folder is gone. */
read_end camera_folder_turn(vd_camera *camera, vd_why *why);
/* What the child says of the file it has; false: it has none, or another. */
bool camera_folder_done(vd_camera *camera, uint64_t number, bool fine, const vd_why *why);
/* The last file was a picture, or there was none yet. */
bool camera_folder_calm(const camera_folder *folder);
/* The child is gone: what it had is no picture, lest it kill the next child too. */
void camera_folder_child_gone(vd_camera *camera);
/* NULL is fine. Returns NULL. */
camera_folder *camera_folder_close(camera_folder *folder);

/* ---- camera_onvif.c ---- */
/* Asks the camera where its stream is; blocks until it says so, or a stop is asked. */
VD_MUST_USE vd_err camera_onvif_find(vd_camera *camera, vd_why *why);

/* ---- camera_name.c ---- */
/* The moment that a file's name tells: the first YYYYMMDD and HHMMSS[mmm] in it, with or without
 * one of "-_T." and the like between. False: none. */
bool camera_name_time(const char *name, bool local, int64_t *ret_utc_us);

/* ---- camera_pair.c: a camera's main and small stream as one ---- */
VD_MUST_USE vd_err camera_pair_start(const vd_camera_config *config, const vd_camera_sink *sink,
                                     vd_camera **ret_main, vd_why *why);
vd_camera *camera_pair_sub(const camera_pair *pair);
void camera_pair_status(vd_camera *main_stream, vd_camera_status *ret_status);
/* Whose picture it is. */
vd_camera *camera_pair_owner(vd_camera *main_stream, const vd_picture *picture);
/* After both were freed. */
void camera_pair_free(camera_pair *pair);

/* ---- camera.c ---- */
/* One stream. Map numbers begin at first_map. */
VD_MUST_USE vd_err camera_open(const vd_camera_config *config, const vd_camera_sink *sink,
                               camera_pair *pair, uint32_t first_map, vd_camera **ret_camera,
                               vd_why *why);
void camera_status(vd_camera *camera, vd_camera_status *ret_status); /* of this stream alone */
/* Its packets are encoded from its pictures. */
bool camera_encodes(const vd_camera *camera);
/* Nobody decodes this stream's packets now. */
bool camera_packets_only(const vd_camera *camera);
/* Whether anybody wants pictures of this stream; the running child is told. */
void camera_look(vd_camera *camera, bool look);
void camera_wake(vd_camera *camera); /* any thread: the reader looks again */
void camera_set_state(vd_camera *camera, vd_camera_state state, const vd_why *why);
/* A packet or picture came: LIVE from now on. */
void camera_lives(vd_camera *camera);
#endif

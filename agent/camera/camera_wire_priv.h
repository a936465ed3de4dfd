/* camera_wire_priv.h - what the agent and its camera child say to each other.
 *
 * A SOCK_SEQPACKET pair; one message is one fixed struct that opens with wire_head, at most
 * WIRE_MESSAGE_MAX bytes, in the machine's own byte order (both ends are built together; the
 * version tells a stale child). The parent believes nothing: see camera_read.c.
 *
 *   agent                                child
 *     CONFIG (+ file's or device's fd) --->        once, first
 *     <------------------------------ HELLO        once, sandboxed, before any foreign byte
 *     <------------------------------- BEAT        at least every WIRE_BEAT_MS, whatever happens
 *     <----------------------------- STREAM        decoder parameters; a new serial
 *     <---------------------- PACKET, MORE*        a packet and, when it is long, its rest
 *     <--------------------------- NEED_MAP        pictures of another size are coming
 *     MAP (+ memfd) ---------------------->        sized and sealed by the agent
 *     <---------------------------- PICTURE        slot `n` of map `m` is lent to the agent
 *     GIVE_BACK -------------------------->        ... and comes back
 *     STILL (+ the file's fd) ------------>        folders: the next file, when the last is done
 *     <------------------------- STILL_DONE        it was a picture, or why not
 *     WANT ------------------------------->        pictures are wanted from now on, or not
 *     AWAKE ------------------------------>        every picture is wanted until then
 *     <------------------------------- NOTE        worth a line in the log
 *     <------------------------- END | FAIL        last words
 *
 * A map is WIRE_SLOTS slots of slot_bytes; what lies where in a slot is said by PICTURE. */
#ifndef VD_CAMERA_WIRE_PRIV_H
#define VD_CAMERA_WIRE_PRIV_H
#include "vd/error.h"

#define WIRE_VERSION       6
#define WIRE_FD            3 /* the child's end of the pair */
#define WIRE_STRANGER      4 /* how a child ends that does not understand its agent's first words */
#define WIRE_MESSAGE_MAX   61440
#define WIRE_EXTRADATA_MAX 16384 /* real ones have 30 to 200 bytes */
#define WIRE_PACKET_MAX    (16u << 20)
#define WIRE_SLOTS         16
#define WIRE_SIDE_MAX      8192
#define WIRE_SLOT_MAX      (160u << 20)
#define WIRE_BEAT_MS       500
#define WIRE_URL_MAX       1024
#define WIRE_USER_MAX      64
#define WIRE_PASSWORD_MAX  120
#define WIRE_HWACCEL_MAX   15
#define WIRE_FORMAT_MAX    7
#define WIRE_MASKS_MAX     16
#define WIRE_CORNERS_MAX   32
#define WIRE_PIN_MAX       103 /* "sha256:" and 32 bytes in hex, with colons */

typedef enum {
    WIRE_CONFIG = 1,
    WIRE_MAP,
    WIRE_GIVE_BACK,
    WIRE_STILL,
    WIRE_AWAKE,
    WIRE_WANT,
    WIRE_HELLO = 32,
    WIRE_BEAT,
    WIRE_STREAM,
    WIRE_PACKET,
    WIRE_MORE,
    WIRE_NEED_MAP,
    WIRE_PICTURE,
    WIRE_NOTE,
    WIRE_END,
    WIRE_FAIL,
    WIRE_STILL_DONE,
} wire_type;

typedef struct {
    uint16_t version, type;
    uint32_t bytes; /* of the whole message */
} wire_head;

typedef struct {
    wire_head head;
    int32_t parent_pid;
    uint32_t kind, transport, pace, loop, max_fps, packets_only, decode, patience_ms, speed;
    int64_t from_utc_us; /* files: of their first picture; 0: now */
    char hwaccel[WIRE_HWACCEL_MAX + 1];
    uint32_t usb_width, usb_height, usb_fps;
    char usb_format[WIRE_FORMAT_MAX + 1];
    uint32_t encode;     /* packets are H.264, encoded from the pictures; so they are with masks */
    uint32_t mask_count; /* 0: nothing is painted over */
    struct {
        uint32_t count;
        float corner[WIRE_CORNERS_MAX][2]; /* 0..1 of the picture */
    } mask[WIRE_MASKS_MAX];
    uint32_t insecure;
    char ca_file[WIRE_URL_MAX + 1], fingerprint[WIRE_PIN_MAX + 1];
    char url[WIRE_URL_MAX + 1], user[WIRE_USER_MAX + 1], password[WIRE_PASSWORD_MAX + 1];
} wire_config;

typedef struct {
    wire_head head;
    uint32_t map, slots;
    uint64_t slot_bytes;
} wire_map;

typedef struct {
    wire_head head;
    uint32_t map, slot;
} wire_give_back;

typedef struct {
    wire_head head;
    uint64_t number; /* comes back in STILL_DONE */
    int64_t utc_us;  /* when it was taken */
} wire_still;

typedef struct {
    wire_head head;
    uint64_t number;
    uint32_t fine; /* a picture came of it; else the why says what is wrong */
    uint32_t reserved;
    vd_why why;
} wire_still_done;

typedef struct {
    wire_head head;
    int64_t until_utc_us;
} wire_awake;

typedef struct {
    wire_head head;
    uint32_t pictures; /* decode from the next key packet on; 0: packets only */
} wire_want;

/* HELLO, BEAT and END. The counts are totals of this child; `packets` are the camera's, also when
 * there are masks and others are sent. */
typedef struct {
    wire_head head;
    uint64_t packets, decoded, dropped, damaged, skipped;
    uint32_t gate;                      /* vd_gate_state */
    char decoder[WIRE_HWACCEL_MAX + 1]; /* "software", "vaapi", ...; "" before the first packet */
} wire_beat;

typedef struct {
    wire_head head;
    char codec[16];
    int32_t codec_id, width_px, height_px, profile, level;
    double fps;
    uint32_t extradata_bytes; /* follow the struct */
    uint32_t reserved;
} wire_stream;

typedef struct {
    wire_head head;
    int64_t pts_us, dts_us, utc_us;
    uint32_t key;
    uint32_t bytes; /* of the packet; as many as fit follow, the rest comes as MORE */
} wire_packet;

typedef struct {
    wire_head head;
    uint64_t slot_bytes;
} wire_need_map;

typedef struct {
    wire_head head;
    uint32_t map, slot;
    int32_t width_px, height_px;
    uint32_t offset[3];
    int32_t stride[3];
    uint32_t full_range, bt709, time_source;
    int32_t camera_skew_ms;
    int64_t pts_us, utc_us;
    uint64_t number;
} wire_picture;

typedef struct {
    wire_head head;
    int32_t err;
    vd_why why;
} wire_fail; /* also NOTE */

#define WIRE_HEAD(kind, size)                                                                      \
    {                                                                                              \
        .version = WIRE_VERSION, .type = (kind), .bytes = (uint32_t)(size)                         \
    }
#endif

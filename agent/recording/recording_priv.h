/* recording_priv.h - what the stage's files share.
 *
 *   camera's reader    recording.c   packets into the fragment being filled
 *   writer             writer.c      fragments into segments; what is too old or too much goes
 *   any                cut.c         a range out of the segments
 *                      segment.c     the format of a segment, what survived of it
 *
 * A segment NNN.vdr, NNN: the first picture's UTC in microseconds, 20 digits; numbers are little
 * endian, so is every machine this runs on:
 *
 *   header    magic "VDRING2\n", its length, stream, checksum, extradata
 *   fragment  magic, counts, first and last time, checksum (XXH3, 128 bits) over packets, table,
 *             and this with zeros in the checksum's place
 *             the packets, one behind the other, as they came; zeros up to the next eighth byte
 *             a table: time, length and kind of each packet
 *   fragment  ...
 *
 * Header and fragments begin at multiples of DISK_BLOCK, with zeros between: a fragment is one
 * write past the page cache (O_DIRECT, where the file system has it). Nobody reads a recording
 * soon, and what is appended to a block that is on disk already would be written twice.
 *
 * The first version, "VDRING1\n", is still read: MurmurHash3, the table before the packets, no
 * zeros.
 *
 * Locks: a camera's guards the fragment being filled, the recording's everything else; the camera's
 * is taken first. Files are written and removed without any. */
#ifndef VD_RECORDING_PRIV_H
#define VD_RECORDING_PRIV_H
#include <pthread.h>
#include <stdatomic.h>

#include "recording.h"

#define SEGMENT_MAGIC     "VDRING2\n"
#define FRAGMENT_MAGIC    0x32464456u /* "VDF2" */
#define SEGMENT_MAGIC_1   "VDRING1\n"
#define FRAGMENT_MAGIC_1  0x31464456u
#define DISK_BLOCK        4096u
#define FRAGMENT_KEY      1u /* begins with a key frame */
#define PACKET_KEY        1u
#define PACKETS_MAX       65536u
#define EXTRADATA_MAX     65536u
#define PACKET_BYTES_MAX  (64u << 20)
#define RECORDING_ROOM    4096
#define HASH_LEN          16
#define SEGMENT_BYTES_MAX (64u << 20)
#define READ_PADDING      64 /* FFmpeg's readers may look behind the end */

typedef struct {
    char magic[8];
    uint32_t header_len, extradata_len;
    char codec[16];
    int32_t width_px, height_px, profile, level;
    double fps;
    int64_t zero;
    uint8_t hash[HASH_LEN];
} segment_header;
_Static_assert(sizeof(segment_header) == 80, "the file's format");

typedef struct {
    uint32_t magic, count, data_len, flags;
    int64_t first_us, last_us;
    uint8_t hash[HASH_LEN];
    int64_t zero[2];
} fragment_header;
_Static_assert(sizeof(fragment_header) == 64, "the file's format");

typedef struct {
    int64_t pts_us, dts_us, utc_us;
    uint32_t len, flags;
} fragment_entry;
_Static_assert(sizeof(fragment_entry) == 32, "the file's format");

/* A stream's description, shared by the fragments of it. */
typedef struct {
    atomic_uint refs;
    vd_stream_info info;
    uint8_t extradata[];
} record_stream;
record_stream *record_stream_new(const vd_stream_info *info); /* NULL: no memory */
record_stream *record_stream_ref(record_stream *stream);
record_stream *record_stream_unref(record_stream *stream); /* returns NULL */

typedef struct fragment {
    struct fragment *next;
    vd_recording_camera *camera;
    record_stream *stream;
    fragment_entry *entry;
    uint8_t *raw;   /* what was allocated */
    uint8_t *bytes; /* in it, from a DISK_BLOCK on: what is written, its header's place first */
    size_t count, entry_room, len, room;
    struct XXH3_state_s *hash; /* of the packets so far, taken while they are in the cache */
    bool is_sealed;            /* table and header are in place */
    int64_t first_us, last_us;
} fragment;

typedef struct {
    int64_t start_us;   /* its name */
    int64_t written_us; /* wall clock: what its age counts from */
    uint64_t bytes;
} segment;

struct vd_recording_camera {
    vd_recording_camera *next;
    vd_recording *recording;
    char name[VD_CAMERA_ID_MAX + 1];
    char dir[RECORDING_ROOM];

    pthread_mutex_t lock;
    bool is_open; /* somebody added it */
    bool needs_key;
    record_stream *stream;
    fragment *filling; /* NULL: none yet */

    /* under the recording's lock */
    vd_recording_limits limits;
    fragment *spares; /* to use again */
    size_t spare_bytes;
    uint64_t queued_bytes;
    segment *segments; /* by time */
    size_t segment_count, segment_room;
    vd_recording_stats stats;

    /* the writer's: the segment being written */
    int fd; /* -1: none */
    int64_t segment_start_us, segment_last_us;
    uint64_t segment_bytes;
    record_stream *segment_stream;
    bool was_full;
};

struct vd_recording {
    vd_recording_config config;
    char dir[RECORDING_ROOM];
    pthread_t writer;
    bool has_writer;
    pthread_mutex_t lock;
    pthread_cond_t work, idle; /* monotonic */
    vd_recording_camera *cameras;
    unsigned camera_count;
    fragment *first, **last;
    bool is_writing, is_stopping;
};

void fragment_free(fragment *f);
vd_recording_camera *camera_find(vd_recording *recording, const char *name); /* lock held */

/* segment.c */
/* The checksum of what is filled in from now on. False: no memory. */
bool fragment_hash_begin(fragment *f);
void fragment_hash_add(fragment *f, vd_slice packet);
void fragment_hash_free(fragment *f);
void segment_path(const char *dir, int64_t start_us, char into[RECORDING_ROOM]);
vd_err segment_begin(int fd, const vd_stream_info *info, uint64_t *ret_bytes, vd_why *why);
vd_err fragment_write(int fd, fragment *f, vd_why *why);
uint64_t fragment_bytes(const fragment *f);
static inline uint8_t *fragment_data(const fragment *f)
{
    return f->bytes + sizeof(fragment_header);
}
static inline uint64_t blocks_up(uint64_t bytes)
{
    return (bytes + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
}
/* Where the table is, seen from the fragment's beginning. */
static inline uint64_t table_at(uint64_t data_len)
{
    return sizeof(fragment_header) + (data_len + 7) / 8 * 8;
}

typedef struct {
    int fd; /* -1: none */
    vd_stream_info info;
    uint8_t *extradata;
    uint64_t at, size; /* of the next fragment's header; of the file */
} segment_reader;
#define SEGMENT_READER_NONE ((segment_reader){ .fd = -1 })
vd_err segment_open(const char *path, segment_reader *ret_reader, vd_why *why);
void segment_close(segment_reader *reader);
VD_AUTO_DEFINE(segment_reader, segment_close)
/* The header of the fragment at `at`, which must fit into the file. VD_ABSENT: there is none (more)
 * that is whole by its lengths. */
vd_err segment_peek(const segment_reader *reader, uint64_t at, fragment_header *ret_header);
uint64_t segment_after(const fragment_header *header, uint64_t at);
/* The table and data of a fragment, checked. Owner: the caller, free(*ret_entry) frees both. */
vd_err segment_load(const segment_reader *reader, uint64_t at, const fragment_header *header,
                    fragment_entry **ret_entry, const uint8_t **ret_data);
/* What is whole of the file stays. VD_ABSENT: nothing is, and the file is gone. */
vd_err segment_mend(const char *path, uint64_t *ret_bytes, vd_why *why);

/* writer.c */
void *writer_run(void *recording);
/* Reads a camera's folder; the lock is held or nobody else is there yet. */
vd_err camera_scan(vd_recording_camera *camera, vd_why *why);
#endif

/* intake_priv.h - how the files of the intake share the work.
 *
 *   endpoint.c  listener, TLS, bytes in and out, deadlines       loop thread
 *   session.c   MQTT packets of one connection                   loop thread
 *   message.c   telemetry: job, commit, PUBACK; retention        loop and committer
 *   twin.c      twin requests; twin_doc.c the rules of a twin    loop, committer, callers
 *   method.c    direct methods                                   loop and callers
 *   bound.c     cloud-to-device messages                         loop, committer, callers
 *   identity.c  devices, keys, tokens                            loop and callers
 *   command.c   work for the loop from other threads
 *
 * A connection belongs to the loop. Other threads hold only its number (conn->serial); a number
 * whose connection is gone finds nothing. */
#ifndef VD_INTAKE_PRIV_H
#define VD_INTAKE_PRIV_H
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "intake.h"
#include "vd/iothub.h"
#include "vd/mqtt.h"

#define CONN_UNCOMMITTED_MAX   128       /* messages of one connection on their way to the disk */
#define CONN_UNCOMMITTED_BYTES 1048576u  /* and their bytes; beyond, reading pauses */
#define ALL_UNCOMMITTED_MAX    1536      /* of all connections: below the committer's room */
#define ALL_UNCOMMITTED_BYTES  67108864u /* bounds memory while the disk is slow */
#define CONN_OUTPUT_MAX        2097152u  /* bytes a device may leave unread before it is closed */
#define CONN_METHODS_MAX       32        /* direct methods waiting for one device */
#define CONN_BOUND_MAX         8         /* cloud-to-device messages unanswered at once */
#define CONN_TWIN_MAX          16        /* twin requests at once; beyond, 429 */
#define CONNECT_DEADLINE_US    20000000  /* TLS and CONNECT must be done by then */
#define CONNECTIONS_MAX        100000

/* Work for the loop from another thread. `run` is called on the loop and owns `arg`. */
typedef struct command {
    struct command *next;
    void (*run)(vd_intake *intake, void *arg);
    void *arg;
} command;

typedef struct conn conn;
typedef struct message message;
typedef struct method_call method_call;

typedef enum { CONN_TLS, CONN_WAIT_CONNECT, CONN_READY, CONN_CLOSING } conn_state;

struct conn {
    vd_intake *intake;
    uint64_t serial;
    conn *prev, *next, *hash_next;
    conn_state state;
    uv_tcp_t tcp;
    SSL *ssl;
    BIO *from_net, *to_net;
    vd_mqtt_reader reader;
    vd_buf out;         /* packets not yet encrypted */
    size_t unsent;      /* encrypted bytes the kernel has not taken */
    bool reading, held; /* held: paused because too much is uncommitted */
    bool flush_due;
    conn *flush_next;

    char device[VD_IOTHUB_ID_MAX + 1];
    int64_t deadline_us;   /* monotonic: connect deadline, then keep-alive; 0: none */
    int64_t keep_alive_us; /* 1.5 times what the device asked for */
    int64_t token_end_s;   /* UTC; 0: none */
    int64_t seen_utc_us;
    bool clock_known;
    int64_t clock_skew_ms;

    bool subscribed[VD_FILTER_COUNT];
    uint8_t granted[VD_FILTER_COUNT];
    bool has_will, graceful;
    vd_buf will_bag, will_body;

    message *first, *last; /* unanswered, in the order they came */
    size_t uncommitted, uncommitted_bytes;
    unsigned twin_requests;
    method_call *methods;
    unsigned method_count;
    /* cloud to device: sent and not answered, by packet id */
    struct {
        uint16_t packet;
        int64_t seq;
    } bound[CONN_BOUND_MAX];
    unsigned bound_count;
    int64_t bound_cursor;
    bool bound_asking, bound_more;
    uint16_t next_packet;
};

#define HASH_ROOM 4096

/* What other threads may know of a connected device. */
typedef struct live {
    struct live *next;
    char device[VD_IOTHUB_ID_MAX + 1];
    int64_t seen_utc_us, clock_skew_ms;
    bool clock_known;
} live;

struct vd_intake {
    vd_intake_config config;
    vd_store_pool *readers;
    vd_store *loop_reader; /* the loop's own, borrowed from the pool */
    SSL_CTX *tls;
    uint16_t port;
    char host[300]; /* for connection strings */

    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t wake;
    uv_timer_t tick;
    uv_check_t after_io;
    pthread_t thread;
    bool started, joined;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards commands, lives, jobs, counts */
    pthread_cond_t idle;  /* jobs became 0 */
    command *first_command, *last_command;
    live *lives[HASH_ROOM];
    uint64_t jobs; /* posted to the committer, not finished */
    bool wake_open;
    vd_arena *event_arena; /* the committer thread's, for one event at a time */

    /* the loop's own */
    conn *conns;
    conn *by_device[HASH_ROOM];
    conn *flush_first;
    uint64_t next_serial, next_rid, conn_count, held_count;
    size_t uncommitted, uncommitted_bytes;
    int64_t trimmed_us;
    vd_arena *bag_arena; /* for one packet at a time */
    char *chunk;         /* what a socket read fills */
    char *clear;         /* what TLS gives back */

    vd_intake_counts counts;
};

/* ---- command.c ---- */
/* False when the loop does not run: the command stays the caller's. It must live until it ran. */
VD_MUST_USE bool command_push(vd_intake *intake, command *work);
/* The same with a command of its own: `arg` stays the caller's when it is false. */
VD_MUST_USE bool command_post(vd_intake *intake, void (*run)(vd_intake *, void *), void *arg);
void command_run_all(vd_intake *intake);
/* Posts a job whose `done` must call job_done last. */
VD_MUST_USE vd_err job_post(vd_intake *intake, vd_job_fn run, vd_job_done_fn done, void *arg);
void job_done(vd_intake *intake);
uint64_t job_count(vd_intake *intake);
/* Runs a job and waits for its commit; `after` (may be NULL) is called on the committer's thread
 * after a commit, in the order of the commits. */
VD_MUST_USE vd_err job_run(vd_intake *intake, vd_job_fn run, void (*after)(vd_intake *, void *),
                           void *arg, vd_why *why);
void hook_changed(vd_intake *intake, const char *device, vd_intake_change what);
unsigned hash_of(const char *text);

/* ---- endpoint.c ---- */
VD_MUST_USE vd_err endpoint_start(vd_intake *intake, vd_why *why);
void endpoint_run(vd_intake *intake);
void endpoint_stop(vd_intake *intake);
/* Closes; what is in `out` is sent first if the socket takes it at once. */
void conn_close(conn *c, const char *reason);
conn *conn_by_serial(vd_intake *intake, const char *device, uint64_t serial);
conn *conn_of(vd_intake *intake, const char *device);
/* Appends a packet and makes the loop send it; closes a device that does not read. */
void conn_send(conn *c, const vd_mqtt_packet *packet);
void conn_send_topic(conn *c, const vd_topic *topic, vd_slice payload, uint8_t qos, uint16_t id);
/* Stops or resumes reading by what is uncommitted. */
void conn_throttle(conn *c);
void live_set(conn *c);
void live_drop(conn *c);

/* ---- session.c ---- */
void session_packet(conn *c, const vd_mqtt_packet *packet);
void session_ended(conn *c); /* called once, when a ready connection closes */

/* ---- message.c ---- */
/* What a device says of its clock (RFC 3339) at `now_us`; what cannot be read is not heard. */
void conn_clock(conn *c, vd_slice told, int64_t now_us);
void message_take(conn *c, const vd_topic *topic, const vd_mqtt_packet *packet);
/* The last will of a connection that closes. */
void message_will(conn *c);
/* A place in the order of answers for a QoS 1 packet that is answered later; NULL for QoS 0, or
 * when memory ends (the connection is closed). */
message *message_expect(conn *c, const vd_mqtt_packet *packet);
/* Answers, in order. NULL is fine. */
void message_settle(message *m);
/* The connection is gone: what is on its way to the disk arrives there, nobody is answered. */
void message_forget_all(conn *c);
void message_trim(vd_intake *intake);

/* ---- twin.c ---- */
/* GET and report; `kind` of the topic decides. */
void twin_request(conn *c, const vd_topic *topic, const vd_mqtt_packet *packet);

/* ---- twin_doc.c: the rules of one section ---- */
typedef struct {
    int64_t version, desired_version, reported_version;
    vd_json *tags, *desired, *desired_meta, *reported, *reported_meta;
} twin_doc;
VD_MUST_USE vd_err twin_doc_load(vd_store *store, const char *device, twin_doc *ret_doc,
                                 vd_why *why);
void twin_doc_done(twin_doc *doc);
VD_AUTO_DEFINE(twin_doc, twin_doc_done)
/* VD_INVALID names the key: depth, key form, text length, number size. */
VD_MUST_USE vd_err twin_patch_check(const vd_json *patch, vd_why *why);
/* Merges into printed JSON of at most `limit` bytes (VD_FULL). `ret_meta` may be NULL. */
VD_MUST_USE vd_err twin_merge(const vd_json *old, const vd_json *old_meta, const vd_json *patch,
                              size_t limit, int64_t now_us, vd_buf *ret_doc, vd_buf *ret_meta,
                              vd_why *why);
VD_MUST_USE vd_err twin_print_for_device(const twin_doc *doc, vd_buf *into);
VD_MUST_USE vd_err twin_print_for_service(const twin_doc *doc, const char *device, vd_buf *into);

/* ---- method.c ---- */
void method_answer(conn *c, const vd_topic *topic, vd_slice body);
void method_forget_all(conn *c);

/* ---- bound.c ---- */
void bound_pump(conn *c);
void bound_answer(conn *c, uint16_t packet);

/* ---- identity.c ---- */
VD_MUST_USE vd_err identity_policy_make(vd_intake *intake, vd_why *why);
/* Checks a token for this device (or "": any) with `store`. */
VD_MUST_USE vd_err identity_check(vd_intake *intake, vd_store *store, vd_slice token,
                                  const char *device, vd_intake_caller *ret_caller,
                                  int64_t *ret_end_s, vd_why *why);
#endif

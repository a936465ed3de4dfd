/* api_priv.h - one request on its way through a handler. */
#ifndef VD_API_PRIV_H
#define VD_API_PRIV_H
#include "api.h"

#include <microhttpd.h>
#include <stdatomic.h>

#include "vd/file.h"

#define ANSWER_BYTES_MAX  (32u << 20)
#define PREVIEW_BYTES_MAX (2u << 20)

typedef enum { NOBODY, PERSON, SERVICE, DEVICE } caller_kind;

typedef struct previews previews;
struct vd_api {
    vd_api_parts parts;
    struct MHD_Daemon *daemon;
    uint16_t port;
    vd_throttle *throttle;
    previews *previews;
    struct basics *basics;
    int64_t started_us;
    _Atomic uint64_t answered[6]; /* by hundreds of the status */
};

typedef struct route route;
typedef struct {
    vd_api *api;
    struct MHD_Connection *connection;
    const char *method, *path;
    const route *route;
    char param[3][VD_LIMIT_NAME_BYTES + 1];
    vd_buf body;         /* of a route without `to_file` */
    vd_file file;        /* of a route with it: whole when the handler runs, never published. */
    uint64_t file_bytes; /* vd_blobs_take_file(file.temp_path) keeps it; otherwise it goes */
    uint64_t drained;    /* bytes of a body nobody wants */
    vd_err early;        /* refused before the body was read */
    vd_why early_why;
    unsigned early_status;

    caller_kind caller;
    vd_role role;
    char who[VD_LIMIT_NAME_BYTES + 32]; /* a user's name, or "service:POLICY" */
    char device[VD_LIMIT_NAME_BYTES + 1];
    bool by_cookie;
    char secret[VD_SECRET_TEXT_ROOM];
    vd_session session;

    unsigned status;               /* a handler may set another one than the error's class gives */
    unsigned retry_after_s;        /* header Retry-After when > 0 */
    const char *oci_code;          /* of an error under /v2/; NULL: by status */
    struct MHD_Response *response; /* set: the answer */
} request;

typedef vd_err (*handler)(request *r, vd_why *why);
typedef enum { OPEN, VIEWER, OPERATOR, ADMINISTRATOR, BY_DEVICE, PULLER } right;
struct route {
    const char *method, *pattern; /* "{}" stands for one segment */
    right right;                  /* PULLER: a viewer or any device */
    size_t body_max;
    handler handle;
    bool to_file; /* the body is written to work_dir as it comes, so that it may be large */
};

extern const route api_routes[];
extern const size_t api_route_count;

/* ---- answering (reply.c) ---- */
/* JSON from a finished writer; takes over the buffer's bytes. */
vd_err reply_json(request *r, unsigned status, vd_json_w *w, vd_why *why);
vd_err reply_bytes(request *r, unsigned status, const char *type, vd_slice bytes, vd_why *why);
vd_err reply_empty(request *r, unsigned status);
/* A file, or the range of it that the request asks for (evidence.c). Not for empty files. */
vd_err reply_file(request *r, const char *path, uint64_t bytes, vd_why *why);
void reply_error(request *r, vd_err err, const vd_why *why);
void reply_header(request *r, const char *name, const char *value);
void write_error(vd_json_w *w, vd_err err, const vd_why *why);
unsigned status_of(vd_err err);

/* ---- figures (metrics.c) ---- */
void api_count_request(vd_api *api, unsigned status);

/* ---- asking (ask.c) ---- */
const char *ask_header(request *r, const char *name);
const char *ask_query(request *r, const char *name); /* NULL when absent or empty */
VD_MUST_USE vd_err ask_count(request *r, const char *name, uint64_t least, uint64_t most,
                             uint64_t *value, vd_why *why);
VD_MUST_USE vd_err ask_time(request *r, const char *name, int64_t *value, vd_why *why);
VD_MUST_USE vd_err ask_json(request *r, vd_json **ret_root, vd_why *why);
/* Members of a body; VD_INVALID names the member. */
VD_MUST_USE vd_err need_text(const vd_json *object, const char *key, size_t most,
                             const char **ret_text, vd_why *why);
VD_MUST_USE vd_err may_text(const vd_json *object, const char *key, size_t most,
                            const char **ret_text, vd_why *why);
VD_MUST_USE vd_err need_version(const vd_json *object, uint64_t *ret_version, vd_why *why);
VD_MUST_USE vd_err need_digest(request *r, vd_digest *ret_digest, vd_why *why);

/* ---- who asks (session.c) ---- */
VD_MUST_USE vd_err authenticate(request *r, vd_why *why);
VD_MUST_USE vd_err by_secret(request *r, const char *secret, bool token, vd_why *why);
VD_MUST_USE vd_err check_password(request *r, const char *name, const char *password,
                                  vd_user *ret_user, vd_why *why);
/* Only under /v2/ (basic.c). */
typedef struct basics basics;
VD_MUST_USE basics *basics_new(void);
basics *basics_free(basics *b);
VD_MUST_USE vd_err by_basic(request *r, const char *encoded, vd_why *why);

/* ---- the page's files (files.c) ---- */
vd_err serve_page(request *r, vd_why *why);

/* VD_ABSENT when no such dataset is kept here (runs.c). */
VD_MUST_USE vd_err dataset_is_here(request *r, const vd_digest *dataset, vd_why *why);

/* ---- a model as an answer (models.c) ---- */
vd_err reply_model(request *r, unsigned status, const vd_digest *digest, bool detail, vd_why *why);

/* ---- /v2/, which has its own paths and errors (registry.c) ---- */
bool is_registry(const char *path);
const route *registry_route(const request *r);
void write_registry_error(request *r, unsigned status, vd_json_w *w, const vd_why *why);

/* ---- previews (cameras.c) ---- */
VD_MUST_USE vd_err previews_new(vd_intake *intake, previews **ret_previews, vd_why *why);
previews *previews_free(previews *p);

/* ---- live streams (live.c) ---- */
typedef struct stream stream;
/* VD_FULL when too many listen, VD_GONE when closing. */
VD_MUST_USE vd_err stream_open(vd_live *live, stream **ret_stream);
/* Waits up to 5 s; bytes written, or -1 at the end. */
long stream_read(stream *s, char *into, size_t room);
void stream_close(stream *s);

/* ---- handlers ---- */
vd_err get_health(request *r, vd_why *why);
vd_err get_session(request *r, vd_why *why);
vd_err sign_in(request *r, vd_why *why);
vd_err sign_out(request *r, vd_why *why);
vd_err change_password(request *r, vd_why *why);
vd_err list_users(request *r, vd_why *why);
vd_err create_user(request *r, vd_why *why);
vd_err list_incidents(request *r, vd_why *why);
vd_err get_incident(request *r, vd_why *why);
vd_err acknowledge_incident(request *r, vd_why *why);
vd_err resolve_incident(request *r, vd_why *why);
vd_err reopen_incident(request *r, vd_why *why);
vd_err get_evidence(request *r, vd_why *why);
vd_err ask_evidence(request *r, vd_why *why);
vd_err ask_media(request *r, vd_why *why);
vd_err get_media(request *r, vd_why *why);
vd_err list_media(request *r, vd_why *why);
vd_err list_items(request *r, vd_why *why);
vd_err list_cameras(request *r, vd_why *why);
vd_err get_camera(request *r, vd_why *why);
vd_err get_picture(request *r, vd_why *why);
vd_err list_devices(request *r, vd_why *why);
vd_err create_device(request *r, vd_why *why);
vd_err get_device(request *r, vd_why *why);
vd_err update_device(request *r, vd_why *why);
vd_err delete_device(request *r, vd_why *why);
vd_err device_connection_string(request *r, vd_why *why);
vd_err service_connection_string(request *r, vd_why *why);
vd_err get_twin(request *r, vd_why *why);
vd_err patch_twin(request *r, vd_why *why);
vd_err call_method(request *r, vd_why *why);
vd_err send_message(request *r, vd_why *why);
vd_err list_deliveries(request *r, vd_why *why);
vd_err list_mailbox(request *r, vd_why *why);
vd_err get_mail(request *r, vd_why *why);
vd_err get_fleet(request *r, vd_why *why);
vd_err get_insights(request *r, vd_why *why);
vd_err get_metrics(request *r, vd_why *why);
vd_err list_watch(request *r, vd_why *why);
vd_err get_watch(request *r, vd_why *why);
vd_err accept_reference(request *r, vd_why *why);
vd_err list_pool(request *r, vd_why *why);
vd_err add_picture(request *r, vd_why *why);
vd_err list_pool_classes(request *r, vd_why *why);
vd_err add_pool_class(request *r, vd_why *why);
vd_err next_picture(request *r, vd_why *why);
vd_err import_pool(request *r, vd_why *why);
vd_err get_pool_picture(request *r, vd_why *why);
vd_err get_pool_history(request *r, vd_why *why);
vd_err put_label(request *r, vd_why *why);
vd_err undo_label(request *r, vd_why *why);
vd_err review_label(request *r, vd_why *why);
vd_err get_blob(request *r, vd_why *why);
vd_err list_datasets(request *r, vd_why *why);
vd_err create_dataset(request *r, vd_why *why);
vd_err get_dataset(request *r, vd_why *why);
vd_err get_dataset_report(request *r, vd_why *why);
vd_err diff_datasets(request *r, vd_why *why);
vd_err export_dataset(request *r, vd_why *why);
vd_err get_stream(request *r, vd_why *why);
vd_err list_models(request *r, vd_why *why);
vd_err register_model(request *r, vd_why *why);
vd_err get_model(request *r, vd_why *why);
vd_err get_model_lineage(request *r, vd_why *why);
vd_err promote_model(request *r, vd_why *why);
vd_err retire_model(request *r, vd_why *why);
vd_err compare_models(request *r, vd_why *why);
vd_err list_rollouts(request *r, vd_why *why);
vd_err start_rollout(request *r, vd_why *why);
vd_err get_rollout(request *r, vd_why *why);
vd_err halt_rollout(request *r, vd_why *why);
vd_err resume_rollout(request *r, vd_why *why);
vd_err return_rollout(request *r, vd_why *why);
vd_err get_lineage(request *r, vd_why *why);
vd_err get_release_key(request *r, vd_why *why);
vd_err score_picture(request *r, vd_why *why);
vd_err annotate_picture(request *r, vd_why *why);
vd_err list_runs(request *r, vd_why *why);
vd_err start_run(request *r, vd_why *why);
vd_err get_run(request *r, vd_why *why);
vd_err cancel_run(request *r, vd_why *why);
vd_err get_run_report(request *r, vd_why *why);
vd_err compare_runs(request *r, vd_why *why);
vd_err lease_run(request *r, vd_why *why);
vd_err run_progress(request *r, vd_why *why);
vd_err get_run_file(request *r, vd_why *why);
vd_err get_run_input(request *r, vd_why *why);
vd_err put_run_file(request *r, vd_why *why);
vd_err finish_run(request *r, vd_why *why);
vd_err evidence_status(request *r, vd_why *why);
vd_err evidence_append(request *r, vd_why *why);
vd_err put_preview(request *r, vd_why *why);
#endif

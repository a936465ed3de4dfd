/* agent_priv.h - the agent program: wires camera -> frames -> inference -> rules -> events -> queue
 * -> device, in that order.
 *
 *   main.c          command line, signals, start and stop
 *   agent_config.c  the configuration file
 *   agent.c         everything is opened, started, stopped in order
 *   lane.c          one camera: its packets and pictures go their ways   (camera's reader thread)
 *   lanes.c         which cameras there are, and who holds them           (main changes, all ask)
 *   live.c          which cameras there shall be: file, hub; makes it so  (main, link thread)
 *   reload.c        the file changes while we run                         (main thread)
 *   swap.c          which model looks, and how another takes over       (updater, main thread)
 *   looks.c         which models look at which camera                   (analysis thread)
 *   analysis.c      the one thread that looks at pictures                (analysis thread)
 *   rulebook.c      which rules hold for which camera: file, hub         (main, link thread)
 *   record.c        the continuous recording, opened, asked and told of
 *   arming.c        which profile of rules is armed                      (main, link thread)
 *   media.c         ranges of it for the hub                                (a thread of its own)
 *   wellness.c      is the camera itself well                            (reader, main thread)
 *   watch.c         statistics of each camera's window, to the outbox     (main thread)
 *   figures.c       figures for Prometheus                                (the port's threads)
 *   port.c          the local port, scoring for others, local alerts      (the port's threads)
 *   yield.c         what inspections count, and signals for them     (analysis, the port's threads)
 *   report.c        what the hub's page shows of us                      (main thread)
 *
 * One lock (`lock`) guards what threads share of the lanes. */
#ifndef VEDETTE_AGENT_PRIV_H
#define VEDETTE_AGENT_PRIV_H
#include <pthread.h>
#include <stdatomic.h>

#include "agent_config.h"
#include "alerts.h"
#include "device.h"
#include "history.h"
#include "integrity.h"
#include "local.h"
#include "recording.h"
#include "samples.h"
#include "sketches.h"
#include "turns.h"
#include "vd/iothub.h"
#include "vd/queue.h"

#define SECRET_ROOM 1024
#define PORT_TURN   AGENT_CAMERAS_MAX /* the number of the port's own turn */

typedef struct agent agent;

typedef struct {
    vd_rule rule[AGENT_RULES_MAX];
    unsigned count, wrong; /* wrong: left out */
} rule_set;

/* One camera while it is there. Main adds it and lets it leave; others hold it (lanes.c). */
typedef struct {
    agent *agent;
    agent_camera own;           /* what it was started with */
    const agent_camera *config; /* that, for all who ask */
    unsigned number;            /* its place in agent.lane and in the turns */
    _Atomic int64_t next_us;    /* no model is due for pictures before this time */
    atomic_bool triggered;      /* an inspection shall judge the next picture */
    char password[SECRET_ROOM];
    vd_camera *camera; /* NULL: could not be started, see `why`; ask lane_status */
    vd_event_camera *events;
    vd_recording_camera *recording; /* NULL: not recorded */
    vd_sketches *sketches;
    vd_integrity *integrity;   /* NULL: not looked after */
    vd_sample_camera *sampler; /* NULL: no hub that could ask */
    vd_histogram inference;    /* seconds a picture took */
    vd_why why;                /* why it could not be started */

    /* under the agent's lock */
    unsigned holders;
    bool leaving; /* nobody gets hold of it any more */
    uint64_t analysis_errors;
    vd_why analysis_why; /* why the last picture was not looked at */
    bool rules_changed;
    rule_set *rules;  /* what shall hold */
    char *rules_text; /* JSON list for the twin */
    vd_why rules_why; /* why the file's rules do not hold */
    unsigned yield_count;
    vd_yield *yield; /* room for AGENT_RULES_MAX, or NULL: nothing has been inspected */
    unsigned preview_waiters;
    vd_frame *preview;

    /* under wishes_use */
    agent_camera newest; /* the entry that holds now: its rules may be newer than `own` */

    /* under model_use: the looker's, or the swap's while nobody looks */
    vd_scene *scene;
    vd_foreground *foreground; /* NULL: no rule asks what stands still */
    vd_lineup *lineup;         /* NULL: to be made */
    uint64_t models_serial;    /* the agent's, when the line-up was told of its models */
    int64_t last_utc_us;
} lane;

/* A camera as somebody wants it: the file's list or the hub's. */
typedef struct {
    char id[VD_CAMERA_ID_MAX + 1];
    bool good;           /* there is an entry that can be used: `camera` */
    bool refused;        /* the newest entry is wrong: `why`; an older one may be in use */
    agent_camera camera; /* owned */
    vd_why why;
} camera_wish;
#define WISHES_MAX (2 * AGENT_CAMERAS_MAX) /* refused ones included */
typedef struct {
    unsigned count;
    camera_wish *item; /* room for WISHES_MAX, or NULL */
} wish_list;

struct agent {
    const agent_config *config; /* as we were started: all but cameras, templates and rules */
    char device[VD_DEVICE_ID_ROOM];
    vd_outbox *outbox;
    vd_events *events;
    vd_recording *recording;
    vd_queue *wishes; /* REFUSE: ranges of it that the hub asked for; NULL: no hub */
    pthread_t media;
    bool media_stopping; /* under `lock` */
    vd_device *link;     /* NULL: no hub */
    vd_samples *samples; /* NULL: no hub */
    vd_turns *turns; /* each lane's newest picture waits here; a camera's number is its lane's */
    pthread_t analysis;
    bool analysing;
    int64_t extra_tried_us[AGENT_MODELS_MAX]; /* the analysis thread's, as extra_loads */
    unsigned extra_loads;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic clock */
    bool stopping;
    /* Read with `lock` or model_use held, changed with both; run by the analysis thread. */
    vd_model *model;
    vd_why model_why;
    vd_model *extra[AGENT_MODELS_MAX]; /* the other models, by their place in config->model */
    vd_why extra_why[AGENT_MODELS_MAX];
    uint64_t models_serial;        /* rises with each change of them */
    pthread_rwlock_t model_use;    /* reading: somebody uses the model; taken before `lock` */
    vd_models *models;             /* NULL: no hub that could send one */
    vd_model *next_model;          /* the updater's: loaded, not yet in use */
    lane *lane[AGENT_CAMERAS_MAX]; /* by number, NULL: free; main's, changed with `lock` held */
    /* One change of cameras and rules at a time; taken before all other locks. Guards: */
    pthread_mutex_t wishes_use;
    agent_config *file; /* as it is now: its cameras, templates and rules; NULL: `config` is */
    wish_list from_file, from_hub;
    bool wishes_changed;      /* live_apply has something to do */
    unsigned wishes_version;  /* rises with each change, for the report */
    vd_why hub_why, file_why; /* why the whole of the hub's cameras, or of the file, is refused */
    char restart[200];        /* settings of the file that need a restart, or "" */

    vd_arming arming;    /* under the lock: which profile holds */
    bool hub_arms;       /* likewise: the hub said so, not the file */
    vd_history *history; /* the analysis thread's; NULL: nothing is kept */
    char *twin_rules;    /* what the hub wants, JSON; NULL: nothing */
    int64_t started_utc_us;
    vd_alerts *alerts;
    vd_local *port;            /* NULL: none wanted */
    pthread_mutex_t port_one;  /* one picture of others at a time; taken before port_lock */
    pthread_mutex_t port_lock; /* guards what follows */
    pthread_cond_t port_done;  /* monotonic clock */
    struct port_ask *port_ask; /* who waits; NULL: nobody */
    bool port_closing;
};

/* agent.c */
vd_err agent_start(agent *a, const agent_config *config, vd_why *why);
void agent_stop(agent *a); /* also after a failed start */
/* The hub section: the connection string and the authority can be read. For --check-config. */
vd_err agent_check_hub(const agent_config *config, vd_why *why);

/* lanes.c: any thread may ask, main alone adds and lets leave. */
typedef struct {
    agent *agent;
    unsigned count;
    lane *lane[AGENT_CAMERAS_MAX];
} lane_list;
/* The cameras that are there now. A held one stays valid though its camera may leave meanwhile;
 * hold it briefly: who lets it leave waits. */
lane_list agent_lanes(agent *a);
void lane_list_done(lane_list *list);
VD_AUTO_DEFINE(lane_list, lane_list_done)
unsigned agent_camera_count(agent *a);
lane *agent_lane(agent *a, const char *camera); /* held; NULL: there is none */
void lane_let_go(lane *l);                      /* NULL is fine */
/* Not yet started. Takes what `camera` owns, also when it fails. */
vd_err lanes_add(agent *a, agent_camera *camera, lane **ret_lane, vd_why *why);
/* They are gone, and their numbers free, when it returns. Blocks until their pictures are back;
 * clips that are still written are finished by the events' worker. */
void lanes_leave(agent *a, lane *const *list, unsigned count);

/* lane.c */
vd_err lane_open(lane *l, vd_why *why); /* the stages that keep something of a camera know it */
/* A camera that cannot be started is logged and kept in `why`; the others go on. */
void lane_start(lane *l);
/* No new work; a preview that waits gives up. */
void lane_stop(lane *l);
/* After lane_stop: nothing of it runs or waits any more, its visits and events are ended. */
void lane_join(lane *l);
/* Also one that lane_open failed on. */
void lane_free(lane *l);
/* What the camera says, or why there is none. Any thread that holds the lane. */
void lane_status(lane *l, vd_camera_status *ret_status);
/* The camera's next picture as JPEG, waiting up to a second. The shape of vd_device_sink.picture.
 */
vd_err lane_preview(void *agent, const char *camera, vd_buf *ret_jpeg, int64_t *ret_utc_us,
                    vd_why *why);

/* analysis.c */
vd_err analysis_start(agent *a, vd_why *why);
void analysis_stop(agent *a);     /* ends visits; blocks until their facts are handed over */
void analysis_end_scene(lane *l); /* visits end; model_use is held */

/* swap.c */
/* The main model of the file, or the one that is used without it. */
const char *swap_own_path(const agent_config *config);
void swap_init(agent *a);
/* Loads the model: what the hub sent last if there is a hub, else our own. */
vd_err swap_open(agent *a, bool hub, vd_why *why);
/* After the link is open. */
vd_err swap_start(agent *a, vd_why *why);
/* Tries to load the model; the reason is kept for the twin when it cannot. */
void swap_load(agent *a);
/* The shape of vd_device_sink.model. */
vd_err swap_wish(void *agent, vd_slice json, vd_why *why);

/* live.c: what the file and the hub want. For a camera that both name, the hub's entry holds. */
vd_err live_open(agent *a, bool hub, vd_why *why); /* before the link */
/* Makes it so: cameras that nobody wants any more leave, changed ones leave and come back, new ones
 * come. Main thread; blocks until those that leave are gone. */
void live_apply(agent *a);
/* The file says something else now. Takes `file`, which is on the heap. Main thread. */
void live_file(agent *a, agent_config *file);
void live_done(agent *a);
/* Who wants the camera as it is now: "file", "hub"; NULL: nobody any more. wishes_use is held. */
const char *live_source(agent *a, const char *camera, const camera_wish **ret_refused);
/* The shape of vd_device_sink.cameras: {"templates": {...}, "cameras": {id: entry}}. */
vd_err live_wish(void *agent, vd_slice json, vd_why *why);

/* reload.c */
typedef struct {
    int fd;           /* inotify; -1: none, only SIGHUP counts */
    char name[256];   /* of the file in its folder */
    vd_digest digest; /* of what was read last */
} reload;
void reload_install(void);                     /* SIGHUP; before threads start */
void reload_open(reload *r, const char *path); /* as soon as the file was read; NULL: none */
/* Reads the file if it changed, or if SIGHUP asks for it; about once a second. A file that cannot
 * be used changes nothing. Main thread. */
void reload_tick(reload *r, agent *a);
void reload_done(reload *r);

/* looks.c */
vd_model_options looks_options(const agent_config *config, unsigned index);
/* Loads `path` to run as the index-th model shall, and logs what came of it. */
vd_err looks_open(const agent_config *config, unsigned index, const char *path,
                  vd_model **ret_model, vd_why *why);
/* The same for one that is somebody else's, behind HTTP. */
vd_err looks_scorer(const agent_config *config, unsigned index, vd_model **ret_model, vd_why *why);
/* Logs what came of loading a model; NULL: it failed, see `why`. */
void looks_tell(const agent_config *config, unsigned index, const char *from, const vd_model *model,
                const vd_why *why);
/* Loads what cameras want and is not there; what failed is tried again after a while. The analysis
 * thread's, and before it starts. */
void looks_load(agent *a);
void looks_close(agent *a);
/* The lane's line-up knows the models that are there. Visits end when their classes no longer mean
 * what they meant. The analysis thread's, with model_use held. */
vd_err looks_ready(lane *l);
/* What a camera's classes are, with `main` as the main model (NULL: none). NULL words: no model is
 * there; not whole: one is missing, and its classes with it. model_use is held. */
vd_err looks_words(const agent *a, const agent_camera *camera, vd_model *main,
                   vd_vocabulary **ret_words, bool *ret_whole);

/* rulebook.c */
/* Reads the rules that hold for a camera: those of a list (each entry names its cameras or holds
 * for all) or of a map from camera to list, and those of its own entry. `words` may be NULL:
 * classes are not checked. After a failure, whose `why` is about the first wrong rule, those that
 * are good stand in `ret_rules`. */
vd_err rulebook_read(const vd_config_node *rules, const agent_camera *camera,
                     const vd_vocabulary *words, rule_set *ret_rules, vd_why *why);
/* Every rule of every camera; also names cameras that are not there. For --check-config. */
vd_err rulebook_check(const agent_config *config, vd_why *why);
/* check.c: every class that a rule names is one that the models of its cameras know. What could not
 * be checked, because a model is not there, is a line each in `ret_notes`. */
VD_MUST_USE vd_err agent_check_classes(const agent_config *config, vd_buf *ret_notes, vd_why *why);
/* Says in the log which rule of the file names a camera that nobody wants. With `wishes_use`. */
void rulebook_names(agent *a, const vd_config_node *rules);
/* What the file and the last word of the hub say; bad rules are left out, with the reason kept.
 * wishes_use is held. */
void rulebook_start(agent *a, lane *const *list, unsigned count);
/* The shape of vd_device_sink.rules. */
vd_err rulebook_from_hub(void *agent, vd_slice json, vd_why *why);

/* record.c */
vd_err recording_open(agent *a, vd_why *why);
vd_err recording_add(lane *l, vd_why *why);

/* arming.c */
/* Before the analysis starts: the site's time zone, what is armed, and what was seen before. */
vd_err arming_open(agent *a, bool hub, vd_why *why);
void arming_now(agent *a, int64_t utc_us, char into[VD_PROFILE_ROOM]); /* any thread */
void arming_members(agent *a, vd_json_w *w); /* for the twin; any thread */
/* The shape of vd_device_sink.arming. */
vd_err arming_wish(void *agent, vd_slice json, vd_why *why);

/* media.c */
vd_err media_start(agent *a, vd_why *why);
void media_stop(agent *a); /* before the recording goes */
void media_free(agent *a); /* after the link */
/* The shape of vd_device_sink.media. */
vd_err media_wish(void *agent, const vd_device_media *wish, vd_why *why);

/* watch.c */
vd_err watch_add(lane *l);
void watch_tick(agent *a); /* about once a second */
void watch_finish(agent *a);

/* wellness.c */
vd_err wellness_add(lane *l);
void wellness_picture(lane *l, vd_frame *frame, vd_camera *camera);
void wellness_tick(agent *a); /* about once a second */
void wellness_leave(lane *l); /* ends what is open, keeps the view */
void wellness_finish(agent *a);
void wellness_figures(const lane_list *all, vd_metrics *m);

/* sampling.c */
vd_err sampling_open(agent *a, vd_why *why);
/* The shape of vd_device_sink.sampling. */
vd_err sampling_wish(void *agent, vd_slice json, vd_why *why);

/* figures.c */
void figures_init(lane *l);
void figures_fill(agent *a, vd_metrics *m);

/* port.c */
void port_init(agent *a);
/* Alerts begin before the events do. */
vd_err port_alerts(agent *a, vd_why *why);
vd_err port_open(agent *a, vd_why *why);
/* Somebody's picture has its turn; model_use is held. `scratch` is the looker's. */
void port_turn(agent *a, vd_frame *frame, vd_detections *scratch);
void port_close(agent *a); /* nobody asks any more */
void port_done(agent *a);  /* after the events */
/* The local port and the alerts. For --check-config. */
vd_err port_check(const agent_config *config, vd_why *why);

/* yield.c */
/* The analysis thread's, before and after a picture. */
void yield_trigger(lane *l);
void yield_keep(lane *l);
/* The shape of vd_local_sink.trigger. */
vd_err yield_signal(void *agent, const char *camera, vd_why *why);
void yield_figures(agent *a, vd_metrics *m);
void yield_members(lane *l, vd_json_w *w); /* with the lock held */

/* report.c */
typedef struct {
    int64_t figures_us;             /* monotonic: when figures were told last */
    int64_t changed_us;             /* monotonic: when a state changed last */
    char states[AGENT_CAMERAS_MAX]; /* by number; 0: no camera */
    char profile[VD_PROFILE_ROOM];
    unsigned wishes_version;
    uint64_t failed;
} report_state;
void report_tick(agent *a, report_state *state);
void report_model(agent *a); /* any thread */
#endif

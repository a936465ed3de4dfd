/* cli_priv.h - one run of one verb. Single-threaded (analyze starts the stages' own threads).
 *
 *   main.c        finds the verb, reads its options, runs it, shows what went wrong
 *   verbs.c       the table of verbs: the source of help, man page and shell completion
 *   settings.c    what `vedette login` keeps
 *   api.c         requests to the hub
 *   output.c      tables for people; --json prints what the hub said
 */
#ifndef VEDETTE_CLI_PRIV_H
#define VEDETTE_CLI_PRIV_H
#include "prepare.h"
#include "vd/file.h"
#include "vd/json.h"
#include "vd/program.h"

#define API_BYTES      16777216 /* one JSON answer */
#define SETTING_ROOM   1024
#define VERB_OPTIONS   20
#define VERB_WORDS_MAX 2

typedef struct cli cli;
typedef struct {
    const char *words;     /* "incident list" */
    const char *arguments; /* "INCIDENT", "[DEVICE]", "" */
    unsigned least, most;  /* how many arguments */
    const char *brief;     /* one sentence without a dot */
    const char *details;   /* more for its help, or NULL */
    const vd_option *options;
    size_t option_count;
    vd_err (*run)(cli *c, vd_why *why);
} cli_verb;
#define CLI_VERBS_MAX 128
extern const cli_verb cli_verbs[];
extern const size_t cli_verb_count;

struct cli {
    const cli_verb *verb;
    vd_program program;
    vd_option options[VERB_OPTIONS];
    char name[64];
    char synopsis[128];
    vd_args args;
    bool json;
};
const char *cli_option(const cli *c, const char *name); /* NULL: not given */
const char *cli_argument(const cli *c, unsigned index);
/* A whole number from an option. */
vd_err cli_number(const cli *c, const char *name, uint64_t most, uint64_t *value, vd_why *why);
/* Fills the program that describes the verb; usable for help without running it. */
void cli_describe(cli *c, const cli_verb *verb);
/* The whole command line as one program: `vedette --help`, `vedette --man`. `text` holds the
 * description. */
vd_program cli_overview(vd_buf *text);

typedef struct {
    char hub[SETTING_ROOM], token[SETTING_ROOM], ca[SETTING_ROOM], user[SETTING_ROOM];
} settings;
/* From $VEDETTE_CLI_CONFIG or ~/.config/vedette/cli.yaml. VD_ABSENT: nobody has signed in. */
vd_err settings_load(settings *ret_settings, vd_why *why);
vd_err settings_save(const settings *s, char *ret_path, size_t room, vd_why *why);

typedef struct api api;
/* Uses the settings; VD_ABSENT with the hint to log in. */
vd_err api_open(api **ret_api, vd_why *why);
vd_err api_open_with(const settings *s, api **ret_api, vd_why *why);
api *api_free(api *a);
typedef api *api_ptr;
static inline void api_release(api **a)
{
    *a = api_free(*a);
}
VD_AUTO_DEFINE(api_ptr, api_release)
/* `body` empty: none. *ret_root is NULL for an empty answer. An error the hub explained becomes the
 * why; for a conflict *ret_root holds the whole answer too (otherwise untouched). */
vd_err api_call(api *a, const char *method, const char *path, vd_slice body, vd_json **ret_root,
                vd_why *why);
/* Appends the answer's body to the open file and counts its bytes. */
vd_err api_download(api *a, const char *path, vd_file *into, vd_why *why);
/* GET whatever it is; POST a file as it is, the answer's body into `into`. */
vd_err api_fetch(api *a, const char *path, vd_buf *into, vd_why *why);
vd_err api_send_file(api *a, const char *path, const char *file, vd_buf *into, vd_why *why);
/* Appends "/text" or "?name=text" percent-encoded. */
void path_add(vd_buf *path, const char *text);
void query_add(vd_buf *path, const char *name, const char *text); /* NULL text: nothing */

typedef struct {
    const char *title;
    const char *member; /* of each row; "a.b" reaches inside */
} column;
/* One row per item of the list; "-" for what is absent. */
void table_print(const vd_json *list, const column *columns, size_t count);
/* GET, then the rows of the answer's member, or the answer as it is with --json. */
vd_err list_show(const cli *c, const char *path, const char *member, const column *columns,
                 size_t count, vd_why *why);
/* name: value lines of one object. */
void fields_print(const vd_json *object, const column *columns, size_t count);
/* A finished JSON text: as it is, or its fields, or the rows of its member `list`. */
vd_err doc_print(const vd_buf *text, const column *columns, size_t count, bool json,
                 const char *list, vd_why *why);
void json_line(const vd_json *node); /* to stdout */
const vd_json *member_at(const vd_json *object, const char *dotted);

/* lab.c: a version's tar into the file that the first argument names. */
vd_err run_dataset_version_export(cli *c, const char *dataset, const char *format, vd_why *why);

/* model.c: --models, or where models usually are; a model's file by path or by name. */
const char *models_dir(const cli *c);
vd_err model_path_of(const cli *c, const char *name, char *into, size_t room, vd_why *why);
/* preview.c: what --chain says; ret_chain is left alone where it was not given. */
vd_err cli_chain(const cli *c, vd_chain_owner owner, vd_chain *ret_chain, vd_why *why);

vd_err run_login(cli *c, vd_why *why);
vd_err run_device_create(cli *c, vd_why *why);
vd_err run_device_list(cli *c, vd_why *why);
vd_err run_device_enable(cli *c, vd_why *why);
vd_err run_device_disable(cli *c, vd_why *why);
vd_err run_device_delete(cli *c, vd_why *why);
vd_err run_connection_string(cli *c, vd_why *why);
vd_err run_incident_list(cli *c, vd_why *why);
vd_err run_incident_show(cli *c, vd_why *why);
vd_err run_incident_acknowledge(cli *c, vd_why *why);
vd_err run_incident_resolve(cli *c, vd_why *why);
vd_err run_camera_list(cli *c, vd_why *why);
vd_err run_camera_show(cli *c, vd_why *why);
vd_err run_camera_discover(cli *c, vd_why *why);
vd_err run_camera_preset(cli *c, vd_why *why);
/* onvif.c: camera show for a camera that is asked itself */
bool is_onvif_address(const char *text);
vd_err onvif_show(cli *c, vd_why *why);
vd_err run_media_get(cli *c, vd_why *why);
vd_err run_media_list(cli *c, vd_why *why);
vd_err run_evidence_ask(cli *c, vd_why *why);
vd_err run_model_import(cli *c, vd_why *why);
vd_err run_model_quantize(cli *c, vd_why *why);
vd_err run_model_list(cli *c, vd_why *why);
vd_err run_model_show(cli *c, vd_why *why);
vd_err run_model_push(cli *c, vd_why *why);
vd_err run_model_pull(cli *c, vd_why *why);
vd_err run_model_lineage(cli *c, vd_why *why);
vd_err run_model_compare(cli *c, vd_why *why);
vd_err run_model_promote(cli *c, vd_why *why);
vd_err run_model_retire(cli *c, vd_why *why);
/* of the hub (--hub), called by the two above */
vd_err hub_model_list(cli *c, vd_why *why);
vd_err hub_model_show(cli *c, vd_why *why);
vd_err run_score(cli *c, vd_why *why);
vd_err run_preview(cli *c, vd_why *why);
vd_err run_rules_replay(cli *c, vd_why *why);
vd_err run_model_evaluate(cli *c, vd_why *why);
vd_err run_report_compare(cli *c, vd_why *why);
vd_err run_run_list(cli *c, vd_why *why);
vd_err run_run_show(cli *c, vd_why *why);
vd_err run_run_cancel(cli *c, vd_why *why);
vd_err run_run_start(cli *c, vd_why *why);
vd_err run_dataset_export(cli *c, vd_why *why);
vd_err run_dataset_import(cli *c, vd_why *why);
vd_err run_dataset_list(cli *c, vd_why *why);
vd_err run_dataset_create(cli *c, vd_why *why);
vd_err run_dataset_show(cli *c, vd_why *why);
vd_err run_dataset_diff(cli *c, vd_why *why);
vd_err run_pool_list(cli *c, vd_why *why);
vd_err run_pool_label(cli *c, vd_why *why);
vd_err run_rollout_start(cli *c, vd_why *why);
vd_err run_rollout_list(cli *c, vd_why *why);
vd_err run_rollout_show(cli *c, vd_why *why);
vd_err run_rollout_halt(cli *c, vd_why *why);
vd_err run_rollout_resume(cli *c, vd_why *why);
vd_err run_rollout_return(cli *c, vd_why *why);
vd_err run_release_key(cli *c, vd_why *why);
vd_err run_analyze(cli *c, vd_why *why);
vd_err run_completion(cli *c, vd_why *why);
#endif

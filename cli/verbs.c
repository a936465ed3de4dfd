/* verbs.c - every verb once; help, man page and completion are made from this table. */
#include <stdio.h>

#include "cli_priv.h"

#define OPTIONS(list) list, VD_COUNT_OF(list)
#define NO_OPTIONS    NULL, 0

static const vd_option json_option = { "json", 0, NULL, "Print JSON for programs.", false };

static const vd_option login_options[] = {
    { "hub", 0, "URL", "The hub's address, https://localhost:8443 when left out.", false },
    { "user", 'u', "NAME", "Who signs in; asked for when left out.", false },
    { "ca", 0, "FILE", "The authority that signed the hub's certificate (PEM).", false },
    { "password-file", 0, "FILE",
      "Reads the password from FILE ('-': standard input) instead of asking.", false },
};
static const vd_option incident_list_options[] = {
    { "state", 0, "STATES", "Only these: open, acknowledged, resolved (comma-separated).", false },
    { "camera", 0, "CAMERA", "Only this camera.", false },
    { "device", 0, "DEVICE", "Only this device.", false },
    { "rule", 0, "RULE", "Only this rule.", false },
    { "severity", 0, "SEVERITY", "Only this severity.", false },
    { "verdict", 0, "VERDICT", "Only resolved with this verdict.", false },
    { "search", 'q', "TEXT", "Text in title, camera, rule or notes.", false },
    { "since", 0, "TIME", "Started at or after this time (RFC 3339).", false },
    { "until", 0, "TIME", "Started before this time (RFC 3339).", false },
    { "limit", 'n', "COUNT", "At most so many, 50 when left out.", false },
};
static const vd_option media_get_options[] = {
    { "out", 'o', "FILE", "Where the MP4 goes; left at the hub when left out.", false },
    { "wait", 0, "SECONDS", "Wait for the device so long, 120 when left out.", false },
};
static const vd_option onvif_options[] = {
    { "user", 'u', "NAME", "Who signs in at the camera; nobody when left out.", false },
    { "password-file", 0, "FILE", "Whose first line is the password; mode 0600.", false },
    { "onvif-host", 0, "HOST", "One more host that the camera's answers may name.", false },
    { "camera-ca", 0, "FILE", "https: who signed its certificate, beside the system's.", false },
    { "fingerprint", 0, "SHA256", "https: its certificate alone, as sha256:...", false },
    { "insecure", 0, NULL, "https: any certificate; who is between sees all.", false },
};
static const vd_option discover_options[] = {
    { "wait", 0, "SECONDS", "Listen so long, 3 when left out.", false },
};
static const vd_option acknowledge_options[] = {
    { "version", 0, "N", "Refuse if the incident is not at this version any more.", false },
};
static const vd_option resolve_options[] = {
    { "verdict", 0, "VERDICT",
      "true, false_alarm, wrong_class, duplicate or not_actionable; needed.", false },
    { "note", 0, "TEXT", "What should be remembered.", false },
    { "version", 0, "N", "Refuse if the incident is not at this version any more.", false },
};
static const vd_option rollout_start_options[] = {
    { "where", 'w', "CONDITION",
      "Which devices, as tags.site = 'north' AND NOT tags.line IN [3, 4]; * is every device. "
      "Needed.",
      false },
    { "canary", 0, "DEVICE", "Goes first; the first that is connected when left out.", false },
    { "soak", 0, "SECONDS", "How long each stage must run well; as the hub is configured.", false },
    { "false-alarm-limit", 0, "SHARE",
      "How far the share of false alarms may rise; 0.1 when left out.", false },
    { "stages", 0, "PERCENTS", "After the canary; 10,50,100 when left out.", false },
    { "note", 0, "TEXT", "What should be remembered.", false },
};
static const vd_option rollout_list_options[] = {
    { "state", 0, "STATES",
      "Only these: canary, stages, done, halted, returned, superseded (comma-separated).", false },
    { "limit", 'n', "COUNT", "At most so many, 50 when left out.", false },
};
static const vd_option rollout_step_options[] = {
    { "note", 0, "TEXT", "What should be remembered.", false },
};
static const vd_option replay_options[] = {
    { "against", 0, "FILE", "The rules as they were; left out: every alarm is a gain.", false },
    { "detections", 0, "DIR",
      "Where the agent keeps them, its state_dir/detections; /var/lib/vedette/detections when left "
      "out.",
      false },
    { "camera", 0, "CAMERA", "Only this camera.", false },
    { "since", 0, "DURATION", "How far back, such as 12h or 3d; 3d when left out.", false },
    { "time-zone", 0, "ZONE", "What hours are meant in when FILE does not say; UTC.", false },
};
static const vd_option list_options[] = {
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
    { "hub", 0, NULL, "The models that the hub has registered.", false },
    { "name", 0, "NAME", "With --hub: only the versions of this name.", false },
};
static const vd_option show_options[] = {
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
    { "hub", 0, NULL, "A model of the hub: NAME, NAME:vN or a digest.", false },
};
static const vd_option push_options[] = {
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
    { "name", 0, "NAME", "Its name in the registry; the descriptor's when left out.", false },
    { "picture", 0, "FILE", "A picture on which devices prove the model; up to 8.", true },
    { "dataset", 0, "DIGEST", "The dataset it was trained with.", false },
    { "parent", 0, "DIGEST", "The model it came from.", false },
    { "note", 0, "TEXT", "What should be remembered.", false },
};
static const vd_option pull_options[] = {
    { "out", 'o', "DIR", "Where to put it: the folder of --models when left out.", false },
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
};
static const vd_option compare_options[] = {
    { "dataset", 0, "DIGEST", "On whose test split; needed.", false },
    { "champion", 0, "DIGEST", "Against this model; the name's champion when left out.", false },
};
static const vd_option promote_options[] = {
    { "dataset", 0, "DIGEST", "Compared on this dataset; the newest common one when left out.",
      false },
    { "force", 0, NULL, "Past the gate; needs --reason, and both are kept.", false },
    { "reason", 0, "TEXT", "Why.", false },
};
static const vd_option retire_options[] = {
    { "reason", 0, "TEXT", "Why; needed.", false },
};
static const vd_option score_options[] = {
    { "model", 'm', "MODEL", "A name or digest; the newest champion when left out.", false },
    { "confidence", 0, "SCORE", "0 to 1; the model's own threshold when left out.", false },
    { "object", 0, "CLASS", "Only this class.", false },
    { "annotate", 0, "FILE", "Writes the picture with the boxes drawn in (JPEG) instead.", false },
};
static const vd_option preview_options[] = {
    { "chain", 0, "CHAIN", "The steps, as text or a file; see docs/preprocessing.md.", false },
    { "model", 'm', "MODEL", "A model, by file or name: shows what it is given and finds.", false },
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
    { "out", 'o', "FILE", "The JPEG to write; preview.jpg when left out.", false },
    { "width", 0, "PIXELS", "Of each side; 640 when left out.", false },
};
static const vd_option import_options[] = {
    { "out", 'o', "DIR", "Where to put it: the folder of --models when left out.", false },
    { "name", 0, "NAME", "The model's name; its file's when left out.", false },
    { "descriptor", 0, "FILE", "A finished descriptor to put beside it.", false },
    { "labels", 0, "FILE", "Class names, one a line.", false },
    { "outputs", 0, "NAMES", "Outputs to keep, separated by commas.", false },
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
};
static const vd_option quantize_options[] = {
    { "pictures", 0, "DIR",
      "JPEG files like those the model will see: every other one calibrates, the rest judge.",
      false },
    { "chain", 0, "CHAIN",
      "The chain of the camera that they are from: YAML, or a file; the model's own always holds.",
      false },
    { "budget", 0, "POINTS", "What may be lost, in points of 100; 1 when left out.", false },
    { "ranges", 0, "HOW", "mse (default), min-max or percentile.", false },
    { "threads", 0, "N", "Threads of one inference; 0, or left out: as many as cores.", false },
    { "out", 'o', "DIR", "Where to put it: the folder of --models when left out.", false },
    { "name", 0, "NAME", "The new model's name; the old one's with -int8 when left out.", false },
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
};
static const vd_option pool_list_options[] = {
    { "label", 0, "STATES", "none, proposed, labelled, reviewed; separated by commas.", false },
    { "source", 0, "SOURCE", "incident, sample or import.", false },
    { "reason", 0, "REASON", "Why it is in the pool.", false },
    { "device", 0, "DEVICE", "Of this device.", false },
    { "camera", 0, "CAMERA", "Of this camera.", false },
    { "class", 0, "CLASS", "Labelled or proposed.", false },
    { "order", 0, "ORDER", "teach (what teaches most first) or new.", false },
    { "limit", 0, "N", "At most so many; 50 when left out.", false },
};
static const vd_option pool_label_options[] = {
    { "boxes", 0, "BOXES", "'class:left,top,width,height;...', parts of the picture.", false },
    { "class", 0, "CLASS", "Of the whole picture.", false },
    { "version", 0, "N", "The version you saw; the newest when left out.", false },
};
static const vd_option dataset_list_options[] = {
    { "name", 0, "NAME", "Only versions of this name.", false },
};
static const vd_option dataset_create_options[] = {
    { "task", 0, "TASK", "detection (when left out) or classification.", false },
    { "seed", 0, "N", "Decides between equal splits; 1 when left out.", false },
    { "block", 0, "SECONDS", "Length of a group; 60 when left out.", false },
    { "classes", 0, "CLASSES", "Only these, separated by commas.", false },
    { "cameras", 0, "CAMERAS", "Only these (device/camera), separated by commas.", false },
    { "reviewed", 0, NULL, "Only what a second person agreed with.", false },
};
static const vd_option dataset_import_options[] = {
    { "format", 0, "FORMAT", "coco (when left out) or yolo.", false },
    { "camera", 0, "CAMERA", "Of pictures that name none.", false },
};
static const vd_option export_options[] = {
    { "dataset", 0, "DIGEST", "A version, as one tar; labelled items when left out.", false },
    { "format", 0, "FORMAT", "coco, or for a version yolo.", false },
    { "verdict", 0, "VERDICT", "Only items with this verdict.", false },
};
static const vd_option analyze_options[] = {
    { "model", 'm', "FILE", "The model; the default model when left out.", false },
    { "models", 0, "DIR", "Where the default model is.", false },
    { "rules", 0, "FILE", "Rules (YAML) whose events are wanted.", false },
    { "detections", 0, "FILE", "Writes a line of JSON a frame.", false },
    { "tracks", 0, "FILE", "Writes the tracks in MOT Challenge text form.", false },
    { "track-score", 0, "SCORE",
      "Writes only tracks that reached this score at least once; 0.5 when left out.", false },
    { "events", 0, "FILE", "Writes the events as the hub would get them.", false },
    { "max-fps", 0, "FPS", "Looks at no more pictures a second of the video than this.", false },
    { "threads", 0, "N", "Inference threads, as many as cores when left out.", false },
};

static const vd_option evaluate_options[] = {
    { "model", 'm', "MODEL", "The model: its file, or a name.", false },
    { "models", 0, "DIR", "Where models are: ./var/models, else /var/lib/vedette/models.", false },
    { "dataset", 0, "FILE", "The dataset's manifest; needed.", false },
    { "pictures", 0, "DIR", "The pictures, named by their SHA-256.", false },
    { "split", 0, "SPLIT", "train, val or test; test when left out.", false },
    { "score", 0, "SCORE", "The working threshold; the model's own when left out.", false },
    { "from", 0, "FILE", "Detections made before (JSON lines), instead of a model.", false },
    { "detections", 0, "FILE", "Writes the detections as JSON lines.", false },
    { "out", 'o', "FILE", "Writes the report.", false },
    { "threads", 0, "N", "Inference threads, as many as cores when left out.", false },
};
static const vd_option report_options[] = {
    { "confidence", 0, "SHARE", "0.8 to 0.999; 0.95 when left out.", false },
    { "margin", 0, "SHARE",
      "How much mAP50 may be lost for fewer false alarms; 0.005 when left out.", false },
};
static const vd_option run_list_options[] = {
    { "kind", 0, "KIND", "Only train, evaluate or quantize.", false },
    { "state", 0, "STATES", "Only these: queued, leased, done, failed, cancelled.", false },
    { "dataset", 0, "DIGEST", "Only on this dataset.", false },
    { "limit", 'n', "COUNT", "At most so many, 50 when left out.", false },
};
static const vd_option run_start_options[] = {
    { "dataset", 0, "DIGEST", "The dataset; needed.", false },
    { "model", 'm', "DIGEST", "The registered model to begin with; needed.", false },
    { "descriptor", 0, "DIGEST", "Its descriptor; the registry's when left out.", false },
    { "split", 0, "SPLIT", "What it is measured on; test when left out.", false },
    { "name", 0, "NAME", "A name for people.", false },
    { "set", 0, "NAME=VALUE", "Any member of the configuration: epochs=30, seed=7.", true },
};

const cli_verb cli_verbs[] = {
    { "login", "", 0, 0, "sign in to a hub and remember it",
      "The address, the authority and a token go to $VEDETTE_CLI_CONFIG or "
      "~/.config/vedette/cli.yaml (mode 0600); the password is not kept.",
      OPTIONS(login_options), run_login },
    { "device create", "DEVICE", 1, 1, "create a device identity", NULL, NO_OPTIONS,
      run_device_create },
    { "device list", "", 0, 0, "list device identities", NULL, NO_OPTIONS, run_device_list },
    { "device enable", "DEVICE", 1, 1, "let a device connect again", NULL, NO_OPTIONS,
      run_device_enable },
    { "device disable", "DEVICE", 1, 1, "disconnect a device and refuse it", NULL, NO_OPTIONS,
      run_device_disable },
    { "device delete", "DEVICE", 1, 1, "delete an identity; its history stays", NULL, NO_OPTIONS,
      run_device_delete },
    { "connection-string", "[DEVICE]", 0, 1, "print a device's connection string, or the service's",
      NULL, NO_OPTIONS, run_connection_string },
    { "incident list", "", 0, 0, "list incidents, newest first", NULL,
      OPTIONS(incident_list_options), run_incident_list },
    { "incident show", "INCIDENT", 1, 1, "show one incident with its history", NULL, NO_OPTIONS,
      run_incident_show },
    { "incident acknowledge", "INCIDENT", 1, 1, "say that you are on it", NULL,
      OPTIONS(acknowledge_options), run_incident_acknowledge },
    { "incident resolve", "INCIDENT", 1, 1, "close an incident with a verdict", NULL,
      OPTIONS(resolve_options), run_incident_resolve },
    { "camera list", "", 0, 0, "list the cameras of all devices", NULL, NO_OPTIONS,
      run_camera_list },
    { "camera show", "DEVICE CAMERA", 1, 2,
      "show one camera (DEVICE CAMERA or DEVICE/CAMERA), or ask one by ONVIF (ADDRESS)",
      "With an address alone the camera there is asked itself, without a hub: what it is, its "
      "clock, "
      "its streams (* is kept, + is looked at). ADDRESS is 10.0.0.7, 10.0.0.7:8000 or "
      "http://10.0.0.7/path.",
      OPTIONS(onvif_options), run_camera_show },
    { "camera discover", "[ADDRESS]", 0, 1, "list the ONVIF cameras on this machine's networks",
      "Asks by WS-Discovery and listens. With ADDRESS only that host is asked, as where the "
      "network "
      "carries no multicast.",
      OPTIONS(discover_options), run_camera_discover },
    { "camera preset", "ADDRESS [PRESET]", 1, 2,
      "list an ONVIF camera's presets, or turn it to one (name or token)", NULL,
      OPTIONS(onvif_options), run_camera_preset },
    { "media get", "DEVICE CAMERA FROM TO", 4, 4,
      "ask a device for a range of a camera's recording and wait for it",
      "FROM and TO are times such as 2026-11-21T14:02:00Z, 30 minutes apart at most. The device "
      "sends what it still has of it, from the key frame before FROM on.",
      OPTIONS(media_get_options), run_media_get },
    { "media list", "DEVICE CAMERA", 2, 2, "list the ranges that were asked for", NULL, NO_OPTIONS,
      run_media_list },
    { "evidence ask", "DIGEST", 1, 1, "ask a device for evidence that it holds back",
      "The upload policy of a device may hold evidence back; `vedette incident show` tells.",
      NO_OPTIONS, run_evidence_ask },
    { "model import", "MODEL", 1, 1, "convert a TensorFlow.js or TFLite model into a model to run",
      "MODEL is the .json file, its weights beside it, or a .tflite file. An operation that is not "
      "known is refused by name and nothing is written.",
      OPTIONS(import_options), run_model_import },
    { "model list", "", 0, 0, "list the models of a folder, or of the hub", NULL,
      OPTIONS(list_options), run_model_list },
    { "model show", "MODEL", 1, 1, "load a model and show what it is, or show the hub's", NULL,
      OPTIONS(show_options), run_model_show },
    { "model push", "MODEL", 1, 1, "register a model of a folder with the hub",
      "MODEL is NAME.onnx, with NAME.model.yaml beside it. The hub loads it, runs it on the "
      "pictures, signs it and gives it a version.",
      OPTIONS(push_options), run_model_push },
    { "model pull", "MODEL", 1, 1, "fetch a registered model into a folder",
      "MODEL is NAME (its champion, or its newest version), NAME:vN or a digest. The hub's "
      "signature and every digest are checked; nothing is written unless all fit.",
      OPTIONS(pull_options), run_model_pull },
    { "model lineage", "THING", 1, 1, "show what was before and after a model",
      "THING is a model, or the digest of a picture or a dataset, or the id of a run.", NO_OPTIONS,
      run_model_lineage },
    { "model compare", "MODEL", 1, 1, "start the runs that measure a model and the champion", NULL,
      OPTIONS(compare_options), run_model_compare },
    { "model promote", "MODEL", 1, 1, "make a model the champion of its name",
      "The gate must find it better than the champion.", OPTIONS(promote_options),
      run_model_promote },
    { "model retire", "MODEL", 1, 1, "take a model out of use", NULL, OPTIONS(retire_options),
      run_model_retire },
    { "preview", "PICTURE", 1, 1, "show what a chain of steps makes of a picture, side by side",
      "A file (JPEG, PNG, BMP), or DEVICE/CAMERA for a camera's picture of now. Left as it is, "
      "with "
      "what --model finds in it, right as the model is given it. With --model the chain is the "
      "camera's, and the model's own follows.",
      OPTIONS(preview_options), run_preview },
    { "score", "PICTURE", 1, 1, "show what a model of the hub sees in a picture",
      "JPEG, PNG or BMP. The answer names the model and its digest.", OPTIONS(score_options),
      run_score },
    { "model quantize", "MODEL", 1, 1, "make a model smaller and faster with 8-bit integers",
      "Layers that hurt stay float, until the new model agrees with the old one but for --budget "
      "points; otherwise it is refused and nothing is written.",
      OPTIONS(quantize_options), run_model_quantize },
    { "pool list", "", 0, 0, "list pictures of the pool, what teaches most first", NULL,
      OPTIONS(pool_list_options), run_pool_list },
    { "pool label", "PICTURE VERDICT", 2, 2, "say what is in a picture",
      "VERDICT is objects (with --boxes or --class), nothing or unusable.",
      OPTIONS(pool_label_options), run_pool_label },
    { "dataset create", "NAME", 1, 1, "freeze what is labelled now into a version",
      "What is weak in it is told as warnings. The same selection again is the same version.",
      OPTIONS(dataset_create_options), run_dataset_create },
    { "dataset list", "", 0, 0, "list dataset versions, newest first", NULL,
      OPTIONS(dataset_list_options), run_dataset_list },
    { "dataset show", "DATASET", 1, 1, "show a version: splits, classes, uses, warnings", NULL,
      NO_OPTIONS, run_dataset_show },
    { "dataset diff", "FROM TO", 2, 2, "show what changed between two versions", NULL, NO_OPTIONS,
      run_dataset_diff },
    { "dataset import", "ARCHIVE", 1, 1, "put pictures with labels into the pool",
      "ARCHIVE is a tar or zip of COCO or YOLO; pictures that are refused are named, the others go "
      "in.",
      OPTIONS(dataset_import_options), run_dataset_import },
    { "dataset export", "DIR", 1, 1, "write labelled pictures as a dataset",
      "Writes DIR/images and DIR/annotations.json; DIR appears only when it is whole. With "
      "--dataset writes one tar instead, to the file DIR.",
      OPTIONS(export_options), run_dataset_export },
    { "model evaluate", "", 0, 0, "measure a model on a split of a dataset",
      "AP by the COCO definition, classes, cameras, worst pictures. --json prints the whole "
      "report.",
      OPTIONS(evaluate_options), run_model_evaluate },
    { "report compare", "CHAMPION CHALLENGER", 2, 2,
      "say whether one report is better than another",
      "Both are files that 'vedette model evaluate --out' wrote, on the same dataset and split. "
      "Paired bootstrap over groups of neighbouring pictures.",
      OPTIONS(report_options), run_report_compare },
    { "run list", "", 0, 0, "list runs of the hub, newest first", NULL, OPTIONS(run_list_options),
      run_run_list },
    { "run show", "RUN", 1, 1, "show one run: how far it is, what it says, what it left", NULL,
      NO_OPTIONS, run_run_show },
    { "run start", "KIND", 1, 1, "put a run into the hub's queue: train, evaluate or quantize",
      "A worker (vedette-trainer) takes it.", OPTIONS(run_start_options), run_run_start },
    { "run cancel", "RUN", 1, 1, "stop a run", NULL, NO_OPTIONS, run_run_cancel },
    { "rollout start", "MODEL", 1, 1, "bring a registered model to devices, one first",
      "MODEL is the digest of its weights. The first device proves it; then the stages follow. A "
      "device that fails, or more false alarms than before, halts it and gives the former model "
      "back.",
      OPTIONS(rollout_start_options), run_rollout_start },
    { "rollout list", "", 0, 0, "list rollouts, newest first", NULL, OPTIONS(rollout_list_options),
      run_rollout_list },
    { "rollout show", "ROLLOUT", 1, 1, "show one rollout, each device and the history", NULL,
      NO_OPTIONS, run_rollout_show },
    { "rollout halt", "ROLLOUT", 1, 1, "let no further device have it", NULL,
      OPTIONS(rollout_step_options), run_rollout_halt },
    { "rollout resume", "ROLLOUT", 1, 1, "go on, from the canary", NULL,
      OPTIONS(rollout_step_options), run_rollout_resume },
    { "rollout return", "ROLLOUT", 1, 1, "give every device its former model back", NULL,
      OPTIONS(rollout_step_options), run_rollout_return },
    { "release-key", "", 0, 0, "print the key that releases are signed with",
      "For hub.release_key in an agent's configuration.", NO_OPTIONS, run_release_key },
    { "rules replay", "FILE", 1, 1, "show what changed rules would have said of the last days",
      "FILE is an agent's configuration, a list of rules, or a map from camera to list. The rules "
      "run over the detections that the agent kept; + is an alarm gained, - one lost against "
      "--against.",
      OPTIONS(replay_options), run_rules_replay },
    { "analyze", "VIDEO", 1, 1, "run the agent's own stages over a video file",
      "Every picture once, as fast as possible. Detections: a line a frame, frames from 1, boxes "
      "x, y, w, h in pixels, every detection above score 0.05. Tracks: frame,id,left,top,width,"
      "height,score,-1,-1,-1.",
      OPTIONS(analyze_options), run_analyze },
    { "completion", "SHELL", 1, 1, "print shell completion for bash, zsh or fish",
      "bash: source <(vedette completion bash)", NO_OPTIONS, run_completion },
};
const size_t cli_verb_count = VD_COUNT_OF(cli_verbs);
_Static_assert(VD_COUNT_OF(cli_verbs) <= CLI_VERBS_MAX, "more verbs than main.c has room for");

void cli_describe(cli *c, const cli_verb *verb)
{
    *c = (cli){ .verb = verb };
    snprintf(c->name, sizeof c->name, "vedette %s", verb->words);
    snprintf(c->synopsis, sizeof c->synopsis, "%s%s[options]", verb->arguments,
             verb->arguments[0] ? " " : "");
    for (size_t i = 0; i < verb->option_count; i++) c->options[i] = verb->options[i];
    c->options[verb->option_count] = json_option;
    c->program = (vd_program){ .name = c->name,
                               .brief = verb->brief,
                               .synopsis = c->synopsis,
                               .description = verb->details,
                               .options = c->options,
                               .option_count = verb->option_count + 1,
                               .man_section = 1 };
}

static void describe_verb(vd_buf *text, const cli_verb *verb)
{
    vd_buf_addf(text, "vedette %s%s%s\n    %s.\n", verb->words, verb->arguments[0] ? " " : "",
                verb->arguments, verb->brief);
    for (size_t i = 0; i < verb->option_count; i++) {
        const vd_option *option = &verb->options[i];
        vd_buf_addf(text, "      --%s%s%s  %s\n", option->name, option->value ? " " : "",
                    option->value ? option->value : "", option->help);
    }
}

vd_program cli_overview(vd_buf *text)
{
    static const vd_option own[] = {
        { "json", 0, NULL, "Every verb prints JSON for programs with it.", false },
    };

    vd_buf_add_str(text, "Verbs (vedette VERB --help tells all about one):\n\n");
    for (size_t i = 0; i < cli_verb_count; i++) {
        describe_verb(text, &cli_verbs[i]);
        vd_buf_add_str(text, "\n");
    }
    return (vd_program){
        .name = "vedette",
        .brief = "operate a Vedette hub, and its stages, from the command line",
        .synopsis = "VERB [arguments] [--json]",
        .description = text->data,
        .options = own,
        .option_count = VD_COUNT_OF(own),
        .files = "~/.config/vedette/cli.yaml, or what $VEDETTE_CLI_CONFIG names: the hub's address "
                 "and the token of the last login (mode 0600).",
        .see_also = "vedette-hub(8), vedette-agent(8)",
        .man_section = 1,
    };
}

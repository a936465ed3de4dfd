#include "model_priv.h"

#include "decode_priv.h"
#include "provider_priv.h"
#include "scorer_priv.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "limits.h"

#define NAME_ROOM    256
#define LABELS_BYTES (256u << 10) /* of a scorer's names */

struct vd_model {
    const ort *ort;
    model_descriptor descriptor;
    decoder decoder;
    vd_digest digest;
    OrtSession *session;
    float *tensor; /* the input's memory */
    OrtValue *input;
    char input_name[NAME_ROOM];
    char output_name[ROLES][NAME_ROOM];
    unsigned output_count;
    output_role role[ROLES]; /* of the i-th output asked for */
    vd_provider provider;
    vd_why provider_why; /* why it is not the one asked for */
    model_looks looks;
    atomic_uint_fast64_t runs, failures;
    atomic_int_fast64_t busy_us;
    remote *remote; /* somebody else's model: everything above but names is empty */
};

/* "x.onnx" -> "x.model.yaml"; a descriptor's own path stays. */
static vd_err descriptor_path(const char *path, char *into, size_t room, vd_why *why)
{
    size_t len = strlen(path);
    bool onnx = len > 5 && strcmp(path + len - 5, ".onnx") == 0;
    int used = snprintf(into, room, "%.*s%s", (int)(onnx ? len - 5 : len), path,
                        onnx ? ".model.yaml" : "");
    if (used < 0 || (size_t)used >= room)
        return vd_fail(why, VD_INVALID, "the path of the model is too long");
    return VD_OK;
}

/* The descriptor's `file`, beside it. */
static vd_err model_path(const char *descriptor, const char *file, char *into, size_t room,
                         vd_why *why)
{
    const char *slash = strrchr(descriptor, '/');
    int folder = slash ? (int)(slash - descriptor) + 1 : 0;
    struct stat status;
    int used = snprintf(into, room, "%.*s%s", folder, descriptor, file);
    if (used < 0 || (size_t)used >= room)
        return vd_fail(why, VD_INVALID, "the path of the model is too long");
    if (stat(into, &status)) return vd_fail_errno(why, "the model '%.100s' is not there", into);
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > VD_LIMIT_MODEL_BYTES)
        return vd_fail(why, VD_INVALID, "the model '%.100s' is no file of at most 1 GiB", into);
    return VD_OK;
}

static vd_err make_session(vd_model *m, const char *path, const vd_model_options *options,
                           vd_provider provider, vd_why *why)
{
    const OrtApi *api = m->ort->api;
    OrtSessionOptions *session_options = NULL;
    vd_err err = ort_check(m->ort, api->CreateSessionOptions(&session_options), VD_FULL,
                           "preparing the model", why);
    if (err) return err;
    const char *spin = options->spin ? "1" : "0";
    OrtStatus *status = api->SetIntraOpNumThreads(session_options, options->threads);
    if (!status) status = api->SetInterOpNumThreads(session_options, 1);
    if (!status) status = api->SetSessionGraphOptimizationLevel(session_options, ORT_ENABLE_ALL);
    if (!status)
        status =
            api->AddSessionConfigEntry(session_options, "session.intra_op.allow_spinning", spin);
    if (!status)
        status =
            api->AddSessionConfigEntry(session_options, "session.inter_op.allow_spinning", "0");
    err = ort_check(m->ort, status, VD_FULL, "preparing the model", why);
    if (!err) err = provider_add(m->ort, provider, options->threads, session_options, why);
    if (!err)
        err = ort_check(m->ort, api->CreateSession(m->ort->env, path, session_options, &m->session),
                        VD_INVALID, "loading the model", why);
    if (err == VD_INVALID)
        vd_why_hint(why, "it is cut short, no ONNX model, or made for a newer ONNX Runtime: fetch "
                         "it again, or export it with an older opset");
    api->ReleaseSessionOptions(session_options);
    return err;
}

/* The name of the index-th input or output; false when there is none. */
static bool name_at(const vd_model *m, bool output, size_t index, char into[NAME_ROOM])
{
    const OrtApi *api = m->ort->api;
    OrtAllocator *allocator = NULL;
    char *name = NULL;
    size_t count = 0;
    OrtStatus *status = api->GetAllocatorWithDefaultOptions(&allocator);
    if (!status)
        status = output ? api->SessionGetOutputCount(m->session, &count)
                        : api->SessionGetInputCount(m->session, &count);
    if (!status && index < count)
        status = output ? api->SessionGetOutputName(m->session, index, allocator, &name)
                        : api->SessionGetInputName(m->session, index, allocator, &name);
    api->ReleaseStatus(status);
    bool found = name && vd_slice_to_chars(vd_slice_str(name), into, NAME_ROOM);
    if (name) api->ReleaseStatus(api->AllocatorFree(allocator, name));
    return found;
}

/* Finds `wanted` (NULL: the first) among inputs or outputs; lists what there is when it is not. */
static vd_err find_name(const vd_model *m, bool output, const char *wanted, size_t *ret_index,
                        char into[NAME_ROOM], vd_why *why)
{
    VD_AUTO(vd_buf) list = VD_BUF(256);
    const char *kind = output ? "output" : "input";
    for (size_t i = 0; name_at(m, output, i, into); i++) {
        if (!wanted || strcmp(wanted, into) == 0) {
            *ret_index = i;
            return VD_OK;
        }
        if (!vd_buf_addf(&list, "%s'%.60s'", i ? ", " : "", into)) break;
    }
    vd_fail(why, VD_INVALID, "the model has no %s '%.80s'", kind, wanted ? wanted : "");
    vd_why_detail(why, "it has %s", list.len ? list.data : "none");
    vd_why_hint(why, "correct '%s' in the model's descriptor", kind);
    return VD_INVALID;
}

static void read_info(const vd_model *m, const OrtTensorTypeAndShapeInfo *info,
                      ONNXTensorElementDataType *type, decode_tensor *shape)
{
    const OrtApi *api = m->ort->api;
    size_t rank = 0;
    *type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    OrtStatus *status = api->GetTensorElementType(info, type);
    if (!status) status = api->GetDimensionsCount(info, &rank);
    if (!status && rank <= DECODE_RANK_MAX) status = api->GetDimensions(info, shape->dim, rank);
    shape->rank = status || rank > DECODE_RANK_MAX ? -1 : (int)rank;
    api->ReleaseStatus(status);
}

/* Whether three channels may be meant, wherever they stand. */
static bool takes_colour(const decode_tensor *have)
{
    return have->dim[1] < 0 || have->dim[1] == 3 || have->dim[3] < 0 || have->dim[3] == 3;
}

/* The graph's input must take what the descriptor makes; open sizes (-1) take anything. */
static vd_err check_input_shape(const vd_model *m, ONNXTensorElementDataType type,
                                const decode_tensor *have, vd_why *why)
{
    const vd_tensor_spec *t = &m->descriptor.tensor;
    bool nchw = t->layout == VD_LAYOUT_NCHW;
    int64_t want[4] = { 1, nchw ? 3 : t->height_px, nchw ? t->height_px : t->width_px,
                        nchw ? t->width_px : 3 };
    bool fits = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && have->rank == 4;
    for (int i = 0; i < 4 && fits; i++) fits = have->dim[i] < 0 || have->dim[i] == want[i];
    if (fits) return VD_OK;
    vd_fail(why, VD_INVALID, "the model's input does not fit its descriptor");
    if (have->rank == 4)
        vd_why_detail(why,
                      "'%.60s' takes [%lld,%lld,%lld,%lld]%s, the descriptor makes "
                      "[1,%lld,%lld,%lld] floats",
                      m->input_name, (long long)have->dim[0], (long long)have->dim[1],
                      (long long)have->dim[2], (long long)have->dim[3],
                      type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ? "" : " of another type",
                      (long long)want[1], (long long)want[2], (long long)want[3]);
    else
        vd_why_detail(why, "'%.60s' has %d dimensions, a picture has 4", m->input_name, have->rank);
    if (have->rank == 4 && !takes_colour(have))
        vd_why_hint(why, "a picture has 3 channels: export the model for colour pictures, without "
                         "depth, alpha or several pictures in one");
    else
        vd_why_hint(why, "correct 'layout' and 'size' under 'input' in the model's descriptor; "
                         "pictures go in as [1,3,height,width] or [1,height,width,3] floats");
    return VD_INVALID;
}

static vd_err check_input(vd_model *m, vd_why *why)
{
    const OrtApi *api = m->ort->api;
    size_t index, count = 0;
    vd_err err = find_name(m, false, m->descriptor.input, &index, m->input_name, why);
    if (err) return err;
    api->ReleaseStatus(api->SessionGetInputCount(m->session, &count));
    if (count != 1)
        return vd_fail(why, VD_INVALID, "the model has %zu inputs; one picture is supported",
                       count);
    OrtTypeInfo *type_info = NULL;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    decode_tensor shape = { .rank = -1 };
    OrtStatus *status = api->SessionGetInputTypeInfo(m->session, index, &type_info);
    if (!status) status = api->CastTypeInfoToTensorInfo(type_info, &info);
    if (!status && info) read_info(m, info, &type, &shape);
    if (type_info) api->ReleaseTypeInfo(type_info);
    err = ort_check(m->ort, status, VD_INVALID, "asking for the model's input", why);
    return err ? err : check_input_shape(m, type, &shape, why);
}

static vd_err check_outputs(vd_model *m, vd_why *why)
{
    vd_err err = VD_OK;
    size_t index;
    for (int role = 0; role < ROLES && !err; role++) {
        bool listed = m->descriptor.output[ROLE_BOXES] != NULL; /* SSD, DETR: no main output */
        bool first = role == ROLE_MAIN && !listed;
        if (!m->descriptor.output[role] && !first) continue;
        m->role[m->output_count] = (output_role)role;
        err = find_name(m, true, m->descriptor.output[role], &index,
                        m->output_name[m->output_count++], why);
    }
    return err;
}

static vd_err make_input(vd_model *m, vd_why *why)
{
    const vd_tensor_spec *t = &m->descriptor.tensor;
    size_t bytes = (size_t)t->width_px * (size_t)t->height_px * 3 * sizeof(float);
    bool nchw = t->layout == VD_LAYOUT_NCHW;
    int64_t dims[4] = { 1, nchw ? 3 : t->height_px, nchw ? t->height_px : t->width_px,
                        nchw ? t->width_px : 3 };
    bytes = (bytes + 63) & ~(size_t)63;
    m->tensor = aligned_alloc(64, bytes);
    if (!m->tensor) return vd_fail(why, VD_FULL, "there is no memory for the model's input");
    memset(m->tensor, 0, bytes);
    return ort_check(m->ort,
                     m->ort->api->CreateTensorWithDataAsOrtValue(
                         m->ort->memory, m->tensor,
                         (size_t)t->width_px * (size_t)t->height_px * 3 * sizeof(float), dims, 4,
                         ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &m->input),
                     VD_FULL, "making the model's input", why);
}

static void view_output(const vd_model *m, OrtValue *value, decode_tensor *ret_tensor)
{
    const OrtApi *api = m->ort->api;
    OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType type;
    void *data = NULL;
    OrtStatus *status = api->GetTensorTypeAndShape(value, &info);
    if (!status) {
        read_info(m, info, &type, ret_tensor);
        api->ReleaseTensorTypeAndShapeInfo(info);
        status = api->GetTensorMutableData(value, &data);
    }
    ret_tensor->data = data;
    ret_tensor->type = TENSOR_ABSENT;
    if (status || ret_tensor->rank < 0)
        ret_tensor->rank = 0;
    else if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
        ret_tensor->type = TENSOR_F32;
    else if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32)
        ret_tensor->type = TENSOR_I32;
    else if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64)
        ret_tensor->type = TENSOR_I64;
    api->ReleaseStatus(status);
}

/* Runs on what lies in m->tensor and decodes. */
vd_err model_run_tensor(vd_model *m, const vd_tensor_map *map, vd_detections *into, vd_why *why)
{
    const OrtApi *api = m->ort->api;
    const char *in_name = m->input_name, *out_names[ROLES];
    OrtValue *values[ROLES] = { NULL };
    decode_tensor tensors[ROLES] = { 0 };
    for (unsigned i = 0; i < m->output_count; i++) out_names[i] = m->output_name[i];
    OrtStatus *status = api->Run(m->session, NULL, &in_name, (const OrtValue *const *)&m->input, 1,
                                 out_names, m->output_count, values);
    vd_err err = ort_check(m->ort, status, VD_INVALID, "running the model", why);
    for (unsigned i = 0; i < m->output_count && !err; i++)
        view_output(m, values[i], &tensors[m->role[i]]);
    if (!err) err = decoder_run(&m->decoder, tensors, map, into, why);
    for (unsigned i = 0; i < m->output_count; i++)
        if (values[i]) api->ReleaseValue(values[i]);
    return err;
}

static void close_session(vd_model *m)
{
    if (m->input) m->ort->api->ReleaseValue(m->input);
    if (m->session) m->ort->api->ReleaseSession(m->session);
    free(m->tensor);
    m->input = NULL;
    m->session = NULL;
    m->tensor = NULL;
    m->output_count = 0;
}

static vd_err warm_up(vd_model *m, vd_why *why)
{
    vd_tensor_map map = { 0, 0, 1, 1 };
    vd_detections *detections = malloc(sizeof(*detections));
    if (!detections) return vd_fail(why, VD_FULL, "there is no memory for detections");
    vd_err err = model_run_tensor(m, &map, detections, why);
    free(detections);
    return err;
}

static vd_err open_session(vd_model *m, const char *file, const vd_model_options *options,
                           vd_provider provider, vd_why *why)
{
    vd_err err = make_session(m, file, options, provider, why);
    if (!err) err = check_input(m, why);
    if (!err) err = check_outputs(m, why);
    if (!err) err = make_input(m, why);
    if (!err) err = warm_up(m, why);
    if (err) close_session(m);
    m->provider = provider;
    return err;
}

/* A provider that is there may still fail on this machine, or on this model: the CPU is last. */
static vd_err open_first(vd_model *m, const char *file, const vd_model_options *options,
                         vd_why *why)
{
    vd_provider tries[PROVIDER_TRIES];
    unsigned count = provider_tries(options->provider, tries);
    for (unsigned i = 0; i + 1 < count; i++) {
        vd_why *failure = options->provider == VD_PROVIDER_AUTO ? NULL : &m->provider_why;
        if (!open_session(m, file, options, tries[i], failure)) return VD_OK;
    }
    return open_session(m, file, options, VD_PROVIDER_CPU, why);
}

static vd_err load(vd_model *m, const char *path, const vd_model_options *options, vd_why *why)
{
    char descriptor[1024], file[1024];
    vd_err err = descriptor_path(path, descriptor, sizeof(descriptor), why);
    if (!err) err = model_descriptor_load(descriptor, &m->descriptor, why);
    if (!err) err = model_path(descriptor, m->descriptor.file, file, sizeof(file), why);
    if (!err) err = vd_sha256_file(file, &m->digest, why);
    if (!err) err = decoder_init(&m->decoder, &m->descriptor, why);
    if (!err) err = ort_open(options->library, &m->ort, why);
    return err ? err : open_first(m, file, options, why);
}

vd_err vd_model_load(const char *path, const vd_model_options *options, vd_model **ret_model,
                     vd_why *why)
{
    static const vd_model_options defaults = { 0 };
    vd_model *m = calloc(1, sizeof(*m));
    if (!m) return vd_fail(why, VD_FULL, "there is no memory for a model");
    vd_err err = load(m, path, options ? options : &defaults, why);
    if (err)
        vd_model_free(m);
    else
        *ret_model = m;
    return err;
}

/* Its names live in m->descriptor.labels, one after another with their NULs. */
static bool name_remote(vd_model *m, const vd_scorer_config *config)
{
    model_descriptor *d = &m->descriptor;
    const char *name = config->name ? config->name : config->url;
    bool good = true;
    size_t at = strlen(name) + 1;
    d->labels = VD_BUF(LABELS_BYTES);
    d->class_name = calloc(config->class_count + 1u, sizeof(*d->class_name));
    good = d->class_name && vd_buf_add(&d->labels, vd_slice_of(name, at));
    for (unsigned i = 0; good && i < config->class_count; i++)
        good =
            vd_buf_add(&d->labels, vd_slice_of(config->classes[i], strlen(config->classes[i]) + 1));
    if (!good) return false;
    m->digest = vd_sha256(vd_buf_slice(&d->labels)); /* of who is asked, and for what */
    d->name = d->labels.data;
    for (unsigned i = 0; i < config->class_count; at += strlen(config->classes[i++]) + 1)
        d->class_name[i] = d->labels.data + at;
    d->class_count = config->class_count;
    d->score_min = config->score_min;
    return true;
}

vd_err vd_model_scorer(const vd_scorer_config *config, vd_model **ret_model, vd_why *why)
{
    vd_model *m = calloc(1, sizeof(*m));
    if (!m) return vd_fail(why, VD_FULL, "there is no memory for a model");
    vd_err err = remote_new(config, &m->remote, why);
    if (!err && !name_remote(m, config))
        err = vd_fail(why, VD_FULL, "the names of a scorer's classes are too long");
    if (err)
        vd_model_free(m);
    else
        *ret_model = m;
    return err;
}

vd_model *vd_model_free(vd_model *m)
{
    if (!m) return NULL;
    remote_free(m->remote);
    vd_preparer_free(m->looks.preparer);
    free(m->looks.tile);
    close_session(m);
    decoder_done(&m->decoder);
    model_descriptor_done(&m->descriptor);
    free(m);
    return NULL;
}

const char *vd_model_name(const vd_model *model)
{
    return model->descriptor.name;
}

const vd_digest *vd_model_digest(const vd_model *model)
{
    return &model->digest;
}

unsigned vd_model_class_count(const vd_model *model)
{
    return model->descriptor.class_count;
}

const char *vd_model_class_name(const vd_model *model, unsigned class_id)
{
    return class_id < model->descriptor.class_count ? model->descriptor.class_name[class_id] : NULL;
}

int vd_model_class_find(const vd_model *model, const char *name)
{
    for (unsigned i = 0; i < model->descriptor.class_count; i++)
        if (strcmp(model->descriptor.class_name[i], name) == 0) return (int)i;
    return -1;
}

float vd_model_score_min(const vd_model *model)
{
    return model->descriptor.score_min;
}

vd_provider vd_model_provider(const vd_model *model, vd_why *ret_why)
{
    *ret_why = model->provider_why;
    return model->provider;
}

void model_count(vd_model *model, bool failed, int64_t busy_us)
{
    atomic_fetch_add(&model->runs, 1);
    if (failed) atomic_fetch_add(&model->failures, 1);
    atomic_fetch_add(&model->busy_us, busy_us);
}

void vd_model_get_stats(const vd_model *model, vd_model_stats *ret_stats)
{
    ret_stats->runs = atomic_load(&model->runs);
    ret_stats->failures = atomic_load(&model->failures);
    ret_stats->busy_us = atomic_load(&model->busy_us);
}

bool vd_model_classifies(const vd_model *model)
{
    return model->descriptor.decode == DECODE_CLASSIFICATION ||
           model->descriptor.decode == DECODE_EMBEDDING;
}

vd_vocabulary_part vd_model_part(const vd_model *model, const char *id)
{
    const model_descriptor *d = &model->descriptor;
    return (vd_vocabulary_part){ .id = id,
                                 .name = d->name,
                                 .digest = model->digest,
                                 .score_min = d->score_min,
                                 .classes = d->class_name,
                                 .class_count = d->class_count };
}

vd_err vd_model_vocabulary(const vd_model *model, vd_vocabulary **ret_words)
{
    vd_vocabulary_part part = vd_model_part(model, "main");
    return vd_vocabulary_new(&part, 1, ret_words);
}

float *model_tensor(vd_model *model)
{
    return model->tensor;
}

const vd_tensor_spec *model_tensor_spec(const vd_model *model)
{
    return &model->descriptor.tensor;
}

struct remote *model_remote(vd_model *model)
{
    return model->remote;
}

const model_descriptor *model_descriptor_of(const vd_model *model)
{
    return &model->descriptor;
}

model_looks *model_looks_of(vd_model *model)
{
    return &model->looks;
}

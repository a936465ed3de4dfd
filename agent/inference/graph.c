/* A graph on plain numbers: load from memory, run, copy out. */
#include "inference.h"

#include <stdlib.h>

#include "ort_priv.h"

#define OUTPUTS_MAX 512

struct vd_graph {
    const ort *ort;
    OrtSession *session;
};

static vd_err make_session(vd_graph *g, vd_slice onnx, int threads, vd_why *why)
{
    const OrtApi *api = g->ort->api;
    OrtSessionOptions *options = NULL;
    OrtStatus *status = api->CreateSessionOptions(&options);
    if (!status) status = api->SetIntraOpNumThreads(options, threads);
    if (!status) status = api->SetInterOpNumThreads(options, 1);
    if (!status)
        status = api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0");
    if (!status)
        status =
            api->CreateSessionFromArray(g->ort->env, onnx.data, onnx.len, options, &g->session);
    if (options) api->ReleaseSessionOptions(options);
    return ort_check(g->ort, status, VD_INVALID, "loading the model", why);
}

vd_err vd_graph_load(vd_slice onnx, int threads, vd_graph **ret_graph, vd_why *why)
{
    vd_graph *g = calloc(1, sizeof(*g));
    if (!g) return vd_fail(why, VD_FULL, "there is no memory for a model");
    vd_err err = ort_open(NULL, &g->ort, why);
    if (!err) err = make_session(g, onnx, threads, why);
    if (err)
        vd_graph_free(g);
    else
        *ret_graph = g;
    return err;
}

vd_graph *vd_graph_free(vd_graph *g)
{
    if (g && g->session) g->ort->api->ReleaseSession(g->session);
    free(g);
    return NULL;
}

static OrtStatus *copy_out(const OrtApi *api, OrtValue *value, vd_numbers *into, bool *ret_floats)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    void *data = NULL;
    size_t count = 0;
    OrtStatus *status = api->GetTensorTypeAndShape(value, &info);
    if (!status) status = api->GetTensorElementType(info, &type);
    if (!status) status = api->GetTensorShapeElementCount(info, &count);
    if (!status) status = api->GetTensorMutableData(value, &data);
    if (info) api->ReleaseTensorTypeAndShapeInfo(info);
    *ret_floats = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    if (status || !*ret_floats) return status;
    into->data = malloc((count + 1) * sizeof(float));
    if (into->data) memcpy(into->data, data, count * sizeof(float));
    into->count = count;
    return NULL;
}

static vd_err take_outputs(vd_graph *g, OrtValue **values, unsigned count, vd_numbers *into,
                           vd_why *why)
{
    vd_err err = VD_OK;
    for (unsigned i = 0; i < count && !err; i++) {
        bool floats = false;
        into[i] = (vd_numbers){ 0 };
        err = ort_check(g->ort, copy_out(g->ort->api, values[i], &into[i], &floats), VD_INVALID,
                        "reading what the model gave", why);
        if (!err && !floats)
            err = vd_fail(why, VD_INVALID, "output %u of the model has no floats", i);
        if (!err && !into[i].data) err = vd_fail(why, VD_FULL, "there is no memory for the output");
        for (unsigned k = 0; err && k <= i; k++) {
            free(into[k].data);
            into[k] = (vd_numbers){ 0 };
        }
    }
    return err;
}

vd_err vd_graph_run(vd_graph *g, const char *input, const float *numbers, const int64_t *dims,
                    unsigned rank, const char *const *outputs, unsigned output_count,
                    vd_numbers *ret_outputs, vd_why *why)
{
    const OrtApi *api = g->ort->api;
    OrtValue *in = NULL, *out[OUTPUTS_MAX] = { NULL };
    size_t count = 1;
    if (output_count > OUTPUTS_MAX)
        return vd_fail(why, VD_INVALID, "at most %d outputs are given", OUTPUTS_MAX);
    for (unsigned i = 0; i < rank; i++) count *= (size_t)dims[i];
    /* the runtime only reads it */
    OrtStatus *status =
        api->CreateTensorWithDataAsOrtValue(g->ort->memory, (void *)(uintptr_t)numbers,
                                            count * sizeof(float), dims, rank,
                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in);
    if (!status)
        status = api->Run(g->session, NULL, &input, (const OrtValue *const *)&in, 1, outputs,
                          output_count, out);
    vd_err err = ort_check(g->ort, status, VD_INVALID, "running the model", why);
    if (!err) err = take_outputs(g, out, output_count, ret_outputs, why);
    for (unsigned i = 0; i < output_count; i++)
        if (out[i]) api->ReleaseValue(out[i]);
    if (in) api->ReleaseValue(in);
    return err;
}

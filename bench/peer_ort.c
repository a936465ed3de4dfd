/* peer_ort LIBRARY MODEL.onnx THREADS RUNS - the bare ONNX Runtime loop: one session, one input
 * tensor of zeros made once, Run() again and again. Spinning is off, as in the product. */
#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const OrtApi *api;

static void need(OrtStatus *status)
{
    if (!status) return;
    fprintf(stderr, "peer_ort: %s\n", api->GetErrorMessage(status));
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double p95_ms(double *seconds, int count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, by_size);
    return seconds[(count * 95 - 1) / 100] * 1e3;
}

static void load_api(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    const OrtApiBase *(*base)(void) = NULL;
    if (library) *(void **)&base = dlsym(library, "OrtGetApiBase");
    api = base ? base()->GetApi(17) : NULL;
    if (api) return;
    fprintf(stderr, "peer_ort: cannot load %s\n", path);
    exit(1);
}

static OrtSession *open_session(OrtEnv *env, const char *model, int threads)
{
    OrtSessionOptions *options;
    OrtSession *session;
    need(api->CreateSessionOptions(&options));
    need(api->SetIntraOpNumThreads(options, threads));
    need(api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
    need(api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"));
    need(api->CreateSession(env, model, options, &session));
    return session;
}

static OrtValue *zero_input(const OrtSession *session, OrtAllocator *allocator)
{
    OrtTypeInfo *type;
    const OrtTensorTypeAndShapeInfo *shape;
    ONNXTensorElementDataType element;
    int64_t dims[8];
    size_t rank;
    OrtValue *value;
    need(api->SessionGetInputTypeInfo(session, 0, &type));
    need(api->CastTypeInfoToTensorInfo(type, &shape));
    need(api->GetTensorElementType(shape, &element));
    need(api->GetDimensionsCount(shape, &rank));
    if (rank > 8) exit(1);
    need(api->GetDimensions(shape, dims, rank));
    for (size_t i = 0; i < rank; i++)
        if (dims[i] < 1) dims[i] = 1;
    need(api->CreateTensorAsOrtValue(allocator, dims, rank, element, &value));
    return value;
}

int main(int argc, char **argv)
{
    enum { OUTPUTS_MAX = 8 };
    const char *output_names[OUTPUTS_MAX];
    OrtValue *outputs[OUTPUTS_MAX];
    OrtEnv *env;
    OrtAllocator *allocator;
    char *input_name;
    size_t output_count;

    if (argc < 5) return 2;
    load_api(argv[1]);
    need(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "peer", &env));
    need(api->GetAllocatorWithDefaultOptions(&allocator));
    OrtSession *session = open_session(env, argv[2], atoi(argv[3]));
    OrtValue *input = zero_input(session, allocator);
    need(api->SessionGetInputName(session, 0, allocator, &input_name));
    need(api->SessionGetOutputCount(session, &output_count));
    if (output_count > OUTPUTS_MAX) return 1;
    for (size_t i = 0; i < output_count; i++)
        need(api->SessionGetOutputName(session, i, allocator, (char **)&output_names[i]));

    int runs = atoi(argv[4]);
    double start = 0, *each = calloc((size_t)runs + 1, sizeof *each);
    if (!each || runs < 1) return 1;
    for (int i = -2; i < runs; i++) { /* two to warm up */
        double began = now_s();
        if (i == 0) start = began;
        for (size_t o = 0; o < output_count; o++) outputs[o] = NULL;
        need(api->Run(session, NULL, (const char *const *)&input_name,
                      (const OrtValue *const *)&input, 1, output_names, output_count, outputs));
        for (size_t o = 0; o < output_count; o++) api->ReleaseValue(outputs[o]);
        if (i >= 0) each[i] = now_s() - began;
    }
    double per_second = runs / (now_s() - start);
    printf("{\"runs\":%d,\"per_second\":%.3f,\"p95_ms\":%.3f}\n", runs, per_second,
           p95_ms(each, runs));
    free(each);
    return 0;
}

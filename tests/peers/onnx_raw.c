/* onnx-raw MODEL.onnx < input: runs any model with one float input on raw floats from standard
 * input and prints every output's numbers, a JSON list a line. For comparing single operations. */
#include "ort_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUTPUTS = 32, NAME = 256 };

static const ort *o;

static void must(OrtStatus *status)
{
    vd_why why;
    char line[800];
    if (!ort_check(o, status, VD_INVALID, "onnx-raw", &why)) return;
    fprintf(stderr, "%s\n", vd_why_line(&why, line, sizeof(line)));
    exit(1);
}

static char *name_of(OrtSession *session, bool output, size_t index)
{
    OrtAllocator *allocator;
    char *name;
    must(o->api->GetAllocatorWithDefaultOptions(&allocator));
    must(output ? o->api->SessionGetOutputName(session, index, allocator, &name)
                : o->api->SessionGetInputName(session, index, allocator, &name));
    char *copy = strdup(name);
    must(o->api->AllocatorFree(allocator, name));
    return copy;
}

static OrtValue *read_input(OrtSession *session, float **ret_data)
{
    OrtTypeInfo *type;
    const OrtTensorTypeAndShapeInfo *info;
    int64_t dims[8];
    size_t rank, count;
    OrtValue *input;
    must(o->api->SessionGetInputTypeInfo(session, 0, &type));
    must(o->api->CastTypeInfoToTensorInfo(type, &info));
    must(o->api->GetDimensionsCount(info, &rank));
    must(o->api->GetDimensions(info, dims, rank));
    must(o->api->GetTensorShapeElementCount(info, &count));
    o->api->ReleaseTypeInfo(type);
    *ret_data = malloc(count * sizeof(float));
    if (fread(*ret_data, sizeof(float), count, stdin) != count) exit(2);
    must(o->api->CreateTensorWithDataAsOrtValue(o->memory, *ret_data, count * sizeof(float), dims,
                                                rank, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input));
    return input;
}

static void print_output(OrtValue *value)
{
    OrtTensorTypeAndShapeInfo *info;
    ONNXTensorElementDataType type;
    size_t count;
    void *data;
    must(o->api->GetTensorTypeAndShape(value, &info));
    must(o->api->GetTensorElementType(info, &type));
    must(o->api->GetTensorShapeElementCount(info, &count));
    must(o->api->GetTensorMutableData(value, &data));
    o->api->ReleaseTensorTypeAndShapeInfo(info);
    bool floats = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    bool bytes = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    for (size_t i = 0; i < count; i++) {
        double number = floats  ? (double)((float *)data)[i]
                        : bytes ? ((uint8_t *)data)[i]
                                : ((int32_t *)data)[i];
        printf("%s%.9g", i ? "," : "[", number);
    }
    puts(count ? "]" : "[]");
}

int main(int argc, char **argv)
{
    vd_why why;
    OrtSessionOptions *options;
    OrtSession *session;
    OrtValue *outputs[OUTPUTS] = { NULL };
    char *names[OUTPUTS];
    size_t count;
    float *data;
    if (argc < 2 || ort_open(NULL, &o, &why)) return 2;
    must(o->api->CreateSessionOptions(&options));
    must(o->api->CreateSession(o->env, argv[1], options, &session));
    must(o->api->SessionGetOutputCount(session, &count));
    if (count > OUTPUTS) return 2;
    for (size_t i = 0; i < count; i++) names[i] = name_of(session, true, i);
    char *input_name = name_of(session, false, 0);
    OrtValue *input = read_input(session, &data);
    must(o->api->Run(session, NULL, (const char *const *)&input_name,
                     (const OrtValue *const *)&input, 1, (const char *const *)names, count,
                     outputs));
    for (size_t i = 0; i < count; i++) {
        print_output(outputs[i]);
        o->api->ReleaseValue(outputs[i]);
        free(names[i]);
    }
    o->api->ReleaseValue(input);
    o->api->ReleaseSession(session);
    o->api->ReleaseSessionOptions(options);
    free(input_name);
    free(data);
    return 0;
}

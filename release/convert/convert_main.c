/* A bare driver of the converter, for tests: vd-convert MODEL OUT_DIR [NAME [DESCRIPTOR]] */
#include "convert.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    vd_convert_options options = { 0 };
    vd_convert_result result;
    vd_why why;
    char line[800];
    if (argc < 3) {
        fputs("usage: vd-convert MODEL OUT_DIR [NAME [DESCRIPTOR]]\n", stderr);
        return 2;
    }
    if (argc > 3) options.name = argv[3];
    if (argc > 4) options.descriptor = argv[4];
    if (vd_convert_model(argv[1], argv[2], &options, &result, &why)) {
        fprintf(stderr, "%s\n", vd_why_line(&why, line, sizeof(line)));
        return 1;
    }
    printf("%s: %u nodes, %u transposes, %s\n", result.model_path, result.node_count,
           result.transpose_count, result.model_digest.hex);
    return 0;
}

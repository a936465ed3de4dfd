/* Execution providers that the library claims to have and that do not work: lying_ort.c. */
#include "inference.h"

#include <stdlib.h>
#include <unistd.h>

#include "small_onnx_priv.h"

static const char *library;

// covers: INF-3
VD_TEST(a_provider_that_fails_gives_way_to_the_cpu_and_says_why)
{
    static const float rows[][6] = { { 1, 2, 3, 4, 0.9f, 0 } };
    char folder[] = "/tmp/vedette-provider-XXXXXX", path[64];
    expect_true(mkdtemp(folder) != NULL);
    small_detector(folder, "one", "[person]", rows, 1, 0);
    snprintf(path, sizeof path, "%s/one.onnx", folder);
    for (vd_provider asked = VD_PROVIDER_CPU; asked < VD_PROVIDERS; asked++) {
        const vd_model_options options = { .library = library, .threads = 1, .provider = asked };
        bool named = asked != VD_PROVIDER_CPU && asked != VD_PROVIDER_AUTO;
        vd_model *model = NULL;
        vd_why why = { 0 };
        expect_ok(vd_model_load(path, &options, &model, &why));
        expect_i64(vd_model_provider(model, &why), VD_PROVIDER_CPU);
        expect_true((why.fact[0] != '\0') == named);
        if (named) print_message("%s: %s (%s)\n", vd_provider_name(asked), why.fact, why.detail);
        vd_model_free(model);
    }
    unlink(path);
    snprintf(path, sizeof path, "%s/one.model.yaml", folder);
    unlink(path);
    rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_provider_that_fails_gives_way_to_the_cpu_and_says_why),
    };
    library = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}

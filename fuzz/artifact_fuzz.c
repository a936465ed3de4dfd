/* A manifest: what is read is written, and the writing reads as the same; a model's parts have
 * sizes and names within their limits. The same bytes as a signature fit nothing. */
#include "artifact.h"
#include "fuzz.h"

static void check_parts(const vd_artifact *a)
{
    const vd_artifact_item *parts[VD_ARTIFACT_PARTS];
    if (vd_artifact_model(a, parts, NULL)) return;
    fuzz_holds(vd_artifact_name_ok(vd_slice_str(a->name)));
    for (int n = 0; n <= VD_ARTIFACT_DESCRIPTOR; n++)
        fuzz_holds(parts[n] && vd_artifact_title_ok(vd_slice_str(parts[n]->title)) &&
                   !strchr(parts[n]->title, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char public_key[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(4 << 20);
    VD_AUTO(vd_buf) first = VD_BUF(1 << 20);
    VD_AUTO(vd_buf) second = VD_BUF(1 << 20);
    vd_artifact a, again;
    vd_why why = { 0 };
    vd_slice bytes = vd_slice_of(data, len);

    fuzz_holds(vd_release_verify(public_key, VD_STR("a manifest"), bytes, &why) != VD_OK);
    fuzz_holds(why.fact[0] != '\0');
    if (!arena || vd_artifact_read(bytes, arena, &a, &why)) return 0;
    check_parts(&a);
    if (vd_artifact_write(&a, &first)) return 0; /* longer than what was read: control characters */
    fuzz_holds(vd_artifact_read(vd_buf_slice(&first), arena, &again, &why) == VD_OK);
    fuzz_holds(vd_artifact_write(&again, &second) == VD_OK);
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
    return 0;
}

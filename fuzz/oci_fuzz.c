/* A path under the registry: a name that is taken has no part that could leave a folder. */
#include "fuzz.h"
#include "registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[VD_OCI_NAME_MAX + 1];
    vd_slice bytes = vd_slice_of(data, len);
    bool whole = vd_slice_to_chars(bytes, text, sizeof text) && strlen(text) == len;
    if (vd_oci_name_ok(bytes)) {
        fuzz_holds(whole && text[0] && text[0] != '/' && text[len - 1] != '/');
        fuzz_holds(!strstr(text, "..") && !strstr(text, "//"));
    }
    if (vd_oci_tag_ok(bytes))
        fuzz_holds(whole && len <= VD_OCI_TAG_MAX && text[0] != '.' && !strchr(text, '/'));
    return 0;
}

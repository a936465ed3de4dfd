/* oci_name.c - the names of the OCI Distribution specification 1.1: repositories, tags, digests. */
#include "registry_priv.h"

static bool of_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One '.', one or two '_', or any number of '-'. */
static bool joint_ok(uint8_t mark, size_t count)
{
    return (mark == '.' && count == 1) || (mark == '_' && count <= 2) || mark == '-';
}

/* Words of a-z 0-9 with a joint between each two. */
static bool component_ok(vd_slice text)
{
    for (size_t at = 0; at < text.len;) {
        size_t word = at;
        while (at < text.len && of_word(text.data[at])) at++;
        if (at == word) return false;
        if (at == text.len) return true;
        size_t joint = at;
        while (at < text.len && text.data[at] == text.data[joint]) at++;
        if (!joint_ok(text.data[joint], at - joint)) return false;
    }
    return false; /* empty, or it ends in a joint */
}

bool vd_oci_name_ok(vd_slice repository)
{
    if (repository.len == 0 || repository.len > VD_OCI_NAME_MAX ||
        repository.data[repository.len - 1] == '/')
        return false;
    for (vd_slice rest = repository; rest.len;) {
        vd_slice next = VD_SLICE_NONE;
        if (!component_ok(vd_slice_cut(rest, '/', &next))) return false;
        rest = next;
    }
    return true;
}

vd_err oci_name_check(const char *repository, vd_why *why)
{
    if (vd_oci_name_ok(vd_slice_str(repository))) return VD_OK;
    (void)vd_fail(why, VD_INVALID, "'%.80s' is no name of a repository", repository);
    vd_why_hint(why, "words of a-z and 0-9, joined by . _ or -, divided by /");
    return VD_INVALID;
}

bool vd_oci_tag_ok(vd_slice tag)
{
    if (tag.len == 0 || tag.len > VD_OCI_TAG_MAX) return false;
    for (size_t i = 0; i < tag.len; i++) {
        uint8_t c = tag.data[i];
        bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!word && (i == 0 || (c != '.' && c != '-'))) return false;
    }
    return true;
}

vd_err oci_reference_read(const char *text, oci_reference *ret_reference, vd_why *why)
{
    oci_reference reference = { 0 };
    if (strncmp(text, "sha256:", 7) == 0) {
        if (strlen(text) != 7 + VD_SHA256_HEX ||
            !vd_digest_parse(vd_slice_str(text), &reference.digest))
            return vd_fail(why, VD_INVALID, "'%.90s' is no sha256 digest", text);
        reference.by_digest = true;
    } else if (!vd_oci_tag_ok(vd_slice_str(text)) ||
               !vd_slice_to_chars(vd_slice_str(text), reference.tag, sizeof reference.tag)) {
        return vd_fail(why, VD_INVALID, "'%.80s' is neither a tag nor a sha256 digest", text);
    }
    *ret_reference = reference;
    return VD_OK;
}

int64_t oci_version_of(const char *tag)
{
    uint64_t version = 0;
    if (tag[0] != 'v' || tag[1] == '0') return 0;
    return vd_slice_u64(vd_slice_str(tag + 1), 999999999, &version) ? (int64_t)version : 0;
}

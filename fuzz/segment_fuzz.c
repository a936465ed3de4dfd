/* A segment of the recording as it lies on the disk after whatever happened to it: fragments lie
 * within the file and their packets within them, and what mending leaves is whole. Once as it is,
 * once with its checksums put right, so that what is behind them is reached too. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "fuzz.h"
#include "libav.h"
#include "recording_priv.h"

enum { LIMIT = 1 << 16 };

static void hash_1(vd_slice bytes, uint8_t into[HASH_LEN])
{
    struct AVMurMur3 *murmur = av_murmur3_alloc();
    if (!murmur) return;
    av_murmur3_init(murmur);
    av_murmur3_update(murmur, bytes.data, bytes.len);
    av_murmur3_final(murmur, into);
    av_free(murmur);
}

static void hash_2(vd_slice a, vd_slice b, vd_slice c, uint8_t into[HASH_LEN])
{
    XXH3_state_t *state = XXH3_createState();
    XXH128_canonical_t out;
    if (!state) return;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, a.data, a.len);
    XXH3_128bits_update(state, b.data, b.len);
    XXH3_128bits_update(state, c.data, c.len);
    XXH128_canonicalFromHash(&out, XXH3_128bits_digest(state));
    memcpy(into, out.digest, HASH_LEN);
    XXH3_freeState(state);
}

/* All of a fragment is there. */
static void put_fragment_right(uint8_t *bytes, const fragment_header *h)
{
    const size_t table = (size_t)h->count * sizeof(fragment_entry);
    const size_t behind = (sizeof *h + h->data_len + 7) & ~(size_t)7;
    uint8_t *hash = bytes + offsetof(fragment_header, hash);
    memset(hash, 0, HASH_LEN);
    if (h->magic == FRAGMENT_MAGIC_1)
        hash_1(vd_slice_of(bytes, sizeof *h + table + h->data_len), hash);
    else
        hash_2(vd_slice_of(bytes + sizeof *h, h->data_len), vd_slice_of(bytes + behind, table),
               vd_slice_of(bytes, sizeof *h), hash);
}

/* Checksums over zeros in their own place. */
static void put_right(uint8_t *bytes, size_t len)
{
    segment_header head;
    if (len < sizeof head || vd_libav_open(NULL)) return;
    memcpy(&head, bytes, sizeof head);
    if (head.extradata_len > len - sizeof head) return;
    const bool first = memcmp(head.magic, SEGMENT_MAGIC_1, sizeof head.magic) == 0;
    const size_t whole = sizeof head + head.extradata_len;
    uint8_t *hash = bytes + offsetof(segment_header, hash);
    memset(hash, 0, HASH_LEN);
    if (first)
        hash_1(vd_slice_of(bytes, whole), hash);
    else
        hash_2(vd_slice_of(bytes, whole), VD_SLICE_NONE, VD_SLICE_NONE, hash);
    size_t at = first ? whole : (whole + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
    for (fragment_header h; at + sizeof h <= len;) {
        memcpy(&h, bytes + at, sizeof h);
        const uint64_t after = segment_after(&h, at);
        if (after > len) return;
        put_fragment_right(bytes + at, &h);
        at = (size_t)after;
    }
}

static void load(const segment_reader *r, uint64_t at, const fragment_header *h)
{
    fragment_entry *entry = NULL;
    const uint8_t *data;
    uint64_t sum = 0;
    if (segment_load(r, at, h, &entry, &data)) return;
    for (uint32_t i = 0; i < h->count; i++) sum += entry[i].len;
    fuzz_holds(sum == h->data_len);
    free(entry);
}

static unsigned walk(const char *path)
{
    VD_AUTO(segment_reader) r = SEGMENT_READER_NONE;
    unsigned fragments = 0;
    vd_why why = { 0 };
    if (segment_open(path, &r, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return 0;
    }
    fuzz_holds(r.info.extradata.len <= EXTRADATA_MAX);
    /* r.at may lie behind the end: then nothing is there. */
    fragment_header h;
    for (uint64_t at = r.at; !segment_peek(&r, at, &h); at = segment_after(&h, at)) {
        fuzz_holds(segment_after(&h, at) > at && segment_after(&h, at) <= r.size);
        load(&r, at, &h);
        fragments++;
    }
    return fragments;
}

static void read_file(vd_slice bytes)
{
    char path[64];
    uint64_t left = 0;
    int fd = memfd_create("segment", MFD_CLOEXEC);
    if (fd < 0) return;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len) {
        const unsigned before = walk(path);
        const vd_err err = segment_mend(path, &left, NULL);
        fuzz_holds(err || (left <= bytes.len && walk(path) + 1 >= before && walk(path) > 0));
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t mended[LIMIT];
    if (len > LIMIT) return 0;
    read_file(vd_slice_of(data, len));
    if (len) memcpy(mended, data, len);
    put_right(mended, len);
    read_file(vd_slice_of(mended, len));
    return 0;
}

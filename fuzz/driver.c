/* driver.c - runs a fuzzer over its corpus and over mutations of it, without libFuzzer, so that the
 * corpus is part of the normal suite.
 *
 *   fuzz_NAME CORPUS [--dict FILE] [--mutations N] [--seed S]
 *
 * The same seed gives the same inputs. Each input lies in a block of exactly its size, so that
 * AddressSanitizer sees a read beyond it. An input that crashes is written to fuzz_NAME.crash. */
// covers: RUN-5
#include "fuzz.h"
#include "vd/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { INPUTS_MAX = 1024, INPUT_BYTES_MAX = 1 << 20, WORDS_MAX = 256, MUTANT_MAX = 1 << 16 };

typedef struct {
    uint8_t *data;
    size_t len;
} input;

static input corpus[INPUTS_MAX];
static size_t corpus_count;
static input words[WORDS_MAX];
static size_t word_count;
static uint64_t state = 1;
static char crash_path[PATH_MAX];
static vd_slice running;

static uint64_t chance(void) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 2685821657736338717u;
}

static size_t below(size_t limit)
{
    return limit ? (size_t)(chance() % limit) : 0;
}

/* ---- the corpus and the dictionary ---- */

static bool keep(input *into, size_t *count, size_t most, vd_slice bytes)
{
    input *place = &into[*count];
    if (*count >= most) return false;
    place->len = bytes.len;
    place->data = malloc(bytes.len ? bytes.len : 1);
    if (!place->data) return false;
    if (bytes.len) memcpy(place->data, bytes.data, bytes.len);
    ++*count;
    return true;
}

static bool load_corpus_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    VD_AUTO(vd_buf) bytes = VD_BUF(INPUT_BYTES_MAX);
    vd_why why;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (vd_file_load(path, &bytes, &why)) {
        fprintf(stderr, "%s: %s\n", path, why.fact);
        return false;
    }
    return keep(corpus, &corpus_count, INPUTS_MAX, vd_buf_slice(&bytes));
}

static bool load_corpus(const char *folder)
{
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort); /* sorted: the same seed, the same run */
    bool ok = count >= 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') ok = load_corpus_file(folder, names[i]->d_name) && ok;
        free(names[i]);
    }
    if (count >= 0) free(names);
    return ok && corpus_count > 0;
}

/* A line of libFuzzer's dictionary: name="text with \x00, \\ and \"". */
static void load_word(vd_slice line)
{
    VD_AUTO(vd_buf) word = VD_BUF(256);
    vd_slice text;
    if (line.len == 0 || line.data[0] == '#') return;
    vd_slice_cut(line, '"', &text);
    while (text.len > 0 && text.data[0] != '"') {
        uint8_t byte = text.data[0];
        size_t used = 1;
        if (byte == '\\' && text.len >= 4 && text.data[1] == 'x' &&
            vd_hex_decode(vd_slice_of(text.data + 2, 2), &byte, 1))
            used = 4;
        else if (byte == '\\' && text.len >= 2)
            byte = text.data[1], used = 2;
        if (!vd_buf_add_byte(&word, byte)) return;
        text = vd_slice_from(text, used);
    }
    if (word.len) keep(words, &word_count, WORDS_MAX, vd_buf_slice(&word));
}

static bool load_dictionary(const char *path)
{
    VD_AUTO(vd_buf) text = VD_BUF(INPUT_BYTES_MAX);
    if (vd_file_load(path, &text, NULL)) return false;
    for (vd_slice rest = vd_buf_slice(&text); rest.len > 0;)
        load_word(vd_slice_cut(rest, '\n', &rest));
    return word_count > 0;
}

static void forget(input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++) free(inputs[i].data);
}

/* ---- mutations ---- */

static size_t put_in(uint8_t *bytes, size_t len, size_t at, const uint8_t *what, size_t count)
{
    if (count > MUTANT_MAX - len) return len;
    memmove(bytes + at + count, bytes + at, len - at);
    if (count) memcpy(bytes + at, what, count);
    return len + count;
}

static size_t take_out(uint8_t *bytes, size_t len)
{
    size_t at = below(len), count = 1 + below(len - at < 32 ? len - at : 32);
    if (len == 0) return 0;
    if (count > len - at) count = len - at;
    memmove(bytes + at, bytes + at + count, len - at - count);
    return len - count;
}

/* A piece of another input of the corpus. */
static size_t splice_in(uint8_t *bytes, size_t len)
{
    const input *other = &corpus[below(corpus_count)];
    size_t from = below(other->len), count = below(other->len - from);
    return put_in(bytes, len, below(len + 1), other->data + from, count);
}

static size_t double_piece(uint8_t *bytes, size_t len)
{
    uint8_t piece[64];
    size_t from = below(len), most = len - from < sizeof(piece) ? len - from : sizeof(piece);
    if (most) memcpy(piece, bytes + from, most);
    return put_in(bytes, len, from, piece, most);
}

static size_t mutate_once(uint8_t *bytes, size_t len)
{
    static const uint8_t odd[] = { 0, 1, 0x7F, 0x80, 0xFF, '"', '\\', '\n', ' ', '%', '/', '-' };
    uint8_t byte = (uint8_t)chance();
    const input *word = word_count ? &words[below(word_count)] : &corpus[0];
    switch (chance() % 8) {
    case 0: return len ? (bytes[below(len)] ^= (uint8_t)(1 << chance() % 8), len) : len;
    case 1: return len ? (bytes[below(len)] = odd[below(sizeof(odd))], len) : len;
    case 2: return put_in(bytes, len, below(len + 1), &byte, 1);
    case 3: return take_out(bytes, len);
    case 4: return double_piece(bytes, len);
    case 5: return splice_in(bytes, len);
    case 6: return below(len + 1); /* cut short */
    default: return put_in(bytes, len, below(len + 1), word->data, word_count ? word->len : 0);
    }
}

/* ---- running ---- */

static void on_crash(int number)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t done = fd >= 0 ? write(fd, running.data, running.len) : 0;
    (void)done;
    signal(number, SIG_DFL);
    raise(number);
}

static bool run_one(const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);
    if (!exact) return false;
    if (len) memcpy(exact, bytes, len);
    running = vd_slice_of(exact, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return true;
}

static bool run_mutations(uint64_t count)
{
    static uint8_t bytes[MUTANT_MAX];
    for (uint64_t n = 0; n < count; n++) {
        const input *from = &corpus[below(corpus_count)];
        size_t len = from->len < MUTANT_MAX ? from->len : MUTANT_MAX;
        memcpy(bytes, from->data, len);
        for (size_t times = 1 + below(6); times > 0; times--) len = mutate_once(bytes, len);
        if (!run_one(bytes, len)) return false;
    }
    return true;
}

static bool run_all(uint64_t mutations)
{
    for (size_t i = 0; i < corpus_count; i++)
        if (!run_one(corpus[i].data, corpus[i].len)) return false;
    return run_mutations(mutations);
}

int main(int argc, char **argv)
{
    uint64_t mutations = 0;
    snprintf(crash_path, sizeof(crash_path), "%s.crash", argv[0]);
    bool ok = argc >= 2 && argc % 2 == 0 && load_corpus(argv[1]);
    for (int i = 2; ok && i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--dict") == 0)
            ok = load_dictionary(argv[i + 1]);
        else if (strcmp(argv[i], "--mutations") == 0)
            ok = vd_slice_u64(vd_slice_str(argv[i + 1]), UINT32_MAX, &mutations);
        else
            ok = strcmp(argv[i], "--seed") == 0 &&
                 vd_slice_u64(vd_slice_str(argv[i + 1]), UINT32_MAX, &state);
    }
    if (state == 0) state = 1;
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    signal(SIGALRM, on_crash);
    ok = ok && run_all(mutations);
    printf("%zu inputs of %s, %" PRIu64 " mutations%s\n", corpus_count, argc > 1 ? argv[1] : "?",
           mutations, ok ? "" : ": failed");
    forget(corpus, corpus_count);
    forget(words, word_count);
    return ok ? 0 : 1;
}

#define VD_LIBAV_PLAIN
#include "libav.h"

#include <dlfcn.h>
#include <pthread.h>

#define WORD_OF(x) #x
#define WORD(x)    WORD_OF(x)
#define LIBRARY    "libavformat.so." WORD(LIBAVFORMAT_VERSION_MAJOR)

vd_libav vd_libav_at;
static bool loaded;
static char reason[256];

static const struct {
    const char *name;
    size_t at;
} functions[] = {
#define PLACE_OF(name) { #name, offsetof(vd_libav, name) },
    VD_LIBAV_FUNCTIONS(PLACE_OF)
#undef PLACE_OF
};

/* What libavformat stands on is found through its handle. It stays for good. */
static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    loaded = library != NULL;
    for (size_t i = 0; loaded && i < VD_COUNT_OF(functions); i++) {
        void *found = dlsym(library, functions[i].name);
        memcpy((char *)&vd_libav_at + functions[i].at, &found, sizeof found);
        loaded = found != NULL;
    }
    if (loaded)
        vd_libav_at.av_log_set_level(AV_LOG_ERROR); /* the muxer tells of its every step */
    else
        (void)vd_slice_to_chars(vd_slice_str(dlerror()), reason, sizeof reason);
}

vd_err vd_libav_open(vd_why *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    if (loaded) return VD_OK;
    (void)vd_fail(why, VD_ABSENT, "FFmpeg's library %s cannot be used", LIBRARY);
    vd_why_detail(why, "%s", reason);
    vd_why_hint(why, "install the packages that the agent names");
    return VD_ABSENT;
}

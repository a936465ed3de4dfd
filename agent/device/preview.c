/* preview.c - about one picture a second to the hub while somebody looks. Nothing is kept: a
 * picture that cannot be sent is forgotten. */
#include <stdio.h>

#include "device_priv.h"
#include "vd/clock.h"

#define EVERY_US   1000000
#define JPEG_BYTES 2097152

vd_err preview_wanted(vd_device *d, const char *camera, int seconds)
{
    int64_t now_us = vd_clock_mono_us();
    preview_wish *place = NULL;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < PREVIEWS_MAX; i++) {
        preview_wish *wish = &d->preview[i];
        bool over = wish->until_us <= now_us;
        if (over && !place) place = wish;
        if (!over && strcmp(wish->camera, camera) == 0) {
            place = wish;
            break;
        }
    }
    if (place) {
        vd_slice_to_chars(vd_slice_str(camera), place->camera, sizeof place->camera);
        place->until_us = now_us + (int64_t)seconds * 1000000;
        pthread_cond_broadcast(&d->changed);
    }
    pthread_mutex_unlock(&d->lock);
    return place ? VD_OK : VD_FULL;
}

static void send_one(vd_device *d, https *h, vd_buf *jpeg, const char *camera)
{
    char path[64 + VD_CAMERA_ID_MAX], captured[48 + VD_UTC_TEXT_ROOM], text[VD_UTC_TEXT_ROOM];
    const char *headers[] = { "Content-Type: image/jpeg", captured, NULL };
    int64_t utc_us = 0;
    https_answer answer;

    vd_buf_clear(jpeg);
    if (d->sink.picture(d->sink.ctx, camera, jpeg, &utc_us, NULL)) return;
    snprintf(path, sizeof path, "/device/v1/preview/%.*s", VD_CAMERA_ID_MAX, camera);
    snprintf(captured, sizeof captured, "X-Captured-At: %s", vd_utc_text(utc_us, text));
    https_call(h, "PUT", path, headers, vd_buf_slice(jpeg), &answer, NULL);
}

/* Copies the cameras that are looked at now. */
static unsigned wishes(vd_device *d, preview_wish into[PREVIEWS_MAX])
{
    int64_t now_us = vd_clock_mono_us();
    unsigned count = 0;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < PREVIEWS_MAX; i++)
        if (d->preview[i].until_us > now_us) into[count++] = d->preview[i];
    pthread_mutex_unlock(&d->lock);
    return count;
}

static void wait_for_wish(vd_device *d, int64_t until_us)
{
    pthread_mutex_lock(&d->lock);
    if (!d->stopping) device_wait_locked(d, until_us);
    pthread_mutex_unlock(&d->lock);
}

void *preview_run(void *device)
{
    vd_device *d = device;
    VD_AUTO(vd_buf) jpeg = VD_BUF(JPEG_BYTES);
    preview_wish wish[PREVIEWS_MAX];
    https *h = https_new(d);

    while (h && !device_stopping(d)) {
        int64_t next_us = vd_clock_mono_us() + EVERY_US;
        unsigned count = d->sink.picture ? wishes(d, wish) : 0;
        for (unsigned i = 0; i < count && !device_stopping(d); i++)
            send_one(d, h, &jpeg, wish[i].camera);
        if (count)
            device_pause(d, (int)((next_us - vd_clock_mono_us()) / 1000));
        else
            wait_for_wish(d, next_us);
    }
    https_free(h);
    return NULL;
}

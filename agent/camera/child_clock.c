/* child_clock.c - which moment of the day a media time is.
 *
 * The best answer is the camera's own: an RTCP sender report pairs media time with the camera's
 * wall clock. A camera whose clock is far from ours would put its events hours away from everyone
 * else's, so it is believed only within MEDIA_CLOCK_SKEW_MAX_US. Otherwise the arrival counts: the
 * least delayed packets draw the line, as network and encoder can only delay; the line may rise
 * slowly so that a drifting camera stays on it. */
#include "child_priv.h"

#define ARRIVAL_JUMP_US 2000000 /* more is a new time line, not jitter */
#define ARRIVAL_RISE    512     /* packets until a lasting delay is taken as drift */

void media_clock_arrival(media_clock *clock, int64_t pts_us, int64_t now_utc_us)
{
    if (clock->set && clock->source != VD_TIME_ARRIVAL) return;
    const int64_t sample_us = now_utc_us - pts_us;
    const int64_t late_us = sample_us - clock->offset_us;
    if (!clock->set || late_us < 0 || late_us > ARRIVAL_JUMP_US)
        clock->offset_us = sample_us;
    else
        clock->offset_us += late_us / ARRIVAL_RISE;
    clock->source = VD_TIME_ARRIVAL;
    clock->set = true;
}

void media_clock_rtcp(media_clock *clock, int64_t pts_us, int64_t camera_utc_us, int64_t now_utc_us)
{
    clock->camera_skew_us = camera_utc_us - now_utc_us;
    if (llabs(clock->camera_skew_us) > MEDIA_CLOCK_SKEW_MAX_US) {
        if (clock->source == VD_TIME_RTCP) clock->set = false;
        clock->source = VD_TIME_ARRIVAL;
        media_clock_arrival(clock, pts_us, now_utc_us);
        return;
    }
    clock->source = VD_TIME_RTCP;
    clock->offset_us = camera_utc_us - pts_us;
    clock->set = true;
}

/* FFmpeg's parser knows that a picture is whole when the next one begins. It then hands out the
 * picture with the report and at the moment of that next one: both are kept for the next call. */
void media_clock_packet(media_clock *clock, int64_t pts_us, int64_t report_us, int64_t now_utc_us)
{
    const bool first = !clock->have_before;
    const int64_t before_report_us = clock->before_report_us, before_now_us = clock->before_now_us;
    clock->have_before = clock->held;
    if (clock->held) {
        clock->before_report_us = report_us;
        clock->before_now_us = now_utc_us;
        report_us = first ? 0 : before_report_us;
        if (!first) now_utc_us = before_now_us;
    }
    if (report_us)
        media_clock_rtcp(clock, pts_us, report_us, now_utc_us);
    else
        media_clock_arrival(clock, pts_us, now_utc_us);
}

void media_clock_file(media_clock *clock, int64_t start_utc_us)
{
    *clock = (media_clock){ .source = VD_TIME_FILE, .set = true, .offset_us = start_utc_us };
}

int32_t media_clock_skew_ms(const media_clock *clock)
{
    const int64_t ms = clock->camera_skew_us / 1000;
    return ms > INT32_MAX ? INT32_MAX : ms < -INT32_MAX ? -INT32_MAX : (int32_t)ms;
}

int64_t media_clock_utc(const media_clock *clock, int64_t pts_us)
{
    return pts_us + clock->offset_us;
}

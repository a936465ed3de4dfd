/* analyze_out.c - what analyze writes: lines, a bar, a summary. */
#include <stdio.h>
#include <stdlib.h>

#include "analyze_priv.h"
#include "vd/clock.h"

#define LINES_BYTES       4194304
#define FLUSH_AT          262144
#define BAR_CELLS         30
#define PROGRESS_EVERY_US 200000

vd_err line_file_open(line_file *f, const char *path, vd_why *why)
{
    f->file = VD_FILE_NONE;
    f->text = VD_BUF(LINES_BYTES);
    f->wanted = path != NULL;
    return path ? vd_file_create(path, 0644, &f->file, why) : VD_OK;
}

vd_err line_file_flush(line_file *f, bool all, vd_why *why)
{
    if (!f->text.len || (!all && f->text.len < FLUSH_AT)) return VD_OK;
    vd_err err = vd_file_write(&f->file, vd_buf_slice(&f->text), why);
    vd_buf_clear(&f->text);
    return err;
}

vd_err line_file_publish(line_file *f, vd_why *why)
{
    if (!f->wanted) return VD_OK;
    vd_err err = line_file_flush(f, true, why);
    return err ? err : vd_file_publish(&f->file, why);
}

void line_file_done(line_file *f)
{
    if (f->wanted) vd_file_done(&f->file);
    vd_buf_done(&f->text);
}

/* A line that does not fit is an error of ours: lines are bounded by the stages' limits. */
static vd_err line_end(line_file *f, bool fits, vd_why *why)
{
    if (!fits || !vd_buf_add_byte(&f->text, '\n'))
        return vd_fail(why, VD_FULL, "a line of the output is too long");
    f->lines++;
    return line_file_flush(f, false, why);
}

static uint32_t track_of(const vd_track *tracks, unsigned count, unsigned detection)
{
    for (unsigned i = 0; i < count; i++)
        if (tracks[i].seen && tracks[i].detection == (int)detection) return tracks[i].id;
    return 0;
}

static void write_detection(vd_json_w *w, const analysis *a, const vd_detection *d, uint32_t track,
                            const vd_picture *p)
{
    double width = p->width_px, height = p->height_px;

    vd_json_w_object(w);
    vd_json_w_kv_text(w, "class", vd_model_class_name(a->model, d->class_id));
    vd_json_w_kv_num(w, "score", (double)d->score, 4);
    vd_json_w_key(w, "box");
    vd_json_w_list(w);
    vd_json_w_num(w, (double)d->box.l * width, 2);
    vd_json_w_num(w, (double)d->box.t * height, 2);
    vd_json_w_num(w, (double)d->box.w * width, 2);
    vd_json_w_num(w, (double)d->box.h * height, 2);
    vd_json_w_list_end(w);
    if (track) vd_json_w_kv_int(w, "track", track);
    vd_json_w_object_end(w);
}

vd_err write_detections(analysis *a, const vd_picture *picture, vd_why *why)
{
    const vd_track *tracks;
    unsigned count;

    if (!a->detections.wanted) return VD_OK;
    vd_scene_tracks(a->scene, &tracks, &count);
    vd_json_w w = vd_json_writer(&a->detections.text);
    vd_json_w_object(&w);
    vd_json_w_kv_int(&w, "frame", (int64_t)picture->number);
    vd_json_w_kv_num(&w, "time_s", (double)picture->pts_us / 1e6, 6);
    vd_json_w_key(&w, "detections");
    vd_json_w_list(&w);
    for (unsigned i = 0; i < a->seen->count; i++)
        write_detection(&w, a, &a->seen->item[i], track_of(tracks, count, i), picture);
    vd_json_w_list_end(&w);
    vd_json_w_object_end(&w);
    return line_end(&a->detections, !vd_json_w_end(&w), why);
}

/* Makes room for one more line and for the track's best score. */
static bool track_room(analysis *a, uint32_t id)
{
    if (a->track_lines == a->track_room) {
        size_t room = a->track_room ? a->track_room * 2 : 65536;
        void *grown =
            room > TRACK_LINES_MAX ? NULL : realloc(a->track_line, room * sizeof *a->track_line);
        if (!grown) return false;
        a->track_line = grown;
        a->track_room = room;
    }
    if (id < a->best_room) return true;
    uint32_t room = id * 2 + 1024;
    float *grown = realloc(a->best, room * sizeof *grown);
    if (!grown) return false;
    memset(grown + a->best_room, 0, (room - a->best_room) * sizeof *grown);
    a->best = grown;
    a->best_room = room;
    return true;
}

vd_err note_tracks(analysis *a, const vd_picture *p, vd_why *why)
{
    const vd_track *tracks;
    unsigned count;
    float width = (float)p->width_px, height = (float)p->height_px;

    vd_scene_tracks(a->scene, &tracks, &count);
    for (unsigned i = 0; i < count; i++) {
        const vd_track *t = &tracks[i];
        if (!t->seen || !t->id) continue;
        if (!track_room(a, t->id)) return vd_fail(why, VD_FULL, "there are too many tracks");
        if (t->score > a->best[t->id]) a->best[t->id] = t->score;
        a->track_line[a->track_lines++] = (track_line){ .frame = (uint32_t)p->number,
                                                        .id = t->id,
                                                        .left = t->box.l * width,
                                                        .top = t->box.t * height,
                                                        .width = t->box.w * width,
                                                        .height = t->box.h * height,
                                                        .score = t->score };
    }
    return VD_OK;
}

vd_err write_tracks(analysis *a, vd_why *why)
{
    vd_err err = VD_OK;

    for (uint32_t id = 0; id < a->best_room; id++)
        a->track_count += a->best[id] > 0 && (double)a->best[id] >= a->track_score;
    for (size_t i = 0; a->tracks.wanted && !err && i < a->track_lines; i++) {
        const track_line *t = &a->track_line[i];
        if ((double)a->best[t->id] < a->track_score) continue;
        bool fits = vd_buf_addf(&a->tracks.text, "%u,%u,%.2f,%.2f,%.2f,%.2f,%.4f,-1,-1,-1",
                                t->frame, t->id, (double)t->left, (double)t->top, (double)t->width,
                                (double)t->height, (double)t->score);
        err = line_end(&a->tracks, fits, why);
    }
    return err;
}

vd_err write_event(analysis *a, const vd_event *event, vd_why *why)
{
    bool fits = !vd_event_write(event, &a->event_lines.text);
    return line_end(&a->event_lines, fits, why);
}

/* How much of the file has gone by; pictures lag a little behind. */
static double share_done(analysis *a)
{
    uint64_t bytes = atomic_load(&a->bytes_read);
    double share = a->video_bytes ? (double)bytes / (double)a->video_bytes : 0;

    return share > 1 ? 1 : share;
}

void progress_show(analysis *a, bool last)
{
    int64_t now_us = vd_clock_mono_us();
    char bar[BAR_CELLS + 1];

    if (!a->progress || (!last && now_us - a->progress_us < PROGRESS_EVERY_US)) return;
    a->progress_us = now_us;
    double share = last ? 1 : share_done(a);
    int filled = (int)(share * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    double seconds = (double)(now_us - a->began_us) / 1e6;
    fprintf(stderr, "\r[%s] %3.0f %%  %llu frames, %.1f a second ", bar, share * 100,
            (unsigned long long)a->frame_count, seconds > 0 ? (double)a->frame_count / seconds : 0);
    if (last) fputc('\n', stderr);
}

vd_err summary_print(analysis *a, vd_why *why)
{
    VD_AUTO(vd_buf) text = VD_BUF(8192);
    vd_json_w w = vd_json_writer(&text);
    double seconds = (double)(vd_clock_mono_us() - a->began_us) / 1e6;
    double rate = seconds > 0 ? (double)a->frame_count / seconds : 0;

    if (!a->c->json) {
        printf("%s: %llu frames, %llu detections, %u tracks, %llu event lines; %.1f s, %.1f frames "
               "a second\n",
               a->video, (unsigned long long)a->frame_count, (unsigned long long)a->detection_count,
               a->track_count, (unsigned long long)a->event_lines.lines, seconds, rate);
        return VD_OK;
    }
    vd_json_w_object(&w);
    vd_json_w_kv_text(&w, "video", a->video);
    vd_json_w_kv_text(&w, "model", vd_model_name(a->model));
    vd_json_w_kv_text(&w, "model_digest", vd_model_digest(a->model)->hex);
    vd_json_w_kv_int(&w, "frames", (int64_t)a->frame_count);
    vd_json_w_kv_int(&w, "detections", (int64_t)a->detection_count);
    vd_json_w_kv_int(&w, "tracks", a->track_count);
    vd_json_w_kv_int(&w, "event_lines", (int64_t)a->event_lines.lines);
    vd_json_w_kv_num(&w, "seconds", seconds, 3);
    vd_json_w_kv_num(&w, "frames_per_second", rate, 2);
    vd_json_w_kv_num(&w, "inference_share", (double)a->inference_us / 1e6 / (seconds + 1e-9), 3);
    vd_json_w_object_end(&w);
    vd_err err = vd_json_w_end(&w);
    if (err) return vd_fail(why, err, "the summary cannot be written");
    puts(text.data);
    return VD_OK;
}

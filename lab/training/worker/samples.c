#include "samples_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct samples {
    const trainer_job *job;
    const set *set;
    const plan *plan;
    net *net;
    net_facts facts;
    vd_graph
        *frozen; /* in ONNX Runtime, which runs it some times faster; NULL: nothing is frozen */
    int feature[NET_FEATURES_MAX];
    size_t feature_numbers[NET_FEATURES_MAX];
    unsigned feature_values;
    unsigned variants;
    sample *list;  /* pictures * variants */
    size_t *place; /* of a picture's first view among those that are kept */
    uint16_t *memory;
    size_t bytes;
    bool mapped;
    view view;
};

/* Space is taken at once, so that a full disk is met here and not as a signal later. */
static vd_err map_file(samples *s, vd_why *why)
{
    char path[TRAINER_PATH_ROOM];
    (void)snprintf(path, sizeof(path), "%s/features.bin", s->job->out);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return vd_fail_errno(why, "'%.200s' cannot be made", path);
    (void)unlink(path); /* goes with the process, whatever ends it */
    int code = posix_fallocate(fd, 0, (off_t)s->bytes);
    void *at = code ? MAP_FAILED : mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) {
        vd_fail(why, VD_FULL, "there is no room for the features of the pictures");
        vd_why_detail(why, "%zu MiB are needed in '%.160s'", s->bytes >> 20, s->job->out);
        vd_why_hint(why, "free space, lower 'variants', or freeze another share of the layers");
        return VD_FULL;
    }
    s->memory = at;
    s->mapped = true;
    return VD_OK;
}

static vd_err take_room(samples *s, vd_why *why)
{
    size_t views = 0;
    for (unsigned i = 0; i < s->set->picture_count; i++) {
        s->place[i] = views;
        if (s->set->picture[i].split == SET_TRAIN) views += s->variants;
        if (s->set->picture[i].split == SET_VAL) views++;
    }
    s->bytes = views * s->facts.feature_count * sizeof(uint16_t);
    if (s->bytes > (size_t)s->job->settings.cache_mb << 20) return map_file(s, why);
    s->memory = malloc(s->bytes + 1);
    return s->memory ? VD_OK : map_file(s, why);
}

static vd_err load_frozen(samples *s, vd_why *why)
{
    const nn_model *m = &s->plan->model;
    VD_AUTO(vd_buf) bytes = VD_BUF(m->bytes.limit);
    s->feature_values = net_features(s->net, s->feature, s->feature_numbers);
    if (s->feature_values == 1 && s->feature[0] == m->input) return VD_OK;
    for (unsigned i = 0; i < s->feature_values; i++)
        if (s->feature[i] == m->input)
            return vd_fail(why, VD_INVALID,
                           "a trained layer looks at the picture beside frozen ones; "
                           "freeze another share of the layers");
    if (!nn_bytes_cut(m, s->feature, s->feature_values, &bytes))
        return vd_fail(why, VD_FULL, "there is no memory for the frozen layers");
    return vd_graph_load(vd_buf_slice(&bytes), (int)s->job->settings.threads, &s->frozen, why);
}

vd_err samples_open(const trainer_job *job, const set *of, const plan *p, net *n,
                    samples **ret_samples, vd_why *why)
{
    samples *s = calloc(1, sizeof(*s));
    if (!s) return vd_fail(why, VD_FULL, "there is no memory for the pictures");
    s->job = job;
    s->set = of;
    s->plan = p;
    s->net = n;
    s->variants = job->settings.augment ? (unsigned)job->settings.variants : 1;
    net_facts_of(n, &s->facts);
    s->list = calloc((size_t)of->picture_count * s->variants + 1, sizeof(*s->list));
    s->place = calloc(of->picture_count + 1u, sizeof(*s->place));
    vd_err err = s->list && s->place ? view_init(&s->view, &p->facts->tensor, why)
                                     : vd_fail(why, VD_FULL, "there is no memory for the pictures");
    if (!err) err = take_room(s, why);
    if (!err) err = load_frozen(s, why);
    if (err)
        (void)samples_close(s);
    else
        *ret_samples = s;
    return err;
}

samples *samples_close(samples *s)
{
    if (!s) return NULL;
    (void)vd_graph_free(s->frozen);
    for (size_t i = 0; s->list && i < (size_t)s->set->picture_count * s->variants; i++)
        free(s->list[i].box);
    if (s->mapped)
        (void)munmap(s->memory, s->bytes);
    else
        free(s->memory);
    free(s->list);
    free(s->place);
    view_done(&s->view);
    free(s);
    return NULL;
}

static vd_err keep_boxes(sample *to, const view *v, vd_why *why)
{
    to->box = malloc((v->box_count + 1) * sizeof(*to->box));
    if (!to->box) return vd_fail(why, VD_FULL, "there is no memory for the boxes");
    memcpy(to->box, v->box, v->box_count * sizeof(*to->box));
    to->box_count = v->box_count;
    return VD_OK;
}

static vd_err run_frozen(samples *s, uint16_t *into, vd_why *why)
{
    const nn_model *m = &s->plan->model;
    const char *names[NET_FEATURES_MAX];
    vd_numbers found[NET_FEATURES_MAX];
    bool misfit = false;
    int64_t dims[NN_RANK_MAX];
    if (!s->frozen) {
        net_halves(s->view.tensor, s->feature_numbers[0], into);
        return VD_OK;
    }
    for (unsigned i = 0; i < m->input_shape.rank; i++)
        dims[i] = m->input_shape.dim[i] > 0 ? m->input_shape.dim[i] : 1;
    for (unsigned i = 0; i < s->feature_values; i++) names[i] = m->value[s->feature[i]].name;
    vd_err err = vd_graph_run(s->frozen, m->value[m->input].name, s->view.tensor, dims,
                              m->input_shape.rank, names, s->feature_values, found, why);
    for (unsigned i = 0; i < s->feature_values && !err; i++) {
        bool same = found[i].count == s->feature_numbers[i];
        if (same) net_halves(found[i].data, found[i].count, into);
        if (!same) misfit = true;
        into += s->feature_numbers[i];
        free(found[i].data);
    }
    if (misfit)
        err = vd_fail(why, VD_CORRUPT, "the frozen layers give another shape than expected");
    return err;
}

vd_err samples_get(samples *s, unsigned picture, unsigned variant, const sample **ret_sample,
                   vd_why *why)
{
    const set_picture *p = &s->set->picture[picture];
    sample *to = &s->list[(size_t)picture * s->variants + variant];
    *ret_sample = to;
    if (to->ready) return VD_OK;
    vd_frame *frame = NULL;
    vd_err err = view_load(s->job->pictures, p->digest, &frame, why);
    if (!err) err = view_make(frame, p, variant, &s->job->settings, s->plan->facts, &s->view, why);
    (void)vd_frame_unref(frame);
    to->features = s->memory + (s->place[picture] + variant) * s->facts.feature_count;
    if (!err) err = run_frozen(s, to->features, why);
    if (!err) err = keep_boxes(to, &s->view, why);
    to->class_id = p->class_id < 0 ? -1 : s->plan->row_of[p->class_id];
    to->ready = !err;
    return err;
}

// An ONNX graph becomes a net that learns (net_priv.h): what is needed, what is frozen, one step.
#include "net_priv.hh"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace
{
using at::Tensor;

constexpr double BETA_FIRST = 0.9, BETA_SECOND = 0.999, TINY = 1e-8;
constexpr double FOCUS = 2, HEAT_SLOPE = 4; // of the focal loss

// Runs `work` and turns what torch throws into a why.
template <typename F> vd_err guarded(vd_why *why, const char *doing, F work)
{
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return vd_fail(why, VD_FULL, "there is no memory for %s", doing);
    } catch (const std::exception &error) {
        std::string what = error.what();
        vd_fail(why, VD_INVALID, "%s failed", doing);
        vd_why_detail(why, "%.300s", what.substr(0, what.find('\n')).c_str());
        return VD_INVALID;
    }
}

bool is_layer(const net &n, const nn_node &node)
{
    std::string op = node.op;
    if (op != "Conv" && op != "Gemm" && op != "MatMul") return false;
    if (node.in_count < 2 || node.in[1] < 0) return false;
    const nn_tensor *w = n.model->value[node.in[1]].tensor;
    if (!w || w->type != NN_FLOAT || !w->offset) return false;
    // A converter's plain scaling of channels is no layer.
    bool scaling = op == "Conv" && w->rank == 4 && w->dim[2] == 1 && w->dim[3] == 1 &&
                   nn_attr_int(&node, "group", 1) == w->dim[0] && node.in_count < 3 &&
                   w->dim[0] > 1;
    return !scaling;
}

void mark_needed(net &n)
{
    const nn_model &m = *n.model;
    std::vector<char> wanted(m.value_count, 0);
    n.needed.assign(m.node_count, 0);
    for (int point : n.points) wanted[static_cast<size_t>(point)] = 1;
    for (unsigned i = m.node_count; i-- > 0;) {
        const nn_node &node = m.node[i];
        for (unsigned o = 0; o < node.out_count; o++)
            if (node.out[o] >= 0 && wanted[static_cast<size_t>(node.out[o])]) n.needed[i] = 1;
        for (unsigned k = 0; k < node.in_count && n.needed[i]; k++)
            if (node.in[k] >= 0) wanted[static_cast<size_t>(node.in[k])] = 1;
    }
}

void add_trained(net &n, int value)
{
    for (int known : n.trained)
        if (known == value) return;
    n.trained.push_back(value);
}

void pick_layers(net &n)
{
    std::vector<unsigned> layers;
    for (unsigned i = 0; i < n.model->node_count; i++)
        if (n.needed[i] && is_layer(n, n.model->node[i])) layers.push_back(i);
    if (layers.empty()) throw std::runtime_error("the graph has no layers of weights to train");
    auto all = static_cast<double>(layers.size());
    auto last = static_cast<size_t>(std::ceil(all * (1 - n.plan.freeze) - 1e-9));
    last = std::min(std::max<size_t>(last, n.plan.layers_least), layers.size());
    n.facts.layers_all = static_cast<unsigned>(layers.size());
    n.facts.layers_trained = static_cast<unsigned>(last);
    for (size_t i = layers.size() - last; i < layers.size(); i++) {
        const nn_node &node = n.model->node[layers[i]];
        add_trained(n, node.in[1]);
        const nn_tensor *b =
            node.in_count > 2 && node.in[2] >= 0 ? n.model->value[node.in[2]].tensor : nullptr;
        if (b && b->type == NN_FLOAT && b->offset) add_trained(n, node.in[2]);
    }
}

bool any_of(const std::vector<char> &marks, const int *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (values[i] >= 0 && marks[static_cast<size_t>(values[i])]) return true;
    return false;
}

// Marks what depends on trained numbers, and finds what crosses the border.
void find_border(net &n)
{
    const nn_model &m = *n.model;
    std::vector<char> moves(m.value_count, 0), crosses(m.value_count, 0);
    n.trained_node.assign(m.node_count, 0);
    for (int value : n.trained) moves[static_cast<size_t>(value)] = 1;
    for (unsigned i = 0; i < m.node_count; i++) {
        const nn_node &node = m.node[i];
        n.trained_node[i] = n.needed[i] && any_of(moves, node.in, node.in_count);
        for (unsigned o = 0; o < node.out_count && n.trained_node[i]; o++)
            if (node.out[o] >= 0) moves[static_cast<size_t>(node.out[o])] = 1;
    }
    for (unsigned i = 0; i < m.node_count; i++)
        for (unsigned k = 0; k < m.node[i].in_count && n.trained_node[i]; k++) {
            int v = m.node[i].in[k];
            if (v < 0 || moves[static_cast<size_t>(v)] || m.value[v].tensor) continue;
            if (crosses[static_cast<size_t>(v)]++ == 0) n.features.push_back(v);
        }
}

void read_constants(net &n)
{
    n.constant.resize(n.model->value_count);
    for (unsigned v = 0; v < n.model->value_count; v++)
        if (n.model->value[v].tensor) n.constant[v] = net_tensor(*n.model->value[v].tensor);
    for (int value : n.trained) {
        Tensor &t = n.constant[static_cast<size_t>(value)];
        t.set_requires_grad(true);
        n.first.push_back(at::zeros_like(t).set_requires_grad(false));
        n.second.push_back(at::zeros_like(t).set_requires_grad(false));
        n.facts.trained_numbers += static_cast<size_t>(t.numel());
    }
    for (const Tensor &t : n.constant)
        if (t.defined()) n.facts.all_numbers += static_cast<size_t>(t.numel());
}

void refuse_unknown(const net &n)
{
    std::string unknown;
    for (unsigned i = 0; i < n.model->node_count; i++) {
        std::string op = n.model->node[i].op;
        if (!net_knows(op.c_str()) && unknown.find("'" + op + "'") == std::string::npos)
            unknown += (unknown.empty() ? "'" : ", '") + op + "'";
    }
    if (!unknown.empty())
        throw std::runtime_error("the trainer does not know the operation " + unknown);
}

Tensor picture_tensor(const net &n, const float *picture)
{
    const nn_tensor &shape = n.model->input_shape;
    std::vector<int64_t> dims(shape.dim, shape.dim + shape.rank);
    if (!dims.empty() && dims[0] < 0) dims[0] = 1;
    for (int64_t dim : dims)
        if (dim < 1) throw std::runtime_error("the model's input has an open size");
    return at::from_blob(const_cast<float *>(picture), dims, at::kFloat);
}

enum class part { frozen, trained, all };

// The values of everything in `which`, given what is in the run already.
void run_part(net_run &r, part which)
{
    for (unsigned i = 0; i < r.n.model->node_count; i++) {
        bool trained = r.n.trained_node[i];
        if (which == part::all || (r.n.needed[i] && trained == (which == part::trained)))
            net_run_node(r, static_cast<int>(i));
    }
}

void run_trained(net_run &r, const net_batch &batch)
{
    auto count = static_cast<int64_t>(batch.count);
    std::vector<std::vector<Tensor>> parts(r.n.features.size());
    for (int64_t p = 0; p < count; p++) {
        const uint16_t *at = batch.features[p];
        for (size_t f = 0; f < parts.size(); f++) {
            Tensor half =
                at::from_blob(const_cast<uint16_t *>(at), r.n.feature_shape[f], at::kHalf);
            parts[f].push_back(half.to(at::kFloat));
            at += half.numel();
        }
    }
    for (size_t f = 0; f < parts.size(); f++)
        r.value[static_cast<size_t>(r.n.features[f])] = at::cat(parts[f], 0);
    run_part(r, part::trained);
}

void learn_shapes(net &n)
{
    c10::AutoGradMode no_gradients(false);
    Tensor zero;
    std::vector<int64_t> dims(n.model->input_shape.dim,
                              n.model->input_shape.dim + n.model->input_shape.rank);
    size_t count = 1;
    for (int64_t dim : dims) count *= static_cast<size_t>(std::max<int64_t>(dim, 1));
    std::vector<float> blank(count, 0);
    net_run r(n);
    r.subset = true;
    r.value[static_cast<size_t>(n.model->input)] = picture_tensor(n, blank.data());
    run_part(r, part::frozen);
    for (int feature : n.features) {
        const Tensor &t = r.value[static_cast<size_t>(feature)];
        n.feature_shape.push_back(t.sizes().vec());
        n.facts.feature_count += static_cast<size_t>(t.numel());
    }
    run_part(r, part::trained);
    const Tensor &point = r.value[static_cast<size_t>(n.points[0])];
    if (n.plan.task == NET_CLASSIFICATION) {
        n.facts.classes = static_cast<unsigned>(point.numel());
        return;
    }
    const Tensor &size = r.value[static_cast<size_t>(n.points[1])];
    if (point.dim() != 4 || size.dim() != 4 || size.size(1) != 4 || size.size(2) != point.size(2) ||
        size.size(3) != point.size(3))
        throw std::runtime_error("the maps of heat and of sizes do not belong together");
    n.facts.rows = static_cast<unsigned>(point.size(1));
    n.facts.height = static_cast<unsigned>(point.size(2));
    n.facts.width = static_cast<unsigned>(point.size(3));
}

void open_net(net &n)
{
    at::set_num_threads(n.plan.threads);
    at::globalContext().setDeterministicAlgorithms(true, false);
    refuse_unknown(n);
    n.points.push_back(n.plan.heat);
    if (n.plan.task == NET_DETECTION) {
        n.points.push_back(n.plan.size);
        n.rows.assign(n.plan.rows, n.plan.rows + n.plan.row_count);
        n.heat_node = n.model->value[n.plan.heat].maker;
    }
    mark_needed(n);
    pick_layers(n);
    read_constants(n);
    find_border(n);
    if (n.features.size() > NET_FEATURES_MAX)
        throw std::runtime_error(
            "too many values cross from frozen to trained layers; freeze another "
            "share of them");
    learn_shapes(n);
}

// ---- losses ----

struct losses {
    Tensor all, heat, size;
    unsigned right = 0;
};

Tensor heat_loss(const Tensor &logits, const Tensor &wanted)
{
    Tensor hit = wanted.ge(1).to(at::kFloat);
    Tensor p = at::sigmoid(logits);
    Tensor near = (1 - p).pow(FOCUS) * at::log_sigmoid(logits) * hit;
    Tensor far = p.pow(FOCUS) * at::log_sigmoid(-logits) * (1 - wanted).pow(HEAT_SLOPE) * (1 - hit);
    return -(near.sum() + far.sum()) / hit.sum().clamp_min(1);
}

// 1 - GIoU of boxes that share a point, given as distances l, t, r, b from it.
Tensor size_loss(const Tensor &have, const Tensor &wanted, const Tensor &weight)
{
    auto side = [](const Tensor &box, int64_t a, int64_t b) {
        return (box.select(1, a) + box.select(1, b)).clamp_min(0);
    };
    Tensor least = at::min(have, wanted), most = at::max(have, wanted);
    Tensor both = side(least, 0, 2) * side(least, 1, 3);
    Tensor hull = side(most, 0, 2) * side(most, 1, 3);
    Tensor either = side(have, 0, 2) * side(have, 1, 3) + side(wanted, 0, 2) * side(wanted, 1, 3);
    either = either - both;
    Tensor giou = both / (either + 1e-6) - (hull - either) / (hull + 1e-6);
    return ((1 - giou) * weight).sum() / (weight.sum() + 1e-4);
}

Tensor blob(const float *data, std::vector<int64_t> shape)
{
    return at::from_blob(const_cast<float *>(data), shape, at::kFloat);
}

losses losses_of(net_run &r, const net_batch &batch)
{
    net &n = r.n;
    losses l;
    int64_t count = batch.count;
    const Tensor &point = r.value[static_cast<size_t>(n.points[0])];
    if (n.plan.task == NET_CLASSIFICATION) {
        Tensor wanted = at::from_blob(const_cast<int64_t *>(batch.classes), { count }, at::kLong);
        Tensor scores = point.reshape({ count, -1 });
        l.all = l.heat = at::nll_loss(at::log_softmax(scores, 1), wanted);
        l.size = at::zeros({});
        l.right = static_cast<unsigned>(scores.argmax(1).eq(wanted).sum().item<int64_t>());
        return l;
    }
    int64_t rows = n.facts.rows, high = n.facts.height, wide = n.facts.width;
    const Tensor &size = r.value[static_cast<size_t>(n.points[1])];
    l.heat = heat_loss(point, blob(batch.heat, { count, rows, high, wide }));
    l.size = size_loss(size * static_cast<double>(n.plan.size_scale),
                       blob(batch.box, { count, 4, high, wide }),
                       blob(batch.weight, { count, high, wide }));
    l.all = l.heat + l.size * static_cast<double>(n.plan.size_weight);
    return l;
}

void score_of(const losses &l, net_score *score)
{
    score->loss = l.all.item<double>();
    score->heat = l.heat.item<double>();
    score->size = l.size.item<double>();
    score->right = l.right;
}

// Adam, written out: its moments are part of a checkpoint.
void step(net &n, double rate)
{
    c10::AutoGradMode no_gradients(false);
    n.steps++;
    double first_fix = 1 - std::pow(BETA_FIRST, static_cast<double>(n.steps));
    double second_fix = 1 - std::pow(BETA_SECOND, static_cast<double>(n.steps));
    for (size_t i = 0; i < n.trained.size(); i++) {
        Tensor &t = n.constant[static_cast<size_t>(n.trained[i])];
        Tensor g = t.grad();
        if (!g.defined()) continue;
        n.first[i].mul_(BETA_FIRST).add_(g, 1 - BETA_FIRST);
        n.second[i].mul_(BETA_SECOND).addcmul_(g, g, 1 - BETA_SECOND);
        Tensor by = (n.second[i] / second_fix).sqrt_().add_(TINY);
        if (n.plan.decay > 0 && t.dim() > 1) t.mul_(1 - rate * n.plan.decay);
        t.addcdiv_(n.first[i], by, -rate / first_fix);
        t.mutable_grad() = Tensor();
    }
}

bool finite_gradients(const net &n)
{
    for (int value : n.trained) {
        const Tensor &g = n.constant[static_cast<size_t>(value)].grad();
        if (g.defined() && !g.isfinite().all().item<bool>()) return false;
    }
    return true;
}

void forget_gradients(net &n)
{
    for (int value : n.trained) n.constant[static_cast<size_t>(value)].mutable_grad() = Tensor();
}

void copy_out(const Tensor &t, float *into)
{
    Tensor flat = t.to(at::kFloat).contiguous();
    std::memcpy(into, flat.data_ptr<float>(), static_cast<size_t>(flat.numel()) * sizeof(float));
}

template <typename F> void each_state(const net &n, bool moments, F visit)
{
    c10::AutoGradMode no_gradients(false);
    for (size_t i = 0; i < n.trained.size(); i++)
        visit(n.constant[static_cast<size_t>(n.trained[i])]);
    for (size_t i = 0; i < n.trained.size() && moments; i++) {
        visit(n.first[i]);
        visit(n.second[i]);
    }
}

void get_state(const net &n, bool moments, float *into)
{
    float *at = into;
    each_state(n, moments, [&at](const Tensor &t) {
        copy_out(t, at);
        at += t.numel();
    });
}

void set_state(const net &n, bool moments, const float *from)
{
    const float *at = from;
    each_state(n, moments, [&at](const Tensor &t) {
        Tensor to = t;
        std::memcpy(to.data_ptr<float>(), at, static_cast<size_t>(t.numel()) * sizeof(float));
        at += t.numel();
    });
}
} // namespace

Tensor net_tensor(const nn_tensor &t)
{
    static const struct {
        int type;
        at::ScalarType scalar;
    } types[] = {
        { NN_FLOAT, at::kFloat }, { NN_UINT8, at::kByte }, { NN_INT8, at::kChar },
        { NN_INT32, at::kInt },   { NN_INT64, at::kLong }, { NN_BOOL, at::kBool },
    };
    for (const auto &known : types)
        if (known.type == t.type) {
            std::vector<int64_t> dims(t.dim, t.dim + t.rank);
            if (!t.bytes) return at::empty(dims, known.scalar);
            // the file's bytes lie anywhere; torch wants them aligned
            Tensor made = at::empty(dims, known.scalar);
            std::memcpy(made.data_ptr(), t.data, t.bytes);
            return made;
        }
    throw std::runtime_error("numbers of type " + std::to_string(t.type) + " are not supported");
}

vd_err net_open(const nn_model *model, const net_plan *plan, net **ret_net, vd_why *why)
{
    return guarded(why, "making the model ready to learn", [&] {
        auto made = std::make_unique<net>();
        made->model = model;
        made->plan = *plan;
        open_net(*made);
        *ret_net = made.release();
        return VD_OK;
    });
}

net *net_close(net *n)
{
    delete n;
    return nullptr;
}

void net_facts_of(const net *n, net_facts *ret_facts)
{
    *ret_facts = n->facts;
}

unsigned net_features(const net *n, int values[NET_FEATURES_MAX], size_t counts[NET_FEATURES_MAX])
{
    for (size_t i = 0; i < n->features.size(); i++) {
        values[i] = n->features[i];
        counts[i] = 1;
        for (int64_t dim : n->feature_shape[i]) counts[i] *= static_cast<size_t>(dim);
    }
    return static_cast<unsigned>(n->features.size());
}

void net_halves(const float *numbers, size_t count, uint16_t *into)
{
    Tensor whole = blob(numbers, { static_cast<int64_t>(count) });
    Tensor half = whole.clamp(-65504, 65504).to(at::kHalf);
    std::memcpy(into, half.data_ptr(), count * sizeof(uint16_t));
}

vd_err net_learn(net *n, const net_batch *batch, double rate, net_score *ret_score, vd_why *why)
{
    return guarded(why, "a step of training", [&] {
        c10::AutoGradMode gradients(true);
        net_run r(*n);
        r.subset = true;
        run_trained(r, *batch);
        losses l = losses_of(r, *batch);
        score_of(l, ret_score);
        if (!std::isfinite(ret_score->loss)) return VD_OK;
        l.all.backward();
        if (finite_gradients(*n))
            step(*n, rate);
        else
            ret_score->loss = NAN;
        forget_gradients(*n);
        return VD_OK;
    });
}

vd_err net_judge(net *n, const net_batch *batch, net_score *ret_score, float *heat, float *size,
                 vd_why *why)
{
    return guarded(why, "a step of validation", [&] {
        c10::AutoGradMode no_gradients(false);
        net_run r(*n);
        r.subset = true;
        run_trained(r, *batch);
        score_of(losses_of(r, *batch), ret_score);
        if (heat) copy_out(at::sigmoid(r.value[static_cast<size_t>(n->points[0])]), heat);
        if (size)
            copy_out(r.value[static_cast<size_t>(n->points[1])] *
                         static_cast<double>(n->plan.size_scale),
                     size);
        return VD_OK;
    });
}

size_t net_state_count(const net *n)
{
    return n->facts.trained_numbers * 3;
}

void net_state_get(const net *n, float *into, uint64_t *ret_steps)
{
    get_state(*n, true, into);
    *ret_steps = n->steps;
}

void net_state_set(net *n, const float *from, uint64_t steps)
{
    set_state(*n, true, from);
    n->steps = steps;
}

void net_numbers_get(const net *n, float *into)
{
    get_state(*n, false, into);
}

void net_numbers_set(net *n, const float *from)
{
    set_state(*n, false, from);
}

bool net_write(const net *n, vd_buf *file)
{
    bool fits = true;
    for (int value : n->trained) {
        const Tensor &t = n->constant[static_cast<size_t>(value)];
        fits = fits && nn_model_set(n->model, value, t.data_ptr<float>(), file);
    }
    return fits;
}

vd_err net_values(net *n, const float *picture, const int *values, unsigned count,
                  net_numbers *ret_numbers, vd_why *why)
{
    return guarded(why, "running the whole graph", [&] {
        c10::AutoGradMode no_gradients(false);
        net_run r(*n);
        r.value[static_cast<size_t>(n->model->input)] = picture_tensor(*n, picture);
        run_part(r, part::all);
        for (unsigned i = 0; i < count; i++) {
            const Tensor &t = r.value[static_cast<size_t>(values[i])];
            ret_numbers[i].count = static_cast<size_t>(t.numel());
            ret_numbers[i].data =
                static_cast<float *>(std::calloc(ret_numbers[i].count + 1, sizeof(float)));
            if (!ret_numbers[i].data) return vd_fail(why, VD_FULL, "there is no memory");
            copy_out(t, ret_numbers[i].data);
        }
        return VD_OK;
    });
}

const char *net_library_version(void)
{
    return "libtorch " TORCH_TEXT_VERSION;
}

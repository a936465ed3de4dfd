// The operations of ONNX in torch's words, each as small as its meaning. Failures are thrown and
// become a vd_why at the border (net.cc).
#include "net_priv.hh"

#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace
{
using at::Tensor;
using ints = std::vector<int64_t>;

struct call {
    net_run &r;
    const nn_node &node;
    bool heat; // this node makes the heat map

    bool has(unsigned i) const
    {
        return i < node.in_count && node.in[i] >= 0;
    }
    const Tensor &in(unsigned i) const
    {
        if (!has(i) || !r.value[static_cast<size_t>(node.in[i])].defined())
            throw std::runtime_error("an input is missing");
        return r.value[static_cast<size_t>(node.in[i])];
    }
    void out(Tensor value, unsigned i = 0) const
    {
        if (i < node.out_count && node.out[i] >= 0)
            r.value[static_cast<size_t>(node.out[i])] = std::move(value);
    }
    int64_t number(const char *name, int64_t fallback) const
    {
        return nn_attr_int(&node, name, fallback);
    }
    double real(const char *name, double fallback) const
    {
        return static_cast<double>(nn_attr_float(&node, name, static_cast<float>(fallback)));
    }
    std::string text(const char *name, const char *fallback) const
    {
        const nn_attr *a = nn_attr_of(&node, name);
        if (!a) return fallback;
        return std::string(reinterpret_cast<const char *>(a->text.data), a->text.len);
    }
    ints list(const char *name, ints fallback) const
    {
        const nn_attr *a = nn_attr_of(&node, name);
        return a ? ints(a->ints, a->ints + a->int_count) : fallback;
    }
    // A small tensor of whole numbers that is an input.
    ints list_in(unsigned i) const
    {
        Tensor t = in(i).to(at::kLong).contiguous().reshape({ -1 });
        return ints(t.data_ptr<int64_t>(), t.data_ptr<int64_t>() + t.numel());
    }
};

// ONNX: all beginnings, then all ends. torch: pairs, the last axis first.
Tensor padded(const call &c, const Tensor &x, const ints &pads, double fill)
{
    (void)c;
    if (pads.size() != 4) throw std::runtime_error("only pictures (two sides) are supported");
    return at::constant_pad_nd(x, { pads[1], pads[3], pads[0], pads[2] }, fill);
}

ints window_pads(const call &c, const Tensor &x, const ints &kernel, const ints &stride,
                 const ints &dilation)
{
    std::string automatic = c.text("auto_pad", "NOTSET");
    if (automatic == "NOTSET" || automatic.empty()) return c.list("pads", { 0, 0, 0, 0 });
    ints pads(4, 0);
    for (size_t i = 0; i < 2 && automatic != "VALID"; i++) {
        int64_t side = x.size(static_cast<int64_t>(i) + 2);
        int64_t steps = (side + stride[i] - 1) / stride[i];
        int64_t all = (steps - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - side;
        all = std::max<int64_t>(0, all);
        int64_t less = all / 2;
        pads[i] = automatic == "SAME_LOWER" ? all - less : less;
        pads[i + 2] = all - pads[i];
    }
    return pads;
}

bool even(const ints &pads)
{
    return pads.size() == 4 && pads[0] == pads[2] && pads[1] == pads[3];
}

void conv(const call &c)
{
    Tensor x = c.in(0), w = c.in(1), b = c.has(2) ? c.in(2) : Tensor();
    if (w.dim() != 4) throw std::runtime_error("only pictures (two sides) are supported");
    if (c.heat && c.r.subset) {
        Tensor rows = at::tensor(c.r.n.rows, at::kLong);
        w = w.index_select(0, rows);
        if (b.defined()) b = b.index_select(0, rows);
    }
    ints stride = c.list("strides", { 1, 1 }), dilation = c.list("dilations", { 1, 1 });
    ints pads = window_pads(c, x, { w.size(2), w.size(3) }, stride, dilation);
    if (!even(pads)) {
        x = padded(c, x, pads, 0);
        pads = { 0, 0, 0, 0 };
    }
    c.out(at::conv2d(x, w, b, stride, at::IntArrayRef(pads).slice(0, 2), dilation,
                     c.number("group", 1)));
}

void max_pool(const call &c)
{
    Tensor x = c.in(0);
    ints kernel = c.list("kernel_shape", { 1, 1 }), stride = c.list("strides", { 1, 1 });
    ints dilation = c.list("dilations", { 1, 1 });
    ints pads = window_pads(c, x, kernel, stride, dilation);
    if (!even(pads)) {
        x = padded(c, x, pads, -std::numeric_limits<double>::infinity());
        pads = { 0, 0, 0, 0 };
    }
    c.out(at::max_pool2d(x, kernel, stride, { pads[0], pads[1] }, dilation,
                         c.number("ceil_mode", 0) != 0));
}

void average_pool(const call &c)
{
    ints kernel = c.list("kernel_shape", { 1, 1 }), stride = c.list("strides", { 1, 1 });
    ints pads = window_pads(c, c.in(0), kernel, stride, { 1, 1 });
    if (!even(pads)) throw std::runtime_error("uneven padding of an average is not supported");
    c.out(at::avg_pool2d(c.in(0), kernel, stride, { pads[0], pads[1] },
                         c.number("ceil_mode", 0) != 0, c.number("count_include_pad", 0) != 0));
}

void global_average(const call &c)
{
    c.out(c.in(0).mean({ 2, 3 }, true));
}

void reduce_mean(const call &c)
{
    ints axes = c.has(1) ? c.list_in(1) : c.list("axes", {});
    c.out(c.in(0).mean(axes, c.number("keepdims", 1) != 0));
}

void hard_sigmoid(const call &c)
{
    c.out((c.in(0) * c.real("alpha", 0.2) + c.real("beta", 0.5)).clamp(0, 1));
}

void clip(const call &c)
{
    c10::optional<at::Scalar> least, most;
    if (c.has(1)) least = c.in(1).item();
    if (c.has(2)) most = c.in(2).item();
    if (nn_attr_of(&c.node, "min")) least = c.real("min", 0);
    if (nn_attr_of(&c.node, "max")) most = c.real("max", 0);
    c.out(least || most ? at::clamp(c.in(0), least, most) : c.in(0));
}

void divide(const call &c)
{
    if (at::isFloatingType(c.in(0).scalar_type()))
        c.out(at::div(c.in(0), c.in(1)));
    else
        c.out(at::div(c.in(0), c.in(1), "trunc"));
}

void modulo(const call &c)
{
    c.out(c.number("fmod", 0) ? at::fmod(c.in(0), c.in(1)) : at::remainder(c.in(0), c.in(1)));
}

at::ScalarType scalar_of(int64_t type)
{
    switch (type) {
    case NN_FLOAT: return at::kFloat;
    case NN_UINT8: return at::kByte;
    case NN_INT8: return at::kChar;
    case NN_INT32: return at::kInt;
    case NN_INT64: return at::kLong;
    case NN_BOOL: return at::kBool;
    default: throw std::runtime_error("a type of numbers that is not supported");
    }
}

// A graph made for one picture may say 1 where the number of pictures stands.
void reshape(const call &c)
{
    const Tensor &x = c.in(0);
    ints shape = c.list_in(1);
    int64_t known = 1, open = 0;
    for (size_t i = 0; i < shape.size(); i++) {
        if (shape[i] == 0 && static_cast<int64_t>(i) < x.dim())
            shape[i] = x.size(static_cast<int64_t>(i));
        if (shape[i] < 0)
            open++;
        else
            known *= shape[i];
    }
    int64_t pictures = x.dim() ? x.size(0) : 1;
    bool one = !shape.empty() && shape[0] == 1 && pictures > 1;
    if (one && (open || known * pictures == x.numel())) shape[0] = pictures;
    c.out(x.reshape(shape));
}

void flatten(const call &c)
{
    int64_t axis = c.number("axis", 1), front = 1;
    for (int64_t i = 0; i < axis; i++) front *= c.in(0).size(i);
    c.out(c.in(0).reshape({ front, -1 }));
}

void squeeze(const call &c)
{
    ints axes = c.has(1) ? c.list_in(1) : c.list("axes", {});
    Tensor x = c.in(0);
    for (auto &axis : axes) axis = axis < 0 ? axis + x.dim() : axis;
    std::sort(axes.rbegin(), axes.rend());
    for (int64_t axis : axes) x = x.squeeze(axis);
    c.out(axes.empty() ? x.squeeze() : x);
}

void unsqueeze(const call &c)
{
    ints axes = c.has(1) ? c.list_in(1) : c.list("axes", {});
    Tensor x = c.in(0);
    std::sort(axes.begin(), axes.end());
    for (int64_t axis : axes) x = x.unsqueeze(axis);
    c.out(x);
}

void concat(const call &c)
{
    std::vector<Tensor> parts;
    for (unsigned i = 0; i < c.node.in_count; i++) parts.push_back(c.in(i));
    c.out(at::cat(parts, c.number("axis", 0)));
}

void slice(const call &c)
{
    Tensor x = c.in(0);
    ints from = c.list_in(1), to = c.list_in(2), axes, step;
    for (size_t i = 0; i < from.size(); i++) axes.push_back(static_cast<int64_t>(i));
    if (c.has(3)) axes = c.list_in(3);
    step.assign(from.size(), 1);
    if (c.has(4)) step = c.list_in(4);
    for (size_t i = 0; i < from.size(); i++) {
        // the batch's axis was written for one picture
        bool all = axes.at(i) == 0 && from[i] == 0 && to.at(i) == 1 && step.at(i) == 1;
        if (!all) x = x.slice(axes.at(i), from[i], to.at(i), step.at(i));
    }
    c.out(x);
}

void gather(const call &c)
{
    Tensor index = c.in(1).to(at::kLong);
    int64_t axis = c.number("axis", 0);
    const Tensor &x = c.in(0);
    axis = axis < 0 ? axis + x.dim() : axis;
    ints shape(x.sizes().begin(), x.sizes().begin() + axis);
    shape.insert(shape.end(), index.sizes().begin(), index.sizes().end());
    shape.insert(shape.end(), x.sizes().begin() + axis + 1, x.sizes().end());
    c.out(x.index_select(axis, index.reshape({ -1 })).reshape(shape));
}

void top_k(const call &c)
{
    auto best = at::topk(c.in(0), c.in(1).item<int64_t>(), c.number("axis", -1),
                         c.number("largest", 1) != 0, c.number("sorted", 1) != 0);
    c.out(std::get<0>(best), 0);
    c.out(std::get<1>(best), 1);
}

// Where output pixel i lies among `in` pixels.
double source_of(const std::string &how, int64_t i, int64_t in, int64_t out, double scale)
{
    double at = static_cast<double>(i);
    if (how == "asymmetric") return at / scale;
    if (how == "align_corners")
        return out > 1 ? at * static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    if (how == "pytorch_half_pixel" && out == 1) return 0;
    if (how != "half_pixel" && how != "pytorch_half_pixel")
        throw std::runtime_error("Resize with coordinates '" + how + "' is not supported");
    return (at + 0.5) / scale - 0.5;
}

double nearest_of(const std::string &mode, double at)
{
    if (mode == "floor") return std::floor(at);
    if (mode == "ceil") return std::ceil(at);
    if (mode == "round_prefer_ceil") return std::floor(at + 0.5);
    return std::ceil(at - 0.5);
}

// One axis as a matrix [out, in]: linear interpolation is two products, in any of ONNX's ways.
Tensor resize_matrix(const call &c, int64_t in, int64_t out, double scale)
{
    Tensor matrix = at::zeros({ out, in });
    float *row = matrix.data_ptr<float>();
    std::string how = c.text("coordinate_transformation_mode", "half_pixel");
    bool nearest = c.text("mode", "nearest") == "nearest";
    for (int64_t i = 0; i < out; i++, row += in) {
        double at = source_of(how, i, in, out, scale);
        if (nearest) at = nearest_of(c.text("nearest_mode", "round_prefer_floor"), at);
        at = std::min(std::max(at, 0.0), static_cast<double>(in - 1));
        auto low = static_cast<int64_t>(at);
        double part = at - static_cast<double>(low);
        row[low] += static_cast<float>(1 - part);
        if (part > 0) row[low + 1] += static_cast<float>(part);
    }
    return matrix;
}

void resize(const call &c)
{
    const Tensor &x = c.in(0);
    double scale[2];
    int64_t out[2];
    if (x.dim() != 4 || c.text("mode", "nearest") == "cubic")
        throw std::runtime_error("only pictures, nearest or linear, are resized");
    for (int i = 0; i < 2; i++) {
        int64_t in = x.size(i + 2);
        if (c.has(3)) {
            out[i] = c.list_in(3).at(static_cast<size_t>(i) + 2);
            scale[i] = static_cast<double>(out[i]) / static_cast<double>(in);
        } else {
            scale[i] = static_cast<double>(c.in(2)[i + 2].item<float>());
            out[i] = static_cast<int64_t>(std::floor(scale[i] * static_cast<double>(in)));
        }
    }
    if (x.size(2) == 1 && x.size(3) == 1) { // a squeeze-and-excite spread
        c.out(x.expand({ x.size(0), x.size(1), out[0], out[1] }));
        return;
    }
    Tensor high = resize_matrix(c, x.size(2), out[0], scale[0]);
    Tensor wide = resize_matrix(c, x.size(3), out[1], scale[1]);
    c.out(at::matmul(high, at::matmul(x, wide.t())));
}

void gemm(const call &c)
{
    Tensor a = c.number("transA", 0) ? c.in(0).t() : c.in(0);
    Tensor b = c.number("transB", 0) ? c.in(1).t() : c.in(1);
    Tensor y = at::matmul(a, b);
    double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
    if (alpha != 1) y = y * alpha;
    if (c.has(2)) y = y + (beta != 1 ? c.in(2) * beta : c.in(2));
    c.out(y);
}

void dequantize(const call &c)
{
    Tensor x = c.in(0).to(at::kFloat), scale = c.in(1);
    Tensor zero = c.has(2) ? c.in(2).to(at::kFloat) : at::zeros({});
    if (scale.numel() > 1) {
        ints shape(static_cast<size_t>(x.dim()), 1);
        int64_t axis = c.number("axis", 1);
        shape.at(static_cast<size_t>(axis < 0 ? axis + x.dim() : axis)) = scale.numel();
        scale = scale.reshape(shape);
        if (zero.numel() > 1) zero = zero.reshape(shape);
    }
    c.out((x - zero) * scale);
}

void batch_norm(const call &c)
{
    c.out(at::batch_norm(c.in(0), c.in(1), c.in(2), c.in(3), c.in(4), false, 0,
                         c.real("epsilon", 1e-5), false));
}

void constant(const call &c)
{
    const nn_attr *value = nn_attr_of(&c.node, "value");
    if (!value || !value->tensor)
        throw std::runtime_error("this kind of constant is not supported");
    c.out(net_tensor(*value->tensor));
}

// clang-format off
void add(const call &c) { c.out(c.in(0) + c.in(1)); }
void sub(const call &c) { c.out(c.in(0) - c.in(1)); }
void mul(const call &c) { c.out(c.in(0) * c.in(1)); }
void matmul(const call &c) { c.out(at::matmul(c.in(0), c.in(1))); }
void relu(const call &c) { c.out(at::relu(c.in(0))); }
void leaky(const call &c) { c.out(at::leaky_relu(c.in(0), c.real("alpha", 0.01))); }
void sigmoid(const call &c) { c.out(at::sigmoid(c.in(0))); }
void tanh(const call &c) { c.out(at::tanh(c.in(0))); }
void softmax(const call &c) { c.out(at::softmax(c.in(0), c.number("axis", -1))); }
void identity(const call &c) { c.out(c.in(0)); }
void equal(const call &c) { c.out(at::eq(c.in(0), c.in(1))); }
void cast(const call &c) { c.out(c.in(0).to(scalar_of(c.number("to", NN_FLOAT)))); }
void transpose(const call &c) { c.out(c.in(0).permute(c.list("perm", {})).contiguous()); }
// clang-format on

using op_fn = void (*)(const call &);
const std::unordered_map<std::string, op_fn> &ops()
{
    static const std::unordered_map<std::string, op_fn> table = {
        { "Add", add },
        { "AveragePool", average_pool },
        { "BatchNormalization", batch_norm },
        { "Cast", cast },
        { "Clip", clip },
        { "Concat", concat },
        { "Constant", constant },
        { "Conv", conv },
        { "DequantizeLinear", dequantize },
        { "Div", divide },
        { "Dropout", identity },
        { "Equal", equal },
        { "Flatten", flatten },
        { "Gather", gather },
        { "Gemm", gemm },
        { "GlobalAveragePool", global_average },
        { "HardSigmoid", hard_sigmoid },
        { "Identity", identity },
        { "LeakyRelu", leaky },
        { "MatMul", matmul },
        { "MaxPool", max_pool },
        { "Mod", modulo },
        { "Mul", mul },
        { "ReduceMean", reduce_mean },
        { "Relu", relu },
        { "Reshape", reshape },
        { "Resize", resize },
        { "Sigmoid", sigmoid },
        { "Slice", slice },
        { "Softmax", softmax },
        { "Squeeze", squeeze },
        { "Sub", sub },
        { "Tanh", tanh },
        { "TopK", top_k },
        { "Transpose", transpose },
        { "Unsqueeze", unsqueeze },
    };
    return table;
}
} // namespace

bool net_knows(const char *op)
{
    return ops().count(op) != 0;
}

void net_run_node(net_run &r, int node)
{
    const nn_node &n = r.n.model->node[node];
    try {
        ops().at(n.op)(call{ r, n, node == r.n.heat_node });
    } catch (const std::exception &error) {
        std::string what = error.what();
        throw std::runtime_error(std::string(n.op) + " '" + n.name +
                                 "': " + what.substr(0, what.find('\n')));
    }
}

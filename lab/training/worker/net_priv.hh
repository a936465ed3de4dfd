// net_priv.hh - what the two files that include torch share.
#ifndef VD_NET_PRIV_HH
#define VD_NET_PRIV_HH
#include <ATen/ATen.h>

#include <stdexcept>
#include <string>
#include <vector>

#include <cstring>

// The C headers use C's compound literals, and are C.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
extern "C" {
#include "net_priv.h"
}
#pragma GCC diagnostic pop

struct net {
    const nn_model *model;
    net_plan plan;
    std::vector<int64_t> rows;
    std::vector<at::Tensor> constant;           // by value; initializers, trained ones among them
    std::vector<char> needed, trained_node;     // by node: leads to the points; depends on trained
    std::vector<int> trained, features, points; // values
    std::vector<std::vector<int64_t>> feature_shape;
    std::vector<at::Tensor> first, second; // Adam's moments, beside `trained`
    uint64_t steps = 0;
    int heat_node = -1; // makes the heat map; only the rows asked for are worked out
    net_facts facts{};
};

// One pass through some of the nodes.
struct net_run {
    net &n;
    std::vector<at::Tensor> value;
    bool subset = false; // the heat map has only the plan's rows
    explicit net_run(net &of) : n(of), value(of.constant)
    {
    }
};

at::Tensor net_tensor(const nn_tensor &tensor); // throws
void net_run_node(net_run &r, int node);        // throws
bool net_knows(const char *op);
#endif

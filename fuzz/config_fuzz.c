/* A program's YAML file: any bytes give a tree that can be walked, or an error with a fact. */
#include "fuzz.h"
#include "vd/config.h"

static void read_as_all(const vd_config_node *map, const char *key)
{
    static const char *const names[] = { "tcp", "udp", NULL };
    const char *text = "";
    int64_t whole = 0;
    double number = 0;
    bool truth = false;
    int choice = 0;
    vd_why why;
    if (!vd_config_text(map, key, &text, &why)) fuzz_holds(text != NULL);
    if (!vd_config_int(map, key, -5, 5000, &whole, &why)) fuzz_holds(whole >= -5 && whole <= 5000);
    if (!vd_config_num(map, key, 0, 1, &number, &why)) fuzz_holds(number >= 0 && number <= 1);
    if (vd_config_bool(map, key, &truth, &why)) fuzz_holds(why.fact[0] != '\0');
    if (!vd_config_duration_ms(map, key, 0, 1000, &whole, &why)) fuzz_holds(whole <= 5000);
    if (vd_config_choice(map, key, names, &choice, &why)) fuzz_holds(why.fact[0] != '\0');
}

static void walk(const vd_config_node *node, unsigned depth)
{
    static const char *const known[] = { "cameras", "id", "url", NULL };
    vd_why why;
    fuzz_holds(depth <= 40 && vd_config_line(node) >= 1);
    if (vd_config_only(node, known, &why)) fuzz_holds(why.fact[0] != '\0');
    for (size_t i = 0; vd_config_is_list(node) && i < vd_config_len(node); i++)
        walk(vd_config_at(node, i), depth + 1);
    for (size_t i = 0; vd_config_is_map(node) && i < vd_config_len(node); i++) {
        const char *key = NULL;
        const vd_config_node *value = vd_config_member(node, i, &key);
        read_as_all(node, key);
        walk(value, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    VD_AUTO(vd_config_ptr) config = NULL;
    vd_why why;
    if (vd_config_parse(vd_slice_of(data, len), "fuzz.yaml", &config, &why))
        fuzz_holds(why.fact[0] != '\0');
    else if (vd_config_root(config))
        walk(vd_config_root(config), 0);
    return 0;
}

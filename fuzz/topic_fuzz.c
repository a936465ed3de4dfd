/* Topics, property bags, filters and user names of the IoT Hub dialect. */
#include "fuzz.h"
#include "vd/iothub.h"

static void topic_again(const vd_topic *topic)
{
    VD_AUTO(vd_buf) first = VD_BUF(1 << 16);
    VD_AUTO(vd_buf) second = VD_BUF(1 << 16);
    vd_topic again;
    if (!vd_topic_write(topic, &first)) return;
    fuzz_holds(vd_topic_parse(vd_buf_slice(&first), &again));
    fuzz_holds(again.kind == topic->kind && vd_slice_eq(again.device, topic->device));
    fuzz_holds(vd_topic_write(&again, &second));
    fuzz_holds(vd_slice_eq(vd_buf_slice(&first), vd_buf_slice(&second)));
}

static void bag_again(vd_slice bag)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 16);
    VD_AUTO(vd_buf) text = VD_BUF(1 << 16);
    vd_properties first, again;
    vd_why why;
    if (vd_bag_parse(bag, arena, &first, &why)) {
        fuzz_holds(why.fact[0] != '\0');
        return;
    }
    fuzz_holds(first.count <= VD_IOTHUB_PROPERTIES_MAX);
    for (size_t i = 0; i < first.count; i++)
        if (!vd_bag_add(&text, first.items[i].key, first.items[i].value)) return;
    if (text.len > VD_IOTHUB_BAG_MAX) return;
    fuzz_holds(vd_bag_parse(vd_buf_slice(&text), arena, &again, &why) == VD_OK);
    fuzz_holds(again.count == first.count);
    for (size_t i = 0; i < first.count; i++) {
        const char *value = vd_bag_get(&again, first.items[i].key);
        fuzz_holds(value && strcmp(value, first.items[i].value) == 0);
    }
}

static void user_again(vd_slice text)
{
    VD_AUTO(vd_buf) written = VD_BUF(1 << 16);
    vd_iothub_user user, again;
    if (!vd_iothub_user_parse(text, &user) || !vd_iothub_user_write(&user, &written)) return;
    fuzz_holds(vd_iothub_user_parse(vd_buf_slice(&written), &again));
    fuzz_holds(vd_slice_eq(user.device, again.device) && vd_slice_eq(user.host, again.host));
    fuzz_holds(vd_iothub_id_ok(user.device));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    vd_slice text = vd_slice_of(data, len);
    vd_topic topic;
    if (vd_topic_parse(text, &topic)) {
        fuzz_holds(vd_slice_utf8_valid(text));
        topic_again(&topic);
        bag_again(topic.bag);
    }
    bag_again(text);
    user_again(text);
    vd_filter filter = vd_filter_parse(text, VD_STR("gate-2"), VD_SLICE_NONE);
    fuzz_holds(filter < VD_FILTER_COUNT);
    return 0;
}

#include "vd/fault.h"
#include "vd/test.h"

// covers: BASE-2
VD_TEST(buffer_grows_to_its_limit_and_not_beyond)
{
    VD_AUTO(vd_buf) buf = VD_BUF(100);
    for (int i = 0; i < 100; i++) expect_true(vd_buf_add_byte(&buf, 'x'));
    expect_false(vd_buf_add_byte(&buf, 'y'));
    expect_false(vd_buf_add_str(&buf, "yy"));
    expect_false(vd_buf_addf(&buf, "%d", 1));
    expect_u64(buf.len, 100);
    expect_u64(strlen(buf.data), 100);
    expect_true(buf.room <= 101);
}

VD_TEST(refused_bytes_leave_the_content_as_it_was)
{
    VD_AUTO(vd_buf) buf = VD_BUF(8);
    expect_true(vd_buf_add_str(&buf, "12345"));
    expect_false(vd_buf_add_str(&buf, "6789"));
    expect_str(buf.data, "12345");
    expect_true(vd_buf_addf(&buf, "%s", "678"));
    expect_str(buf.data, "12345678");
}

VD_TEST(formatted_text_that_passes_the_limit_leaves_the_content_as_it_was)
{
    vd_buf buf = VD_BUF(600);
    for (int i = 0; i < 60; i++) expect_true(vd_buf_addf(&buf, "%010d", i)); /* grows under way */
    expect_u64(buf.len, 600);
    expect_false(vd_buf_addf(&buf, "%d", 7));
    expect_u64(buf.len, 600);
    expect_u64(strlen(buf.data), 600);
    expect_str(buf.data + 590, "0000000059");
    vd_buf_done(&buf);
}

VD_TEST(dropping_from_the_front_keeps_the_rest)
{
    VD_AUTO(vd_buf) buf = VD_BUF(16);
    expect_true(vd_buf_add_str(&buf, "headtail"));
    vd_buf_drop_front(&buf, 4);
    expect_str(buf.data, "tail");
    vd_buf_drop_front(&buf, 99);
    expect_u64(buf.len, 0);
}

VD_TEST(clear_keeps_the_room)
{
    VD_AUTO(vd_buf) buf = VD_BUF(1000);
    expect_true(vd_buf_add_str(&buf, "something"));
    size_t room = buf.room;
    vd_buf_clear(&buf);
    expect_u64(buf.len, 0);
    expect_str(buf.data, "");
    expect_u64(buf.room, room);
}

VD_TEST(an_empty_add_still_closes_with_nul)
{
    VD_AUTO(vd_buf) buf = VD_BUF(0);
    expect_true(vd_buf_add(&buf, VD_SLICE_NONE));
    expect_str(buf.data, "");
}

VD_TEST(memory_that_ends_leaves_the_content_as_it_was)
{
    for (unsigned nth = 1, pending = 0; !pending; nth++) {
        VD_AUTO(vd_buf) buf = VD_BUF(4096);
        size_t good = 0;
        vd_fault_set(VD_FAULT_ALLOC, nth);
        for (size_t i = 0; i < 100; i++) good += vd_buf_add_str(&buf, "0123456789");
        pending = vd_fault_pending(VD_FAULT_ALLOC);
        vd_fault_set(VD_FAULT_ALLOC, 0);
        expect_u64(buf.len, good * 10);
        expect_u64(good, pending ? 100 : 99);
    }
}

VD_TEST_MAIN(VD_RUN(buffer_grows_to_its_limit_and_not_beyond),
             VD_RUN(refused_bytes_leave_the_content_as_it_was),
             VD_RUN(formatted_text_that_passes_the_limit_leaves_the_content_as_it_was),
             VD_RUN(dropping_from_the_front_keeps_the_rest), VD_RUN(clear_keeps_the_room),
             VD_RUN(an_empty_add_still_closes_with_nul),
             VD_RUN(memory_that_ends_leaves_the_content_as_it_was))

#include "vd/arena.h"
#include "vd/fault.h"
#include "vd/test.h"

// covers: BASE-2
VD_TEST(allocations_are_zeroed_aligned_and_apart)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    uint8_t *before = NULL;
    for (size_t bytes = 1; bytes < 9000; bytes = bytes * 3 + 1) {
        uint8_t *block = vd_arena_alloc(arena, bytes);
        assert_non_null(block);
        expect_u64((uintptr_t)block % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++) expect_u64(block[i], 0);
        memset(block, 0xAA, bytes);
        if (before) expect_u64(before[0], 0xAA);
        before = block;
    }
}

VD_TEST(the_limit_holds)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(160);
    for (int i = 0; i < 10; i++) assert_non_null(vd_arena_alloc(arena, 16));
    assert_null(vd_arena_alloc(arena, 1));
    assert_null(vd_arena_alloc(arena, SIZE_MAX));
    vd_arena_clear(arena);
    assert_non_null(vd_arena_alloc(arena, 160));
}

VD_TEST(cleared_memory_is_reused_and_zeroed_again)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1 << 20);
    char *first = vd_arena_str(arena, VD_STR("old words"));
    assert_non_null(vd_arena_alloc(arena, 100000));
    vd_arena_clear(arena);
    vd_fault_set(VD_FAULT_ALLOC, 1); /* nothing new is asked from the system */
    char *again = vd_arena_alloc(arena, 10);
    assert_ptr_equal(first, again);
    expect_u64(again[0], 0);
    assert_non_null(vd_arena_alloc(arena, 100000));
    vd_fault_set(VD_FAULT_ALLOC, 0);
}

VD_TEST(text_is_copied_and_printed_with_its_nul)
{
    VD_AUTO(vd_arena_ptr) arena = vd_arena_new(1000);
    expect_str(vd_arena_str(arena, VD_STR("gate")), "gate");
    expect_str(vd_arena_str(arena, VD_SLICE_NONE), "");
    expect_str(vd_arena_printf(arena, "%s-%d", "gate", 2), "gate-2");
    assert_null(vd_arena_printf(arena, "%2000d", 1));
}

VD_TEST(memory_that_ends_gives_null_and_leaks_nothing)
{
    for (unsigned nth = 1, pending = 0; !pending; nth++) {
        vd_fault_set(VD_FAULT_ALLOC, nth);
        vd_arena *arena = vd_arena_new(1 << 20);
        unsigned refused = arena == NULL;
        for (int i = 0; arena && i < 4; i++) refused += vd_arena_alloc(arena, 5000) == NULL;
        pending = vd_fault_pending(VD_FAULT_ALLOC);
        vd_fault_set(VD_FAULT_ALLOC, 0);
        expect_u64(refused, pending ? 0 : 1);
        vd_arena_free(arena);
    }
}

VD_TEST_MAIN(VD_RUN(allocations_are_zeroed_aligned_and_apart), VD_RUN(the_limit_holds),
             VD_RUN(cleared_memory_is_reused_and_zeroed_again),
             VD_RUN(text_is_copied_and_printed_with_its_nul),
             VD_RUN(memory_that_ends_gives_null_and_leaks_nothing))

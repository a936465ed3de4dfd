#include "vd/test.h"

typedef bool (*coder)(vd_slice, vd_buf *);

static void expect_coded(coder code, vd_slice in, const char *want)
{
    VD_AUTO(vd_buf) out = VD_BUF(1000);
    expect_true(code(in, &out));
    expect_true(vd_buf_add(&out, VD_SLICE_NONE));
    expect_str(out.data, want);
}

static void expect_refused(coder code, const char *in)
{
    VD_AUTO(vd_buf) out = VD_BUF(1000);
    expect_true(vd_buf_add_str(&out, "kept"));
    if (code(vd_slice_str(in), &out)) fail_msg("'%s' was accepted", in);
    expect_str(out.data, "kept");
}

// covers: BASE-2
VD_TEST(base64_matches_the_vectors_of_rfc_4648)
{
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };
    for (size_t i = 0; i < VD_COUNT_OF(pairs); i++) {
        expect_coded(vd_base64_encode, vd_slice_str(pairs[i][0]), pairs[i][1]);
        expect_coded(vd_base64_decode, vd_slice_str(pairs[i][1]), pairs[i][0]);
    }
}

VD_TEST(malformed_base64_is_refused)
{
    static const char *const bad[] = { "Zg",    "Zg=",  "Z===", "====", "Zg==Zg==", "Zm9 ",
                                       "Zm9\n", "Zh==", "Zm9=", "_m9v", "Zm-v",     "=Zm9" };
    for (size_t i = 0; i < VD_COUNT_OF(bad); i++) expect_refused(vd_base64_decode, bad[i]);
}

VD_TEST(every_byte_survives_each_coding)
{
    uint8_t all[256];
    for (size_t i = 0; i < 256; i++) all[i] = (uint8_t)i;
    const coder pairs[][2] = { { vd_base64_encode, vd_base64_decode },
                               { vd_url_encode, vd_url_decode } };
    for (size_t i = 0; i < VD_COUNT_OF(pairs); i++) {
        VD_AUTO(vd_buf) text = VD_BUF(1000);
        VD_AUTO(vd_buf) back = VD_BUF(1000);
        expect_true(pairs[i][0](vd_slice_of(all, 256), &text));
        expect_true(pairs[i][1](vd_buf_slice(&text), &back));
        expect_true(vd_slice_eq(vd_buf_slice(&back), vd_slice_of(all, 256)));
    }
}

VD_TEST(hex_is_lower_case_and_of_the_length_asked_for)
{
    uint8_t bytes[2] = { 9, 9 };
    expect_coded(vd_hex_encode, VD_STR("\x01\xAB"), "01ab");
    expect_true(vd_hex_decode(VD_STR("01aB"), bytes, 2));
    expect_u64(bytes[1], 0xAB);
    expect_false(vd_hex_decode(VD_STR("01a"), bytes, 2));
    expect_false(vd_hex_decode(VD_STR("01ab02"), bytes, 2));
    expect_false(vd_hex_decode(VD_STR("FFxz"), bytes, 2));
    expect_u64(bytes[0], 0x01); /* as it was */
}

VD_TEST(url_encoding_keeps_only_the_unreserved)
{
    expect_coded(vd_url_encode, VD_STR("a b/c+d~e%"), "a%20b%2Fc%2Bd~e%25");
    expect_coded(vd_url_decode, VD_STR("a%20b%2fc+d"), "a b/c+d");
}

VD_TEST(malformed_percent_is_refused)
{
    expect_refused(vd_url_decode, "%");
    expect_refused(vd_url_decode, "ab%2");
    expect_refused(vd_url_decode, "%zz");
    expect_refused(vd_url_decode, "%%20");
}

VD_TEST(a_full_buffer_is_left_as_it_was)
{
    VD_AUTO(vd_buf) out = VD_BUF(6);
    expect_true(vd_buf_add_str(&out, "ab"));
    expect_false(vd_base64_encode(VD_STR("12345"), &out));
    expect_false(vd_hex_encode(VD_STR("12345"), &out));
    expect_false(vd_url_encode(VD_STR("     "), &out));
    expect_false(vd_url_decode(VD_STR("abcdefg"), &out));
    expect_false(vd_base64_decode(VD_STR("Zm9vYmFy"), &out));
    expect_str(out.data, "ab");
}

VD_TEST_MAIN(VD_RUN(base64_matches_the_vectors_of_rfc_4648), VD_RUN(malformed_base64_is_refused),
             VD_RUN(every_byte_survives_each_coding),
             VD_RUN(hex_is_lower_case_and_of_the_length_asked_for),
             VD_RUN(url_encoding_keeps_only_the_unreserved), VD_RUN(malformed_percent_is_refused),
             VD_RUN(a_full_buffer_is_left_as_it_was))

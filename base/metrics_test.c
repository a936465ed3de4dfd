#include "vd/metrics.h"

#include "vd/test.h"

VD_TEST(a_family_tells_its_help_and_type_once_and_samples_carry_labels)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_metrics m = vd_metrics_into(&text);
    vd_metrics_family(&m, "vedette_queue", VD_METRIC_GAUGE, "What waits.");
    vd_metrics_int(&m, VD_NO_LABELS, 3);
    vd_metrics_num(&m, VD_LABELS("camera", "gate", "why", "a \"b\" \\ c\nd"), 0.5);
    expect_ok(vd_metrics_end(&m));
    expect_str(text.data, "# HELP vedette_queue What waits.\n# TYPE vedette_queue gauge\n"
                          "vedette_queue 3\n"
                          "vedette_queue{camera=\"gate\",why=\"a \\\"b\\\" \\\\ c\\nd\"} 0.5\n");
}

VD_TEST(a_histogram_counts_up_to_infinity)
{
    static const double edges[] = { 0.01, 0.1 };
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_histogram h;
    vd_histogram_init(&h, edges, 2);
    vd_histogram_add(&h, 0.01);
    vd_histogram_add(&h, 0.05);
    vd_histogram_add(&h, 2);
    vd_metrics m = vd_metrics_into(&text);
    vd_metrics_family(&m, "t_seconds", VD_METRIC_HISTOGRAM, "Time.");
    vd_metrics_histogram(&m, VD_LABELS("c", "a"), &h);
    expect_ok(vd_metrics_end(&m));
    expect_str(text.data, "# HELP t_seconds Time.\n# TYPE t_seconds histogram\n"
                          "t_seconds_bucket{c=\"a\",le=\"0.01\"} 1\n"
                          "t_seconds_bucket{c=\"a\",le=\"0.1\"} 2\n"
                          "t_seconds_bucket{c=\"a\",le=\"+Inf\"} 3\n"
                          "t_seconds_sum{c=\"a\"} 2.06\nt_seconds_count{c=\"a\"} 3\n");
}

VD_TEST(a_full_buffer_is_told)
{
    VD_AUTO(vd_buf) text = VD_BUF(20);
    vd_metrics m = vd_metrics_into(&text);
    vd_metrics_family(&m, "vedette_queue", VD_METRIC_GAUGE, "What waits.");
    expect_err(vd_metrics_end(&m), VD_FULL);
}

VD_TEST(a_program_tells_its_version_and_what_it_uses)
{
    VD_AUTO(vd_buf) text = VD_BUF(4096);
    vd_metrics m = vd_metrics_into(&text);
    vd_metrics_process(&m, "hub", 1700000000000000);
    expect_ok(vd_metrics_end(&m));
    assert_non_null(strstr(text.data, "vedette_build_info{program=\"hub\",version=\""));
    assert_non_null(strstr(text.data, "process_start_time_seconds 1700000000\n"));
    assert_null(strstr(text.data, "process_resident_memory_bytes 0\n"));
}

VD_TEST_MAIN(VD_RUN(a_family_tells_its_help_and_type_once_and_samples_carry_labels),
             VD_RUN(a_histogram_counts_up_to_infinity), VD_RUN(a_full_buffer_is_told),
             VD_RUN(a_program_tells_its_version_and_what_it_uses))

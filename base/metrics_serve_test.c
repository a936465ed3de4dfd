#include "vd/metrics_serve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vd/test.h"

static void fill(void *ctx, vd_metrics *m)
{
    vd_metrics_family(m, "asked_total", VD_METRIC_COUNTER, "Asked.");
    vd_metrics_int(m, VD_NO_LABELS, ++*(int *)ctx);
}

static void ask(uint16_t port, const char *line, char *into, size_t room)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    char text[256];
    size_t have = 0;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    expect_i64(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    int len =
        snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    expect_i64(write(fd, text, (size_t)len), len);
    for (ssize_t got; have + 1 < room && (got = read(fd, into + have, room - have - 1)) > 0;)
        have += (size_t)got;
    into[have] = '\0';
    close(fd);
}

VD_TEST(figures_are_made_when_they_are_asked_for_and_nothing_else_is_answered)
{
    int asked = 0;
    char text[4096];
    vd_metrics_port *port = NULL;
    expect_ok(vd_metrics_serve("127.0.0.1", 0, fill, &asked, &port, NULL));
    uint16_t number = vd_metrics_port_number(port);

    ask(number, "GET /metrics", text, sizeof text);
    assert_non_null(strstr(text, "200 OK"));
    assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(text, "asked_total 1\n"));
    ask(number, "GET /health", text, sizeof text);
    assert_non_null(strstr(text, "ok\n"));
    ask(number, "GET /etc/passwd", text, sizeof text);
    assert_non_null(strstr(text, "404"));
    ask(number, "DELETE /metrics", text, sizeof text);
    assert_non_null(strstr(text, "405"));
    expect_i64(asked, 1);

    vd_metrics_port *second = NULL;
    vd_why why = { 0 };
    expect_err(vd_metrics_serve("127.0.0.1", number, fill, &asked, &second, &why), VD_CONFLICT);
    expect_err(vd_metrics_serve("nowhere", 0, fill, &asked, &second, &why), VD_INVALID);
    assert_null(vd_metrics_port_free(port));
}

VD_TEST_MAIN(VD_RUN(figures_are_made_when_they_are_asked_for_and_nothing_else_is_answered))

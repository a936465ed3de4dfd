/* camera-sim itself: how it is told what to do, and what it says when it cannot. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sim_test_priv.h"

static char folder[] = "/tmp/vedette-sim-XXXXXX";
static char film[64], cache[64], control[64];

/* One line to a control socket, one line back. */
static void ask(const struct sockaddr *where, socklen_t bytes, const char *line, char *into,
                size_t room)
{
    const int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, where, bytes), 0);
    FILE *talk = fdopen(fd, "r+");
    assert_non_null(talk);
    fprintf(talk, "%s\n", line);
    fflush(talk);
    assert_non_null(fgets(into, (int)room, talk));
    fclose(talk);
}

/* covers: CAM-2 */
VD_TEST(many_may_connect_at_once)
{
    enum { MANY = 32 };
    sim server;
    struct pollfd caller[MANY];
    char answer[512];
    sim_start(&server, film, 0, cache, NULL);
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)server.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(kill(server.pid, SIGSTOP), 0); /* it takes nobody off the line */
    for (unsigned i = 0; i < MANY; i++) {
        caller[i] = (struct pollfd){ .events = POLLOUT };
        caller[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(caller[i].fd, (const struct sockaddr *)&to, sizeof to) != 0)
            assert_int_equal(errno, EINPROGRESS);
    }
    for (unsigned i = 0; i < MANY; i++) assert_int_equal(poll(&caller[i], 1, 3000), 1);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    for (unsigned i = 0; i < MANY; i++) {
        static const char options[] = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";
        assert_int_equal(send(caller[i].fd, options, sizeof options - 1, MSG_NOSIGNAL),
                         sizeof options - 1);
    }
    for (unsigned i = 0; i < MANY; i++) {
        caller[i].events = POLLIN;
        assert_int_equal(poll(&caller[i], 1, 30000), 1);
        const ssize_t len = recv(caller[i].fd, answer, sizeof answer - 1, 0);
        assert_true(len > 8 && memcmp(answer, "RTSP/1.0", 8) == 0);
        close(caller[i].fd);
    }
    sim_stop(&server);
}

/* covers: CAM-2 */
VD_TEST(faults_are_taken_over_a_port_and_a_socket_file)
{
    const char *const more[] = { "--control-socket", control, NULL };
    struct sockaddr_un where = { .sun_family = AF_UNIX };
    char answer[256];
    sim server;
    snprintf(where.sun_path, sizeof where.sun_path, "%s", control);
    sim_start(&server, film, 0, cache, more);
    const struct sockaddr *address = (const struct sockaddr *)&where;
    ask(address, sizeof where, "fault yard stall", answer, sizeof answer);
    expect_str(answer, "ok yard stall\n");
    ask(address, sizeof where, "list", answer, sizeof answer);
    expect_str(answer, "ok yard=stall\n");
    ask(address, sizeof where, "fault yard blured", answer, sizeof answer);
    expect_str(answer, "error there is no fault 'blured'; 'blurred' is near\n");
    ask(address, sizeof where, "fault gate none", answer, sizeof answer);
    expect_str(answer, "error there is no camera 'gate'\n");
    ask(address, sizeof where, "dance", answer, sizeof answer);
    expect_true(strncmp(answer, "error say: ", 11) == 0);
    sim_say(&server, "fault yard none");
    ask(address, sizeof where, "quit", answer, sizeof answer);
    expect_i64(sim_stop(&server), 0);
}

/* Runs camera-sim with `options`; gives the first lines it prints and its exit status. */
static int status_of(const char *options, char *into, size_t room)
{
    char command[768];
    snprintf(command, sizeof command, "'%s' --cache '%s' %s 2>&1 </dev/null",
             getenv("VEDETTE_CAMERA_SIM"), cache, options);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    const size_t got = fread(into, 1, room - 1, output);
    into[got] = 0;
    return WEXITSTATUS(pclose(output));
}

/* covers: CAM-2 */
VD_TEST(what_cannot_be_played_is_refused_with_a_reason)
{
    char said[1024];
    expect_true(status_of("--port 0 --camera yard=/nowhere.avi", said, sizeof said) != 0);
    expect_true(strstr(said, "there is no such film") && strstr(said, "/nowhere.avi"));
    expect_true(status_of("--port 0 --camera yard=/etc/passwd", said, sizeof said) != 0);
    expect_true(strstr(said, "cannot be played") != NULL);
    expect_true(status_of("--port 0 --camera Yard=/x", said, sizeof said) != 0);
    expect_true(strstr(said, "is no camera") != NULL);
    expect_true(status_of("--port 0", said, sizeof said) != 0);
    expect_true(strstr(said, "no camera is named") != NULL);
}

/* covers: CAM-2 */
VD_TEST(a_port_that_is_taken_is_said_so)
{
    char options[256], said[1024];
    sim server;
    sim_start(&server, film, 0, cache, NULL);
    snprintf(options, sizeof options, "--port %d --camera 'yard=%s'", server.port, film);
    expect_true(status_of(options, said, sizeof said) != 0);
    expect_true(strstr(said, "cannot be opened") && strstr(said, "--port"));
    sim_stop(&server);
}

/* covers: CAM-2 */
VD_TEST(a_film_is_encoded_once)
{
    char listing[2][1024], command[128];
    for (int i = 0; i < 2; i++) {
        sim server;
        sim_start(&server, film, 0, cache, NULL);
        sim_stop(&server);
        snprintf(command, sizeof command, "ls -l --time-style=full-iso '%s'", cache);
        FILE *output = popen(command, "r");
        assert_non_null(output);
        listing[i][fread(listing[i], 1, sizeof listing[i] - 1, output)] = 0;
        pclose(output);
    }
    expect_true(strstr(listing[0], ".nut") != NULL);
    expect_str(listing[1], listing[0]);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(film, sizeof film, "%s/film.mp4", folder);
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(control, sizeof control, "%s/control", folder);
    return make_video(film, "testsrc=s=160x120:r=10:d=2", "-c:v libx264 -pix_fmt yuv420p") ? 0 : -1;
}

static int remove_files(void **state)
{
    (void)state;
    char tool[] = "rm", flag[] = "-rf";
    char *arguments[] = { tool, flag, folder, NULL };
    return run_tool(arguments) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(many_may_connect_at_once),
        VD_RUN(faults_are_taken_over_a_port_and_a_socket_file),
        VD_RUN(what_cannot_be_played_is_refused_with_a_reason),
        VD_RUN(a_port_that_is_taken_is_said_so),
        VD_RUN(a_film_is_encoded_once),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}

/* What a taken-over camera child can still do: each try runs in a fork that is sandboxed first. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_priv.h"
#include "vd/test.h"

#define SURVIVED 41
#define NO_BOX   42

typedef bool (*deed)(void); /* false: it was refused */

/* waitpid's status of a fork that entered the sandbox and did it. */
static int status_of(unsigned needs, deed try_it)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        if (sandbox_enter(needs, NULL)) _exit(NO_BOX);
        _exit(try_it() ? SURVIVED : 0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect_death(unsigned needs, deed try_it)
{
    const int status = status_of(needs, try_it);
    expect_true(WIFSIGNALED(status));
    expect_i64(WTERMSIG(status), SIGSYS);
}

static void expect_refusal(unsigned needs, deed try_it)
{
    const int status = status_of(needs, try_it);
    expect_true(WIFEXITED(status));
    expect_i64(WEXITSTATUS(status), 0);
}

static void expect_allowed(unsigned needs, deed try_it)
{
    const int status = status_of(needs, try_it);
    expect_true(WIFEXITED(status));
    expect_i64(WEXITSTATUS(status), SURVIVED);
}

static bool run_a_program(void)
{
    char name[] = "true";
    char *arguments[] = { name, NULL };
    return execv("/bin/true", arguments) == 0;
}

static bool open_for_writing(void)
{
    return open("/tmp/vedette-sandbox-test", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool open_for_both(void)
{
    return open("/dev/null", O_RDWR) >= 0;
}

static bool open_for_reading(void)
{
    return open("/etc/hosts", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool trace_the_parent(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool kill_the_parent(void)
{
    return kill(getppid(), SIGCONT) == 0;
}

static bool make_a_process(void)
{
    return fork() >= 0;
}

static bool make_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool make_a_raw_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

static bool make_memory_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool remove_a_file(void)
{
    return unlink("/tmp/vedette-sandbox-test") == 0;
}

static bool become_root_again(void)
{
    return setuid(0) == 0;
}

static bool raise_a_limit(void)
{
    const struct rlimit more = { .rlim_cur = 100, .rlim_max = 100 };
    return setrlimit(RLIMIT_CORE, &more) == 0;
}

static bool be_somebody(void)
{
    return geteuid() == 0;
}

static char node[] = "/tmp/vedette-node-XXXXXX"; /* stands in for a device that "nobody" may open */

static bool open_a_node(void)
{
    return open(node, O_RDWR | O_CLOEXEC) >= 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static bool make_a_thread(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool use_memory_and_time(void)
{
    struct timespec now;
    void *much = malloc(8 << 20);
    const bool fine =
        much && clock_gettime(CLOCK_MONOTONIC, &now) == 0 && lseek(0, 0, SEEK_CUR) < 2;
    free(much);
    return fine;
}

/* covers: CAM-1 */
VD_TEST(running_a_program_is_death)
{
    expect_death(SANDBOX_NETWORK, run_a_program);
    expect_death(0, run_a_program);
}

/* covers: CAM-1 */
VD_TEST(opening_for_writing_is_death)
{
    expect_death(SANDBOX_NETWORK, open_for_writing);
    expect_death(SANDBOX_NETWORK, open_for_both);
    expect_death(0, open_for_writing);
    expect_true(access("/tmp/vedette-sandbox-test", F_OK) != 0);
}

/* covers: CAM-1 */
VD_TEST(touching_other_processes_is_death)
{
    expect_death(SANDBOX_NETWORK, trace_the_parent);
    expect_death(SANDBOX_NETWORK, kill_the_parent);
    expect_death(SANDBOX_NETWORK, make_a_process);
    expect_death(SANDBOX_NETWORK, become_root_again);
    expect_death(SANDBOX_NETWORK, raise_a_limit);
    expect_death(SANDBOX_NETWORK, remove_a_file);
}

VD_TEST(a_file_camera_has_no_network_and_opens_nothing)
{
    expect_death(0, make_a_socket);
    expect_refusal(0, open_for_reading); /* demuxers ask for the local time's file */
    expect_death(SANDBOX_NETWORK, make_a_raw_packet_socket);
}

VD_TEST(memory_never_becomes_code_and_nobody_is_root)
{
    expect_refusal(SANDBOX_NETWORK, make_memory_code);
    expect_refusal(SANDBOX_NETWORK, be_somebody);
}

VD_TEST(what_the_work_needs_is_allowed)
{
    expect_allowed(0, use_memory_and_time);
    expect_allowed(SANDBOX_NETWORK, make_a_socket);
    expect_allowed(SANDBOX_NETWORK, open_for_reading);
}

/* covers: CAM-5 */
VD_TEST(a_hardware_driver_gets_threads_and_devices_but_no_programs_and_no_files)
{
    const int made_fd = mkstemp(node);
    expect_i64(fchmod(made_fd, 0666), 0);
    close(made_fd);
    expect_allowed(SANDBOX_DRIVER, make_a_thread);
    expect_allowed(SANDBOX_DRIVER, open_a_node);
    expect_refusal(SANDBOX_DRIVER, run_a_program);
    expect_refusal(SANDBOX_DRIVER, make_a_process);
    expect_refusal(SANDBOX_DRIVER, kill_the_parent);
    expect_refusal(SANDBOX_DRIVER, trace_the_parent);
    expect_refusal(SANDBOX_DRIVER, open_for_writing);
    expect_refusal(SANDBOX_DRIVER, make_a_socket);
    expect_refusal(SANDBOX_DRIVER, be_somebody);
    expect_allowed(SANDBOX_DRIVER | SANDBOX_NETWORK, make_a_socket);
    expect_refusal(SANDBOX_DRIVER | SANDBOX_NETWORK, open_for_writing);
    unlink(node);
    expect_true(access("/tmp/vedette-sandbox-test", F_OK) != 0);
}

VD_TEST_MAIN(VD_RUN(running_a_program_is_death), VD_RUN(opening_for_writing_is_death),
             VD_RUN(touching_other_processes_is_death),
             VD_RUN(a_file_camera_has_no_network_and_opens_nothing),
             VD_RUN(memory_never_becomes_code_and_nobody_is_root),
             VD_RUN(a_hardware_driver_gets_threads_and_devices_but_no_programs_and_no_files),
             VD_RUN(what_the_work_needs_is_allowed))

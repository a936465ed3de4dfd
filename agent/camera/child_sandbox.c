/* child_sandbox.c - what vedette-camera gives up before it meets a foreign byte.
 *
 * The list below is what demuxing, decoding, and (with `network`) RTSP need. Anything else kills
 * the process at once: no execve, no ptrace, no clone, no opening for writing. A few calls that
 * libraries try and can do without are refused with an error instead.
 *
 * A hardware decoder's driver is a large foreign library in this process. With it (`driver`) more
 * is allowed: threads, any ioctl, opening device nodes that are there for both; what is still not
 * on the list is refused instead of deadly, as drivers try much and can do without most. Running
 * programs, tracing, signals to others, making files stay out of reach. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_priv.h"
#include "child_usb_priv.h"

#define NOBODY       65534
#define MEMORY_MAX   (UINT64_C(3) << 30)
#define OPEN_FD_MAX  64
#define WRITING_OPEN (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)

static const int always[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(lseek),
    SCMP_SYS(pread64),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(fcntl),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
};

static const int for_network[] = {
    SCMP_SYS(connect),    SCMP_SYS(bind),       SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(shutdown),    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),   SCMP_SYS(stat),       SCMP_SYS(statx),
};

static const int for_driver[] = {
    SCMP_SYS(ioctl),           SCMP_SYS(eventfd2),    SCMP_SYS(pipe2),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq),        SCMP_SYS(memfd_create),
    SCMP_SYS(ftruncate),       SCMP_SYS(dup),         SCMP_SYS(stat),
    SCMP_SYS(statx),           SCMP_SYS(sched_yield), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),       SCMP_SYS(epoll_wait),  SCMP_SYS(timerfd_create),
    SCMP_SYS(mlock),           SCMP_SYS(getdents64),  SCMP_SYS(readlink),
    SCMP_SYS(access),          SCMP_SYS(faccessat),   SCMP_SYS(faccessat2),
    SCMP_SYS(get_mempolicy),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int error = 0;
    for (size_t i = 0; !error && i < count; i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return error;
}

/* Memory may never become code; refusing is enough, as libraries only try. */
static int allow_memory(scmp_filter_ctx filter)
{
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
    const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int error = seccomp_rule_add(filter, refuse, SCMP_SYS(mmap), 1, code);
    if (!error) error = seccomp_rule_add(filter, refuse, SCMP_SYS(mprotect), 1, code);
    if (!error) error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, data);
    if (!error) error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, data);
    return error;
}

/* Signals to ourselves: abort() must still work. */
static int allow_self(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, self);
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                 SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG));
    if (!error) /* asking for limits, not setting them */
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                                 SCMP_A2(SCMP_CMP_EQ, 0));
    return error;
}

/* Device nodes for both, threads but no processes. clone3, which hides its flags, is not there:
 * libc then takes clone. */
static int allow_driver(scmp_filter_ctx filter)
{
    int error = allow(filter, for_driver, VD_COUNT_OF(for_driver));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, O_CREAT | O_TRUNC | O_APPEND, 0));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    return error;
}

static int refuse_kindly(scmp_filter_ctx filter)
{
    static const int calls[] = { SCMP_SYS(readlink),          SCMP_SYS(access),
                                 SCMP_SYS(faccessat),         SCMP_SYS(faccessat2),
                                 SCMP_SYS(getdents64),        SCMP_SYS(getcwd),
                                 SCMP_SYS(sched_setaffinity), SCMP_SYS(mlock) };
    int error = 0;
    for (size_t i = 0; !error && i < VD_COUNT_OF(calls); i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), calls[i], 0);
    return error;
}

/* Without a network nothing needs to be read by name; a demuxer that asks for the local time tries
 * all the same. */
static int refuse_reading(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING_OPEN, O_RDONLY));
}

/* Sockets of the internet's kinds, the name service's files for reading, the usual ioctls. */
static int allow_network(scmp_filter_ctx filter)
{
    static const int domains[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
    static const unsigned long controls[] = { FIONBIO, FIONREAD };
    int error = allow(filter, for_network, VD_COUNT_OF(for_network));
    for (size_t i = 0; !error && i < VD_COUNT_OF(domains); i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)domains[i]));
    for (size_t i = 0; !error && i < VD_COUNT_OF(controls); i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                 SCMP_A1(SCMP_CMP_EQ, controls[i]));
    if (!error)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, WRITING_OPEN, O_RDONLY));
    return error;
}

/* Of Video4Linux what a camera that is already open needs. */
static int allow_capture(scmp_filter_ctx filter)
{
    static const unsigned long requests[] = { USB_REQUESTS };
    int error = 0;
    for (size_t i = 0; !error && i < VD_COUNT_OF(requests); i++)
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                 SCMP_A1(SCMP_CMP_EQ, requests[i]));
    return error;
}

/* What this kind of camera may do and others may not. */
static int allow_needs(scmp_filter_ctx filter, unsigned needs)
{
    const bool driver = needs & SANDBOX_DRIVER, network = needs & SANDBOX_NETWORK;
    int error = driver ? allow_driver(filter) : refuse_kindly(filter);
    if (!error && network) error = allow_network(filter);
    if (!error && !driver && !network) error = refuse_reading(filter);
    if (!error && !driver && (needs & SANDBOX_CAPTURE)) error = allow_capture(filter);
    return error;
}

static int filter_load(unsigned needs)
{
    const bool driver = needs & SANDBOX_DRIVER;
    const scmp_filter_ctx filter =
        seccomp_init(driver ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_KILL_PROCESS);
    if (!filter) return -ENOMEM;
    int error = allow(filter, always, VD_COUNT_OF(always));
    if (!error) error = allow_memory(filter);
    if (!error) error = allow_self(filter);
    if (!error) error = allow_needs(filter, needs);
    if (!error) error = seccomp_load(filter);
    seccomp_release(filter);
    return error;
}

static bool limit(__rlimit_resource_t what, rlim_t most)
{
    const struct rlimit both = { .rlim_cur = most, .rlim_max = most };
    return setrlimit(what, &both) == 0;
}

static bool set_limits(bool driver)
{
    signal(SIGXFSZ, SIG_IGN); /* a log line to a file fails instead of killing */
    bool fine =
        limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, OPEN_FD_MAX);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* shadows need terabytes */
    fine = fine && (driver || limit(RLIMIT_AS, MEMORY_MAX));        /* drivers map whole cards */
#else
    (void)driver;
#endif
    return fine;
}

/* With a driver the groups that device nodes belong to stay. */
static int groups_kept(bool driver, gid_t *into)
{
    static const char *const names[] = { "video", "render" };
    int count = 0;
    for (size_t i = 0; driver && i < VD_COUNT_OF(names); i++) {
        /* cppcheck-suppress getgrnamCalled ; there is one thread yet */
        const struct group *group = getgrnam(names[i]);
        if (group) into[count++] = group->gr_gid;
    }
    return count;
}

static bool become_nobody(bool driver)
{
    gid_t groups[2];
    if (geteuid() != 0) return true;
    const int count = groups_kept(driver, groups);
    return setgroups((size_t)count, groups) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

vd_err sandbox_enter(unsigned needs, vd_why *why)
{
    const bool driver = needs & SANDBOX_DRIVER;
    if (!set_limits(driver)) return vd_fail_errno(why, "the camera's process cannot limit itself");
    if (!become_nobody(driver))
        return vd_fail_errno(why, "the camera's process cannot become nobody");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return vd_fail_errno(why, "the camera's process cannot give up its rights");
    const int error = filter_load(needs);
    if (error) {
        errno = -error;
        return vd_fail_errno(why, "the camera's process cannot be put in its sandbox");
    }
    return VD_OK;
}

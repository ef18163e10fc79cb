/*
 * A library that is loaded into a program before all others. The program then may start no other.
 *
 *   LD_PRELOAD=.../noexec.so RETORT_NOEXEC=1 retort plan ...
 *       The kernel kills the program (SIGSYS) at execve, execveat, fork, vfork, and clone of a process.
 *   LD_PRELOAD=.../noexec.so RETORT_SPAWNED=FILE retort graph ...
 *       The path of each program that posix_spawn starts is a line of FILE. Nothing is refused.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, member))
#define END(action) BPF_STMT(BPF_RET | BPF_K, (action))
/* Ends with the action for this system call. */
#define CALL(number, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), END(action)

static void refuse(void) {
    struct sock_filter rules[] = {
        LOAD(nr),
        CALL(SYS_execve, SECCOMP_RET_KILL_PROCESS),
        CALL(SYS_execveat, SECCOMP_RET_KILL_PROCESS),
#ifdef SYS_fork
        CALL(SYS_fork, SECCOMP_RET_KILL_PROCESS),
        CALL(SYS_vfork, SECCOMP_RET_KILL_PROCESS),
#endif
        CALL(SYS_clone3, SECCOMP_RET_ERRNO | 38), /* ENOSYS: its flags cannot be seen, so libc calls clone */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        END(SECCOMP_RET_KILL_PROCESS),
        END(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        perror("noexec: seccomp");
        _exit(99);
    }
}

__attribute__((constructor)) static void begin(void) {
    if (getenv("RETORT_NOEXEC"))
        refuse();
}

typedef int spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                  const posix_spawnattr_t *attr, char *const argv[], char *const envp[]);

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
                char *const argv[], char *const envp[]) {
    const char *file = getenv("RETORT_SPAWNED");
    FILE *log = file ? fopen(file, "a") : NULL;
    spawn *real;
    void *found = dlsym(RTLD_NEXT, "posix_spawn");
    memcpy(&real, &found, sizeof real);
    if (log) {
        fprintf(log, "%s\n", path);
        fclose(log);
    }
    return real(pid, path, actions, attr, argv, envp);
}

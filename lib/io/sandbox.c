/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/log.h"

#define LOG_AREA "sandbox"

/* ---- Files ---- */

/* Of versions that are younger than the headers we may be built with. */
#define RIGHT_REFER (1ULL << 13)     /* version 2 */
#define RIGHT_TRUNCATE (1ULL << 14)  /* 3 */
#define RIGHT_IOCTL_DEV (1ULL << 15) /* 5 */
#define SCOPE_ABSTRACT_SOCKET 1ULL   /* 6 */
#define SCOPE_SIGNAL 2ULL

struct ruleset {
	uint64_t files, network, scoped;
};

enum {
	READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	NEVER = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK,
};

/* All that this version knows: what is not handled is allowed. */
static uint64_t known_rights(int version)
{
	uint64_t rights = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;
	rights |= version >= 2 ? RIGHT_REFER : 0;
	rights |= version >= 3 ? RIGHT_TRUNCATE : 0;
	return rights | (version >= 5 ? RIGHT_IOCTL_DEV : 0);
}

static void allow(int ruleset, const struct sandbox_path *path, uint64_t known)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path->path, O_PATH | O_CLOEXEC)};
	struct stat info;
	if (rule.parent_fd < 0)
		return;
	rule.allowed_access = path->writable ? known & ~(uint64_t)NEVER : READ;
	if (!fstat(rule.parent_fd, &info) && !S_ISDIR(info.st_mode))
		rule.allowed_access &=
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE | RIGHT_IOCTL_DEV;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		log_warn("%s stays closed: %s", log_quote(path->path), strerror(errno));
	close(rule.parent_fd);
}

static bool guard_files(const struct sandbox_path *paths, size_t count)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return false;
	struct ruleset wanted = {.files = known_rights(version),
	                         .scoped = version >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0};
	size_t bytes = version >= 6 ? sizeof wanted : sizeof wanted.files;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, bytes, 0);
	if (ruleset < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		allow(ruleset, &paths[i], wanted.files);
	bool done = !syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return done;
}

/* ---- System calls ---- */

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined __powerpc64__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined __arm__
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined __i386__
#define ARCHITECTURE AUDIT_ARCH_I386
#endif

/* The leak checker stops our threads by this. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define TRACED_BY_SANITIZERS 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRACED_BY_SANITIZERS 1
#endif
#endif

#ifdef ARCHITECTURE

static const uint32_t refused[] = {
    /* programs */
    SYS_execve, SYS_execveat,
#ifndef TRACED_BY_SANITIZERS
    SYS_ptrace,
#endif
    /* other processes */
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_process_madvise,
    /* the kernel's larger surfaces */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_add_key, SYS_request_key, SYS_keyctl, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
    SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_personality, SYS_syslog, SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    /* the view of the file system */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsmount,
    SYS_fspick, SYS_unshare, SYS_setns};

#define NAMESPACES \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define AT(member) ((uint32_t)offsetof(struct seccomp_data, member))
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_WORD 4
#else
#define LOW_WORD 0
#endif

enum { CALLS = sizeof refused / sizeof *refused };

/* A program of the Berkeley packet filter: jumps count from the instruction behind. */
static bool guard_calls(void)
{
	static const struct sock_filter head[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(nr)),
	    /* The calls of another size of words, where there are some. */
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    /* Its flags are out of reach; the C library takes clone instead. */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	static const struct sock_filter tail[] = {
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(args[0]) + LOW_WORD),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	enum { HEAD = sizeof head / sizeof *head, TAIL = sizeof tail / sizeof *tail, ALL = HEAD + CALLS + TAIL };
	struct sock_filter program[ALL];
	memcpy(program, head, sizeof head);
	for (unsigned i = 0; i < CALLS; i++)
		program[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i],
		                                                 (uint8_t)(ALL - 1 - (HEAD + i + 1)), 0);
	memcpy(program + HEAD + CALLS, tail, sizeof tail);
	struct sock_fprog filter = {.len = ALL, .filter = program};
	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

#else

static bool guard_calls(void)
{
	errno = ENOSYS;
	return false;
}

#endif

bool sandbox_enter(const struct sandbox_path *paths, size_t count)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	bool files = guard_files(paths, count);
	if (!files)
		log_warn("files are not guarded, as the kernel has no Landlock: %s", strerror(errno));
	if (!guard_calls())
		log_warn("system calls are not guarded: %s", strerror(errno));
	return files;
}

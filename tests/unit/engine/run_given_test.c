/* Files of the project that are written to and restored while a stage gets them. The tests are whole runs; the
   writer runs inside the engine's system calls. A look before and after sees no change. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/attempt/copy.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/run/run.h"
#include "tests/unit/engine/stage_program.h"

#define GOOD "name,a\nx,41\n"
#define BAD "name,a\nx,42\n"

static const struct folder_filter everything;

static char root[] = "/tmp/retort-given-XXXXXX";

/* ---- the writer ---- */

enum moment { NEVER, COPYING, RUNNING };

static struct {
    enum moment moment;
    const char *path;    /* of the file, or of the link */
    const char *between; /* its bytes, or where it leads, meanwhile; NULL: it is only touched */
    const char *after;
    bool link;
    bool began, ended;
} writer;

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); /* its inode stays */
    ssize_t length = (ssize_t)strlen(text);
    if (fd < 0 || write(fd, text, (size_t)length) != length)
        abort();
    close(fd);
}

static void turn(const char *path, const char *to) {
    unlink(path);
    if (symlink(to, path) < 0)
        abort();
}

static void write_as(const char *text) {
    if (!writer.between)
        utimensat(AT_FDCWD, writer.path, NULL, 0);
    else
        (writer.link ? turn : put)(writer.path, text);
}

static void begin_writing(enum moment now) {
    if (writer.moment != now || writer.began)
        return;
    writer.began = true;
    write_as(writer.between);
}

static void end_writing(enum moment now) {
    if (writer.moment != now || !writer.began || writer.ended)
        return;
    writer.ended = true;
    write_as(writer.after);
}

/* These stand before the C library's. A copy by reference would be none of theirs, so there is none. */
int ioctl(int fd, unsigned long request, ...) {
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (request == FICLONE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

static bool is_at_end(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_CUR) >= st.st_size;
}

ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    begin_writing(COPYING);
    ssize_t sent = syscall(SYS_sendfile, out, in, offset, count);
    if (sent <= 0 || is_at_end(in))
        end_writing(COPYING);
    return sent;
}

/* An attempt begins when its keeper is sent the request, and has ended when the result is read. */
ssize_t send(int fd, const void *bytes, size_t size, int flags) {
    begin_writing(RUNNING);
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t read(int fd, void *bytes, size_t size) {
    struct stat st;
    ssize_t got = syscall(SYS_read, fd, bytes, size);
    if (got > 0 && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
        end_writing(RUNNING);
    return got;
}

static int unreadable_after = -1; /* entries of folders until one cannot be read */
static int vanishes_at;           /* the number of the read of entry d/f.csv after which it is removed; 0: never */

static bool is_d(DIR *folder) {
    struct stat d, other;
    return stat("d", &d) == 0 && fstat(dirfd(folder), &other) == 0 && d.st_ino == other.st_ino;
}

struct dirent *readdir(DIR *folder) {
    struct dirent *(*read_entry)(DIR *);
    *(void **)&read_entry = dlsym(RTLD_NEXT, "readdir");
    if (unreadable_after == 0) {
        errno = EIO;
        return NULL;
    }
    unreadable_after -= unreadable_after > 0;
    struct dirent *entry = read_entry(folder);
    if (entry && writer.ended && vanishes_at > 0 && is_d(folder) && strcmp(entry->d_name, "f.csv") == 0 &&
        --vanishes_at == 0)
        unlink("d/f.csv");
    return entry;
}

static time_t behind_s; /* by which the engine's clock is: to it every file is young */

int clock_gettime(clockid_t clock, struct timespec *now) {
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec -= clock == CLOCK_REALTIME ? behind_s : 0;
    return rc;
}

/* ---- runs ---- */

static void on_stage(void *context, const struct instance *i, enum stage_event event, const char *detail) {
    struct buffer *said = context;
    (void)i;
    if (event == STAGE_FAILED)
        buffer_puts(said, detail);
}

/* Runs the pipeline here; what a failed stage said goes to `said`, the published result to `made`. */
static int run_here(struct buffer *said, struct buffer *made) {
    char *program = stage_program();
    struct diagnostics diagnostics = {0};
    struct pipeline *pipeline = NULL;
    struct store *store = NULL;
    struct run_summary summary = {0};
    struct error err = {0};
    const struct run_options options = {.limits = {.cpus = 1, .memory_bytes = UINT64_C(1) << 40, .grace_ms = 5000},
                                        .stage_program = program,
                                        .results = "results",
                                        .observer = {.context = said, .stage = on_stage}};
    assert_int_equal(pipeline_read(&pipeline, &(struct pipeline_source){.path = "p.json"}, &diagnostics, &err), 0);
    assert_int_equal(store_open(&store, "store", true, &err), 0);
    int code = run_pipeline(pipeline, store, &options, &summary, &diagnostics, &err);
    store_close(store);
    pipeline_free(pipeline);
    diagnostics_close(&diagnostics);
    if (code == 0)
        assert_int_equal(file_read(made, "results/t/o", 10000, &err), 0);
    free(summary.run_id);
    free(summary.results.path);
    free(program);
    return code;
}

static void describe(const char *stage, const char *out) {
    char *text =
        mem_printf("{\"retort\":1,\"name\":\"t\",\"stages\":{\"s\":{%s}},\"results\":{\"o\":\"${stages.s.outs.%s}\"}}",
                   stage, out);
    put("p.json", text);
    free(text);
}

#define COMMAND(words, file) "\"cmd\":[" words ",\"o\"],\"in\":{\"f\":\"" file "\"},\"outs\":{\"o\":\"o\"}"
#define KIND(file) "\"uses\":\"plot/table@2\",\"with\":{\"columns\":[\"a\"]},\"in\":{\"metrics\":[\"" file "\"]}"

/* The pipeline is run beside the writer. `expected`: what the stage says that fails; NULL: it finishes. Then it is run
   once more, alone: whatever the first run has kept, what comes out is made of the right bytes. */
static void run_beside_writer(const char *expected) {
    struct buffer said = {0}, made = {0};
    int code = run_here(&said, &made);
    assert_true(writer.ended);
    if (expected && !strstr(buffer_text(&said), expected))
        fail_msg("expected \"%s\", code %d, said \"%s\", made \"%s\"", expected, code, buffer_text(&said),
                 buffer_text(&made));
    assert_int_equal(code, expected ? ERR_FAILED : 0);
    buffer_clear(&made);
    writer.moment = NEVER;
    assert_int_equal(run_here(&said, &made), 0);
    assert_non_null(strstr(buffer_text(&made), "41"));
    assert_null(strstr(buffer_text(&made), "42"));
    buffer_close(&said);
    buffer_close(&made);
}

static void write_while(enum moment moment, const char *path, const char *between) {
    writer.moment = moment;
    writer.path = path;
    writer.between = between;
    writer.after = GOOD;
}

static const char before[] = "changed before the stage began, run again";
static const char written[] = "f.csv was written to while the stage ran; its result is not kept, run again";

static void a_file_that_is_cut_while_it_is_copied_is_not_kept(void **state) {
    (void)state;
    describe(COMMAND("\"cp\",\"${in.f}\"", "f.csv"), "o");
    write_while(COPYING, "f.csv", "");
    run_beside_writer(before);
}

static void a_file_that_was_another_while_it_was_copied_is_not_kept(void **state) {
    (void)state;
    describe(COMMAND("\"cp\",\"${in.f}\"", "f.csv"), "o");
    write_while(COPYING, "f.csv", BAD);
    run_beside_writer(before);
}

static void a_young_file_that_was_another_is_not_kept(void **state) {
    (void)state;
    behind_s = 1000;
    describe(COMMAND("\"cp\",\"${in.f}\"", "f.csv"), "o");
    write_while(COPYING, "f.csv", BAD);
    run_beside_writer(before);
}

/* A file at rest is examined before it is copied, and not hashed then. Its key is made before another stage runs. */
static void a_file_that_changed_before_and_rests_is_not_given(void **state) {
    struct buffer said = {0}, made = {0};
    (void)state;
    behind_s = -1000;
    describe("\"cmd\":[\"touch\",\"o\"],\"outs\":{\"o\":\"o\"}},\"late\":{" COMMAND("\"cp\",\"${in.f}\"", "f.csv"),
             "o}\",\"late\":\"${stages.late.outs.o");
    write_while(RUNNING, "f.csv", BAD);
    writer.after = BAD;
    int code = run_here(&said, &made);
    put("f.csv", GOOD);
    assert_true(writer.ended);
    assert_int_equal(code, ERR_FAILED);
    assert_non_null(strstr(buffer_text(&said), before));
    buffer_close(&said);
    buffer_close(&made);
}

static void a_file_in_a_folder_that_was_another_is_not_kept(void **state) {
    (void)state;
    describe(COMMAND("\"cp\",\"${in.f}/f.csv\"", "d"), "o");
    write_while(COPYING, "d/f.csv", BAD);
    run_beside_writer(before);
}

static void a_file_that_is_touched_while_it_is_copied_is_good(void **state) {
    (void)state;
    describe(COMMAND("\"cp\",\"${in.f}\"", "f.csv"), "o");
    write_while(COPYING, "f.csv", NULL);
    run_beside_writer(NULL);
}

static void what_a_kind_reads_in_place_is_not_written_to(void **state) {
    (void)state;
    describe(KIND("f.csv"), "csv");
    write_while(RUNNING, "f.csv", BAD);
    run_beside_writer(written);
}

static void a_touch_of_what_is_read_in_place_counts_as_writing(void **state) {
    (void)state;
    describe(KIND("f.csv"), "csv");
    write_while(RUNNING, "f.csv", NULL);
    run_beside_writer(written);
}

/* The writer's two times may be one, so the stamp says nothing of a file this young. */
static void a_kind_gets_a_copy_of_a_young_file(void **state) {
    (void)state;
    behind_s = 1000;
    describe(KIND("f.csv"), "csv");
    write_while(RUNNING, "f.csv", BAD);
    run_beside_writer(NULL);
}

static void a_link_that_was_turned_aside_is_seen(void **state) {
    (void)state;
    describe(KIND("now/f.csv"), "csv");
    write_while(RUNNING, "now", "e");
    writer.link = true;
    writer.after = "next"; /* another link, to d */
    run_beside_writer(written);
}

static void a_link_on_the_way_of_a_link_is_seen(void **state) {
    (void)state;
    describe(KIND("now/f.csv"), "csv");
    write_while(RUNNING, "next", "e");
    writer.link = true;
    writer.after = "d";
    run_beside_writer(written);
}

/* The folder was changed, and it goes on while it is looked at: by its stamp, then by its content. */
static void a_file_that_is_gone_while_its_folder_is_read_fails_the_stage(void **state) {
    (void)state;
    for (int time = 1; time <= 2; time++) {
        struct buffer said = {0}, made = {0};
        put("d/f.csv", GOOD);
        describe(COMMAND("\"cp\",\"${in.f}/f.csv\"", "d"), "o");
        writer.began = writer.ended = false;
        write_while(RUNNING, "d/other", "one");
        writer.after = time == 1 ? "two" : "three";
        vanishes_at = time;
        assert_int_equal(run_here(&said, &made), ERR_FAILED);
        assert_int_equal(vanishes_at, 0);
        assert_non_null(strstr(buffer_text(&said), "d changed while the stage ran; its result is not kept, run again"));
        buffer_close(&said);
        buffer_close(&made);
    }
}

static void only_its_owner_makes_a_file_executable(void **state) {
    struct buffer said = {0}, made = {0};
    (void)state;
    behind_s = 1000; /* the copy is hashed, and compared with the key's bit */
    assert_int_equal(chmod("f.csv", 0654), 0);
    describe(COMMAND("\"cp\",\"${in.f}\"", "f.csv"), "o");
    assert_int_equal(run_here(&said, &made), 0);
    assert_string_equal(buffer_text(&made), GOOD);
    buffer_close(&said);
    buffer_close(&made);
}

/* The end of a folder is one thing, an entry that the disk does not give another. */
static void a_folder_that_cannot_be_read_is_not_copied_in_part(void **state) {
    struct error err = {0};
    (void)state;
    put("d/other", "");
    for (int entries = 0; entries <= 4; entries++) {
        unreadable_after = entries; /* ".", "..", "f.csv", "other" */
        int rc = copy_tree("d", "to", &everything, &err);
        unreadable_after = -1;
        assert_int_equal(rc, ERR_IO);
        assert_string_equal(err.message, "d: cannot be read: Input/output error");
        file_remove_tree("to", NULL);
    }
    assert_int_equal(copy_tree("d", "to", &everything, &err), 0);
}

/* ---- places ---- */

enum { PLACES = 14 };

/* The files that exist, at rest, when a run begins. They are made once for all tests, since that takes a while. */
static int make_places(void **state) {
    (void)state;
    if (!mkdtemp(root) || chdir(root) < 0)
        return -1;
    for (int i = 0; i < PLACES; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (mkdir(name, 0755) < 0 || chdir(name) < 0 || mkdir("d", 0755) < 0 || mkdir("e", 0755) < 0)
            return -1;
        put("f.csv", GOOD);
        put("d/f.csv", GOOD);
        put("e/f.csv", BAD);
        turn("next", "d");
        turn("now", "next");
        if (chdir("..") < 0)
            return -1;
    }
    nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 50000000}, NULL); /* the coarsest clock has steps of 2 s */
    return 0;
}

static int remove_places(void **state) {
    (void)state;
    return chdir("/") < 0 ? -1 : file_remove_tree(root, NULL);
}

static int enter(void **state) {
    static int next;
    char *path = mem_printf("%s/%d", root, next++);
    int rc = chdir(path);
    (void)state;
    free(path);
    memset(&writer, 0, sizeof writer);
    behind_s = 0;
    vanishes_at = 0;
    return rc;
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, enter)
        TEST(a_file_that_is_cut_while_it_is_copied_is_not_kept),
        TEST(a_file_that_was_another_while_it_was_copied_is_not_kept),
        TEST(a_young_file_that_was_another_is_not_kept),
        TEST(a_file_that_changed_before_and_rests_is_not_given),
        TEST(a_file_in_a_folder_that_was_another_is_not_kept),
        TEST(a_file_that_is_touched_while_it_is_copied_is_good),
        TEST(what_a_kind_reads_in_place_is_not_written_to),
        TEST(a_touch_of_what_is_read_in_place_counts_as_writing),
        TEST(a_kind_gets_a_copy_of_a_young_file),
        TEST(a_link_that_was_turned_aside_is_seen),
        TEST(a_link_on_the_way_of_a_link_is_seen),
        TEST(a_file_that_is_gone_while_its_folder_is_read_fails_the_stage),
        TEST(only_its_owner_makes_a_file_executable),
        TEST(a_folder_that_cannot_be_read_is_not_copied_in_part),
    };
    _Static_assert(sizeof tests / sizeof *tests == PLACES, "one a test");
    return cmocka_run_group_tests(tests, make_places, remove_places);
}

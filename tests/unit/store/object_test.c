#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* FIPS 180-4's example. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void a_file_becomes_a_read_only_object(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct stat st;
    char hex[DIGEST_HEX_SIZE];
    struct object o = put_text(s, "abc");
    digest_hex(hex, &o.digest);
    assert_string_equal(hex, abc);
    assert_int_equal(o.size, 3);
    assert_false(o.directory || o.executable);
    char *path = store_object_path(s, &o.digest);
    char *expected = mem_printf("%s/objects/ba/%s", p->directory, abc + 2);
    assert_string_equal(path, expected);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0444);
    assert_int_equal(st.st_mtim.tv_sec, 946684800); /* 2000-01-01T00:00:00Z: `date -u -d 2000-01-01 +%s` */
    char *text = read_text(path);
    assert_string_equal(text, "abc");
    char *work = store_work_path(s, "attempt");
    char *source = path_join(work, "out");
    assert_false(file_exists(source));
    put_text(s, "abc"); /* once more: ours is dropped */
    assert_false(file_exists(source));
    assert_int_equal(store_object_require(s, &o, NULL), 0);
    free(source);
    free(work);
    free(text);
    free(expected);
    free(path);
    store_close(s);
}

static void a_file_of_the_user_is_copied_not_touched(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    struct stat before;
    struct stat after;
    char *path = path_join(p->root, "mine");
    char *linked = path_join(p->root, "linked");
    write_text(path, "abc", 0755);
    /* A stage that made a link to it and calls that its out must not make the user's file read-only. */
    assert_int_equal(link(path, linked), 0);
    assert_int_equal(stat(path, &before), 0);
    ok(store_object_put(s, AT_FDCWD, linked, &o, &err), err);
    assert_false(file_exists(linked));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mode, after.st_mode);
    assert_true(o.executable);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    free(linked);
    free(path);
    store_close(s);
}

/* As a container writes that works as root: the child is another user, who may read the files and nothing more. */
static void files_of_another_user_are_copied(void **state) {
    const struct place *p = *state;
    char *folder = path_join(p->root, "folder");
    char *inside = path_join(folder, "file");
    char *single = path_join(p->root, "single");
    if (geteuid() != 0)
        skip(); /* only root can be two users */
    assert_int_equal(mkdir(folder, 0755), 0);
    write_text(inside, "abc", 0644);
    write_text(single, "abcd", 0644);
    assert_int_equal(chmod(p->root, 0777), 0);
    pid_t child = fork();
    if (child == 0) {
        struct error err = {0};
        struct object o;
        struct store *s = NULL;
        int rc = seteuid(65534);
        if (rc == 0)
            rc = store_open(&s, p->directory, true, &err);
        if (rc == 0)
            rc = store_object_put(s, AT_FDCWD, single, &o, &err);
        if (rc == 0)
            rc = store_object_put(s, AT_FDCWD, folder, &o, &err);
        if (rc == 0)
            rc = store_object_verify(s, &o, &err);
        if (rc < 0)
            fprintf(stderr, "%s\n", err.message);
        _exit(rc < 0 || file_exists(single) || o.size != 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    char *text = read_text(inside);
    assert_string_equal(text, "abc"); /* in a folder that is not the child's it stays */
    free(text);
    free(single);
    free(inside);
    free(folder);
}

static void make_special(const char *directory) {
    char *path = path_join(directory, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    free(path);
    path = path_join(directory, "link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    free(path);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void links_pipes_and_sockets_are_refused(void **state) {
    static const char *const names[] = {"pipe", "link", "socket"};
    static const char *const said[] = {"pipe", "symbolic link", "socket"};
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct object o;
    make_special(p->root);
    for (int i = 0; i < 3; i++) {
        struct error err = {0};
        char *path = path_join(p->root, names[i]);
        char *folder = mem_printf("%s/folder-%d", p->root, i);
        char *inside = path_join(folder, names[i]);
        assert_int_equal(store_object_put(s, AT_FDCWD, path, &o, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, said[i]));
        assert_int_equal(mkdir(folder, 0755), 0);
        assert_int_equal(rename(path, inside), 0);
        assert_int_equal(store_object_put(s, AT_FDCWD, folder, &o, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, inside));
        assert_non_null(strstr(err.message, i == 1 ? "is a link to /etc/passwd" : said[i]));
        if (strcmp(names[i], "link") != 0) /* of an input it is followed */
            assert_int_equal(store_file_content(s, folder, &o, &err), ERR_INVALID);
        free(inside);
        free(folder);
        free(path);
    }
    store_close(s);
}

/* A small tree; `backwards` makes its files in the other order. */
static char *make_tree(const struct place *p, const char *name, bool backwards) {
    char *root = path_join(p->root, name);
    static const char *const files[] = {"a", "b/c", "b/run", "b-2", "z\"\n\xc3\xa9"};
    char *path = mem_printf("%s/b", root);
    assert_int_equal(file_make_directory(path, NULL), 0);
    free(path);
    path = mem_printf("%s/empty/deep", root);
    assert_int_equal(file_make_directory(path, NULL), 0);
    free(path);
    for (int i = 0; i < 5; i++) {
        const char *file = files[backwards ? 4 - i : i];
        path = path_join(root, file);
        write_text(path, "abc", strcmp(file, "b/run") == 0 ? 0755 : 0644);
        free(path);
    }
    return root;
}

/* Written by hand from the format in store/README.md: sorted by bytes, so "b-2" stands before "b/c". */
static const char tree_listing[] =
    "retort directory 1\n"
    "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"a\"\n"
    "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"b-2\"\n"
    "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"b/c\"\n"
    "x ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"b/run\"\n"
    "d \"empty/deep\"\n"
    "f ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 \"z\\\"\\n\xc3\xa9\"\n";

/* SHA-256 of tag and text, each behind its length as eight little-endian bytes. */
static struct digest listing_digest_by_hand(const char *text) {
    static const char tag[] = "retort-directory-1";
    struct buffer b = {0};
    struct digest d;
    size_t size = strlen(text);
    const char tag_length[8] = {sizeof tag - 1};
    const char length[8] = {(char)(size & 255), (char)(size >> 8)};
    buffer_append(&b, tag_length, 8);
    buffer_puts(&b, tag);
    buffer_append(&b, length, 8);
    buffer_puts(&b, text);
    sha256_bytes(&d, b.data, b.size);
    buffer_close(&b);
    return d;
}

static void a_directory_is_its_listing(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object put;
    struct object seen;
    struct digest expected = listing_digest_by_hand(tree_listing);
    char *one = make_tree(p, "one", false);
    char *two = make_tree(p, "two", true);
    ok(store_file_content(s, two, &seen, &err), err);
    ok(store_object_put(s, AT_FDCWD, one, &put, &err), err);
    assert_true(put.directory);
    assert_int_equal(put.size, 15);
    assert_true(digest_equal(&put.digest, &expected));
    assert_true(digest_equal(&put.digest, &seen.digest));
    assert_false(file_exists(one));
    assert_true(file_exists(two));
    char *path = store_object_path(s, &put.digest);
    char *text = read_text(path);
    assert_string_equal(text, tree_listing);
    struct object file = put_text(s, tree_listing); /* the same bytes as a file: another object */
    assert_false(digest_equal(&file.digest, &put.digest));
    assert_int_equal(store_object_require(s, &put, NULL), 0);
    free(text);
    free(path);
    free(one);
    free(two);
    store_close(s);
}

static void assert_same_tree(const char *root, const char *a, const char *b) {
    static const char list[] = "find . -printf '%P %y\\n' | LC_ALL=C sort";
    char *command = mem_printf("cd '%s' && %s >'%s/left' && cd '%s' && %s >'%s/right' && cmp '%s/left' '%s/right' && "
                               "diff -r '%s' '%s'",
                               a, list, root, b, list, root, root, root, a, b);
    assert_int_equal(system(command), 0);
    free(command);
}

static void a_copy_that_is_told_to_stop_leaves_no_file(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    atomic_bool stop = false;
    char *given = path_join(p->root, "given"), *to = path_join(p->root, "copied");
    ok(file_replace(given, "bytes", 5, 0644, &err), err);
    ok(store_object_put(s, AT_FDCWD, given, &o, &err), err);
    atomic_store(&stop, true);
    assert_int_equal(store_copy(s, &o, to, &stop, &err), ERR_INTERRUPTED);
    assert_false(file_exists(to));
    atomic_store(&stop, false);
    ok(store_copy(s, &o, to, &stop, &err), err);
    assert_true(file_exists(to));
    free(given);
    free(to);
    store_close(s);
}

static void objects_come_back_as_they_were(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    struct stat st;
    char *tree = make_tree(p, "tree", false), *given = make_tree(p, "given", false);
    ok(store_object_put(s, AT_FDCWD, given, &o, &err), err);
    for (int how = MATERIALISE_LINK; how <= MATERIALISE_COPY; how++) {
        char *to = mem_printf("%s/out/%d", p->root, how);
        char *run = path_join(to, "b/run");
        char *plain = path_join(to, "b/c");
        ok(store_materialise(s, &o, to, (enum materialise)how, &err), err);
        assert_same_tree(p->root, tree, to);
        assert_int_equal(stat(run, &st), 0);
        assert_int_equal(st.st_mode & 0777, how == MATERIALISE_COPY ? 0755 : 0555);
        assert_int_equal(stat(plain, &st), 0);
        assert_int_equal(st.st_mode & 0777, how == MATERIALISE_COPY ? 0644 : 0444);
        struct error again = {0};
        assert_int_equal(store_materialise(s, &o, to, (enum materialise)how, &again),
                         ERR_IO); /* never over something */
        free(plain);
        free(run);
        free(to);
    }
    char *copied = mem_printf("%s/out/%d/a", p->root, MATERIALISE_COPY);
    write_text(copied, "changed", 0644); /* a copy is the caller's own */
    ok(store_object_verify(s, &o, &err), err);
    free(copied);
    free(given);
    free(tree);
    store_close(s);
}

static void a_name_that_is_not_utf8_is_refused(void **state) {
    const struct place *p = *state;
    struct store *s = open_store(p);
    struct error err = {0};
    struct object o;
    char *folder = path_join(p->root, "folder");
    char *path = path_join(folder, "caf\xe9");
    assert_int_equal(mkdir(folder, 0755), 0);
    write_text(path, "abc", 0644);
    assert_int_equal(store_object_put(s, AT_FDCWD, folder, &o, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "UTF-8"));
    free(path);
    free(folder);
    store_close(s);
}

/* A listing that another hand wrote: whatever stands in it, nothing is written outside of the target. */
static void a_listing_cannot_leave_its_directory(void **state) {
    static const char *const bad[] = {
        "retort directory 1\nd \"../evil\"\n",
        "retort directory 1\nd \"/tmp/evil\"\n",
        "retort directory 1\nd \"a//b\"\n",
        "retort directory 1\nd \"a/./b\"\n",
        "retort directory 1\nd \"\"\n",
        "retort directory 1\nd \"b\"\nd \"a\"\n",
        "retort directory 1\nd \"a\"\nd \"a\"\n",
        "retort directory 1\nd \"a\"",
        "retort directory 1\nd \"\\u0061\"\n",
        "retort directory 1\nl \"a\"\n",
        "retort directory 1\nf 12 3 \"a\"\n",
        "retort directory 1\nf ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 03 \"a\"\n",
        "retort directory 2\n",
        "",
    };
    const struct place *p = *state;
    struct store *s = open_store(p);
    put_text(s, "abc");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        struct object o = {.digest = listing_digest_by_hand(bad[i]), .directory = true};
        char *path = store_object_path(s, &o.digest);
        char *folder = path_directory(path);
        char *to = mem_printf("%s/target/%zu", p->root, i);
        assert_int_equal(file_make_directory(folder, NULL), 0);
        write_text(path, bad[i], 0444);
        assert_int_not_equal(store_object_require(s, &o, NULL), 0);
        assert_int_equal(store_materialise(s, &o, to, MATERIALISE_COPY, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.message, path));
        assert_false(file_exists(to));
        free(to);
        free(folder);
        free(path);
    }
    store_close(s);
}

static void set_times(const char *path, time_t seconds) {
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_touched_object_is_hashed_again(void **state) {
    struct store *s = open_store(*state);
    struct stat st;
    struct object whole = put_text(s, "whole");
    struct object damaged = put_text(s, "damaged");
    char *whole_path = store_object_path(s, &whole.digest);
    char *damaged_path = store_object_path(s, &damaged.digest);
    set_times(whole_path, 1234567890); /* as after a plain copy of the whole store */
    flip_byte(damaged_path, 3);
    assert_int_equal(store_object_require(s, &whole, NULL), 0);
    assert_int_not_equal(store_object_require(s, &damaged, NULL), 0);
    assert_int_equal(stat(whole_path, &st), 0);
    assert_int_equal(st.st_mtim.tv_sec, 946684800);
    assert_false(file_exists(damaged_path));
    char *said = notices(s);
    assert_non_null(strstr(said, "damaged"));
    put_text(s, "damaged");
    assert_int_equal(store_object_require(s, &damaged, NULL), 0);
    free(said);
    free(whole_path);
    free(damaged_path);
    store_close(s);
}

/* Damage that shows in no time stamp: the disk's own. */
static void silent_damage_is_found_by_hashing(void **state) {
    const struct place *p = *state;
    struct error err = {0};
    struct store *s = open_store(p);
    struct object o = put_text(s, "some content");
    char *path = store_object_path(s, &o.digest);
    char *to = path_join(p->root, "to");
    store_close(s);
    flip_byte(path, 0);
    set_times(path, 946684800);
    s = open_store(p);
    assert_int_equal(store_object_require(s, &o, NULL), 0); /* without hashing */
    assert_int_equal(store_materialise(s, &o, to, MATERIALISE_LINK, &err), ERR_CORRUPT);
    assert_false(file_exists(to));
    assert_int_not_equal(store_object_require(s, &o, NULL), 0);
    assert_int_equal(store_object_verify(s, &o, &err), ERR_NOT_FOUND);
    put_text(s, "some content");
    flip_byte(path, 0);
    set_times(path, 946684800);
    assert_int_equal(store_object_verify(s, &o, &err), ERR_CORRUPT);
    free(to);
    free(path);
    store_close(s);
}

static void a_damaged_object_of_the_same_name_is_replaced(void **state) {
    struct store *s = open_store(*state);
    struct object o = put_text(s, "0123456789");
    char *path = store_object_path(s, &o.digest);
    assert_int_equal(truncate(path, 4), 0);
    put_text(s, "0123456789");
    char *text = read_text(path);
    assert_string_equal(text, "0123456789");
    free(text);
    free(path);
    store_close(s);
}

enum { THREADS = 4, PER_THREAD = 40 };

struct worker {
    struct store *s;
    char *folder;
    int rc;
};

static void *put_many(void *context) {
    struct worker *w = context;
    for (int i = 0; i < PER_THREAD && w->rc == 0; i++) {
        struct object o;
        char *path = mem_printf("%s/%d", w->folder, i);
        char *text = mem_printf("content %d", i);
        write_text(path, text, 0644);
        w->rc = store_object_put(w->s, AT_FDCWD, path, &o, NULL);
        free(text);
        free(path);
    }
    return NULL;
}

static void threads_may_put_the_same_content(void **state) {
    struct store *s = open_store(*state);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct error err = {0};
    for (int i = 0; i < THREADS; i++) {
        char *name = mem_printf("worker %d", i);
        workers[i] = (struct worker){.s = s, .folder = store_work_path(s, name)};
        ok(file_make_directory(workers[i].folder, &err), err);
        pthread_create(&threads[i], NULL, put_many, &workers[i]);
        free(name);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].rc, 0);
        free(workers[i].folder);
    }
    for (int i = 0; i < PER_THREAD; i++) {
        char *text = mem_printf("content %d", i);
        struct object o = {.digest = key_of(text), .size = strlen(text)};
        ok(store_object_verify(s, &o, &err), err);
        free(text);
    }
    store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_becomes_a_read_only_object, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_file_of_the_user_is_copied_not_touched, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(files_of_another_user_are_copied, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(links_pipes_and_sockets_are_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_directory_is_its_listing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(objects_come_back_as_they_were, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_told_to_stop_leaves_no_file, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_not_utf8_is_refused, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_listing_cannot_leave_its_directory, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_touched_object_is_hashed_again, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(silent_damage_is_found_by_hashing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_object_of_the_same_name_is_replaced, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(threads_may_put_the_same_content, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

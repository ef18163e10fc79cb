#include <git2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/base/sha256.h"
#include "engine/provenance/provenance.h"
#include "engine/version.h"

static int make_directory(void **state) {
    *state = mem_strdup("/tmp/retort-provenance-XXXXXX");
    git_libgit2_init();
    return mkdtemp(*state) ? 0 : -1;
}

static int remove_directory(void **state) {
    int rc = file_remove_tree(*state, NULL);
    free(*state);
    git_libgit2_shutdown();
    return rc;
}

static void put(const char *directory, const char *name, const char *text) {
    struct error err = {0};
    char *path = path_join(directory, name);
    char *parent = path_directory(path);
    if (file_make_directory(parent, &err) < 0 || file_replace(path, text, strlen(text), 0644, &err) < 0)
        fail_msg("%s", err.message);
    free(parent);
    free(path);
}

static void require_git(int rc) {
    if (rc < 0)
        fail_msg("libgit2: %s", git_error_last() ? git_error_last()->message : "?");
}

static git_repository *init_repository(const char *directory) {
    git_repository *repo = NULL;
    git_repository_init_options options;
    require_git(git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION));
    options.flags = GIT_REPOSITORY_INIT_MKPATH;
    options.initial_head = "trunk";
    require_git(git_repository_init_ext(&repo, directory, &options));
    return repo;
}

/* Not git_remote_create, which leaks in libgit2 1.5 as git_remote_list does. */
static void set_config(git_repository *repo, const char *name, const char *value) {
    git_config *config = NULL;
    require_git(git_repository_config(&config, repo));
    require_git(git_config_set_string(config, name, value));
    git_config_free(config);
}

/* Commits every file of the working tree as the first commit of the branch; its id as hex. */
static void commit_all(git_repository *repo, char hex[GIT_OID_HEXSZ + 1]) {
    git_index *index = NULL;
    git_tree *tree = NULL;
    git_signature *author = NULL;
    git_oid tree_id;
    git_oid commit_id;
    require_git(git_repository_index(&index, repo));
    require_git(git_index_add_all(index, NULL, 0, NULL, NULL));
    require_git(git_index_write(index));
    require_git(git_index_write_tree(&tree_id, index));
    require_git(git_tree_lookup(&tree, repo, &tree_id));
    require_git(git_signature_new(&author, "A", "a@example.org", 1700000000, 0));
    require_git(git_commit_create(&commit_id, repo, "HEAD", author, author, NULL, "first", tree, 0, NULL));
    git_oid_tostr(hex, GIT_OID_HEXSZ + 1, &commit_id);
    git_signature_free(author);
    git_tree_free(tree);
    git_index_free(index);
}

static bool is_null(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_non_null(item);
    return cJSON_IsNull(item);
}

static void test_no_repository(void **state) {
    cJSON *git = provenance_git(*state, NULL);
    assert_string_equal(json_text(git, "unavailable", ""), "not in a git repository");
    assert_null(cJSON_GetObjectItemCaseSensitive(git, "commit"));
    cJSON_Delete(git);
}

static void test_before_the_first_commit(void **state) {
    git_repository *repo = init_repository(*state);
    put(*state, "study.json", "{}\n"); /* untracked: not the repository's business */
    cJSON *git = provenance_git(*state, NULL);
    assert_true(is_null(git, "commit"));
    assert_string_equal(json_text(git, "branch", ""), "trunk");
    assert_true(is_null(git, "remote"));
    assert_false(json_bool(git, "dirty", true));
    cJSON_Delete(git);
    git_repository_free(repo);
}

static void test_clean_and_dirty(void **state) {
    git_repository *repo = init_repository(*state);
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "study.json", "{}\n");
    put(*state, "parts/link.json", "[]\n");
    commit_all(repo, commit);
    set_config(repo, "remote.aaa.url", "/elsewhere");
    set_config(repo, "remote.origin.url", "https://me:s3cret@git.example.org/radio.git");
    put(*state, "untracked", "x");
    char *below = path_join(*state, "parts");

    cJSON *git = provenance_git(below, NULL); /* found upwards, too */
    assert_string_equal(json_text(git, "commit", ""), commit);
    assert_string_equal(json_text(git, "branch", ""), "trunk");
    assert_string_equal(json_text(git, "remote", ""), "https://git.example.org/radio.git");
    assert_false(json_bool(git, "dirty", true));
    assert_true(is_null(git, "diff_sha256"));
    cJSON_Delete(git);

    put(*state, "study.json", "[1]\n");
    git = provenance_git(below, NULL);
    assert_string_equal(json_text(git, "commit", ""), commit);
    assert_true(json_bool(git, "dirty", false));
    /* The patch by hand; the ids are the blobs' ("blob 3\0{}\n" and "blob 4\0[1]\n" under SHA-1, from git
       hash-object). */
    static const char patch[] =
        "diff --git a/study.json b/study.json\n"
        "index 0967ef424bce6791893e9a57bb952f80fd536e93..7660873d10312f596c4dc0586fb548309c71276f 100644\n"
        "--- a/study.json\n"
        "+++ b/study.json\n"
        "@@ -1 +1 @@\n"
        "-{}\n"
        "+[1]\n";
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    sha256_bytes(&digest, patch, sizeof patch - 1);
    digest_hex(hex, &digest);
    assert_string_equal(json_text(git, "diff_sha256", ""), hex);
    cJSON_Delete(git);
    free(below);
    git_repository_free(repo);
}

static void test_staged_change_is_dirty(void **state) {
    git_repository *repo = init_repository(*state);
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "a", "1\n");
    commit_all(repo, commit);
    put(*state, "b", "2\n");
    git_index *index = NULL;
    require_git(git_repository_index(&index, repo));
    require_git(git_index_add_bypath(index, "b"));
    require_git(git_index_write(index));
    git_index_free(index);
    cJSON *git = provenance_git(*state, NULL);
    assert_true(json_bool(git, "dirty", false));
    cJSON_Delete(git);
    git_repository_free(repo);
}

static void test_detached_and_other_remote(void **state) {
    git_repository *repo = init_repository(*state);
    git_oid id;
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "a", "1\n");
    commit_all(repo, commit);
    require_git(git_oid_fromstr(&id, commit));
    require_git(git_repository_set_head_detached(repo, &id));
    set_config(repo, "remote.upstream.url", "git@git.example.org:radio.git");
    cJSON *git = provenance_git(*state, NULL);
    assert_string_equal(json_text(git, "commit", ""), commit);
    assert_true(is_null(git, "branch"));
    assert_string_equal(json_text(git, "remote", ""), "git@git.example.org:radio.git");
    cJSON_Delete(git);
    git_repository_free(repo);
}

static void commit_alone_is_known(const char *directory, const char *commit) {
    cJSON *git = provenance_git(directory, NULL);
    assert_string_equal(json_text(git, "commit", ""), commit);
    assert_true(is_null(git, "dirty"));
    assert_true(strlen(json_text(git, "dirty_unavailable", "")) > 0);
    cJSON_Delete(git);
}

static void test_damaged_repository_never_stops_anything(void **state) {
    git_repository *repo = init_repository(*state);
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "a", "1\n");
    commit_all(repo, commit);
    git_repository_free(repo);
    put(*state, ".git/index", "this is no index");
    commit_alone_is_known(*state, commit);
    put(*state, ".git/config", "[core\n");
    cJSON *git = provenance_git(*state, NULL);
    assert_true(strlen(json_text(git, "unavailable", "")) > 0);
    cJSON_Delete(git);
}

/* The sanitizers would end a program that asks for more than there is. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void) {
    return __asan_default_options();
}

/* A blob of three bytes that says it has 512 GiB, which are asked for before they are read. */
static void test_giant_object_never_stops_anything(void **state) {
    static const char blob[] = "\x78\x01\x01\x15\x00\xea\xff" /* zlib: one block as it is, of 21 bytes */
                               "blob 549755813888\0"
                               "abc"
                               "\x3e\x93\x05\x6d"; /* Adler-32 */
    struct error err = {0};
    char commit[GIT_OID_HEXSZ + 1];
    git_repository *repo = init_repository(*state);
    put(*state, "a", "1\n");
    commit_all(repo, commit);
    git_repository_free(repo);
    char *object = path_join(*state, ".git/objects/d0/0491fd7e5bb6fa28c517a0bb32b8b506539d4d"); /* of "1\n" */
    assert_true(file_exists(object));
    assert_int_equal(file_replace(object, blob, sizeof blob - 1, 0444, &err), 0);
    put(*state, "a", "changed\n");
    commit_alone_is_known(*state, commit);
    free(object);
}

static void expect_tracked(const struct git_files *files, const char *folder, const char *name, bool tracked) {
    char *path = path_join(folder, name);
    if (git_tracks(files, path) != tracked)
        fail_msg("%s is %stracked", name, tracked ? "not " : "");
    free(path);
}

static void test_tracked_files(void **state) {
    git_repository *repo = init_repository(*state);
    struct git_files files = {0};
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "data/a.csv", "1\n");
    put(*state, "data-old", "1\n"); /* '-' sorts before '/' */
    put(*state, "z", "1\n");
    commit_all(repo, commit);
    put(*state, "data/new.csv", "1\n");
    put(*state, "other/b", "1\n");
    char *link = path_join(*state, "link");
    assert_int_equal(symlink("data", link), 0);
    cJSON_Delete(provenance_git(*state, &files));
    static const char *const tracked[] = {"data/a.csv", "data", "data-old", "z", "link/a.csv"};
    static const char *const others[] = {"data/new.csv", "other",        "other/b",    "dat",
                                         "zz",           "link/new.csv", "/etc/passwd"};
    for (size_t i = 0; i < sizeof tracked / sizeof *tracked; i++)
        expect_tracked(&files, *state, tracked[i], true);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_tracked(&files, *state, others[i], false);
    git_files_close(&files);
    free(link);
    git_repository_free(repo);
}

static void test_nearest_tag(void **state) {
    git_repository *repo = init_repository(*state);
    git_oid id;
    char commit[GIT_OID_HEXSZ + 1];
    put(*state, "a", "1\n");
    commit_all(repo, commit);
    cJSON *git = provenance_git(*state, NULL);
    assert_true(is_null(git, "describe"));
    assert_string_equal(json_text(git, "describe_unavailable", ""), "no tag leads to this commit");
    cJSON_Delete(git);
    git_object *object = NULL;
    require_git(git_revparse_single(&object, repo, "HEAD"));
    require_git(git_tag_create_lightweight(&id, repo, "v1", object, 0));
    git_object_free(object);
    git = provenance_git(*state, NULL);
    assert_string_equal(json_text(git, "describe", ""), "v1");
    assert_null(cJSON_GetObjectItemCaseSensitive(git, "describe_unavailable"));
    cJSON_Delete(git);
    git_repository_free(repo);
}

static void test_remote_without_url(void **state) {
    git_repository *repo = init_repository(*state);
    git_repository_free(repo);
    put(*state, ".git/config", "[remote \"origin\"]\n\turl\n");
    cJSON *git = provenance_git(*state, NULL);
    assert_true(is_null(git, "remote"));
    cJSON_Delete(git);
}

static void test_public_url(void **state) {
    (void)state;
    static const char *const urls[][2] = {
        {"https://git.example.org/a.git", "https://git.example.org/a.git"},
        {"https://user:secret@git.example.org/a.git", "https://git.example.org/a.git"},
        {"https://ghp_token@git.example.org:8443/a.git", "https://git.example.org:8443/a.git"},
        {"https://user:p@ss@git.example.org/a.git", "https://git.example.org/a.git"},
        {"https://user:p/ss@git.example.org/a.git", "https://git.example.org/a.git"},
        {"https://git.example.org/a.git?private_token=x#y", "https://git.example.org/a.git"},
        {"https://git.example.org:8443/team@home/a.git", "https://git.example.org:8443/team@home/a.git"},
        {"https://[2001:db8::1]:8443/a@b.git", "https://[2001:db8::1]:8443/a@b.git"},
        {"ssh://git@git.example.org/a.git", "ssh://git.example.org/a.git"},
        {"git@git.example.org:a.git", "git@git.example.org:a.git"},
        {"/srv/git/a.git", "/srv/git/a.git"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char *public_url = provenance_public_url(urls[i][0]);
        assert_string_equal(public_url, urls[i][1]);
        free(public_url);
    }
}

static void test_host(void **state) {
    put(*state, "proc/sys/kernel/hostname", "node7\n");
    put(*state, "proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    put(*state, "proc/sys/kernel/random/boot_id", "0a1b2c3d-0000-4000-8000-000000000000\n");
    put(*state, "proc/meminfo", "MemTotal:       16384 kB\nMemFree:  1 kB\n");
    put(*state, "proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU\nmicrocode\t: 0x12\n\nprocessor\t: 1\n");
    put(*state, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    cJSON *host = provenance_host(*state);
    assert_string_equal(json_text(host, "hostname", ""), "node7");
    assert_string_equal(json_text(host, "kernel", ""), "6.1.0-18-amd64");
    assert_string_equal(json_text(host, "boot_id", ""), "0a1b2c3d-0000-4000-8000-000000000000");
    assert_true(json_double(host, "memory_bytes", 0) == 16777216);
    assert_string_equal(json_text(host, "cpu", ""), "A CPU");
    assert_string_equal(json_text(host, "microcode", ""), "0x12");
    assert_true(json_double(host, "logical_cpus", 0) == 2);
    assert_string_equal(json_text(host, "governor", ""), "performance");
    cJSON_Delete(host);
}

static void test_unknown_host_is_null(void **state) {
    static const char *const names[] = {"hostname",     "kernel",   "cpu",     "microcode",
                                        "logical_cpus", "governor", "boot_id", "memory_bytes"};
    cJSON *host = provenance_host(*state);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(is_null(host, names[i]));
    cJSON_Delete(host);
}

static void test_versions(void **state) {
    (void)state;
    static const char *const names[] = {"retort", "libuv", "libgit2", "libcrypto", "cjson", "glibc"};
    cJSON *versions = provenance_versions(true);
    assert_string_equal(json_text(versions, "retort", ""), RETORT_VERSION);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = json_text(versions, names[i], "");
        assert_true(strspn(text, "0123456789.") >= 3); /* starts like a version */
    }
    cJSON_Delete(versions);
}

static void test_versions_without_git(void **state) {
    (void)state;
    cJSON *versions = provenance_versions(false);
    assert_true(is_null(versions, "libgit2"));
    assert_string_equal(json_text(versions, "retort", ""), RETORT_VERSION);
    cJSON_Delete(versions);
}

enum { OTHER_USER = 65534 };

/* Runs provenance_git as another user with `home` as HOME, and returns "unavailable". The caller frees. */
static char *unavailable_to_another(const char *path, const char *home) {
    int ends[2];
    char text[1024] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        while (git_libgit2_shutdown() > 0) /* it remembers HOME */
            ;
        setenv("HOME", home, 1);
        if (setuid(OTHER_USER) < 0)
            _exit(1);
        const char *why = json_text(provenance_git(path, NULL), "unavailable", "");
        _exit(write(ends[1], why, strlen(why)) < 0);
    }
    close(ends[1]);
    for (ssize_t size = 0, got; (got = read(ends[0], text + size, sizeof text - 1 - (size_t)size)) > 0; size += got)
        ;
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return mem_strdup(text);
}

static void test_refused_repositories(void **state) {
    const char *directory = *state;
    if (geteuid() != 0)
        skip(); /* only root can act as another user */
    assert_int_equal(chmod(directory, 0755), 0);
    char *mine = path_join(directory, "mine"), *home = path_join(directory, "home");
    git_repository_free(init_repository(mine));
    assert_int_equal(mkdir(home, 0700), 0);
    char *unreadable = unavailable_to_another(mine, home);
    assert_non_null(strstr(unreadable, "git's configuration cannot be read"));
    assert_non_null(strstr(unreadable, home));
    assert_non_null(strstr(unreadable, "set HOME to a folder that you can read"));
    assert_int_equal(chmod(home, 0755), 0);
    char *foreign = unavailable_to_another(mine, home);
    char *wanted = mem_printf("the repository %s belongs to another user; git config --global --add safe.directory %s "
                              "allows it",
                              mine, mine);
    assert_string_equal(foreign, wanted);
    char *config = mem_printf("[safe]\n\tdirectory = %s/elsewhere\n", mine);
    put(home, ".gitconfig", config);
    char *still = unavailable_to_another(mine, home);
    assert_string_equal(still, wanted);
    char *allowed = mem_printf("[safe]\n\tdirectory = %s\n", mine);
    put(home, ".gitconfig", allowed);
    char *none = unavailable_to_another(mine, home);
    assert_string_equal(none, "");
    char *texts[] = {mine, home, unreadable, foreign, wanted, config, still, allowed, none};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
}

#define in_directory(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void) {
    const struct CMUnitTest tests[] = {
        in_directory(test_no_repository),
        in_directory(test_before_the_first_commit),
        in_directory(test_clean_and_dirty),
        in_directory(test_staged_change_is_dirty),
        in_directory(test_detached_and_other_remote),
        in_directory(test_damaged_repository_never_stops_anything),
        in_directory(test_giant_object_never_stops_anything),
        in_directory(test_tracked_files),
        in_directory(test_nearest_tag),
        in_directory(test_remote_without_url),
        in_directory(test_refused_repositories),
        cmocka_unit_test(test_public_url),
        in_directory(test_host),
        in_directory(test_unknown_host_is_null),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_versions_without_git),
    };
    return cmocka_run_group_tests_name("engine/provenance", tests, NULL, NULL);
}

/* The attempt protocol: frames, requests and results; and what a keeper does with broken ones. */
#include <math.h>

#include "tests/unit/keeper/fixture.h"

/* ---- frames ---- */

static cJSON *number(double value) {
    return cJSON_CreateNumber(value);
}

static void append_frame(struct buffer *out, enum frame_type type, cJSON *body) {
    frame_write(out, type, body);
    cJSON_Delete(body);
}

static void assert_frame(struct buffer *in, enum frame_type type, double value) {
    enum frame_type found;
    cJSON *body;
    assert_int_equal(frame_read(in, &found, &body, NULL), 1);
    assert_int_equal(found, type);
    if (isnan(value))
        assert_null(body);
    else
        assert_true(cJSON_IsNumber(body) && body->valuedouble == value);
    cJSON_Delete(body);
}

static void frames_come_out_as_they_went_in(void **state) {
    struct buffer bytes = {0};
    enum frame_type type;
    cJSON *body;
    (void)state;
    append_frame(&bytes, FRAME_ATTEMPT, number(7));
    append_frame(&bytes, FRAME_TERMINATE, NULL);
    append_frame(&bytes, FRAME_KILL, NULL);
    append_frame(&bytes, FRAME_RESULT, number(8));
    assert_frame(&bytes, FRAME_ATTEMPT, 7);
    assert_frame(&bytes, FRAME_TERMINATE, (double)NAN);
    assert_frame(&bytes, FRAME_KILL, (double)NAN);
    assert_frame(&bytes, FRAME_RESULT, 8);
    assert_int_equal(frame_read(&bytes, &type, &body, NULL), 0);
    assert_int_equal(bytes.size, 0);
    buffer_close(&bytes);
}

static void a_frame_in_pieces_is_whole_with_its_last_byte(void **state) {
    struct buffer whole = {0}, in = {0};
    enum frame_type type;
    cJSON *body;
    (void)state;
    append_frame(&whole, FRAME_ATTEMPT, cJSON_CreateString("some text"));
    for (size_t i = 0; i < whole.size; i++) {
        assert_int_equal(frame_read(&in, &type, &body, NULL), 0);
        buffer_append(&in, whole.data + i, 1);
    }
    assert_int_equal(frame_read(&in, &type, &body, NULL), 1);
    assert_string_equal(body->valuestring, "some text");
    cJSON_Delete(body);
    buffer_close(&whole);
    buffer_close(&in);
}

struct broken {
    struct frame_head head;
    const char *body;
};

static const struct broken broken[] = {
    {{0, 0}, ""},
    {{FRAME_RESULT + 1, 0}, ""},
    {{UINT32_MAX, 0}, ""},
    {{FRAME_ATTEMPT, FRAME_MAX_BYTES + 1}, ""},
    {{FRAME_ATTEMPT, UINT32_MAX}, ""},
    {{FRAME_ATTEMPT, 3}, "{x}"},
    {{FRAME_ATTEMPT, 2}, "{}{}"},
};
enum { BROKEN = sizeof broken / sizeof *broken, BROKEN_FRAMES = BROKEN - 1 /* the last is a good frame */ };

static void append_broken(struct buffer *out, const struct broken *b) {
    buffer_append(out, &b->head, sizeof b->head);
    buffer_puts(out, b->body);
}

static void broken_frames_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < BROKEN_FRAMES; i++) {
        struct buffer bytes = {0};
        enum frame_type type;
        cJSON *body = NULL;
        append_broken(&bytes, &broken[i]);
        assert_int_equal(frame_read(&bytes, &type, &body, NULL), ERR_CORRUPT);
        assert_null(body);
        buffer_close(&bytes);
    }
}

/* ---- requests and results ---- */

static char *printed(const struct attempt_request *r) {
    cJSON *json = attempt_request_json(r);
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return text;
}

static void a_request_comes_out_as_it_went_in(void **state) {
    static char a[] = "a", b[] = "b \"c\"", name[] = "N=v", *argv[] = {a, b, NULL}, *environment[] = {name, NULL};
    cJSON *record = cJSON_Parse("{\"stage\":\"s\"}");
    const struct attempt_request in = {.program = "/p",
                                       .argv = argv,
                                       .environment = environment,
                                       .directory = "/d",
                                       .checkpoint = "/c",
                                       .logs = {{"/o", "/kept-o"}, {"/e", "/kept-e"}},
                                       .gpus = 2,
                                       .account = {.path = "/account", .every_ms = 5, .record = record}};
    struct attempt_request out;
    (void)state;
    cJSON *json = attempt_request_json(&in);
    assert_int_equal(attempt_request_read(&out, json, NULL), 0);
    assert_string_equal(out.program, "/p");
    assert_string_equal(out.argv[0], "a");
    assert_string_equal(out.argv[1], "b \"c\"");
    assert_null(out.argv[2]);
    assert_string_equal(out.environment[0], "N=v");
    assert_null(out.environment[1]);
    assert_string_equal(out.directory, "/d");
    assert_string_equal(out.checkpoint, "/c");
    assert_string_equal(out.logs[0].path, "/o");
    assert_string_equal(out.logs[0].kept, "/kept-o");
    assert_string_equal(out.logs[1].path, "/e");
    assert_string_equal(out.logs[1].kept, "/kept-e");
    assert_true(out.gpus == 2);
    assert_string_equal(out.account.path, "/account");
    assert_int_equal(out.account.every_ms, 5);
    assert_string_equal(json_text(out.account.record, "stage", ""), "s");
    char *before = printed(&in), *after = printed(&out);
    assert_string_equal(before, after);
    free(before);
    free(after);
    attempt_request_close(&out);
    cJSON_Delete(json);
    cJSON_Delete(record);
}

static void missing_members_of_a_request_are_null(void **state) {
    struct trial *t = *state;
    struct attempt_request out;
    use_program(t, "true");
    cJSON *json = attempt_request_json(&t->request);
    assert_int_equal(attempt_request_read(&out, json, NULL), 0);
    assert_null(out.program);
    assert_null(out.checkpoint);
    assert_null(out.account.path);
    assert_true(out.gpus == 0);
    attempt_request_close(&out);
    cJSON_Delete(json);
}

static void a_request_without_a_needed_member_is_refused(void **state) {
    static const char *const needed[] = {"argv", "environment", "directory", "stdout", "stderr"};
    struct trial *t = *state;
    struct attempt_request out;
    use_program(t, "true");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        cJSON *json = attempt_request_json(&t->request);
        cJSON_DeleteItemFromObjectCaseSensitive(json, needed[i]);
        assert_int_equal(attempt_request_read(&out, json, NULL), ERR_INVALID);
        attempt_request_close(&out);
        cJSON_AddNumberToObject(json, needed[i], 1);
        assert_int_equal(attempt_request_read(&out, json, NULL), ERR_INVALID);
        attempt_request_close(&out);
        cJSON_Delete(json);
    }
    t->words[0] = NULL; /* no word at all */
    cJSON *json = attempt_request_json(&t->request);
    assert_int_equal(attempt_request_read(&out, json, NULL), ERR_INVALID);
    attempt_request_close(&out);
    cJSON_Delete(json);
}

static struct attempt_result sent_and_read(const struct attempt_result *in) {
    struct buffer bytes = {0};
    struct attempt_result out;
    enum frame_type type;
    cJSON *body;
    append_frame(&bytes, FRAME_RESULT, attempt_result_json(in));
    assert_int_equal(frame_read(&bytes, &type, &body, NULL), 1);
    assert_int_equal(attempt_result_read(&out, body, NULL), 0);
    cJSON_Delete(body);
    buffer_close(&bytes);
    return out;
}

static void a_result_comes_out_as_it_went_in(void **state) {
    char why[] = "why";
    (void)state;
    const struct attempt_result in = {.exit = 3,
                                      .signal = 0,
                                      .error = why,
                                      .survivors = 2,
                                      .start = "2026-01-01T00:00:00.000Z",
                                      .end = "2026-01-01T00:00:01.000Z",
                                      .wall_s = 1,
                                      .user_s = 0.25,
                                      .system_s = 0.125,
                                      .max_rss_bytes = 4096,
                                      .read_bytes = 512,
                                      .written_bytes = 1024,
                                      .stdout_bytes = 11,
                                      .stderr_bytes = 12,
                                      .energy = cJSON_Parse("{\"joules\":5}"),
                                      .last = true};
    struct attempt_result out = sent_and_read(&in);
    assert_int_equal(out.exit, 3);
    assert_int_equal(out.signal, 0);
    assert_string_equal(out.error, "why");
    assert_true(out.survivors == 2);
    assert_string_equal(out.start, in.start);
    assert_string_equal(out.end, in.end);
    assert_true(out.wall_s == 1 && out.user_s == 0.25 && out.system_s == 0.125);
    assert_true(out.max_rss_bytes == 4096 && out.read_bytes == 512 && out.written_bytes == 1024);
    assert_true(out.stdout_bytes == 11 && out.stderr_bytes == 12);
    assert_true(json_double(out.energy, "joules", 0) == 5);
    assert_true(out.last);
    attempt_result_close(&out);
    cJSON_Delete(in.energy);
}

static void unknown_members_of_a_result_stay_unknown(void **state) {
    struct attempt_result in;
    (void)state;
    attempt_result_init(&in);
    struct attempt_result out = sent_and_read(&in);
    assert_int_equal(out.exit, -1);
    assert_int_equal(out.signal, 0);
    assert_null(out.error);
    assert_string_equal(out.start, "");
    assert_string_equal(out.end, "");
    assert_true(isnan(out.survivors) && isnan(out.wall_s) && isnan(out.user_s) && isnan(out.system_s));
    assert_true(isnan(out.max_rss_bytes) && isnan(out.read_bytes) && isnan(out.written_bytes));
    assert_true(isnan(out.stdout_bytes) && isnan(out.stderr_bytes));
    assert_null(out.energy);
    assert_false(out.last);
    attempt_result_close(&out);
}

/* ---- a keeper and broken frames ---- */

static void an_idle_keeper_leaves_at_broken_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < BROKEN; i++) {
        void *trial = NULL;
        struct buffer bytes = {0};
        assert_int_equal(setup(&trial), 0);
        struct trial *t = trial;
        append_broken(&bytes, &broken[i]);
        send_bytes(t, bytes.data, bytes.size);
        int status = await_end(t);
        assert_true(status == 2 || status == 3);
        assert_no_result(t);
        buffer_close(&bytes);
        teardown(&trial);
    }
}

static void broken_bytes_kill_what_is_under_way(void **state) {
    (void)state;
    for (size_t i = 0; i < BROKEN_FRAMES; i++) {
        void *trial = NULL;
        struct buffer bytes = {0};
        assert_int_equal(setup(&trial), 0);
        struct trial *t = trial;
        use_script(t, "trap '' TERM; echo $$ >../leader; touch ../ready; while :; do sleep 0.01; done");
        submit(t);
        await_file(t, "ready");
        append_broken(&bytes, &broken[i]);
        send_bytes(t, bytes.data, bytes.size);
        assert_int_equal(await_end(t), 130);
        assert_false(is_alive(read_pid(t, "leader")));
        assert_no_result(t);
        buffer_close(&bytes);
        teardown(&trial);
    }
}

static void half_a_frame_and_the_engine_s_death_start_nothing(void **state) {
    struct trial *t = *state;
    struct buffer frame = {0};
    use_script(t, "touch ../ran");
    write_request(&frame, t);
    send_bytes(t, frame.data, frame.size - 1);
    assert_int_equal(finish(t), 130);
    assert_false(is_there(t, "ran"));
    buffer_close(&frame);
}

static void a_request_in_pieces_runs(void **state) {
    struct trial *t = *state;
    struct buffer frame = {0};
    use_script(t, "exit 5");
    write_request(&frame, t);
    for (size_t i = 0; i < frame.size; i++)
        send_bytes(t, frame.data + i, 1);
    await_result(t);
    assert_int_equal(t->result.exit, 5);
    buffer_close(&frame);
}

static void a_request_of_many_megabytes_is_read_whole(void **state) {
    enum { WORDS = 60, LENGTH = 100 * 1000 };
    static char word[LENGTH + 1], name[] = "true", *argv[WORDS + 2];
    struct trial *t = *state;
    memset(word, 'x', LENGTH);
    argv[0] = name;
    for (int i = 1; i <= WORDS; i++)
        argv[i] = word;
    t->request.argv = argv;
    submit(t);
    await_result(t);
    assert_string_equal(t->result.error, "/usr/bin/true: cannot be executed: Argument list too long");
    t->request.argv = t->words;
    run(t, "exit 0");
    assert_int_equal(t->result.exit, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_as_they_went_in),
        cmocka_unit_test(a_frame_in_pieces_is_whole_with_its_last_byte),
        cmocka_unit_test(broken_frames_are_refused),
        cmocka_unit_test(a_request_comes_out_as_it_went_in),
        cmocka_unit_test_setup_teardown(missing_members_of_a_request_are_null, prepare, teardown),
        cmocka_unit_test_setup_teardown(a_request_without_a_needed_member_is_refused, prepare, teardown),
        cmocka_unit_test(a_result_comes_out_as_it_went_in),
        cmocka_unit_test(unknown_members_of_a_result_stay_unknown),
        cmocka_unit_test(an_idle_keeper_leaves_at_broken_bytes),
        cmocka_unit_test(broken_bytes_kill_what_is_under_way),
        TEST(half_a_frame_and_the_engine_s_death_start_nothing),
        TEST(a_request_in_pieces_runs),
        TEST(a_request_of_many_megabytes_is_read_whole),
    };
    return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}

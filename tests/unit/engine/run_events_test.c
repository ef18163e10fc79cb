/* The events of a stage on its pipe. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/attempt/events.h"
#include "engine/base/buffer.h"

static void on_progress(void *context, double done, double total, const char *unit) {
    buffer_printf(context, "p %g/%g %s;", done, total, unit ? unit : "-");
}

static void on_metric(void *context, const char *name, double step, double value) {
    buffer_printf(context, "m %s %g %g;", name, step, value);
}

static void on_note(void *context, const char *text) {
    buffer_printf(context, "n %s;", text);
}

static struct event_reader reader(struct buffer *heard) {
    return (struct event_reader){.context = heard, .progress = on_progress, .metric = on_metric, .note = on_note};
}

static const char lines[] = "{\"progress\":{\"done\":1200,\"total\":3000,\"unit\":\"step\"}}\n"
                            "{\"metric\":{\"name\":\"loss\",\"step\":1200,\"value\":0.125}}\n"
                            "{\"note\":\"hello\"}\n";
static const char said[] = "p 1200/3000 step;m loss 1200 0.125;n hello;";

static void test_events_are_told(void **state) {
    struct buffer heard = {0};
    struct event_reader r = reader(&heard);
    (void)state;
    events_feed(&r, lines, strlen(lines));
    assert_string_equal(buffer_text(&heard), said);
    assert_int_equal(r.refused, 0);
    events_close(&r);
    buffer_close(&heard);
}

static void test_pieces_of_any_size_are_the_same(void **state) {
    (void)state;
    for (size_t piece = 1; piece < sizeof lines; piece++) {
        struct buffer heard = {0};
        struct event_reader r = reader(&heard);
        for (size_t at = 0; at < strlen(lines); at += piece)
            events_feed(&r, lines + at, strlen(lines) - at < piece ? strlen(lines) - at : piece);
        assert_string_equal(buffer_text(&heard), said);
        events_close(&r);
        buffer_close(&heard);
    }
}

static void lines_that_are_no_events_are_counted_and_skipped(void **state) {
    static const char *const wrong[] = {"hello",
                                        "{}",
                                        "[1]",
                                        "{\"note\":1}",
                                        "{\"note\":\"a\"} x",
                                        "{\"progress\":{}}",
                                        "{\"metric\":{\"name\":\"x\"}}",
                                        "{\"metric\":{\"name\":\"x\",\"value\":nan}}",
                                        "{\"metric\":{\"value\":1}}",
                                        "{\"progress\":1}"};
    struct buffer heard = {0};
    struct event_reader r = reader(&heard);
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        events_feed(&r, wrong[i], strlen(wrong[i]));
        events_feed(&r, "\n", 1);
        assert_int_equal(r.refused, i + 1);
    }
    assert_string_equal(buffer_text(&heard), "");
    const char diverged[] = "{\"metric\":{\"name\":\"x\",\"value\":NaN}}\n";
    events_feed(&r, diverged, strlen(diverged)); /* an event, though there is no number to show */
    assert_int_equal(r.refused, sizeof wrong / sizeof *wrong);
    assert_string_equal(buffer_text(&heard), "");
    events_feed(&r, "\n{\"note\":\"still here\"}\n", 24);
    assert_string_equal(buffer_text(&heard), "n still here;");
    assert_int_equal(r.refused, 10); /* an empty line is nothing */
    events_close(&r);
    buffer_close(&heard);
}

static void test_a_line_too_long_is_dropped_whole(void **state) {
    struct buffer heard = {0}, line = {0};
    struct event_reader r = reader(&heard);
    (void)state;
    buffer_puts(&line, "{\"note\":\"");
    while (line.size <= EVENTS_LINE_LIMIT)
        buffer_puts(&line, "xxxxxxxxxxxxxxxx");
    buffer_puts(&line, "\"}\n{\"note\":\"next\"}\n");
    for (size_t at = 0; at < line.size; at += 1000)
        events_feed(&r, line.data + at, line.size - at < 1000 ? line.size - at : 1000);
    assert_string_equal(buffer_text(&heard), "n next;");
    assert_int_equal(r.refused, 1);
    events_close(&r);
    buffer_close(&line);
    buffer_close(&heard);
}

static void a_missing_figure_is_not_a_number(void **state) {
    struct buffer heard = {0};
    struct event_reader r = reader(&heard);
    const char text[] = "{\"progress\":{\"done\":1}}\n{\"metric\":{\"name\":\"x\",\"value\":2}}\n";
    (void)state;
    events_feed(&r, text, strlen(text));
    assert_string_equal(buffer_text(&heard), "p 1/nan -;m x nan 2;");
    events_close(&r);
    buffer_close(&heard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_told),
        cmocka_unit_test(test_pieces_of_any_size_are_the_same),
        cmocka_unit_test(lines_that_are_no_events_are_counted_and_skipped),
        cmocka_unit_test(test_a_line_too_long_is_dropped_whole),
        cmocka_unit_test(a_missing_figure_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

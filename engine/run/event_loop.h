/*
 * The event loop of a run or a verification: its timer, its worker threads, and the signals that ask it to end. These
 * are SIGINT, SIGTERM, SIGHUP, and SIGPIPE: whoever read this program's output has gone. A SIGHUP or SIGPIPE that was
 * ignored before, as by nohup, stays ignored. SIGPIPE counts once, however much is written after it. SIGTSTP (Ctrl-Z)
 * stops the stages and then this program, until SIGCONT.
 */
#ifndef RETORT_ENGINE_RUN_EVENT_LOOP_H
#define RETORT_ENGINE_RUN_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "engine/base/error.h"

enum { EVENT_LOOP_SIGNALS = 4 };

struct event_loop {
    bool is_open;
    uv_loop_t uv;
    uv_timer_t timer;
    uv_signal_t signals[EVENT_LOOP_SIGNALS];
    uv_signal_t stop_signal;
    void (*stop)(void *context, bool stop);
    void *stop_context;
    int signals_seen;
    bool output_lost; /* SIGPIPE has come */
    uv_work_t first_work;
};

/* `{0}` is a closed loop, of which signals can be asked. ERR_IO. */
int event_loop_open(struct event_loop *l, struct error *err);

/* Calls `stop` before SIGTSTP stops this program, and with false when it goes on. */
void event_loop_on_stop(struct event_loop *l, void (*stop)(void *context, bool stop), void *context);

/* Closes every handle and waits until all work is done. */
void event_loop_close(struct event_loop *l);

/* Frees it; after event_loop_close. */
void event_loop_free(struct event_loop *l);

/* Runs callbacks until one was run or `due_ms` (of clock_awake_ns; UINT64_MAX: never) has come. */
void event_loop_wait(struct event_loop *l, uint64_t due_ms);

/* How many signals have come by now. Callbacks that are due are run meanwhile. */
int event_loop_signals(struct event_loop *l);

/* For the end of a run, when no stage runs any more: counts one more signal of each kind. A second one ends the
   program. */
void event_loop_catch_last(struct event_loop *l);

#endif

/*
 * Errors: an int result and one message.
 *
 * A function that can fail returns 0 or a negative code of this table and takes a `struct error *` last. The place
 * that detects a fault writes the message; each caller on the way up may put a prefix before it ("stage scratch:
 * open model.safetensors: ..."), nobody changes the code. `err` may be NULL where the caller wants the code alone.
 */
#ifndef RETORT_BASE_ERROR_H
#define RETORT_BASE_ERROR_H

enum error_code {
    ERR_USAGE = -1,       /* a command line is wrong                              exit 2 */
    ERR_INVALID = -2,     /* a file or a value breaks its format                  exit 2 */
    ERR_NOT_FOUND = -3,   /* what was asked for does not exist                    exit 3 */
    ERR_IO = -4,          /* the system refused; the message holds path and errno exit 3 */
    ERR_CORRUPT = -5,     /* stored bytes are not the bytes that were written     exit 3 */
    ERR_BUSY = -6,        /* somebody else holds it                               exit 3 */
    ERR_FAILED = -7,      /* a stage failed, or a check found a difference        exit 1 */
    ERR_INTERRUPTED = -8, /* the user asked to stop                               exit 130 */
    ERR_BUDGET = -9       /* an energy budget stopped the run                     exit 4 */
};

struct error {
    int code;
    char message[2048]; /* one line without a newline; cut at the end when too long */
};

/* Writes code and message; returns code, so that `return error_set(err, ERR_IO, ...)` reads as one step. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ERR_IO with ": " and the text of `errnum` behind the message. */
int error_errno(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts a prefix and ": " before the message that is there; returns the code that is there (ERR_FAILED where `err` is
   NULL: a caller that has a code returns that one). */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit status of the program for a code, as the table above says; 0 for 0. */
int error_exit_status(int code);

#endif

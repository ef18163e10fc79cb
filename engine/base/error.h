/*
 * Errors: an int result and one message.
 *
 * A function that can fail returns 0 or a negative code of this table, and takes a `struct error *` last. The place
 * that detects a fault writes the message. Each caller may put a prefix before it ("stage scratch: open
 * model.safetensors: ..."), and none changes the code. `err` may be NULL if the caller needs only the code.
 */
#ifndef RETORT_BASE_ERROR_H
#define RETORT_BASE_ERROR_H

enum error_code {
    ERR_USAGE = -1,       /* a command line is wrong                              exit 2 */
    ERR_INVALID = -2,     /* a file or a value breaks its format                  exit 2 */
    ERR_NOT_FOUND = -3,   /* a file, stage, run or object does not exist          exit 3 */
    ERR_IO = -4,          /* the system refused; the message holds path and errno exit 3 */
    ERR_CORRUPT = -5,     /* stored bytes are not the bytes that were written     exit 3 */
    ERR_BUSY = -6,        /* somebody else holds it                               exit 3 */
    ERR_FAILED = -7,      /* a stage failed, or a check found a difference        exit 1 */
    ERR_INTERRUPTED = -8, /* the user asked to stop                               exit 130 */
    ERR_BUDGET = -9       /* an energy budget stopped the run                     exit 4 */
};

struct error {
    int code;
    char message[2048]; /* one line without a newline; cut at the end if too long */
};

/* Writes code and message. Returns the code, for `return error_set(err, ERR_IO, ...)`. */
int error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Like error_set with ERR_IO; appends ": " and the text of `errnum`. */
int error_errno(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts a prefix and ": " before the present message. Returns the present code, or ERR_FAILED if `err` is NULL: such
   a caller returns the code that it has. */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The program's exit status for a code, by the table above; 0 for 0. */
int error_exit_status(int code);

#endif

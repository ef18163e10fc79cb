#include "engine/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Stores a finished text: on one line, cut between characters if it is too long. */
static void set_message(struct error *err, const char *text) {
    size_t length = strnlen(text, sizeof err->message - 1);
    if (text[length] != '\0') {
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    memcpy(err->message, text, length);
    err->message[length] = '\0';
    for (char *c = err->message; *c; c++) {
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    }
}

/* The text is built in a copy first, since the arguments may point into err->message. */
enum { TEXT_SIZE = sizeof(((struct error *)0)->message) + 8 };

int error_set(struct error *err, int code, const char *format, ...) {
    if (!err)
        return code;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->code = code;
    set_message(err, text);
    return code;
}

int error_errno(struct error *err, int errnum, const char *format, ...) {
    if (!err)
        return ERR_IO;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char reason[128];
    return error_set(err, ERR_IO, "%s: %s", text, strerror_r(errnum, reason, sizeof reason));
}

int error_prefix(struct error *err, const char *format, ...) {
    if (!err)
        return ERR_FAILED;
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, err->code, "%s: %s", text, err->message);
}

int error_exit_status(int code) {
    switch (code) {
    case 0:
        return 0;
    case ERR_USAGE:
    case ERR_INVALID:
        return 2;
    case ERR_NOT_FOUND:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_BUSY:
        return 3;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_BUDGET:
        return 4;
    default:
        return 1;
    }
}

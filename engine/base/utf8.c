#include "engine/base/utf8.h"

#include <stdbool.h>

size_t utf8_promised_length(unsigned char first) {
    return first < 0x80                     ? 1
           : first >= 0xC2 && first <= 0xDF ? 2
           : first >= 0xE0 && first <= 0xEF ? 3
           : first >= 0xF0 && first <= 0xF4 ? 4
                                            : 0;
}

size_t utf8_read(uint32_t *out, const unsigned char *text, size_t size) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = utf8_promised_length(text[0]);
    if (length == 0 || length > size)
        return 0;
    *out = length == 1 ? text[0] : text[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *out = *out << 6 | (text[i] & 0x3Fu);
    }
    bool surrogate = *out >= 0xD800 && *out <= 0xDFFF;
    return *out < least[length] || *out > 0x10FFFF || surrogate ? 0 : length;
}

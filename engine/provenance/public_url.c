#include <stdio.h>
#include <string.h>

#include "engine/base/memory.h"
#include "engine/provenance/provenance.h"

char *provenance_public_url(const char *url) {
    const char *scheme_end = strstr(url, "://");
    if (!scheme_end)
        return mem_strdup(url);
    const char *host = scheme_end + 3;
    const char *host_end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(host_end - host));
    const char *colon = memchr(host, ':', (size_t)(host_end - host));
    /* A password with a bare "/" would end the host too early: then the text after the colon is no port. */
    if (!at && colon && host[0] != '[' && strspn(colon + 1, "0123456789") != (size_t)(host_end - colon - 1))
        at = strrchr(host, '@');
    if (at)
        host = at + 1;
    return mem_printf("%.*s%.*s", (int)(scheme_end + 3 - url), url, (int)strcspn(host, "?#"), host);
}

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "engine/git/internal.h"

enum { LONGEST = 2000 };

bool git_is_commit(const char *text) {
    return strlen(text) == COMMIT_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == COMMIT_HEX_SIZE - 1;
}

enum url_scheme url_scheme(const char *url) {
    static const char *const prefixes[] = {"file://", "https://", "ssh://"};
    for (int i = 0; i < URL_UNKNOWN; i++)
        if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0)
            return i;
    return URL_UNKNOWN;
}

/* A character outside of RFC 3986, or '?' or '#': the URL of a repository has no query and no fragment. */
static bool has_forbidden(const char *url) {
    for (const char *c = url; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._~:/@!$&'()*+,;=%[]", *c))
            return true;
    return false;
}

/* The program git or ssh could take a text that begins with '-' for an option. */
static bool is_option(const char *text) {
    return text[0] == '-' || strncasecmp(text, "%2d", 3) == 0;
}

/* ssh puts user and host into commands of the user's configuration (ProxyCommand, Match exec), which a shell reads. */
static bool is_plain(const char *host, const char *end) {
    size_t length = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:@[]");
    return length >= (size_t)(end - host);
}

/* `host`: the URL after "://", up to `end`. */
static const char *host_fault(const char *host, const char *end, enum url_scheme scheme) {
    const char *at = memchr(host, '@', (size_t)(end - host));
    if (scheme == URL_FILE)
        return end > host ? "file:// is followed by an absolute path, as in file:///srv/study.git" : NULL;
    if (at && (scheme == URL_HTTPS || memchr(host, ':', (size_t)(at - host))))
        return "it holds a user or password, which records would show; ssh reaches private repositories";
    const char *name = at ? at + 1 : host;
    if (name == end || *name == ':')
        return "it names no host";
    if (is_option(host) || is_option(name))
        return "its host begins with \"-\"";
    return is_plain(host, end) ? NULL : "its host holds a character that no host has";
}

const char *git_url_fault(const char *url, bool foreign) {
    enum url_scheme scheme = url_scheme(url);
    if (scheme == URL_UNKNOWN)
        return foreign ? "it must begin with https:// or ssh://" : "it must begin with https://, ssh:// or file://";
    if (foreign && scheme == URL_FILE)
        return "a file that came from elsewhere may name https:// and ssh:// only";
    if (strlen(url) > LONGEST)
        return "it is too long";
    if (has_forbidden(url))
        return "it holds a character that the URL of a repository cannot have";
    const char *host = strstr(url, "://") + 3;
    const char *path = host + strcspn(host, "/");
    const char *fault = host_fault(host, path, scheme);
    if (fault)
        return fault;
    path += strspn(path, "/");
    if (!*path)
        return "it names no repository";
    return is_option(path) ? "its path begins with \"-\"" : NULL;
}

#include "kernels/link.h"

#include <math.h>
#include <sleef.h>
#include <string.h>

#include "kernels/link_workspace.h"
#include "kernels/receiver.h"
#include "kernels/tdl.h"

/* The draws within a slot. Each has numbers of its own, so that no draw moves another. */
enum substream { DRAW, BITS, PILOTS, CHANNEL, NOISE, INTERFERER_BITS, INTERFERER_CHANNEL };

enum { WORD_BITS = 32, FIRST_PILOT = 2, SECOND_PILOT = 11 };

/* The statistics of one user's channel. */
struct user {
    enum link_profile profile;
    double spread_s, doppler_hz;
};

/* The source of draws. */
struct source {
    uint64_t seed;
    enum rng_stream stream;
    uint32_t index;
};

int link_subcarriers(const struct link_config *c) {
    return c->blocks * BLOCK_SUBCARRIERS;
}

int link_pilot_symbols(int symbols[2], const struct link_config *c) {
    symbols[0] = FIRST_PILOT;
    symbols[1] = SECOND_PILOT;
    return c->pilots == 2 ? 2 : 1;
}

bool link_is_pilot_symbol(const struct link_config *c, int symbol) {
    int symbols[2], count = link_pilot_symbols(symbols, c);
    return symbol == symbols[0] || (count == 2 && symbol == symbols[1]);
}

size_t link_data_elements(const struct link_config *c) {
    return (size_t)link_subcarriers(c) * (size_t)(SLOT_SYMBOLS - (c->pilots == 2 ? 2 : 1));
}

static size_t elements(const struct link_config *c) {
    return SLOT_SYMBOLS * (size_t)link_subcarriers(c);
}

size_t link_slot_bytes(const struct link_config *c) {
    size_t n = elements(c), with_antennas = workspace_piece(n * (size_t)c->antennas, sizeof(float complex));
    return workspace_piece(n * (size_t)c->bits, 1) + 3 * with_antennas + workspace_piece(n, sizeof(float complex)) +
           WORKSPACE_LINE;
}

void link_slot_place(struct link_slot *slot, const struct link_config *c, void *memory) {
    size_t n = elements(c), with_antennas = n * (size_t)c->antennas;
    memset(slot, 0, sizeof *slot);
    slot->bits = workspace_next(&memory, n * (size_t)c->bits, 1);
    slot->received = workspace_next(&memory, with_antennas, sizeof(float complex));
    slot->channel = workspace_next(&memory, with_antennas, sizeof(float complex));
    slot->interferer = workspace_next(&memory, with_antennas, sizeof(float complex));
    slot->pilots = workspace_next(&memory, n, sizeof(float complex));
}

static size_t bit_words(const struct link_config *c) {
    return (elements(c) * (size_t)c->bits + WORD_BITS - 1) / WORD_BITS;
}

/* The arguments of link_generate() beside the slot. */
struct scratch {
    uint32_t *words;
    uint8_t *bits;             /* [S,F,B] of the interferer */
    float complex *symbols;    /* [S,F] */
    float complex *interferer; /* [S,F,R], for a slot that does not keep it */
    void *channel;
};

size_t link_generate_workspace_bytes(const struct link_config *c) {
    size_t n = elements(c);
    return workspace_piece(bit_words(c), sizeof(uint32_t)) + workspace_piece(n * (size_t)c->bits, 1) +
           workspace_piece(n, sizeof(float complex)) + workspace_piece(n * (size_t)c->antennas, sizeof(float complex)) +
           workspace_piece(tdl_channel_workspace_bytes(link_subcarriers(c), c->antennas), 1) + WORKSPACE_LINE;
}

static struct scratch scratch_place(const struct link_config *c, void *workspace) {
    size_t n = elements(c);
    struct scratch s;
    s.words = workspace_next(&workspace, bit_words(c), sizeof(uint32_t));
    s.bits = workspace_next(&workspace, n * (size_t)c->bits, 1);
    s.symbols = workspace_next(&workspace, n, sizeof(float complex));
    s.interferer = workspace_next(&workspace, n * (size_t)c->antennas, sizeof(float complex));
    s.channel = workspace_next(&workspace, tdl_channel_workspace_bytes(link_subcarriers(c), c->antennas), 1);
    return s;
}

static struct rng source_open(const struct source *from, enum substream what) {
    struct rng r;
    rng_init(&r, from->seed, from->stream, from->index, what);
    return r;
}

static double draw_between(struct rng *r, double low, double high) {
    return low + rng_uniform(r) * (high - low);
}

static enum link_profile draw_profile(struct rng *r, unsigned set) {
    unsigned chosen = (unsigned)(rng_uniform(r) * __builtin_popcount(set));
    for (; chosen > 0; chosen--)
        set &= set - 1; /* drops the lowest */
    return (enum link_profile)(set & -set);
}

static struct user draw_user(struct rng *r, const struct link_config *c) {
    struct user u;
    u.profile = draw_profile(r, c->profiles);
    u.spread_s = draw_between(r, c->spread_min_s, c->spread_max_s);
    u.doppler_hz = draw_between(r, c->doppler_min_hz, c->doppler_max_hz);
    return u;
}

static float power_below_db(double db) {
    return (float)Sleef_cinz_exp10d1_u10purec(-db / 10);
}

/* Every number is drawn whether or not it is wanted, in this order, so that options do not move the others. */
static void draw_slot(struct link_draw *draw, struct user *interferer, const struct link_config *c,
                      const struct source *from, double snr_db, double sir_db) {
    struct rng r = source_open(from, DRAW);
    struct user user = draw_user(&r, c);
    double snr = draw_between(&r, c->snr_min_db, c->snr_max_db), sir = draw_between(&r, c->sir_min_db, c->sir_max_db);
    *interferer = draw_user(&r, c);
    *draw = (struct link_draw){
        .profile = user.profile,
        .spread_s = user.spread_s,
        .doppler_hz = user.doppler_hz,
        .snr_db = isnan(snr_db) ? snr : snr_db,
        .sir_db = !c->interference ? (double)INFINITY
                  : isnan(sir_db)  ? sir
                                   : sir_db,
    };
    draw->noise_var = power_below_db(draw->snr_db);
    draw->interference_var = isfinite(draw->sir_db) ? power_below_db(draw->sir_db) : 0;
}

static void make_bits(uint8_t *bits, const struct link_config *c, const struct source *from, enum substream what,
                      uint32_t *words) {
    struct rng r = source_open(from, what);
    size_t n = elements(c) * (size_t)c->bits;
    rng_fill_u32(&r, words, bit_words(c));
    for (size_t i = 0; i < n; i++)
        bits[i] = words[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void make_pilots(float complex *pilots, const struct link_config *c, const struct source *from) {
    struct rng r = source_open(from, PILOTS);
    const float part = (float)M_SQRT1_2;
    int f = link_subcarriers(c);
    memset(pilots, 0, elements(c) * sizeof *pilots);
    for (int s = 0; s < SLOT_SYMBOLS; s++)
        for (int k = 0; link_is_pilot_symbol(c, s) && k < f; k += 2) {
            uint32_t word = rng_u32(&r);
            pilots[s * f + k] = CMPLXF(word & 1 ? -part : part, word & 2 ? -part : part);
        }
}

static void make_channel(float complex *h, const struct user *user, float amplitude, const struct link_config *c,
                         const struct source *from, enum substream what, void *workspace) {
    struct rng r = source_open(from, what);
    struct tdl_profile profile;
    tdl_profile_get(&profile, user->profile);
    tdl_channel(h, &profile, user->spread_s, user->doppler_hz, c->spacing_hz, amplitude, link_subcarriers(c),
                c->antennas, &r, workspace);
}

/* y [S,F,R] += h [S,F,R] x [S,F] */
static void receive_user(float complex *y, const float complex *h, const float complex *x,
                         const struct link_config *c) {
    size_t n = elements(c), antennas = (size_t)c->antennas;
    float *out = (float *)y;
    const float *channel = (const float *)h, *symbol = (const float *)x;
    for (size_t i = 0; i < n; i++) {
        float xr = symbol[2 * i], xi = symbol[2 * i + 1];
        for (size_t j = 2 * i * antennas; j < 2 * (i + 1) * antennas; j += 2) {
            out[j] += channel[j] * xr - channel[j + 1] * xi;
            out[j + 1] += channel[j] * xi + channel[j + 1] * xr;
        }
    }
}

static void add_interferer(struct link_slot *slot, const struct user *user, const struct link_config *c,
                           const struct source *from, struct scratch *s) {
    float complex *h = slot->interferer != NULL ? slot->interferer : s->interferer;
    make_channel(h, user, sqrtf(slot->draw.interference_var), c, from, INTERFERER_CHANNEL, s->channel);
    make_bits(s->bits, c, from, INTERFERER_BITS, s->words);
    qam_modulate(s->symbols, s->bits, elements(c), c->bits);
    receive_user(slot->received, h, s->symbols, c);
}

/* Data everywhere but in pilot symbols, where the pilots stand; their bits become 0. */
static void place_pilots(struct link_slot *slot, float complex *x, const struct link_config *c) {
    size_t f = (size_t)link_subcarriers(c), b = (size_t)c->bits;
    for (size_t s = 0; s < SLOT_SYMBOLS; s++)
        if (link_is_pilot_symbol(c, (int)s)) {
            memset(slot->bits + s * f * b, 0, f * b);
            memcpy(x + s * f, slot->pilots + s * f, f * sizeof *x);
        }
}

void link_generate(struct link_slot *slot, const struct link_config *c, uint64_t seed, enum rng_stream stream,
                   uint32_t index, double snr_db, double sir_db, void *workspace) {
    const struct source from = {seed, stream, index};
    struct scratch s = scratch_place(c, workspace);
    struct user interferer;
    draw_slot(&slot->draw, &interferer, c, &from, snr_db, sir_db);
    const struct user user = {slot->draw.profile, slot->draw.spread_s, slot->draw.doppler_hz};
    size_t values = elements(c) * (size_t)c->antennas;

    make_bits(slot->bits, c, &from, BITS, s.words);
    make_pilots(slot->pilots, c, &from);
    qam_modulate(s.symbols, slot->bits, elements(c), c->bits);
    place_pilots(slot, s.symbols, c);
    make_channel(slot->channel, &user, 1, c, &from, CHANNEL, s.channel);

    struct rng noise = source_open(&from, NOISE);
    rng_fill_normal(&noise, (float *)slot->received, 2 * values, sqrtf(slot->draw.noise_var / 2));
    receive_user(slot->received, slot->channel, s.symbols, c);
    if (slot->draw.interference_var > 0)
        add_interferer(slot, &interferer, c, &from, &s);
    else if (slot->interferer != NULL)
        memset(slot->interferer, 0, values * sizeof *slot->interferer);
}

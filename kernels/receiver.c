#include "kernels/receiver.h"

#include <math.h>
#include <string.h>

#include "kernels/link_workspace.h"

/* The model that a receiver assumes: channel h, and the covariance (noise_var + error_var) I + g g^H around it. */
struct belief {
    const float complex *channel;   /* [S,F,R] */
    const float *error_var;         /* [S,F]; NULL: none */
    const float complex *disturber; /* g [S,F,R], or [pilot symbols, blocks, R]; NULL: none */
    bool by_block;                  /* the latter: each symbol takes the nearest pilot symbol's */
    double noise_var;
};

struct scratch {
    float complex *equalised; /* [F] */
    float *var;               /* [F] */
    float complex *channel;   /* [S,F,R], not for the genie */
    float *error_var;         /* [S,F]; this and the rest for LMMSE */
    float complex *disturber; /* [pilot symbols, blocks, R] */
    void *wiener;
};

static size_t elements(const struct link_config *c) {
    return SLOT_SYMBOLS * (size_t)link_subcarriers(c);
}

static size_t disturber_values(const struct link_config *c) {
    int symbols[2];
    return (size_t)link_pilot_symbols(symbols, c) * (size_t)c->blocks * (size_t)c->antennas;
}

size_t link_receive_workspace_bytes(const struct link_config *c, enum link_receiver receiver) {
    size_t f = (size_t)link_subcarriers(c), n = elements(c), antennas = (size_t)c->antennas;
    size_t bytes = workspace_piece(f, sizeof(float complex)) + workspace_piece(f, sizeof(float)) + WORKSPACE_LINE;
    if (receiver != LINK_RECEIVER_GENIE)
        bytes += workspace_piece(n * antennas, sizeof(float complex));
    if (receiver == LINK_RECEIVER_LMMSE)
        bytes += workspace_piece(n, sizeof(float)) + workspace_piece(disturber_values(c), sizeof(float complex)) +
                 workspace_piece(receiver_wiener_workspace_bytes(c), 1);
    return bytes;
}

static struct scratch scratch_place(const struct link_config *c, enum link_receiver receiver, void *workspace) {
    size_t f = (size_t)link_subcarriers(c), n = elements(c), antennas = (size_t)c->antennas;
    struct scratch s = {0};
    s.equalised = workspace_next(&workspace, f, sizeof *s.equalised);
    s.var = workspace_next(&workspace, f, sizeof *s.var);
    if (receiver != LINK_RECEIVER_GENIE)
        s.channel = workspace_next(&workspace, n * antennas, sizeof *s.channel);
    if (receiver == LINK_RECEIVER_LMMSE) {
        s.error_var = workspace_next(&workspace, n, sizeof *s.error_var);
        s.disturber = workspace_next(&workspace, disturber_values(c), sizeof *s.disturber);
        s.wiener = workspace_next(&workspace, receiver_wiener_workspace_bytes(c), 1);
    }
    return s;
}

static struct belief believe_ls(const struct link_slot *slot, const struct link_config *c, struct scratch *s) {
    receiver_estimate_ls(s->channel, slot, c);
    return (struct belief){
        .channel = s->channel,
        .noise_var = (double)slot->draw.noise_var + (double)slot->draw.interference_var,
    };
}

static struct belief believe_lmmse(const struct link_slot *slot, const struct link_config *c, struct scratch *s) {
    bool disturbed = slot->draw.interference_var > 0;
    double noise_var = (double)slot->draw.noise_var, on_pilots = noise_var;
    if (disturbed)
        on_pilots += receiver_estimate_interferer(s->disturber, slot, c);
    receiver_estimate_wiener(s->channel, s->error_var, slot, c, on_pilots, s->wiener);
    return (struct belief){
        .channel = s->channel,
        .error_var = s->error_var,
        .disturber = disturbed ? s->disturber : NULL,
        .by_block = true,
        .noise_var = noise_var,
    };
}

/* Without the interferer's channel its power counts as noise. */
static struct belief believe_genie(const struct link_slot *slot) {
    bool disturbed = slot->draw.interference_var > 0, known = disturbed && slot->interferer != NULL;
    return (struct belief){
        .channel = slot->channel,
        .disturber = known ? slot->interferer : NULL,
        .noise_var = (double)slot->draw.noise_var + (disturbed && !known ? (double)slot->draw.interference_var : 0),
    };
}

/* out [2]: sum conj(a) b over the antennas, all as (re, im) pairs. */
static void inner(double *out, const float *a, const float *b, int antennas) {
    double re = 0, im = 0;
    for (int j = 0; j < 2 * antennas; j += 2) {
        re += (double)a[j] * (double)b[j] + (double)a[j + 1] * (double)b[j + 1];
        im += (double)a[j] * (double)b[j + 1] - (double)a[j + 1] * (double)b[j];
    }
    out[0] = re;
    out[1] = im;
}

/* Unbiased: z = h^H C^-1 y / h^H C^-1 h with noise 1 / h^H C^-1 h; C = noise I + g g^H is inverted in closed form. */
static void combine(float *z, float *var, const float *h, const float *y, const float *g, double noise, int antennas) {
    double hh[2], hy[2], share[2], num[2];
    inner(hh, h, h, antennas);
    inner(hy, h, y, antennas);
    share[0] = hh[0];
    num[0] = hy[0];
    num[1] = hy[1];
    if (g != NULL) {
        double gg[2], hg[2], gy[2];
        inner(gg, g, g, antennas);
        inner(hg, h, g, antennas);
        inner(gy, g, y, antennas);
        double d = noise + gg[0];
        share[0] -= (hg[0] * hg[0] + hg[1] * hg[1]) / d;
        num[0] -= (hg[0] * gy[0] - hg[1] * gy[1]) / d;
        num[1] -= (hg[0] * gy[1] + hg[1] * gy[0]) / d;
    }
    bool blind = !(share[0] > 1e-24); /* no channel to speak of: a symbol that says nothing */
    z[0] = blind ? 0 : (float)(num[0] / share[0]);
    z[1] = blind ? 0 : (float)(num[1] / share[0]);
    *var = blind ? INFINITY : (float)(noise / share[0]);
}

/* The pilot symbol that stands nearest to `symbol`, counted from 0. */
static size_t nearest_pilot(const struct link_config *c, int symbol) {
    int symbols[2];
    return link_pilot_symbols(symbols, c) == 2 && 2 * symbol > symbols[0] + symbols[1];
}

/* One symbol's g: its first element, and `*span` subcarriers share R values. */
static const float complex *disturber_of(size_t *span, const struct belief *b, const struct link_config *c,
                                         int symbol) {
    size_t r = (size_t)c->antennas;
    *span = b->by_block ? BLOCK_SUBCARRIERS : 1;
    if (b->disturber == NULL)
        return NULL;
    if (b->by_block)
        return b->disturber + nearest_pilot(c, symbol) * (size_t)c->blocks * r;
    return b->disturber + (size_t)symbol * (size_t)link_subcarriers(c) * r;
}

static void equalise_symbol(struct scratch *out, const struct belief *b, const struct link_slot *slot,
                            const struct link_config *c, int symbol) {
    size_t f = (size_t)link_subcarriers(c), r = (size_t)c->antennas, span;
    const float complex *g = disturber_of(&span, b, c, symbol);
    for (size_t k = 0; k < f; k++) {
        size_t i = (size_t)symbol * f + k;
        double noise = b->noise_var + (b->error_var != NULL ? (double)b->error_var[i] : 0);
        combine((float *)&out->equalised[k], &out->var[k], (const float *)(b->channel + i * r),
                (const float *)(slot->received + i * r), g == NULL ? NULL : (const float *)(g + k / span * r), noise,
                c->antennas);
    }
}

void link_receive(float *llr, const struct link_slot *slot, const struct link_config *c, enum link_receiver receiver,
                  enum link_demapper demapper, void *workspace) {
    struct scratch s = scratch_place(c, receiver, workspace);
    struct belief b = receiver == LINK_RECEIVER_LS      ? believe_ls(slot, c, &s)
                      : receiver == LINK_RECEIVER_LMMSE ? believe_lmmse(slot, c, &s)
                                                        : believe_genie(slot);
    size_t f = (size_t)link_subcarriers(c), row = f * (size_t)c->bits;
    for (int symbol = 0; symbol < SLOT_SYMBOLS; symbol++, llr += row) {
        if (link_is_pilot_symbol(c, symbol)) {
            memset(llr, 0, row * sizeof *llr);
            continue;
        }
        equalise_symbol(&s, &b, slot, c, symbol);
        qam_demap(llr, s.equalised, s.var, f, c->bits, demapper);
    }
}

#include "kernels/tdl.h"

#include <sleef.h>

/* Source: TR 38.901, tables 7.7.2-1 to 7.7.2-5. Normalised delay, power in dB; the line of sight stands apart. */
struct table {
    int taps;
    double los_db; /* 0 where there is none */
    double tap[TDL_TAPS][2];
};

static const struct table table_a = {
    23,
    0,
    {
        {0, -13.4},      {.3819, 0},      {.4025, -2.2},   {.5868, -4},     {.4610, -6},     {.5375, -8.2},
        {.6708, -9.9},   {.5750, -10.5},  {.7618, -7.5},   {1.5375, -15.9}, {1.8978, -6.6},  {2.2242, -16.7},
        {2.1718, -12.4}, {2.4942, -15.2}, {2.5119, -10.8}, {3.0582, -11.3}, {4.0810, -12.7}, {4.4579, -16.2},
        {4.5695, -18.3}, {4.7966, -18.9}, {5.0066, -16.6}, {5.3043, -19.9}, {9.6586, -29.7},
    },
};

static const struct table table_b = {
    23,
    0,
    {
        {0, 0},         {.1072, -2.2},   {.2155, -4},     {.2095, -3.2},  {.2870, -9.8},   {.2986, -1.2},
        {.3752, -3.4},  {.5055, -5.2},   {.3681, -7.6},   {.3697, -3},    {.5700, -8.9},   {.5283, -9},
        {1.1021, -4.8}, {1.2756, -5.7},  {1.5474, -7.5},  {1.7842, -1.9}, {2.0169, -7.6},  {2.8294, -12.2},
        {3.0219, -9.8}, {3.6187, -11.4}, {4.1067, -14.9}, {4.2790, -9.2}, {4.7834, -11.3},
    },
};

static const struct table table_c = {
    24,
    0,
    {
        {0, -4.4},       {.2099, -1.2},   {.2219, -3.5},  {.2329, -5.2},   {.2176, -2.5},   {.6366, 0},
        {.6448, -2.2},   {.6560, -3.9},   {.6584, -7.4},  {.7935, -7.1},   {.8213, -10.7},  {.9336, -11.1},
        {1.2285, -5.1},  {1.3083, -6.8},  {2.1704, -8.7}, {2.7105, -13.2}, {4.2589, -13.9}, {4.6003, -13.9},
        {5.4902, -15.8}, {5.6077, -17.1}, {6.3065, -16},  {6.6374, -15.7}, {7.0427, -21.6}, {8.6523, -22.8},
    },
};

static const struct table table_d = {
    13,
    -.2,
    {
        {0, -13.5},
        {.035, -18.8},
        {.612, -21},
        {1.363, -22.8},
        {1.405, -17.9},
        {1.804, -20.1},
        {2.596, -21.9},
        {1.775, -22.9},
        {4.042, -27.8},
        {7.937, -23.6},
        {9.424, -24.8},
        {9.708, -30},
        {12.525, -27.7},
    },
};

static const struct table table_e = {
    14,
    -.03,
    {
        {0, -22.03},
        {.5133, -15.8},
        {.5440, -18.1},
        {.5630, -19.8},
        {.5440, -22.9},
        {.7112, -22.4},
        {1.9092, -18.6},
        {1.9293, -20.8},
        {1.9589, -22.6},
        {2.6426, -22.3},
        {3.7136, -25.6},
        {5.4524, -20.2},
        {12.0034, -29.8},
        {20.6519, -29.2},
    },
};

static double from_db(double db) {
    return Sleef_cinz_exp10d1_u10purec(db / 10);
}

static const struct table *profile_table(enum link_profile profile) {
    switch (profile) {
    case LINK_TDL_A:
        return &table_a;
    case LINK_TDL_B:
        return &table_b;
    case LINK_TDL_C:
        return &table_c;
    case LINK_TDL_D:
        return &table_d;
    case LINK_TDL_E:
        return &table_e;
    }
    return &table_a;
}

void tdl_profile_get(struct tdl_profile *out, enum link_profile profile) {
    const struct table *t = profile_table(profile);
    *out = (struct tdl_profile){.taps = t->taps, .los_power = t->los_db < 0 ? from_db(t->los_db) : 0};
    double sum = out->los_power;
    for (int l = 0; l < t->taps; l++) {
        out->delay[l] = t->tap[l][0];
        out->power[l] = from_db(t->tap[l][1]);
        sum += out->power[l];
    }
    out->los_power /= sum;
    for (int l = 0; l < t->taps; l++)
        out->power[l] /= sum;
}

double tdl_symbol_period(double spacing_hz) {
    return 15.0 / (spacing_hz * SLOT_SYMBOLS); /* 1 ms / 14 at 15 kHz */
}

double tdl_time_correlation(double doppler_hz, double spacing_hz, int time_lag) {
    /* J0(x) is the mean of cos(x cos a) over the circle. An even rule of 2*HALF points errs by about 2 J_2HALF(x). That
       is below 1e-15 for x < 40; a slot of 14 symbols at 500 Hz reaches 2.9. */
    enum { HALF = 48 };
    double turns = 2 * doppler_hz * tdl_symbol_period(spacing_hz) * time_lag; /* x / pi */
    double sum = 0;
    for (int n = 0; n < HALF; n++)
        sum += Sleef_cinz_cospid1_u05purec(turns * Sleef_cinz_cospid1_u05purec((double)n / HALF));
    return sum / HALF;
}

static double complex half_turns(double x) {
    Sleef_double_2 sc = Sleef_cinz_sincospid1_u05purec(x);
    return CMPLX(sc.y, sc.x);
}

double complex tdl_frequency_correlation(const struct tdl_profile *p, double spread_s, double spacing_hz,
                                         int frequency_lag) {
    double complex sum = 0;
    for (int l = 0; l < p->taps; l++)
        sum += p->power[l] * half_turns(-2 * frequency_lag * spacing_hz * spread_s * p->delay[l]);
    return sum;
}

double complex tdl_los_correlation(const struct tdl_profile *p, double doppler_hz, double spacing_hz, int time_lag) {
    return p->los_power * half_turns(2 * 0.7 * doppler_hz * tdl_symbol_period(spacing_hz) * time_lag);
}

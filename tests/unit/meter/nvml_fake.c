/* A stand-in for libnvidia-ml.so.1 with two boards, compiled by nvml_test.c; the test sets what it shows. */
#include <stdio.h>

unsigned long long fake_millijoules[2];
int fake_energy_result[2], fake_init_result;
int fake_open;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned size);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules);
const char *nvmlErrorString(int result);

static int boards[2];

int nvmlInit_v2(void) {
    fake_open += fake_init_result == 0;
    return fake_init_result;
}

int nvmlShutdown(void) {
    fake_open--;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = &boards[index];
    return 0;
}

int nvmlDeviceGetName(void *device, char *name, unsigned size) {
    snprintf(name, size, "Board %d", (int)((int *)device - boards));
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    int board = (int)((int *)device - boards);
    *millijoules = fake_millijoules[board];
    return fake_energy_result[board];
}

const char *nvmlErrorString(int result) {
    return result == 3 ? "Not Supported" : "Unknown Error";
}

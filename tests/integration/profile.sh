#!/bin/sh
# deeprx/profile gives the published network's parameters, MACs and FLOPs to the last digit.
. tests/integration/lib.inc
profile() { rm -rf "$work/p"; "$retort" exec deeprx/profile --with "$1" --out "$work/p"; }
metric() { python3 -c "import json; m = json.load(open('$work/p/metrics.json')); print(*(int(m[k]) for k in ('parameters', 'macs_per_element', 'flops_per_slot')))"; }
deeprx() { printf '{"architecture":"deeprx","size":%s,"link":{"resource_blocks":26,"qam":%s}}' "$1" "$2"; }

check "DeepRx for 16-QAM has a profile" profile "$(deeprx 30 16)"
check "DeepRx for 16-QAM has 1,232,516 parameters, 1,216,384 MAC and 10,626,330,624 FLOP" same "$(metric)" "1232516 1216384 10626330624"
check "DeepRx for 256-QAM has a profile" profile "$(deeprx 30 256)"
check "DeepRx for 256-QAM has 1,232,776 parameters, 1,216,640 MAC and 10,628,567,040 FLOP" same "$(metric)" "1232776 1216640 10628567040"
for size in 7:284576 11:458176 19:787232 125:5010176 164:6698720; do
    profile "$(deeprx ${size%:*} 256)" >/dev/null 2>&1
    check "size ${size%:*} of the ladder has ${size#*:} MAC" same "$(metric | cut -d' ' -f2)" "${size#*:}"
done
finish

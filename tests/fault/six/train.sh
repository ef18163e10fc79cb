# train.sh DATA RATE STEPS: a recurrence over the data, a step at a time, from the checkpoint that is there.
data=$(tail -n 1 "$1") && data=${data#* }
step=0 weight=1
[ ! -f "$RETORT_CHECKPOINT/state" ] || read -r step weight <"$RETORT_CHECKPOINT/state"
while [ "$step" -lt "$3" ]; do
    sleep 0.02
    step=$((step + 1))
    weight=$(((weight * 31 + step * $2 + data) % 99991))
    echo "$step $weight" >"$RETORT_CHECKPOINT/state.tmp" && mv "$RETORT_CHECKPOINT/state.tmp" "$RETORT_CHECKPOINT/state"
done
echo "rate $2 weight $weight" >model.txt
echo "{\"loss\": $weight}" >metrics.json

#!/bin/sh
# The reader of a run's output goes away. The run asks its stages to leave, as after a hang-up, and loses nothing.
. tests/integration/lib.inc
cd "$work" || exit 1
cat >p.json <<'EOT'
{"retort": 1, "name": "p", "stages": {"s": {"checkpoint": true, "outs": {"o": "o"}, "cmd": ["sh", "-c",
  "trap 'echo saved > \"$RETORT_CHECKPOINT/state\"; exit 75' TERM; if [ -e \"$RETORT_CHECKPOINT/state\" ]; then echo resumed > o; exit 0; fi; while :; do echo '{\"note\": \"still here\"}' >&3; sleep 0.1; done"]}}}
EOT
# The reader leaves after the first note of the stage.
lost() { { env --default-signal=PIPE "$retort" run p.json 2>&1; echo $? >status; } | sed '/still here/q' >read.txt; }
lost
check "its exit status is that of an interrupt" same "$(cat status)" 130
check "the stage has written its checkpoint" same "$(cat .retort/checkpoints/*/state)" saved
check "no stage is left" same "$(ls .retort/work)" ""
check "the next run goes on from the checkpoint" "$retort" run p.json
check "the stage resumed" grep -rqx resumed .retort/objects
finish

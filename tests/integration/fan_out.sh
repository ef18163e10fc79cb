#!/bin/sh
# An axis from the rows in an out of another stage: the instances are known when that stage is.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }

printf 'id,x\nA,1\nB,2\n' >list.csv
cat >t.json <<'END'
{ "retort": 1, "name": "t", "stages": {
    "list": { "cmd": ["cp", "list.csv", "samples.csv"], "in": ["list.csv"], "outs": { "samples": "samples.csv" } },
    "work": { "cmd": ["sh", "-c", "echo $0 >o; echo \"{\\\"score\\\": $1}\" >m.json", "${matrix.s.id}", "${matrix.s.x}"],
              "matrix": { "s": { "rows": "${stages.list.outs.samples}", "label": "id", "types": { "x": "number" } } },
              "outs": { "o": "o", "m": { "path": "m.json", "type": "metrics" } } },
    "best": { "select": { "from": "work", "maximize": "metrics.score", "group_by": ["s"] } },
    "all": { "cmd": ["sh", "-c", "cat \"$@\" >o", "all", "${in.o}"], "in": { "o": "${stages.work[*].outs.o}" }, "outs": ["o"] },
    "win": { "cmd": ["cp", "${in.o}", "o"], "in": { "o": "${stages.best.outs.o}" }, "outs": ["o"] } },
  "results": { "all": "${stages.all.outs.o}", "win": "${stages.win.outs.o}" } }
END
check "check finds it sound" sh -c '"$0" check t.json >check.txt' "$retort"
check "and says that instances depend on results" has check.txt "stage whose instances depend on results"
"$retort" plan t.json >plan.txt
check "plan names the stage that they follow from" has plan.txt "its instances follow from list"
check "one run makes the list and all that follows" run t.json
check "with an instance for each row" same "$(ended finished) $(tr '\n' ' ' <results/t/all)$(cat results/t/win)" "5 A B B"
run t.json
check "the second run executes nothing" same "$(ended known)$(ended finished)" 50
check "plan knows the instances then" same "$("$retort" plan t.json --json | grep -c '"work\[s=[AB]\]"')" 2
check "a target names one of them" "$retort" run t.json "work[s=B]" --progress none
echo C,0 >>list.csv
run t.json
check "a new row runs what is new alone" same "$(ended finished) $(tr '\n' ' ' <results/t/all)$(cat results/t/win)" "3 A B C B"

# A list of plain values, of all instances of a stage.
cat >plain.json <<'END'
{ "retort": 1, "name": "plain", "stages": {
    "list": { "cmd": ["sh", "-c", "echo \"[$0, 7]\" >l.json", "${matrix.n}"], "matrix": { "n": [1, 2] }, "outs": { "l": "l.json" } },
    "use": { "cmd": ["sh", "-c", "echo $0 >o", "${matrix.v}"], "matrix": { "v": { "rows": "${stages.list[*].outs.l}" } }, "outs": ["o"] } },
  "results": { "v/": "${stages.use[*].outs.o}" } }
END
check "lists of plain values, of several instances, are one axis" run plain.json
check "and a value that is in two of them counts once" same "$(cat results/plain/v/* | tr '\n' ' ')" "1 2 7 "

# Faults.
bad() { # COMMAND TEXT: the list that the command writes is at fault
    cat >bad.json <<END
{ "retort": 1, "name": "bad", "stages": {
    "list": { "cmd": ["sh", "-c", "$1"], "outs": { "l": "${3:-l.csv}" } },
    "use": { "cmd": ["echo", "\${matrix.v.id}"], "matrix": { "v": { "rows": "\${stages.list.outs.l}", "label": "id" } } } } }
END
    "$retort" run bad.json --progress plain >bad.out 2>&1
    same "$?" 2 && has bad.out "$2"
}
check "rows without the label are an error that names the stage" bad "echo x >l.csv; echo 1 >>l.csv" 'l.csv: row 1 has no "id"'
check "so is a list without rows" bad "echo id >l.csv" "l.csv: it has no rows: the stage would have no instance, an out of list"
check "so is a file that is no list" bad "echo 3 >l.json" "l.json: it is a list of objects; found one value" l.json
check "so is an out whose name tells no format" bad "echo 3 >l.txt" "l.txt is no file of rows" l.txt
sed 's/outs.l}/outs.k}/' bad.json >none.json
check "an out that is not declared is found by check" exits 2 "$retort" check none.json
sed 's/echo 3 >l.txt/false/; s/l.txt/l.csv/' bad.json >failed.json
check "a list that failed ends with status 1" exits 1 run failed.json
check "and skips the stage that waits for it" same "$(ended failed)$(ended skipped)" 11
finish

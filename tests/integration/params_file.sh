#!/bin/sh
# Params from a JSON or YAML file, and axes that stand in a param.
. tests/integration/lib.inc
cd "$work" || exit 1
ended() { counts run.json | grep -o "\"$1\":[0-9]*" | cut -d: -f2; }
run() { "$retort" run "$@" --progress json >run.json 2>run.err; }
told() { # FILE TEXT
    "$retort" check "$1" >said 2>&1
    same "check: $?" "check: 2" && has said "$2"
}

cat >params.yaml <<'EOF'
# of another program
train: { lr: 0.1, epochs: 3 }
tag: 1e5-x
on: yes
home: ${HOME}
sizes: [7, 11]
unused: 1
EOF
cat >t.json <<'EOF'
{ "retort": 1, "name": "t", "params": "params.yaml", "stages": {
    "a": { "cmd": ["sh", "-c", "echo $0 $1 $2 $3 $4 >o", "${matrix.size}", "${params.train.lr}", "${params.tag}", "${params.on}", "${params.home}"],
           "matrix": { "size": "${params.sizes}" }, "outs": ["o"] } },
  "results": { "a/": "${stages.a[*].outs.o}" } }
EOF
check "params stand in a YAML file" run t.json
check "with its values by the core schema, and its texts as they are" same "$(cat results/t/a/* | tr '\n' ' ')" "11 0.1 1e5-x yes \${HOME} 7 0.1 1e5-x yes \${HOME} "
sed -i 's/unused: 1/unused: 2/' params.yaml
run t.json
check "a value that nothing uses is in no key" same "$(ended known)$(ended finished)" 20
sed -i 's/lr: 0.1/lr: 0.2/' params.yaml
run t.json
check "one that a stage uses is in its key" same "$(ended known)$(ended finished)" 02
check "--set overrides a value by the type in the file" run t.json --set params.train.lr=0.5 --set params.tag=7
check "and the stages get it" has results/t/a/size=7 "7 0.5 7 yes"
check "a value of another type is refused" exits 2 "$retort" run t.json --set params.train.lr=high
check "an unknown one is refused" exits 2 "$retort" run t.json --set params.train.rate=1

sed 's/"params": "params.yaml"/"params": { "$file": "params.yaml", "train": { "lr": 0.3 }, "sizes": [5], "more": "${params.tag}" }/; s/params.on/params.more/' t.json >over.json
check "declared params go over those of a file" run over.json
check "member by member, and may refer to them" same "$(cat results/t/a/*)" "5 0.3 1e5-x 1e5-x \${HOME}"
check "the rest of an object is the file's" same "$("$retort" check over.json --set params.train.epochs=4 >said 2>&1; echo $?)" 0

printf '{"sizes": [1], "tag": "x", "train": {"lr": 1}, "on": true, "home": "h"}' >params.json
sed 's/params.yaml/params.json/' t.json >j.json
check "a JSON file serves as well" run j.json
mkdir part && cp t.json part/part.json && cp params.yaml part/
cat >include.json <<'EOF'
{ "retort": 1, "name": "include", "include": { "p": { "path": "part/part.json", "params": { "sizes": [3] } } }, "stages": {
    "b": { "cmd": ["true"], "in": { "o": "${p.stages.a[size=3].outs.o}" } } } }
EOF
check "a part reads its own file, and the includer overrides it" run include.json

# Faults.
bad() { printf "$1" >bad.yaml && sed 's/params.yaml/bad.yaml/' t.json >bad.json && told bad.json "$2"; } # TEXT OF-THE-ERROR
check "a file that is no YAML is told with its place" bad 'a: [1\nb' 'bad.yaml:'
check "nothing else is told then" same "$(grep -c error: said)" 1
check "a list is no params" bad '[1, 2]' 'bad.yaml: params are an object; found a list'
check "a name that stands twice is an error" bad 'a: {b: 1, b: 2}' 'bad.yaml: "a.b" stands there twice'
check "so is a number that is none" bad 'a: .nan' 'bad.yaml: "a" is NaN or infinite'
check "so is an integer that a double would round" bad 'a: {b: 12345678901234567890}' 'bad.yaml: "a.b" is an integer beyond 2^53'
sed 's/params.yaml/none.yaml/' t.json >none.json
check "so is a file that is not there" told none.json none.yaml
mkfifo pipe.yaml && sed 's/params.yaml/pipe.yaml/' t.json >pipe.json
check "a named pipe is refused and not waited for" told pipe.json "pipe.yaml"
sed 's/"params": "params.yaml"/"params": 3/' t.json >three.json
check "a number is refused" told three.json '"params" is an object, or the name of a JSON or YAML file; found the number 3'

# Axes in params.
cat >axes.json <<'EOF'
{ "retort": 1, "name": "axes", "params": { "sizes": { "range": { "start": 1, "stop": 3, "step": 1 } },
    "draws": { "sample": { "lr": { "choice": [1, 2] } }, "count": 2, "seed": 1 }, "samples": { "rows": "samples.csv", "label": "id" } },
  "stages": { "a": { "cmd": ["sh", "-c", "echo $0 >o", "${matrix.s} ${matrix.d.lr} ${matrix.r.id}"],
    "matrix": { "s": "${params.sizes}", "d": "${params.draws}", "r": "${params.samples}" }, "outs": ["o"] } } }
EOF
printf 'id,x\nA,1\nB,2\n' >samples.csv
check "an axis may be a param that holds one of the forms" run axes.json
check "and has its values" same "$("$retort" plan axes.json --json | grep -c '"key"')" 12
check "--set changes a member of it" same "$("$retort" plan axes.json --set params.sizes.range.stop=2 --json | grep -c '"key"')" 8
finish

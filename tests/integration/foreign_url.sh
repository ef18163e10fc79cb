#!/bin/sh
# Another team's study by URL#REV[:PATH]: found, checked and planned where the user stands.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main

export XDG_STATE_HOME=$work/state
git init -q a && mkdir a/more
study() { echo "{ \"retort\": 1, \"name\": \"$1\", \"stages\": { \"s\": { \"cmd\": [\"sh\", \"\${in.x}\", \"$2\"], \"in\": { \"x\": \"x.sh\" }, \"outs\": [\"o\"] } }, \"results\": { \"o\": \"\${stages.s.outs.o}\" } }"; }
commit() { git -C a add -A && git -C a commit -q -m "$1"; }
study top one >a/study.json && study other one >a/more/study.json && echo 'echo $1 >o' >a/x.sh && cp a/x.sh a/more/x.sh
echo '{ "rows": [] }' >a/data.json && echo '{ "retort": 1, ' >a/broken.json
commit one && git -C a tag v1
id() { git -C "$work/a" rev-parse "$1^{commit}"; }
url=file://$work/a
mkdir b && git init -q b && cd b && mkdir below && cd below || exit 1

plan() { "$retort" plan "$@" --json >whole.json 2>plan.err && sed 's/"state":.*//' whole.json >plan.json; } # the keys
check "a tag names a study" plan "$url#v1"
check "the only pipeline file at the top is the study" grep -q '"stage":"s"' plan.json
check "the id is told" grep -qxF "v1 is $url#$(id v1):study.json now" plan.err
cp plan.json tag.json
check "a branch names a study" plan "$url#main"
check "with the same keys" cmp plan.json tag.json
check "a commit id names a study" plan "$url#$(id v1)"
check "with the same keys again" cmp plan.json tag.json
check "and nothing is told that is known" same "$(cat plan.err)" ""
check "the store is that of the folder where the user stands" test -d ../.retort/git
check "nothing is checked out" same "$(ls ..)" below
git clone -q "$work/a" ../clone && plan ../clone/study.json && rm -r ../clone
check "the keys are those of a clone" sh -c 'sed s/clone// plan.json | cmp - tag.json'
check "a path names a file of the commit" plan "$url#v1:more/study.json"
check "it is another study" sh -c '"$1" check "$2#v1:more/study.json" >check.out 2>check.err && grep -q "more/study.json: sound" check.out' sh "$retort" "$url"

check "graph draws it" sh -c '"$1" graph "$2#v1" >graph.out 2>graph.err' sh "$retort" "$url"
check "why explains its stage" sh -c '"$1" why "$2#v1" s >why.out 2>why.err' sh "$retort" "$url"
check "params are overridden as ever" exits 2 "$retort" plan "$url#v1" --set params.none=1
"$retort" run "$url#v1" >run.out 2>run.err
check "nothing of another team runs unasked" same "$? $(grep -c "retort trust '$url#$(id v1):study.json'" run.err)" "2 1"
"$retort" run "$url#$(id v1)" >run.out 2>run.err
check "a commit id is reproducible, and run says so" grep -qxF "reproducible: $url#$(id v1):study.json is the same at all times" run.err

# run OPERAND: counts known and finished stages
run() { "$retort" run "$@" --progress json >run.json 2>run.err && counts run.json | grep -o '"\(known\|finished\)":[0-9]*' | cut -d: -f2 | tr '\n' ' '; }
"$retort" trust "$url#v1" >trust.out 2>trust.err
check "with the user's yes the study runs" same "$(run "$url#v1")" "0 1 "
check "its results stand in the project of the user" same "$(cat ../results/top/o)" one
told() { python3 -c 'import json, sys; print(json.load(open("../results/top/.retort-results.json"))["origin"][sys.argv[1]])' "$1"; }
check "their manifest names the repository" same "$(told url)" "$url"
check "and the commit" same "$(told commit)" "$(id v1)"
check "runs tells the origin" sh -c '"$1" runs >runs.out && grep -qF "$2:study.json" runs.out' sh "$retort" "$url#$(id v1)"
"$retort" show "$url#v1" s >show.out 2>show.err
check "show tells the origin" grep -qxF "  from $url#$(id v1):study.json" show.out
check "the record has the commit as the state of git" same "$("$retort" show "$url#v1" s --json 2>show.err | python3 -c 'import json, sys; g = json.load(sys.stdin)["provenance"]["git"]; print(g["commit"], g["dirty"])')" "$(id v1) False"
check "a second run runs nothing" same "$(run "$url#$(id v1)")" "1 0 "
git clone -q "$work/a" ../clone
(cd ../clone && "$retort" run study.json --store ../.retort --progress json >"$work/b/below/clone.json" 2>clone.err)
check "the same study of a clone is known" same "$(counts clone.json | grep -o '"known":[0-9]*')" '"known":1'

cp ../clone/x.sh ../clone/study.json .. && rm -rf ../clone
"$retort" run ../study.json >local.out 2>local.err
check "results of another origin are not replaced" same "$? $(grep -c 'holds results of .*--results DIR' local.err)" "2 1"
check "nor before anything ran" sh -c '! grep -q known local.err'
check "--results publishes elsewhere" "$retort" run ../study.json --progress none --results mine
check "in a folder of the pipeline's name" same "$(cat mine/top/o)" one
check "its manifest names no origin" same "$(grep -c origin mine/top/.retort-results.json)" 0
"$retort" run "$url#v1" --results mine >url.out 2>url.err
check "there the other team's results are refused in turn" same "$? $(grep -c 'holds results of a file of this project' url.err)" "2 1"
rm -r mine ../study.json ../x.sh

study top two >"$work/a/study.json" && (cd "$work" && commit two)
plan "$url#main"
check "a branch that moved names the new commit" grep -qxF "main is $url#$(id main):study.json now" plan.err
check "and another key" sh -c '! cmp -s plan.json tag.json'
plan "$url#v1"
check "a tag that stays names the old one" cmp plan.json tag.json

# refused NAME OPERAND WORDS
refused() {
    "$retort" check "$2" >check.out 2>check.err
    check "$1" same "$? $(grep -v ' now$' check.err | grep -F -- "$3" | wc -l | sed 's/[^0]/1/')" "2 1"
}
cp "$work/a/study.json" "$work/a/second.json" && (cd "$work" && commit three)
refused "several files at the top are named" "$url#main" 'several pipeline files; name one of second.json, study.json'
refused "a URL without a revision is refused" "$url" 'say which commit, branch or tag'
refused "an empty revision is refused" "$url#:study.json" 'say which commit, branch or tag'
refused "an empty path is refused" "$url#v1:" 'no path follows'
refused "a revision that is not there is refused" "$url#none" 'none'
refused "a file that is not there is refused" "$url#v1:none.json" 'none.json'
refused "a path that leads out is refused" "$url#v1:../study.json" '../study.json'
refused "a folder is refused" "$url#v1:more" 'more'
refused "a path of git's own form is refused with the URL to write" "git@example.org:team/a.git#main" 'ssh://git@host/path'
refused "a folder with a revision is refused with the URL to write" "$work/a#v1" "write it as a URL: file://$work/a#v1"
refused "a relative one, too" "$(realpath --relative-to=. "$work/a")#v1:study.json" "file://$work/a#v1:study.json"
refused "a short id is refused" "$url#$(id v1 | cut -c 1-10)" "$(id v1 | cut -c 1-10)"
refused "an unknown scheme is refused" "ext://sh#main" 'must begin with https://'
git -C "$work/a" rm -q study.json second.json && (cd "$work" && commit four)
refused "a top without a pipeline file is refused" "$url#main" 'holds no pipeline file at its top'

mv "$work/a" "$work/away"
"$retort" plan "$url#main" 2>plan.err
check "the message says that a commit needs no network" has plan.err "a commit that was fetched once needs no network: $url#ID"
plan "$url#$(cd "$work" && git -C away rev-parse v1)"
check "without the repository the commit is as before" cmp plan.json tag.json
check "without the repository a branch is an error of the environment" exits 3 "$retort" plan "$url#main"
finish

#!/bin/sh
# Two teams. A publishes a part and a study over https; B includes the one and runs the other by URL. B is asked once,
# works without the network afterwards, and follows A only by lock --update.
. tests/integration/lib.inc
. tests/integration/git.inc
cd "$work" || exit 1
unset XDG_STATE_HOME

# Team A: a part in parts.git, and a study in study.git that includes it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout key.pem -out authority.pem 2>/dev/null || exit 1
cat authority.pem key.pem >both.pem && export SSL_CERT_FILE="$work/authority.pem"
mkfifo alive
"$repository/tests/integration/git_server.py" served both.pem port asked <alive &
exec 9>alive # the server ends with this shell
while [ ! -e port ]; do sleep 0.02; done
base=https://localhost:$(cat port)
asked() { wc -l <"$work/asked"; }
publish() { git -C "$work/$1" add -A && git -C "$work/$1" -c user.name=A -c user.email=a@example.org commit -q -m "$2" && git -C "$work/$1" push -q "$work/served/$1.git" HEAD:refs/heads/main; }
head_of() { git -C "$work/served/$1.git" rev-parse main; }
for r in parts study; do git init -q -b main $r && git init -q --bare -b main served/$r.git; done
cat >parts/mean.json <<'END'
{ "retort": 1, "name": "mean", "params": { "column": 1 }, "stages": {
    "mean": { "cmd": ["sh", "${in.script}", "${in.data}", "${params.column}"], "in": { "script": "mean.sh", "data": "numbers.csv" }, "outs": { "o": "mean.txt" } } } }
END
echo 'awk -F, -v c="$2" "{ s += \$c } END { print s / NR }" "$1" >mean.txt' >parts/mean.sh && printf '1,10\n3,30\n' >parts/numbers.csv
publish parts one
cat >study/study.json <<END
{ "retort": 1, "name": "published", "include": { "second": { "git": "$base/parts.git", "rev": "$(head_of parts)", "path": "mean.json", "params": { "column": 2 } } },
  "stages": { "twice": { "cmd": ["sh", "-c", "cat \$1 \$1 >o", "sh", "\${in.x}"], "in": { "x": "\${second.stages.mean.outs.o}" }, "outs": ["o"] } },
  "results": { "twice.txt": "\${stages.twice.outs.o}" } }
END
publish study one && first=$(head_of study)

# Team B, elsewhere.
mkdir b && git init -q b && cd b || exit 1
cat >t.json <<END
{ "retort": 1, "name": "ours", "include": { "theirs": { "git": "$base/parts.git", "rev": "main", "path": "mean.json" } },
  "stages": { "use": { "cmd": ["sh", "-c", "sed s/^/mean/ \$1 >o", "sh", "\${in.m}"], "in": { "m": "\${theirs.stages.mean.outs.o}" }, "outs": ["o"] } },
  "results": { "use.txt": "\${stages.use.outs.o}" } }
END
answer() { said=$1; shift; python3 "$repository/tests/integration/terminal.py" "$said" shown.txt "$@"; }
ran() { "$retort" run "$@" --progress json </dev/null >run.json 2>run.err && counts run.json | grep -o '"\(known\|finished\)":[0-9]*' | tr '\n' ' '; }
"$retort" run t.json </dev/null >run.txt 2>run.err
check "an include of a branch is refused" same $? 2
check "lock writes the id of the branch" "$retort" lock t.json
check "a run of the part is asked on a terminal" answer y "$retort" run t.json --progress none
check "the terminal shows the part's command" has shown.txt "sh '\${in.script}'"
check "the results of the study are there" same "$(cat results/ours/use.txt)" mean2
check "the study runs by URL after a yes" answer y "$retort" run "$base/study.git#$first" --progress none
check "the terminal names the study, and its part, by URL and commit" sh -c 'grep -qF "$1/study.git#$2:study.json" shown.txt && grep -qF "$1/parts.git#$3:mean.json" shown.txt' sh "$base" "$first" "$(head_of parts)"
check "its results stand beside those of B" same "$(tr '\n' ' ' <results/published/twice.txt)" "20 20 "
check "nothing is checked out" same "$(ls -A | grep -v txt | tr '\n' ' ')" ".git .retort results run.err t.json "
before=$(asked)
check "the second run of the part runs nothing and asks nobody" same "$(ran t.json)" '"known":2 "finished":0 '
check "the second run of the study runs nothing and asks nobody" same "$(ran "$base/study.git#$first")" '"known":2 "finished":0 '
mv ../served ../away
check "without A's repositories the part is known" same "$(ran t.json)" '"known":2 "finished":0 '
check "without A's repositories the study is known" same "$(ran "$base/study.git#$first")" '"known":2 "finished":0 '
cp -r .retort "$work/kept" && cp t.json "$work/t.json" && mkdir "$work/c" && git init -q "$work/c" && cp t.json "$work/c"
check "with B's store the same study runs elsewhere" sh -c 'cd "$1/c" && "$2" run t.json --store "$1/kept" --progress none </dev/null && [ "$(cat results/ours/use.txt)" = mean2 ]' sh "$work" "$retort"

check "no request was sent for all of this" same "$(asked)" "$before"
check "a branch cannot be resolved then, and that is an error of the environment" exits 3 "$retort" run "$base/study.git#main"

# A moves the branch.
cd "$work" && mv away served || exit 1
printf '5,50\n7,70\n' >parts/numbers.csv && publish parts two
sed -i 's/"name": "published"/"name": "published", "description": "moved"/' study/study.json && publish study two
cd b || exit 1
check "after A's change B's results stay" same "$(ran t.json; cat results/ours/use.txt)" '"known":2 "finished":0 mean2'
check "the study at its commit stays" same "$(ran "$base/study.git#$first")" '"known":2 "finished":0 '
check "lock does not follow the branch" sh -c '"$1" lock t.json 2>lock.err && cmp t.json "$2"' sh "$retort" "$work/t.json"
check "lock --update follows it" sh -c '"$1" lock --update t.json >lock.txt 2>lock.err && grep -qF "$2" t.json' sh "$retort" "$(head_of parts)"
"$retort" run t.json </dev/null >run.txt 2>run.err
check "the new content needs another yes" same $? 2
check "the old results stand meanwhile" same "$(cat results/ours/use.txt)" mean2
check "trust allows it" sh -c '"$1" trust t.json </dev/null >trust.txt 2>&1' sh "$retort"
check "the stage of B and that of A run again" same "$(ran t.json)" '"known":0 "finished":2 '
check "the results are new" same "$(cat results/ours/use.txt)" mean6
cp "$work/t.json" t.json
check "the old commit is known and allowed as before" same "$(ran t.json; cat results/ours/use.txt)" '"known":2 "finished":0 mean2'
finish

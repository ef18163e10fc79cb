#!/bin/sh
# Compares store/RECORD.md, which lists the members of records and run files, with those of real runs of every kind of
# end.
. tests/integration/lib.inc
mkdir "$work/project" "$work/elsewhere" && cd "$work/project" || exit 1
git init -q . && git -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m begin || exit 1
mkdir folder && echo text >folder/a.txt && echo text >a.txt
# Submodules, one of them not checked out, and a change.
git init -q sub && git -C sub -c user.name=t -c user.email=t@example.org commit -q --allow-empty -m begin || exit 1
git add sub 2>/dev/null && git update-index --add --cacheinfo 160000,"$(git rev-parse HEAD)",absent && echo new >staged && git add staged || exit 1

# A venv made by hand, with a package and a path outside of it.
site=venv/lib/python3.11/site-packages
mkdir -p venv/bin $site/numpy-1.26.4.dist-info && ln -s /usr/bin/python3 venv/bin/python3
echo "version = 3.11.2" >venv/pyvenv.cfg && echo "$work" >$site/path.pth

cat >study.json <<'END'
{ "retort": 1, "name": "page", "params": { "n": 2 }, "stages": {
  "makes": { "in": { "file": "a.txt", "folder": "folder" }, "env": { "N": "${params.n}" }, "pass_env": ["LANG"], "pin": ["sh"],
    "cmd": ["sh", "-c", "cat $1 >o; mkdir d; cp o d/x; echo '{\"loss\": 0.5, \"bad\": NaN, \"n\": 12345678901234567890, \"list\": [1, NaN]}' >m.json; echo said; echo warned >&2", "sh", "${in.file}"],
    "outs": { "o": "o", "d": { "path": "d", "type": "directory" }, "m": { "path": "m.json", "type": "metrics" }, "none": { "path": "none", "optional": true } } },
  "reads": { "in": { "o": "${stages.makes.outs.o}" }, "cmd": ["cp", "${in.o}", "${outs.o}"], "outs": { "o": "o" } },
  "text": { "resources": { "memory": "1GiB" }, "cmd": ["sh", "-c", "echo a; date +%N >o; printf '{\"t\": %s}' 1$(date +%N) >m.json"],
    "outs": { "o": "o", "m": { "path": "m.json", "type": "metrics" } } },
  "binary": { "cmd": ["sh", "-c", "head -c 9999 /dev/urandom >o"], "outs": { "o": "o" } },
  "names": { "cmd": ["sh", "-c", "mkdir d; date +%N >d/text; head -c 9999 /dev/urandom >d/binary; echo >d/$(date +%N)"], "outs": { "d": { "path": "d", "type": "directory" } } },
  "python": { "toolchain": { "prefix": "venv" }, "cmd": ["python3", "-c", "open('o', 'w')"], "resources": { "gpus": 1 }, "outs": { "o": "o" } },
  "confined": { "sandbox": { "read": ["/etc"] }, "cmd": ["true"] },
  "uncached": { "cmd": ["true"], "cache": false },
  "sweep": { "matrix": { "n": [1, 2] }, "cmd": ["sh", "-c", "[ $1 = 1 ] || exit 1; echo '{\"loss\": 1}' >m.json", "sh", "${matrix.n}"], "outs": { "m": { "path": "m.json", "type": "metrics" } } },
  "choice": { "select": { "from": "sweep", "group_by": ["n"], "minimize": "metrics.loss", "quorum": 1 } },
  "fails": { "cmd": ["false"] },
  "left": { "after": ["fails"], "cmd": ["true"] } }, "results": { "o.txt": "${stages.reads.outs.o}" } }
END
check "a run with a failing stage ends with status 1" exits 1 "$retort" run study.json --keep-going --gpus 0 --set params.n=3 --progress none
check "verify reports that records and new bytes differ" exits 1 "$retort" verify study.json --gpus 0 --set params.n=3

cat >resumed.json <<'END'
{ "retort": 1, "name": "resumed", "stages": { "goes-on": { "checkpoint": true, "outs": { "o": "o" },
  "cmd": ["sh", "-c", "[ -e $RETORT_CHECKPOINT/c ] && echo >o && exit; trap 'exit 75' TERM; echo >$RETORT_CHECKPOINT/c; while :; do sleep 0.05; done"] } } }
END
"$retort" run resumed.json --progress none &
pid=$!
for _ in $(seq 400); do ls .retort/checkpoints/*/c >there 2>&1 && break; sleep 0.05; done
kill -INT $pid
wait $pid
check "a stage is interrupted and goes on" "$retort" run resumed.json --progress none
echo '{ "retort": 1, "name": "cut", "stages": { "s": { "cmd": ["sh", "-c", "echo $$ >up; exec sleep 1000"] } } }' >cut.json
"$retort" run cut.json --progress none &
pid=$!
for _ in $(seq 400); do ls .retort/work/*/dir/up >there 2>&1 && break; sleep 0.05; done
kill -KILL $pid
for _ in $(seq 400); do grep -qs '"state": *"cut"' .retort/attempts/*.json && break; sleep 0.05; done
check "the keeper of a killed engine leaves an account" grep -qs '"state": *"cut"' .retort/attempts/*.json
# A study of another team.
export XDG_STATE_HOME="$work/state"
git init -q ../team && echo '{ "retort": 1, "name": "theirs", "stages": { "s": { "cmd": ["echo", "theirs"] } } }' >../team/theirs.json
git -C ../team add . && git -C ../team -c user.name=t -c user.email=t@example.org commit -q -m begin && git -C ../team tag v1
"$retort" trust "file://$work/team#v1" >trust.out 2>&1
check "another team's study runs" "$retort" run "file://$work/team#v1" --progress none
cp -r study.json a.txt folder ../elsewhere
check "a pipeline outside of a repository runs" "$retort" run ../elsewhere/study.json makes --set params.n=4 --store .retort --progress none

compare() { python3 "$repository/tests/integration/record_page.py" "$1" .retort >told; met=$?; cat told; return $met; }
page=$repository/store/RECORD.md
check "the page and the records of real runs agree" compare "$page"
sed '/`wall_s` | number | s | how long/d; s/`resources.cpus` | number/`resources.cpus` | text/' "$page" >damaged.md
check "a page that lacks a member is refused" exits 1 compare damaged.md
check "the message names the missing member" has told "record has wall_s, which the page does not list"
check "the message names the member of another type" has told "record has resources.cpus, which is no text"
sed 's/^| `metrics.\*`.*/&\n| `metrics.made_up` | number | | |/' "$page" >longer.md
check "a page that lists what no record has is refused" exits 1 compare longer.md
finish

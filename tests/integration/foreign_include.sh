#!/bin/sh
# A part of another team's repository, by commit: its files, its keys, and what it may not name.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main

# commit NAME: commits all of repository a; the id is in $id
commit() { git -C a add -A && git -C a commit -q -m "$1" && id=$(git -C a rev-parse HEAD); }
git init -q a && mkdir -p a/sub/data/__pycache__ a/sub/raw
cat >a/sub/part.json <<'END'
{ "retort": 1, "name": "part", "include": { "own": { "path": "../own.json" } }, "params": "params.yaml",
  "stages": {
    "files": { "cmd": ["sh", "${in.script}", "${in.folder}", "${params.n}"], "outs": ["o"],
               "in": { "script": "tool.sh", "folder": "data", "lr": { "path": "params.yaml", "only": ["lr"] } } },
    "rows": { "matrix": { "row": { "rows": "rows.csv" }, "file": { "glob": "raw/{sample}.txt" } }, "outs": ["o"],
              "cmd": ["sh", "-c", "cat $1 >o", "sh", "${in.f}", "${matrix.row.label}"], "in": { "f": "${matrix.file.path}" } },
    "not-there": { "cmd": ["true"], "in": { "f": { "path": "none", "optional": true } } } } }
END
echo '{ "retort": 1, "name": "own", "stages": { "s": { "cmd": ["./tool.sh"], "in": ["tool.sh"], "outs": ["o"] } } }' >a/own.json
printf 'n: 3\nlr: 0.5\n' >a/sub/params.yaml && printf 'label\none\ntwo\n' >a/sub/rows.csv
echo '#!/bin/sh' >a/sub/tool.sh && cp a/sub/tool.sh a/tool.sh && chmod +x a/tool.sh
echo 1 >a/sub/raw/x.txt && echo 2 >a/sub/raw/y.txt && echo kept >a/sub/data/kept && echo cached >a/sub/data/__pycache__/x.pyc
echo ignored >a/sub/data/x.tmp && echo '*.tmp' >a/.retortignore && ln -s ../tool.sh a/sub/data/link
commit begin && first=$id

# study REV [PATH]: a study in b/ that includes the part
mkdir b && git init -q b && cd b || exit 1
study() {
    cat >t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/a", "rev": "$1", "path": "${2:-sub/part.json}" } }, "stages": {} }
END
}
keys() { python3 -c 'import json, sys; print("\n".join(sorted(s["stage"] + " " + str(s["key"]) for s in json.load(sys.stdin))))'; }
plan() { "$retort" plan "$@" --json 2>plan.err >plan.json && keys <plan.json; }

study "$first"
check "a study with a part from git is sound" "$retort" check t.json
plan t.json >foreign.keys
check "it has a stage of the part, of the part's own part, and instances of its rows and files" same "$(cut -d' ' -f1 foreign.keys | tr '\n' ' ')" "p/files p/not-there p/own/s p/rows[row=one,file=x] p/rows[row=one,file=y] p/rows[row=two,file=x] p/rows[row=two,file=y] "
git clone -q "$work/a" part
echo '{ "retort": 1, "name": "t", "include": { "p": { "path": "part/sub/part.json" } }, "stages": {} }' >local.json
cp part/.retortignore . && plan local.json >local.keys
check "each stage has a key" same "$(grep -c " [0-9a-f]\{64\}$" foreign.keys)" 7
check "its keys are those of the same part in a local folder" cmp foreign.keys local.keys
rm -r part .retortignore
check "the repository's folder is no part of the project" test ! -e sub
"$retort" run t.json 2>run.err
check "nothing of another team runs unasked" same $? 2
check "the refusal names the command that allows it" has run.err "retort trust t.json"

mv "$work/a" "$work/away"
plan t.json >again.keys
check "without the repository the keys are the same" cmp foreign.keys again.keys
check "without the repository the study is sound" "$retort" check t.json
mv "$work/away" "$work/a"

echo changed >"$work/a/sub/data/kept" && (cd "$work" && commit change) && plan t.json >again.keys
check "a later commit of the other team changes no key" cmp foreign.keys again.keys

# refused NAME FILE REV WORDS: the study whose part has the text is refused with these words
refused() {
    printf '%s' "$2" >"$work/a/bad.json"
    (cd "$work" && commit bad >&2) && study "$(git -C "$work/a" rev-parse HEAD)" bad.json
    "$retort" check t.json >check.err 2>&1
    check "$1" grep -qF "$3" check.err
}
stage() { echo "{ \"retort\": 1, \"name\": \"bad\", \"stages\": { \"s\": { \"cmd\": [\"true\"], $1 } } }"; }
include() { echo "{ \"retort\": 1, \"name\": \"bad\", \"include\": { \"x\": { $1 } }, \"stages\": {} }"; }
id_of_nothing=0123456789abcdef0123456789abcdef01234567
study main
"$retort" check t.json 2>check.err
check "a branch is refused with the command that resolves it" has check.err '"main" is no full commit id, and may name another commit tomorrow; retort lock t.json writes the id of today'
study "$(echo "$first" | cut -c 1-12)"
check "a part of a commit id is refused" exits 2 "$retort" check t.json
study $id_of_nothing
check "a commit that is not there is refused" exits 2 "$retort" check t.json
study "$first" sub/none.json
check "a file that is not there is refused" exits 2 "$retort" check t.json
refused "an absolute input is refused" "$(stage '"in": { "x": "/etc/passwd" }')" 'leads out of its repository'
refused "an input outside the tree is refused" "$(stage '"in": { "x": "../../etc/passwd" }')" 'leads out of its repository'
refused "an include outside the tree is refused" "$(include '"path": "../part.json"')" 'leads out of its repository'
refused "an include by an absolute path is refused" "$(include '"path": "/etc/part.json"')" 'leads out of its repository'
refused "a foreign file may not name a local repository" "$(include "\"git\": \"file://$work/a\", \"rev\": \"$first\", \"path\": \"own.json\"")" 'may name https:// and ssh:// only'
refused "a foreign file may not name a branch" "$(include '"git": "https://example.org/x.git", "rev": "main", "path": "p.json"')" 'ask its authors to pin it'
refused "a missing input names url, commit and path" "$(stage '"in": ["none.csv"]')" "none.csv"
refused "a fault of a foreign file names its place" '{ "retort": 1, "name": "bad", "stage": {} }' ":bad.json:1:31: error: unknown key"
finish

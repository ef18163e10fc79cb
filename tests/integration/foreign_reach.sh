#!/bin/sh
# Another team's file reaches nothing of the user's machine but what trust showed.
. tests/integration/lib.inc
unshare -Urmpin --fork --mount-proc true 2>/dev/null || skip "this machine allows no namespaces"
cd "$work" || exit 1
chmod 755 "$work"
HOME=$work/home && export HOME && mkdir home secret secret/bin && unset XDG_STATE_HOME
git config --global user.name a && git config --global user.email a@example.org && git config --global init.defaultBranch main
echo private >secret/key && cp /bin/sh secret/bin/sh && printf '#!%s/secret/bin/sh\ncat %s/secret/key >o\n' "$work" "$work" >"$work/script" && chmod +x script

# study PART-STAGES [OWN-STAGES]: b/t.json includes a part that has these stages
git init -q a && git init -q b
study() {
    cp script a/script
    printf '{ "retort": 1, "name": "part", "params": { "text": "cat in/f/file >o", "path": "%s/secret/key" }, "stages": { %s } }\n' "$work" "$1" >a/part.json
    git -C a add -A && git -C a commit -q --allow-empty -m more
    cat >b/t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/a", "rev": "$(git -C a rev-parse HEAD)", "path": "part.json" } }, "stages": { ${2:-} } }
END
}
run() { (cd b && "$retort" run t.json "$@" --progress plain </dev/null >run.txt 2>run.err); }
trust() { (cd b && "$retort" trust t.json "$@" </dev/null >trust.txt 2>trust.err); }
reads="\"cmd\": [\"sh\", \"-c\", \"cat $work/secret/key >o\"], \"outs\": [\"o\"]"
# kept_out NAME STAGE: the stage is allowed, and still does not get the file
kept_out() {
    study "\"s\": { $2 }" && trust
    check "$1" exits 1 run p/s
}
kept_out "a sandboxed stage does not get a file beside it" "$reads"
kept_out "a PATH that the file sets opens no folder" "$reads, \"env\": { \"PATH\": \"$work/secret:/usr/bin:/bin\" }"
kept_out "nor the prefix of one" "$reads, \"env\": { \"PATH\": \"/usr/bin:/bin:$work/secret/bin\" }"
kept_out "a LD_LIBRARY_PATH that the file sets opens no folder" "$reads, \"env\": { \"LD_LIBRARY_PATH\": \"$work/secret\" }"
kept_out "a program by its absolute path opens no folder" "\"cmd\": [\"$work/secret/bin/sh\", \"-c\", \"cat $work/secret/key >o\"], \"outs\": [\"o\"]"
kept_out "the first line of a script opens no folder" '"cmd": ["in/s/script"], "in": { "s": "script" }, "outs": ["o"]'
mkdir -p home/bin && echo private >home/key
kept_out "an environment in the home does not open the home" "\"cmd\": [\"sh\", \"-c\", \"cat $work/home/key >o\"], \"outs\": [\"o\"], \"toolchain\": { \"prefix\": \"$work/home\" }"
kept_out "nor by another way to it" "\"cmd\": [\"sh\", \"-c\", \"cat $work/home/key >o\"], \"outs\": [\"o\"], \"toolchain\": { \"prefix\": \"/usr/../$work/home\" }"
finish

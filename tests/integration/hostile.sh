#!/bin/sh
# Hostile repositories: each is refused or held with a message. Nothing is written outside of the store, nothing outside is
# read, and no program of theirs is started.
. tests/integration/lib.inc
cd "$work" || exit 1
HOME=$work/home && export HOME && mkdir home outside mine && unset XDG_STATE_HOME
secret=the-secret-outside
echo $secret >outside/secret.txt && echo "{ \"retort\": 1, \"name\": \"$secret\", \"stages\": {} }" >outside/secret.json
printf '#!/bin/sh\ntouch %s/outside/ran\ncat\n' "$work" >outside/program && chmod +x outside/program
# The user's own git knows a filter of the name that they use.
git config --global filter.evil.smudge "$work/outside/program" && git config --global filter.evil.clean "$work/outside/program"
git config --global filter.evil.required true && git config --global diff.evil.textconv "$work/outside/program"
git config --global init.defaultBranch main
python3 "$repository/tests/integration/hostile.py" "$work" || exit 1
cd mine && git init -q . || exit 1

# surroundings: what lies around the store, with modes, times and content
surroundings() { (cd "$work" && find outside mine home repositories -name .retort -prune -o -path home/.local -prune -o \
    -type d -printf '%p %y %m\n' -o -printf '%p %y %m %s %T@ %l\n' | sort); }
clean() { python3 -c '
import sys, unicodedata
text = open(sys.argv[1], "rb").read().decode()
bad = [c for c in text if (unicodedata.category(c) == "Cc" and c not in "\n\t") or unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")]
assert not bad, (bad, text)' "$1"; }
said=$work/said.all
# meet STATUS COMMAND...: runs it; no command may wait for ever, crash, or end with another status than these
meet() {
    wanted=$1; shift
    timeout -k 5 60 "$retort" "$@" </dev/null >"$work/said.now" 2>&1
    status=$?
    cat "$work/said.now" >>"$said"
    case " $wanted " in *" $status "*) ;; *) echo "retort $*: status $status"; cat "$work/said.now"; return 1 ;; esac
}
# refused WORD: check, plan, graph, trust and run do not go on; one of them says the word
refused() {
    meet "0 2 3" check t.json || return 1
    meet "2 3" run t.json --progress none || return 1
    meet "0 2 3" trust t.json || return 1
    meet "1 2 3" run t.json --progress none || return 1
    cat "$said" | grep -qF -- "$1" || { echo "no \"$1\" in:"; cat "$said"; return 1; }
}
held() {
    meet "0" check t.json && meet "0" plan t.json && meet "0" graph t.json && meet "2" run t.json --progress none || return 1
    meet "0" trust t.json && meet "0 3" run t.json --progress none && meet "0" trust --list
}
tab=$(printf '\t')
while IFS=$tab read -r case commit path how word; do
    rm -rf .retort ../home/.local && : >"$said"
    cat >t.json <<END
{ "retort": 1, "name": "t", "include": { "p": { "git": "file://$work/repositories/$case", "rev": "$commit", "path": "$path" } },
  "stages": { "own": { "cmd": ["true"] } } }
END
    surroundings >../before
    case $how in
    refused) check "$case is refused with a message" refused "$word" ;;
    held) check "$case does no harm" held ;;
    esac
    surroundings >../after
    check "$case leaves no trace outside of the store" cmp ../before ../after
    check "$case shows nothing that a terminal obeys" clean "$said"
    check "$case reads nothing outside" sh -c '! grep -rqF "$1" .retort "$2"' sh "$secret" "$said"
done <../cases
# A folder of the user's own that somebody else has filled: its git configuration names programs, and files are none.
rm -rf .retort && git config core.fsmonitor "$work/outside/program" && git config diff.external "$work/outside/program"
echo '* filter=evil diff=evil' >.gitattributes && echo 1 >x && git -c core.fsmonitor=false -c filter.evil.clean=cat -c user.name=t -c user.email=t@example.org add x .gitattributes
git -c core.fsmonitor=false -c user.name=t -c user.email=t@example.org commit -q -m x && echo 2 >x && rm -f ../outside/ran
echo '{ "retort": 1, "name": "t", "stages": { "s": { "cmd": ["cp", "${in.x}", "o"], "in": { "x": "x" }, "outs": ["o"] } }, "results": { "o.txt": "${stages.s.outs.o}" } }' >t.json
mkdir -p results/t && mkfifo results/t/o.txt fifo
: >"$said"
check "a result whose place is a named pipe is refused" meet "3" run t.json --progress none
check "the record says that the file was changed" sh -c '"$1" show t.json s --json | grep -q "\"dirty\": true"' sh "$retort"
rm results/t/o.txt
check "the run succeeds without the pipe" meet "0" run t.json --progress none
sed -i 's/"x": "x"/"x": "fifo"/' t.json
check "an input that is a named pipe is refused" meet "2" run t.json --progress none
echo '{ "retort": 1, "name": "t", "include": { "p": { "path": "fifo" } }, "stages": {} }' >t.json
check "a part that is a named pipe is refused" meet "2" check t.json
# A named pipe in the place of a file of git, which nobody ever writes to.
rm fifo && echo '{ "retort": 1, "name": "t", "stages": { "s": { "cmd": ["true"] } } }' >t.json
mv .git/index index && mkfifo .git/index
check "a run ends beside an index that is a named pipe" meet "0" run t.json --progress none
check "the record says why git is not known" sh -c '"$1" show t.json s --json | grep -q "index is no regular file"' sh "$retort"
rm .git/index && mv index .git/index
for file in config packed-refs objects/info/alternates; do
    git init -q --bare ../pipe && rm -f ../pipe/$file && mkfifo ../pipe/$file
    check "a repository with a named pipe as $file is refused" meet "3" check "file://$work/pipe#main"
    rm -r ../pipe
done
check "no program of theirs was started" test ! -e ../outside/ran
finish

#!/bin/sh
# A stage's programs: where they are looked up, and what is recorded of them.
. tests/integration/lib.inc
cd "$work" || exit 1
unset VIRTUAL_ENV CONDA_PREFIX
system=/usr/local/bin:/usr/bin:/bin

run() { "$retort" run t.json --progress json "$@" >run.json 2>run.err; }
out() { cat ".retort/objects/$(sum "$@")"; }
# The digest of a stage's out as a path below objects/.
sum() { "$retort" show t.json "$1" --json | sed -n '/"outs"/,/^  }/s/.*"sha256": "\(..\)\(.*\)".*/\1\/\2/p' | head -n 1; }
recorded() { # STAGE MEMBER-OF-THE-FIRST-PROGRAM
    "$retort" show t.json "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["provenance"]["programs"][0].get(sys.argv[1]))' "$2"
}
program() { # PATH TEXT: a script that prints the text, and the name under which it was started
    mkdir -p "${1%/*}" && printf '#!/bin/sh\necho %s as "$0" >o\n' "$2" >"$1" && chmod +x "$1"
}

# ---- a program is looked up on the PATH that the stage gets ----
program one/bin/tool one
program two/bin/tool two
cat >t.json <<END
{ "retort": 1, "name": "t", "stages": {
  "env": { "cmd": ["tool"], "env": { "PATH": "$work/one/bin:$system" }, "outs": { "o": "o" } },
  "passed": { "cmd": ["tool"], "pass_env": ["PATH"], "outs": { "o": "o" } },
  "given": { "cmd": ["tool"], "env": { "PATH": "\${in.bin}:$system" }, "in": { "bin": "two/bin" }, "outs": { "o": "o" } },
  "pinned": { "cmd": ["tool"], "env": { "PATH": "$work/one/bin:$system" }, "pin": ["tool"], "outs": { "o": "o" } } } }
END
( PATH=$work/two/bin:$PATH; run )
check "a program is that of the PATH in \"env\"" same "$(out env)" "one as $work/one/bin/tool"
check "the record names the program that ran" same "$(recorded env path)" "$work/one/bin/tool"
check "a program is that of the PATH in \"pass_env\"" same "$(out passed)" "two as $work/two/bin/tool"
check "a program of a folder input is found on the PATH" has run.json '"stage":"given"'
case $(out given) in "two as "*/in/bin/bin/tool) found=yes ;; *) found=$(out given) ;; esac
check "it runs from the stage's own copy of the folder" same "$found" yes
digest=$(sha256sum <one/bin/tool | cut -d' ' -f1)
check "a pinned program is that of the stage's PATH" \
    same "$("$retort" show t.json pinned --json | sed -n 's/.*"pin.tool": "\(.*\)".*/\1/p')" "$digest"
program one/bin/tool newer
"$retort" why t.json env >told
check "why says that the program of that PATH has changed" has told "the program tool has changed since"

# ---- toolchains ----

# A venv as a shell has it after "activate", and as a folder in the file. Its Python says where it is.
/usr/bin/python3 -m venv --without-pip venv || skip "this machine's python3 makes no venv"
cat >t.json <<'END'
{ "retort": 1, "name": "t", "defaults": { "toolchain": { "prefix": "venv" } }, "stages": {
  "prefix": { "cmd": ["python3", "-c", "import sys; print(sys.executable, file=open('o', 'w'))"], "outs": { "o": "o" } },
  "script": { "cmd": ["sh", "-c", "python -c 'import sys; print(sys.prefix)' >o; echo $VIRTUAL_ENV >>o"], "outs": { "o": "o" } },
  "caller": { "toolchain": "caller", "cmd": ["python3", "-c", "import sys as s; print(s.prefix, file=open('o', 'w'))"], "outs": { "o": "o" } },
  "system": { "toolchain": "system", "cmd": ["python3", "-c", "import sys; print(sys.prefix, file=open('o', 'w'))"], "outs": { "o": "o" } } } }
END
key() { "$retort" plan "$1" --json | sed -n "s/.*\"stage\":\"$2\",\"key\":\"\([0-9a-f]*\).*/\1/p"; }
# As cron starts it: with no variables of a shell.
check "stages of every toolchain run" env -i PATH=/usr/bin:/bin "HOME=$HOME" "$retort" run t.json prefix script system --progress none
check "a prefix gives its own Python, which knows itself" same "$(out prefix)" "$work/venv/bin/python3"
check "a shell in the stage finds the prefix too, and VIRTUAL_ENV names it" same "$(out script)" "$work/venv
$work/venv"
check "the system's toolchain is the fixed PATH" same "$(out system)" "$(env -i PATH=$system python3 -c 'import sys; print(sys.prefix)')"
( PATH=$work/venv/bin:$PATH VIRTUAL_ENV=$work/venv; export VIRTUAL_ENV; "$retort" run t.json caller --progress none )
check "the caller's toolchain is that of the active venv" same "$(out caller)" "$work/venv"
sed 's/"toolchain": "caller", //' t.json >plain.json
check "a toolchain is no part of the key" same "$(key plain.json caller)" "$(key t.json caller)"

# ---- the record of a Python ----
site=$(echo venv/lib/python3.*/site-packages)
mkdir -p "$site/NumPy-1.26.4.dist-info" && echo /usr/share >"$site/mine.pth"
"$retort" run t.json prefix --progress none --store recorded
python() { "$retort" show t.json prefix --store recorded --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["provenance"]["python"]'"$1"')'; }
check "the record names the prefix" same "$(python '["prefix"]')" "$work/venv"
check "the record names the version" same "$(python '["version"]')" "$(venv/bin/python3 -c 'import platform; print(platform.python_version())')"
check "the record lists the packages" same "$(python '["packages"]')" "{'numpy': '1.26.4'}"
check "the record lists paths that no key covers" same "$(python '["uncovered"]')" "['/usr/share']"
"$retort" show t.json prefix --store recorded >told
check "show prints the program" has told "  $work/venv/bin/python3"
check "show prints a package" has told "    numpy 1.26.4"
check "show prints a path that no key covers" has told "imports from /usr/share are not covered by the key"

# ---- pyenv: scripts in shims/ choose a version ----
mkdir -p pyenv/shims pyenv/versions/3.11.9/lib/python3.11/site-packages/rich-13.7.dist-info local && echo 3.12.1 >pyenv/version
for v in 3.11.9 3.12.1; do
    mkdir -p pyenv/versions/$v/bin && printf '#!/bin/sh\necho %s >o\n' $v >pyenv/versions/$v/bin/python${v%.*}
    ln -s python${v%.*} pyenv/versions/$v/bin/python3
done
printf '#!/bin/sh\nexec "%s/pyenv/versions/${PYENV_VERSION-$(cat %s/pyenv/version)}/bin/python3" "$@"\n' "$work" "$work" >pyenv/shims/python3
chmod +x pyenv/shims/python3 pyenv/versions/*/bin/* && echo 3.11.9 >local/.python-version
cat >local/v.json <<'END'
{ "retort": 1, "name": "v", "stages": { "use": { "toolchain": "caller", "cmd": ["python3"], "outs": { "o": "o" } } },
  "results": { "o": "${stages.use.outs.o}" } }
END
( unset PYENV_VERSION; cd local && git init -q . && PATH=$work/pyenv/shims:/usr/bin:/bin "$retort" run v.json --progress none )
check "a stage gets the version of pyenv that is local to the project" same "$(cat local/results/v/o)" 3.11.9
version() { python3 -c 'import json, sys; print(json.load(sys.stdin)["provenance"]["python"]'"$1"')'; }
( cd local && "$retort" show v.json use --json >../shown.json )
check "the record names that version's Python, not the script" same "$(version '["prefix"]' <shown.json)" "$work/pyenv/versions/3.11.9"
check "and its packages" same "$(version '["packages"]' <shown.json)" "{'rich': '13.7'}"

# ---- a pinned Python ----
sed 's/"prefix": { "cmd"/"prefix": { "pin": ["python3"], "cmd"/' t.json >pinned.json
before=$(key pinned.json prefix)
"$retort" run pinned.json prefix --progress none
check "a pinned Python's packages are in the key" same "$("$retort" show pinned.json prefix --json | sed -n 's/.*"pin.python3.numpy": "\(.*\)".*/\1/p')" 1.26.4
mv "$site/NumPy-1.26.4.dist-info" "$site/NumPy-2.0.dist-info"
check "another version is another key" sh -c '[ "$1" != "$2" ]' sh "$(key pinned.json prefix)" "$before"
"$retort" why pinned.json prefix >told
check "why names the package and both versions" has told 'pin.python3/numpy: "1.26.4" -> "2.0"'

# The environment lies outside of the project, which the first stage does not see.
mkdir pinning && cat >pinning/p.json <<END
{ "retort": 1, "name": "p", "stages": {
  "install": { "cmd": ["mkdir", "$work/$site/new-1.dist-info"] },
  "use": { "toolchain": { "prefix": "../venv" }, "pin": ["python3"], "cmd": ["python3", "-c", "open('o', 'w')"], "outs": { "o": "o" } } } }
END
( cd pinning && git init -q . && "$retort" run p.json -j 1 --progress json >../run.json 2>../run.err )
check "a stage does not start once the packages of its pinned Python have changed" has run.json \
    "the packages of python3 changed before the stage began, run again"
rm -r "$site/new-1.dist-info"

# ---- the caller's own program ----
program shell/bin/cut mine
cat >c.json <<'END'
{ "retort": 1, "name": "c", "stages": {
  "a": { "cmd": ["cut", "--version"] }, "b": { "matrix": { "n": [1, 2] }, "cmd": ["cut", "-c${matrix.n}", "/dev/null"] },
  "sure": { "toolchain": "system", "cmd": ["cut", "--help"] } } }
END
system_cut=$(PATH=$system command -v cut)
mine="cut is $system_cut for stages, and $work/shell/bin/cut for your shell"
( PATH=$work/shell/bin:$PATH "$retort" check c.json >told 2>&1 )
check "check says once that the shell finds another program" same "$(grep -c "$mine" told)" 1
( PATH=$work/shell/bin:$PATH "$retort" run c.json --progress plain --store cut >told 2>&1 )
check "run says it once" same "$(grep -c "$mine" told)" 1
( PATH=$work/shell/bin:$PATH "$retort" run c.json --progress plain --store cut >told 2>&1 )
check "a run that has nothing to do does not" same "$(grep -c "$mine" told)" 0
( PATH=$work/shell/bin:$PATH "$retort" run c.json sure --progress plain --store cut-again >told 2>&1 )
check "nor one whose stages say their toolchain" same "$(grep -c "$mine" told)" 0
( PATH=/bin:/usr/bin "$retort" check c.json >told 2>&1 )
check "the same file under another name is the same program" same "$(grep -c "for your shell" told)" 0

# ---- results of other packages ----
line='1 stage is known from another Python environment: numpy 1.26.4 -> 2.0; "pin": ["python3"] beside "toolchain" puts it in the key, run --force runs a stage again'
"$retort" plan t.json prefix --store recorded >told 2>said
check "plan says in a line that a known result came from another package" same "$(cat said)" "$line"
"$retort" plan t.json prefix --store recorded --json 2>/dev/null | python3 -m json.tool >/dev/null
check "plan --json stays JSON" same "$?" 0
"$retort" run t.json prefix --store recorded --progress plain >told 2>&1
check "run says it too" has told "$line"
"$retort" why t.json prefix --store recorded >told
check "why says when the packages of a known result have changed" has told "its Python environment has changed since: numpy 1.26.4 -> 2.0"
mv "$site/NumPy-2.0.dist-info" "$site/NumPy-1.26.4.dist-info"
"$retort" plan t.json prefix --store recorded 2>said >told
check "nothing is said once the packages are those of the record" same "$(cat said)" ""
mv recorded/state.db state.db.before && "$retort" fsck --store recorded >told 2>&1
mv "$site/NumPy-1.26.4.dist-info" "$site/NumPy-2.0.dist-info"
"$retort" plan t.json prefix --store recorded >told 2>said
check "an index that was made anew knows it as well" same "$(cat said)" "$line"

# ---- an editable install in the project ----
# As setuptools writes it for a package, and as others do for a source folder.
mkdir -p project/pkg project/src/other && cp -r venv project/venv && cd project && git init -q . || exit 1
sed -i "s,$work/venv,$work/project/venv,g" venv/pyvenv.cfg venv/bin/activate
echo 'value = "first"' >pkg/__init__.py && echo 'value = 1' >src/other/__init__.py
site=$(echo venv/lib/python3.*/site-packages)
cat >"$site/__editable___pkg_0_1_finder.py" <<END
import sys
from importlib.util import spec_from_file_location
MAPPING: dict[str, str] = {'pkg': '$work/project/pkg'}
class Finder:
    def find_spec(name, path=None, target=None):
        if name in MAPPING: return spec_from_file_location(name, MAPPING[name] + '/__init__.py')
def install(): sys.meta_path.append(Finder)
END
echo 'import __editable___pkg_0_1_finder; __editable___pkg_0_1_finder.install()' >"$site/__editable__.pkg-0.1.pth"
echo "$work/project/src" >"$site/_other.pth"
cat >e.json <<'END'
{ "retort": 1, "name": "e", "stages": { "use": { "toolchain": { "prefix": "venv" },
  "cmd": ["python3", "-c", "import pkg, other; print(pkg.value, other.value, pkg.__file__, other.__file__, file=open('o', 'w'))"], "outs": { "o": "o" } } } }
END
check "a stage imports its editable installs" "$retort" run e.json --progress none --store ../store-e
said() { cat ../store-e/objects/"$("$retort" show e.json use --store ../store-e --json | sed -n '/"outs"/,/^  }/s/.*"sha256": "\(..\)\(.*\)".*/\1\/\2/p' | head -n 1)"; }
check "they are those of the project" same "$(said | cut -d' ' -f1,2)" "first 1"
check "their copies in the stage's directory are what runs" same "$(said | grep -o '/in/python[^ ]*' | tr '\n' ' ')" \
    "/in/python.modules/0/pkg/__init__.py /in/python.path/0/src/other/__init__.py "
"$retort" show e.json use --store ../store-e >told
check "they are not listed as uncovered" exits 1 has told "$work/project/src are not covered"
check "the path outside of the project is" has told "imports from /usr/share are not covered"
echo 'value = "second"' >pkg/__init__.py
"$retort" why e.json use --store ../store-e >told
check "an edit of the package is another key, and why says so" has told "in.python.modules[0]: pkg "
"$retort" run e.json --progress none --store ../store-e
check "the next run uses the edited package" same "$(said | cut -d' ' -f1)" second
# As hatchling and poetry install a package that lies in the project's top folder.
rm "$site"/__editable__* && echo "$work/project" >"$site/_pkg.pth" && echo 'value = "third"' >pkg/__init__.py
"$retort" run e.json --progress none --store ../store-e
check "a package in the project's top folder is an input too" same "$(said | grep -o 'third.*/in/python.modules[^ ]*' | sed 's,/.*/in/,in/,')" "third 1 in/python.modules/0/pkg/__init__.py"
sed 's/"toolchain": { "prefix": "venv" }/"toolchain": "system"/' e.json >s.json
check "the system's toolchain takes no editable installs into the key" same "$("$retort" plan s.json --json --store ../none | grep -c modules)" 0
cd .. && site=$(echo venv/lib/python3.*/site-packages)

sed 's/"prefix": "venv"/"prefix": "gone"/' t.json >gone.json
check "check warns of a prefix that is not there" "$retort" check gone.json
"$retort" check gone.json 2>told >/dev/null
check "its message says how to make it" has told "there is no folder $work/gone; make the environment first (python3 -m venv $work/gone)"
check "a run with known results needs no prefix" "$retort" run gone.json prefix --progress none
"$retort" run gone.json --store other --progress json >run.json 2>run.err
check "a run without the prefix starts nothing" same "$(grep -c started run.json)" 0
check "and names the stage and the folder" has run.err "stage prefix: toolchain: there is no folder $work/gone"
finish

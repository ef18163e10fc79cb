#!/bin/sh
# The metadata of a bundle is a Workflow Run RO-Crate: SHACL shapes and the package ro-crate read it.
. tests/integration/lib.inc
shapes=${RETORT_ROCRATE:-$repository/../shared/rocrate}
modules=$repository/build/npm
[ -d "$shapes/shapes" ] || skip "there is no folder of SHACL shapes ($shapes); RETORT_ROCRATE names one"
[ -d "$modules/node_modules/shacl-engine" ] && command -v node >/dev/null || skip "node or its packages are missing; make test-deps installs them"
cd "$work" || exit 1
validate() { node "$repository/tests/integration/crate_check.mjs" "$modules" "$shapes" "$@"; }

cat >p.json <<'EOF'
{ "retort": 1, "name": "p", "description": "a small study", "license": "Apache-2.0",
  "authors": [{ "name": "Ada Lovelace", "orcid": "https://orcid.org/0000-0002-1825-0097", "affiliation": "Analytical Engines" }, { "name": "N. N." }],
  "params": { "seeds": [1, 2] }, "stages": {
  "prep":  { "description": "puts data together", "cmd": ["sh", "-c", "cat 'a file.txt' >o"], "in": ["a file.txt"], "outs": { "o": "o" } },
  "train": { "matrix": { "seed": "${params.seeds}" }, "in": { "o": "${stages.prep.outs.o}" },
             "cmd": ["sh", "-c", "echo \"{\\\"loss\\\": $1}\" >m.json; mkdir model; cat $2 >model/x", "sh", "${matrix.seed}", "${in.o}"],
             "outs": { "model": { "path": "model", "type": "directory" }, "m": { "path": "m.json", "type": "metrics" } } },
  "fails": { "cmd": ["sh", "-c", "exit 1"], "outs": { "o": "o" } } },
  "results": { "losses/": "${stages.train[*].outs.m}" } }
EOF
echo '{ "retort": 1, "name": "q", "stages": { "s": { "cmd": ["sh", "-c", "echo >o"], "outs": { "o": "o" } } } }' >q.json
echo hi >'a file.txt'
"$retort" run p.json --progress none --keep-going 2>/dev/null
"$retort" run q.json --progress none
export_crate() { # PIPELINE NAME OPTION...
    pipeline=$1 name=$2; shift 2
    "$retort" export $pipeline -o $name.zip "$@" 2>/dev/null &&
        python3 -c "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile('$name.zip').read('ro-crate-metadata.json'))" >$name.json.crate
}
export_crate p.json whole; export_crate p.json none --outs none; export_crate q.json bare
check "crates keep the rules of all profiles" validate whole.json.crate none.json.crate bare.json.crate
query() { python3 -c "
import json
g = json.load(open('whole.json.crate'))['@graph']
e = {x['@id']: x for x in g}
of = lambda t: [x for x in g if t in (x['@type'] if isinstance(x['@type'], list) else [x['@type']])]
$1"; }
check "each id is there once" query "assert len(e) == len(g)"
check "each reference leads to an entity" query "
def refs(v):
    if isinstance(v, dict): return ([v['@id']] if set(v) == {'@id'} else []) + [r for x in v.values() for r in refs(x)]
    return [r for x in v for r in refs(x)] if isinstance(v, list) else []
missing = {r for x in g for r in refs(x)} - set(e) - {'https://w3id.org/ro/crate/1.1'}
assert not missing, missing"
check "no value is null" query "assert 'null' not in json.dumps(g)"
check "each file that it names is in the bundle, with its digest" query "
import hashlib, urllib.parse, zipfile
z = zipfile.ZipFile('whole.zip')
files = of('File')
assert len(files) == len(z.namelist()) - 2, (len(files), z.namelist())
for f in files:
    data = z.read(urllib.parse.unquote(f['@id']))
    assert f['sha256'] == hashlib.sha256(data).hexdigest() and f['contentSize'] == len(data), f"
check "each result has the action that made it, and failed stages have none" query "
assert sorted(a['name'] for a in of('CreateAction') if a['@id'] != '#workflow-run') == ['prep', 'train[seed=1]', 'train[seed=2]']"
check "an action refers to its inputs and results" query "
a = next(a for a in of('CreateAction') if a['name'] == 'prep')
t = next(a for a in of('CreateAction') if a['name'] == 'train[seed=1]')
assert a['object'] == {'@id': 'pipeline/a%20file.txt'}, a['object']
assert t['object'] == a['result'], (t, a)"
check "energy is told with its unit and its label, as the record has it" query "
import zipfile
r = next(r for r in map(json.loads, zipfile.ZipFile('whole.zip').read('records.jsonl').splitlines()) if r['stage'] == 'prep')
u = e['#usage/%s/energy' % r['key']]
assert u['value'] == r['energy']['joules'] and u['unitCode'].endswith('/J') and u['description'].startswith(r['energy']['label']), u"
check "authors and licence are told" query "
root = e['./']
assert [e[a['@id']]['name'] for a in root['author']] == ['Ada Lovelace', 'N. N.'] and root['license'] == {'@id': 'https://spdx.org/licenses/Apache-2.0'}, root"

# The check itself notices what is broken.
python3 - <<'EOF'
import copy, json
whole = json.load(open('whole.json.crate'))
def broken(name, change):
    crate = copy.deepcopy(whole)
    e = {x['@id']: x for x in crate['@graph']}
    change(crate['@graph'], e, lambda t: next(x for x in e.values() if x['@type'] == t))
    json.dump(crate, open('broken-' + name, 'w'))
def add_tool(graph, e, of):
    graph.append({'@id': '#tool', '@type': 'SoftwareApplication', 'name': 'unused'})
    e['pipeline/p.json']['hasPart'].append({'@id': '#tool'})
broken('instrument', lambda g, e, of: next(x for x in g if x['@id'].startswith('#action')).pop('instrument'))
broken('howto', lambda g, e, of: e['pipeline/p.json']['@type'].remove('HowTo'))
broken('tool', add_tool)
broken('property', lambda g, e, of: of('PropertyValue').pop('propertyID'))
broken('profile', lambda g, e, of: e['./'].pop('conformsTo'))
broken('license', lambda g, e, of: e['./'].pop('license'))
broken('step', lambda g, e, of: of('HowToStep').pop('workExample'))
EOF
validate broken-* >found.txt
for name in instrument howto tool property profile license step; do
    check "a crate with a broken $name is refused" grep -q "^broken-$name: " found.txt
done
finish

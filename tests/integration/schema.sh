#!/bin/sh
# The files that `make docs` makes are up to date, and the JSON Schema agrees with `retort check`.
. tests/integration/lib.inc
schema=pipelines/schema/pipeline-1.schema.json
validate() { python3 tests/integration/validate.py "$@"; }

"$retort" kinds --schema >"$work/schema.json"
check "$schema is what \`make docs\` makes" diff -u $schema "$work/schema.json"
"$retort" kinds --reference >"$work/REFERENCE.md"
check "stages/kinds/REFERENCE.md is what \`make docs\` makes" diff -u stages/kinds/REFERENCE.md "$work/REFERENCE.md"

for file in pipelines/*.json; do
    check "retort check accepts $file" "$retort" check "$file"
done
cp -r tests/golden "$work/golden"
for file in tests/golden/good-pipelines/*.json; do
    copy=$work/${file#tests/}
    for input in train.py a.txt b.txt c.txt d.txt; do echo 1 >"${copy%/*}/$input"; done # those that its stages name
    check "retort check accepts $file" "$retort" check "$copy"
done
check "the schema accepts every good pipeline and every part" validate good $schema pipelines/*.json pipelines/parts/*.json \
    tests/golden/good-pipelines/*.json tests/golden/bad-pipelines/parts/study.json

# Takes each whole pipeline out of the format's own page.
awk -v to="$work/example" '/^```json$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (to n ".json") }' \
    pipelines/README.md
set -- $(grep -l '"retort": 1' "$work"/example*.json)
check "pipelines/README.md has an example" test $# -ge 1
check "the schema accepts every example of pipelines/README.md" validate good $schema "$@"

check "the schema rejects bad pipelines, and only those that \`retort check\` rejects" \
    validate bad 20 $schema tests/golden/bad-pipelines/*.json
check "the comparison refuses a schema that allows anything" \
    exits 1 validate bad 20 /dev/stdin tests/golden/bad-pipelines/*.json <<'EOF'
{}
EOF
finish

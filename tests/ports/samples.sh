#!/bin/sh
# One stage for each sample, and one that gathers them: the fan-out of Snakemake's and Nextflow's users.
. tests/integration/lib.inc
cp -r tests/ports/samples "$work/project" && cd "$work/project" || exit 1
run() { "$retort" run --progress json "$@" >run.json 2>run.err || { cat run.err run.json; return 1; }; }
check "the file is sound" "$retort" check
check "every sample is counted" run
check "each sample has its stage" same "$(counts run.json)" '{"event":"end","known":0,"finished":4,"failed":0,"interrupted":0,"skipped":0}'
check "the counts are summed over the samples" same "$(cat results/samples/total.csv | tr '\n' ' ')" "$(cat raw/*.txt | tr -cs 'a-z' '\n' | sort | uniq -c | awk '{ print $2 "," $1 }' | tr '\n' ' ')"
check "the list of files is published by its labels" same "$(ls results/samples/counts | wc -l)" 3
echo 'one more bird' >raw/c.txt
check "a changed sample runs" run
check "the other samples are known" same "$(counts run.json)" '{"event":"end","known":2,"finished":2,"failed":0,"interrupted":0,"skipped":0}'
echo 'a fish' >raw/d.txt
check "a sample more runs" run --set 'params.samples=["a","b","c","d"]'
check "only the new sample and the sum run" same "$(counts run.json)" '{"event":"end","known":3,"finished":2,"failed":0,"interrupted":0,"skipped":0}'
finish

import csv
import os
import yaml

split = yaml.safe_load(open("params.yaml"))["prepare"]["split"]
rows = list(csv.reader(open("data/data.csv")))[1:]
cut = int(len(rows) * (1 - split))
os.makedirs("data/prepared", exist_ok=True)
for name, part in (("train", rows[:cut]), ("test", rows[cut:])):
    with open("data/prepared/%s.csv" % name, "w") as out:
        csv.writer(out).writerows(part)

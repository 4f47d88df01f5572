"""Draws a run's curves: python docs/picture.py RUN_FOLDER OUT.svg (needs matplotlib)."""

import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

run, out = sys.argv[1:]
records = [json.loads(line) for line in open(f"{run}/journal.jsonl")]
of = lambda kind: [record for record in records if record["type"] == kind]
names = {"dense": "dense training", "prune": "ADMM", "retrain": "masked retraining"}

plt.rcParams.update({"svg.hashsalt": "prunegrid", "font.size": 9})
figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), height_ratios=[3, 2])
for phase, name in names.items():
    epochs = [e for e in of("epoch-finished") if e["phase"] == phase]
    top.plot([e["totalEpochs"] for e in epochs], [100 * e["validation"]["accuracy"] for e in epochs], marker=".", label=name)
for stage, text in {"dense": "dense", "hardPruned": "straight after hard pruning", "final": "final"}.items():
    score = next(e for e in of("evaluated") if e["stage"] == stage)
    accuracy = 100 * score["test"]["accuracy"]
    top.plot(score["totalEpochs"], accuracy, "k*")
    top.annotate(f"test, {text}: {accuracy:.2f} %", (score["totalEpochs"], accuracy), textcoords="offset points",
                 xytext=(6, -14) if stage == "hardPruned" else (0, 8), ha="right" if stage == "final" else "left")
top.set_ylim(97.5, 99.9)
top.set_ylabel("held-out accuracy, %")
top.legend(loc="lower right")
top.grid(alpha=0.3)
iterations = of("admm-iteration")
for i, layer in enumerate(iterations[0]["layers"]):
    bottom.plot([e["totalEpochs"] for e in iterations],
                [100 * e["layers"][i]["primal"] / e["layers"][i]["weightNorm"] for e in iterations], marker=".", label=layer["layer"])
bottom.set_ylabel("||W - Z|| / ||W||, %")
bottom.set_xlabel("epoch")
bottom.legend(loc="upper right")
bottom.grid(alpha=0.3)
figure.tight_layout()
figure.savefig(out, metadata={"Date": None})

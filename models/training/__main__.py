"""`python -m models.training`: from the photos to the shipped weights, one command a step.

labels → landmarker → complete → street → embedder,   detector beside them;
then unread → cohort → evidence for the policy; `trade` measures other forms of what is shipped,
`curves` what more data, time or capacity would bring
"""

from __future__ import annotations

import typer

from models.training.commands import embedders, forms, labelling, networks, rules, tuning

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

for command in (
    labelling.labels,
    networks.detector,
    networks.landmarker,
    labelling.complete,
    labelling.unread,
    labelling.street,
    embedders.embedder,
    embedders.ablation,
    embedders.blend,
    rules.cohort,
    rules.evidence,
    rules.weights,
    tuning.hardness,
    tuning.curves,
    forms.trade,
):
    app.command()(command)


if __name__ == "__main__":
    app()

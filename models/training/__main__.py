"""`python -m models.training`: from the photos to the shipped weights, one command a step.

labels → landmarker → complete → street → embedder,   detector beside them;
then unread → cohort → evidence for the policy; `trade` measures other forms of what is shipped,
`curves` what more data, time or capacity would bring
"""

from __future__ import annotations

import sys

import typer

from models.errors import ModelsError
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


def main() -> None:
    """What the user can mend is told in a line, without a traceback."""
    try:
        app()
    except (ModelsError, FileNotFoundError) as error:
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
